import { type LedgerSql } from '../database/ledger-database.js';
import { storableJson } from '../runtime/storable-text.js';

/** Everything that a person decides. Each has its row in test/cases/operators-trail.spec.ts. */
export const OPERATOR_ACTIONS = [
  'alert.acknowledged',
  'buyer.erased',
  'delivery.retried',
  'delivery.skipped',
  'handler.retired',
  'message.retried',
  'record.annulled',
  'record.held',
  'record.rebilled',
  'record.requeued',
  'record.settled',
  'record.writtenOff',
  'records.requeued',
  'submission.held',
  'submission.released',
  'subscription.licensed',
  'subscription.unlinked',
] as const;

/** What a person decided, for the trail. */
export interface OperatorAction {
  action: (typeof OPERATOR_ACTIONS)[number];
  target: object;
  result: object;
  by: string;
  /** Undefined: none was given, where none is asked for. */
  reason: string | undefined;
  at: Date;
}

/** In the transaction of what was done, so that there is no deed without its trail. */
export async function insertAction(tx: LedgerSql, sellerAccount: string, action: OperatorAction): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.operator_action (seller_account, action, target, result, decided_by, reason, decided_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      sellerAccount,
      action.action,
      storableJson(action.target),
      storableJson(action.result),
      action.by,
      action.reason ?? null,
      action.at.toISOString(),
    ],
  );
}
