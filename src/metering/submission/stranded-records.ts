import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { redacted } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { knownNotBilled } from '../settlement/evidence.js';
import { evidenceOfRecords, type LockedRecord } from '../settlement/metering-record.sql.js';
import { lockUnreachable } from '../settlement/metering-sender.sql.js';
import { nameOf } from '../settlement/record-notice.js';
import { RecordTransitions } from '../settlement/record-transition.js';

/** Records in one transaction. */
const CHUNK = 500;
const NAMED_MAX = 20;
const WHY = { reason: 'resourceGone', isExpired: false, by: null } as const;

/**
 * Records that the resource which sends now cannot send. What AWS is known not to have is annulled, and its usage goes
 * with the living resource; what was tried and not answered stays with the one that tried it, for AWS would bill it a
 * second time from another and see no duplicate.
 */
@Injectable()
export class StrandedRecords {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly alerts: AlertBoard,
  ) {}

  /** Called by the one replica that sends for the product. @returns whether usage is to be planned anew */
  async release(productCode: string): Promise<boolean> {
    let released = 0;
    for (let found = CHUNK; found === CHUNK;) {
      const { free, kept } = await this.database.transaction((tx) => this.releaseChunk(tx, productCode));
      released += free;
      // Those that stay would be found again and again.
      found = kept > 0 ? 0 : free;
    }
    if (released > 0)
      this.logger.warn('records of a resource that sends no more: their usage goes with the one that sends now', {
        product: productCode,
        records: released,
      });
    return released > 0;
  }

  private async releaseChunk(tx: LedgerSql, productCode: string): Promise<{ free: number; kept: number }> {
    const { sellerAccount, clock, onExpired } = this.options;
    const now = clock.now();
    const records = await lockUnreachable(tx, sellerAccount, productCode, now, CHUNK);
    const attempts = await evidenceOfRecords(
      tx,
      sellerAccount,
      records.map(({ id }) => id),
    );
    const isFree = ({ id }: LockedRecord): boolean =>
      knownNotBilled(attempts.filter((attempt) => attempt.record_id === id).map(({ evidence }) => evidence));
    const free = records.filter(isFree);
    const kept = records.filter((record) => !isFree(record));
    // No later hour may pay for one in which the buyer had no subscription.
    const notEntitled = new Set(attempts.filter((row) => row.not_entitled).map((row) => row.record_id));
    const isHeld = ({ id }: LockedRecord): boolean => onExpired === 'hold' || notEntitled.has(id);
    const carried = free.filter((record) => !isHeld(record));
    await this.transitions.annul(tx, carried, WHY, now);
    await this.hold(tx, free.filter(isHeld), now);
    if (kept.length > 0) await this.tell(tx, productCode, kept);
    else if (free.length < CHUNK) await this.alerts.resolve(tx, 'triedElsewhere', productCode);
    return { free: free.length, kept: kept.length };
  }

  private hold(tx: LedgerSql, records: readonly LockedRecord[], now: Date): Promise<void> {
    const message =
      'The resource that could have sent it sends no more, AWS does not have it, and no later hour may pay for it ' +
      '(onExpired, or a buyer without a subscription): its units wait for a decision.';
    const to = {
      state: 'closed',
      disposition: 'held',
      reason: WHY.reason,
      message,
      by: null,
      isExpired: true,
    } as const;
    return this.transitions.apply(
      tx,
      records.map((record) => ({ record, to })),
      now,
    );
  }

  private async tell(tx: LedgerSql, productCode: string, records: readonly LockedRecord[]): Promise<void> {
    const resources = [...new Set(records.map((record) => redacted(record.resource_id)))];
    const units = records.reduce((sum, { quantity }) => sum + Number(quantity), 0);
    await this.alerts.raise(tx, {
      kind: 'triedElsewhere',
      subject: productCode,
      severity: 'warning',
      message:
        `${records.length} records of product ${productCode}, ${units} units, were tried from a resource that sends ` +
        `no more (${resources.join(', ')}), and AWS may have them. They are sent from no other, which AWS would bill ` +
        'again. If that resource does not come back before their deadline their outcome is unknown, until ' +
        'CloudTrail in the buyer’s account, or a person, tells.',
      details: {
        records: records.length,
        units: String(units),
        names: records.slice(0, NAMED_MAX).map(nameOf),
        recordIds: records.slice(0, NAMED_MAX).map(({ id }) => id),
      },
    });
  }
}
