import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { closedAs, meteredAs } from './decided-target.js';
import { type Evidence } from './evidence.js';
import { type AuditStep, auditStepOf, type LoggedAnswer } from './logged-answer.js';
import {
  decideEvidence,
  evidenceOfRecords,
  type LockedRecord,
  lockRecords,
  meteredUnder,
} from './metering-record.sql.js';
import { OverBilling } from './over-billing.js';
import { endOf } from './record-end.js';
import { type RecordTarget, RecordTransitions } from './record-transition.js';

/** Signs what an audit decides by itself. */
const BY = 'audit';

/** What became of a record by the log's word. */
export type AuditOutcome = AuditStep['to'];

/**
 * Settles records by AWS's own log of calls. Only what the log proves: the decision and its evidence (event, request,
 * metering record id) are written in one transaction, and each is harmless when repeated.
 */
@Injectable()
export class AuditSettlement {
  private readonly logger = new Logger('MarketplaceAudit');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly overBilling: OverBilling,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** @param answers all that the log says of the record, in any order */
  async settle(recordId: string, answers: readonly LoggedAnswer[]): Promise<AuditOutcome> {
    const outcome = await this.database.transaction(async (tx) => {
      const { sellerAccount } = this.options;
      const [record] = await lockRecords(tx, sellerAccount, [recordId]);
      if (record === undefined) return 'same';
      const attempts = (await evidenceOfRecords(tx, sellerAccount, [recordId])).map((row) => ({
        ...{ attemptId: row.attempt_id, evidence: row.evidence },
      }));
      const told = await this.withoutOthers(tx, recordId, answers);
      const step = auditStepOf({ state: record.state, quantity: Number(record.quantity), attempts }, told);
      await this.take(tx, record, step, attempts);
      crashPoint('audit.settling');
      return step.to;
    });
    if (outcome !== 'same') {
      this.logger.log('record settled by CloudTrail', { recordId, outcome });
      this.waker.wake('seal');
    }
    return outcome;
  }

  /**
   * One id is one bill: a Success under the id by which another record of ours is metered is that one's, though the log
   * shows it for this call, too.
   */
  private async withoutOthers(
    tx: LedgerSql,
    recordId: string,
    answers: readonly LoggedAnswer[],
  ): Promise<LoggedAnswer[]> {
    const ids = answers.flatMap(({ meteringRecordId }) => meteringRecordId ?? []);
    const holders = await meteredUnder(tx, [...new Set(ids)]);
    return answers.filter(
      ({ meteringRecordId }) =>
        !holders.some(({ id, meteringId }) => meteringId === meteringRecordId && id !== recordId),
    );
  }

  private async take(
    tx: LedgerSql,
    record: LockedRecord,
    step: AuditStep,
    attempts: readonly { attemptId: string; evidence: Evidence }[],
  ): Promise<void> {
    switch (step.to) {
      case 'same':
        return;
      case 'metered': {
        await this.decide(tx, record, 'billed', step.attemptIds, step.proof);
        const { meteringRecordId, source } = step.proof;
        const whose = source.matchedBy === 'content' ? ', by its content' : '';
        await this.become(tx, record, meteredAs(`CloudTrail has it${whose}.`, { meteringRecordId, by: BY }));
        if (attempts.some(({ evidence }) => evidence === 'conflict')) await this.resolveConflict(tx, record);
        return;
      }
      case 'settled': {
        await this.decide(tx, record, 'conflict', step.attemptIds, step.proof);
        const { meteringRecordId } = step.proof;
        const settledQuantity = String(step.quantity);
        const message = `CloudTrail has ${settledQuantity} on file from another sender.`;
        await this.become(tx, record, meteredAs(message, { meteringRecordId, settledQuantity, by: BY }));
        await this.resolveConflict(tx, record);
        return;
      }
      case 'overBilled':
        await this.decide(tx, record, 'billed', step.attemptIds, step.proof);
        await this.alerts.raise(tx, await this.overBilling.tell(tx, record, this.options.clock.now()));
        return;
      case 'refused':
        for (const { attemptId, proof } of step.refusals) await this.decide(tx, record, 'refused', [attemptId], proof);
        if (step.isNotBilled && record.state === 'unknown') await this.end(tx, record, attempts);
    }
  }

  /** Past its cutoff, and no attempt of it had an effect: it ends as if that had been known then. */
  private async end(tx: LedgerSql, record: LockedRecord, attempts: readonly { attemptId: string }[]): Promise<void> {
    const { mode, reason } = record;
    const refused = attempts.map((): Evidence => 'refused');
    const end = endOf(
      { state: 'blocked', reason: reason ?? 'expired', mode, attempts: refused },
      this.options.onExpired,
    );
    if (end.to === 'annulled') {
      const why = { reason: 'expired', isExpired: true, by: BY } as const;
      await this.transitions.annul(tx, [record], why, this.options.clock.now());
      return;
    }
    const signed = { by: BY, reason: 'CloudTrail shows that AWS refused each attempt.' };
    await this.become(tx, record, closedAs('held', end.reason, signed));
  }

  private decide(
    tx: LedgerSql,
    record: LockedRecord,
    evidence: Exclude<Evidence, 'uncertain'>,
    attemptIds: readonly string[],
    { meteringRecordId, source }: LoggedAnswer,
  ): Promise<void> {
    const { sellerAccount } = this.options;
    const decision = { evidence, attemptIds, meteringRecordId, by: BY, detail: { cloudTrail: source } };
    return decideEvidence(tx, sellerAccount, record.id, decision);
  }

  private become(tx: LedgerSql, record: LockedRecord, to: RecordTarget): Promise<void> {
    return this.transitions.apply(tx, [{ record, to }], this.options.clock.now());
  }

  private resolveConflict(tx: LedgerSql, record: LockedRecord): Promise<void> {
    return this.alerts.resolve(tx, 'conflict', `${record.subscription_id ?? record.id}/${record.dimension}`);
  }
}
