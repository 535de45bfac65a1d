import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { AlertBoard } from '../events/alert-board.js';
import { Outbox } from '../events/outbox.js';
import { followsLifecycle, type ResolvedOptions } from '../marketplace-metering.options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { scaled } from '../runtime/decimal.js';
import { Waker } from '../runtime/waker.js';
import { countMetric } from '../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type SubscriptionState } from '../subscription/agreements/state-policy.js';
import { noticeOf } from './settlement/record-notice.js';
import { endRecords, type LockedRecord } from './submission/submission.sql.js';
import { SubmissionHold } from './submission/submission-hold.js';
import { hasSetApart, lockTransferable } from './unit-transfer.sql.js';
import { insertUsage } from './recording/usage-event.sql.js';

/**
 * Moves what an ended subscription could not bill any more to the subscription that took over from it (`onEnded: 'transfer'`, or a person's word): the
 * record becomes `transferred` and its units a usage event of the successor, in one transaction. The event's key is made from the record's id, so
 * that the same units can never be moved twice.
 */
@Injectable()
export class UnitTransfer {
  private readonly logger = new Logger('MarketplaceTransfer');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly hold: SubmissionHold,
    private readonly waker: Waker,
  ) {}

  /** Moves all that can be moved now, record by record: one that cannot be moved keeps no other. Nothing with `onEnded: 'hold'`. */
  async run(): Promise<void> {
    if (this.options.onEnded !== 'transfer' || this.hold.active) return;
    const failed: string[] = [];
    let moved = 0;
    while (await this.moveNext(failed)) moved += 1;
    if (moved > failed.length) this.waker.wake('seal');
  }

  /** @returns false when there is none left */
  private async moveNext(failed: string[]): Promise<boolean> {
    const taken: { id: string | null } = { id: null };
    try {
      await this.database.transaction(async (tx) => {
        const record = await lockTransferable(tx, this.options.sellerAccount, this.heirStates(), failed);
        taken.id = record?.id ?? null;
        if (!record) return;
        await this.move(tx, record, record.successor_id, null);
        crashPoint('transfer.moving');
      });
      if (taken.id !== null) crashPoint('transfer.moved');
    } catch (error) {
      if (taken.id === null) throw error;
      failed.push(taken.id);
      this.logger.error(`units of record ${taken.id} cannot be moved to the successor: ${(error as Error).message}`);
    }
    return taken.id !== null;
  }

  /**
   * Moves the units of a locked record that is known not to be billed.
   * @param by who decided; null where the option did
   */
  async move(tx: SqlExecutor, record: LockedRecord, successorId: string, by: string | null): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const { reason, disposition } = record;
    const ending = { state: 'closed' as const, reason: reason ?? 'ended', disposition: 'transferred' as const, closedBy: by };
    const message = `Its units went to subscription ${successorId}${by === null ? '' : `, says ${by}`}.`;
    await endRecords(tx, sellerAccount, now, [{ id: record.id, message, ...ending }]);
    const usage = {
      index: 0,
      id: uuidv7(),
      subscriptionId: successorId,
      dimension: record.dimension,
      quantity: scaled(record.quantity),
      // Now: it is billed with an hour of the successor's own, whenever that began.
      occurredAt: now,
      recordedAt: now,
      idempotencyKey: `transfer:${record.id}`,
      tags: null,
      reason: `transferred from subscription ${record.subscription_id}, record ${record.id}`,
      given: { idempotencyKey: true, occurredAt: true, tags: true, reason: true },
    };
    const inserted = await insertUsage(tx, sellerAccount, [usage], null);
    if (inserted.size !== 1) throw new Error(`an event with the key transfer:${record.id} is there already`);
    await this.outbox.append(tx, [
      {
        type: 'metering.closed',
        subscriptionId: record.subscription_id,
        recordId: record.id,
        payload: { ...noticeOf(record, ending.reason), disposition: 'transferred' },
        occurredAt: now,
      },
    ]);
    const kind = disposition === 'owed' ? 'owed' : 'ended';
    if (record.kind === 'closing' && !(await hasSetApart(tx, sellerAccount, record, disposition ?? ''))) {
      await this.alerts.resolve(tx, kind, `${record.subscription_id}/${record.dimension}`);
    }
    countMetric('marketplace.records.transferred', 1, { reason: ending.reason });
    this.logger.log('units moved to the successor', { recordId: record.id, from: record.subscription_id, to: successorId, by });
  }

  /** A successor that is not known to be active yet is waited for; one that has ended itself hands on. */
  private heirStates(): SubscriptionState[] {
    return ['active', 'trial', 'ended', ...(followsLifecycle(this.options) ? [] : ['registered' as const])];
  }
}
