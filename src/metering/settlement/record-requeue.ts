import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type LockedRecord } from './metering-record.sql.js';
import { CAUSE_SCOPE } from './record-outcome.js';
import { lockNotEntitled, lockNotSubscribed, lockReinstated, lockResolved } from './record-requeue.sql.js';
import { RecordTransitions, REQUEUED, requeuedApart } from './record-transition.js';

/** Records in one transaction. */
const CHUNK = 500;

/**
 * Sends blocked records again once what blocked them is gone. Derived from what stands in the ledger, in transactions
 * of its own, so that no crash between a probe's success and this can leave a record behind; what only an answer tells,
 * in the transaction that writes it.
 */
@Injectable()
export class RecordRequeue {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
  ) {}

  /** Records whose cause is quarantined no more. */
  resolved(): Promise<number> {
    const reasons = Object.keys(CAUSE_SCOPE);
    return this.requeue(
      'Its cause is resolved.',
      (tx, now) => lockResolved(tx, this.options.sellerAccount, now, reasons, CHUNK),
      requeuedApart(),
    );
  }

  /** Records refused as not subscribed under identities of which AWS has just taken usage. */
  async metered(tx: LedgerSql, identityIds: readonly string[], now: Date): Promise<void> {
    if (identityIds.length === 0) return;
    const message = 'AWS takes usage of its identity again.';
    const { sellerAccount } = this.options;
    for (let found = CHUNK; found === CHUNK;) {
      const records = await lockNotSubscribed(tx, sellerAccount, now, identityIds, CHUNK);
      await this.transitions.apply(
        tx,
        records.map((record) => ({ record, to: { ...REQUEUED, message } })),
        now,
      );
      found = records.length;
    }
  }

  /** Records refused as not subscribed whose subscription was activated or reinstated since. */
  reinstated(): Promise<number> {
    const message = 'Its subscription was activated or reinstated.';
    return this.requeue(message, (tx, now) => lockReinstated(tx, this.options.sellerAccount, now, CHUNK));
  }

  /**
   * Of what AWS refused in a buyer's account for want of a subscription one record of a product at a time: nobody tells
   * there that the buyer has returned.
   */
  notEntitled(): Promise<number> {
    const { sellerAccount, submission } = this.options;
    return this.requeue('Asks whether the buyer has returned.', (tx, now) =>
      lockNotEntitled(tx, sellerAccount, now, submission.probeIntervalMs),
    );
  }

  private async requeue(
    message: string,
    lock: (tx: LedgerSql, now: Date) => Promise<LockedRecord[]>,
    to: typeof REQUEUED | ReturnType<typeof requeuedApart> = REQUEUED,
  ): Promise<number> {
    let requeued = 0;
    for (let found = CHUNK; found === CHUNK; requeued += found) {
      found = await this.database.transaction(async (tx) => {
        const now = this.options.clock.now();
        const records = await lock(tx, now);
        await this.transitions.apply(
          tx,
          records.map((record) => ({ record, to: { ...to, message } })),
          now,
        );
        return records.length;
      });
    }
    if (requeued > 0) this.logger.log(`blocked records requeued: ${message}`, { records: requeued });
    return requeued;
  }
}
