import { type LedgerSql } from '../database/ledger-database.js';
import { storableJson } from '../runtime/storable-text.js';

/** What a person decided, for the trail. */
export interface OperatorAction {
  action: 'alert.acknowledged' | 'records.requeued' | 'subscription.unlinked';
  target: object;
  result: object;
  by: string;
  reason: string;
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
      action.reason,
      action.at.toISOString(),
    ],
  );
}
