import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { backoffMs } from '../../runtime/backoff.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { RecordRequeue } from '../settlement/record-requeue.js';
import { type RecordTarget, RecordTransitions } from '../settlement/record-transition.js';
import { lockExpiredLeases } from './attempt.sql.js';

/** Records in one transaction. */
const CHUNK = 500;

/**
 * Takes back what dead or frozen workers hold: their attempts stay uncertain, nobody knows how far they came. And sends
 * again what is blocked for a reason that is gone.
 */
@Injectable()
export class LeaseRecovery {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly requeue: RecordRequeue,
  ) {}

  async run(): Promise<void> {
    const { sellerAccount, clock } = this.options;
    let recovered = 0;
    for (let found = CHUNK; found === CHUNK; recovered += found) {
      found = await this.database.transaction(async (tx) => {
        const records = await lockExpiredLeases(tx, sellerAccount, CHUNK);
        const transitions = records.map((record) => ({ record, to: this.afterLease(record) }));
        await this.transitions.apply(tx, transitions, clock.now());
        return records.length;
      });
    }
    if (recovered > 0)
      this.logger.warn('leases expired: their records wait again, their attempts stay uncertain', {
        records: recovered,
      });
    await this.requeue.resolved();
    await this.requeue.reinstated();
    await this.requeue.notEntitled();
  }

  private afterLease(record: LockedRecord): RecordTarget {
    const consecutiveFailures = record.consecutive_failures + 1;
    return {
      state: 'pending',
      reason: 'leaseExpired',
      message: 'The sender died or was too slow; whether AWS has the record is not known.',
      delayMs: backoffMs(consecutiveFailures, this.options.submission, Math.random()),
      consecutiveFailures,
      probeGroup: record.probe_group,
    };
  }
}
