import { Inject, Injectable, Logger } from '@nestjs/common';
import { type SqlExecutor, LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type BlockedReason, SUSPECT_SCOPE, type SuspectScope } from '../settlement/record-outcome.js';
import { deleteSuspect, insertSuspect, requeueMended, type SuspectRow } from './submission.sql.js';

/** What a blocked record is suspected for. */
export interface SuspectCause {
  productCode: string;
  dimension: string;
  subscriptionId: string;
  reason: BlockedReason;
}

const KEY_OF: Record<SuspectScope, (cause: SuspectCause) => string> = {
  product: (cause) => cause.productCode,
  dimension: (cause) => cause.dimension,
  subscription: (cause) => cause.subscriptionId,
};

/**
 * Causes whose records AWS refuses as a whole. Their records stay out of the batches of others; one of them at a time is tried alone, ever more
 * rarely, and the first that passes sets all free.
 */
@Injectable()
export class Suspects {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /** The suspect that a culprit makes of its cause, or null where the fault lies in the one record only. */
  static of(cause: SuspectCause): SuspectRow | null {
    const scope = SUSPECT_SCOPE[cause.reason];
    return scope === undefined ? null : { product_code: cause.productCode, scope, key: KEY_OF[scope](cause), reason: cause.reason };
  }

  async mark(tx: SqlExecutor, suspect: SuspectRow): Promise<void> {
    await insertSuspect(tx, this.options.sellerAccount, suspect, this.options.submission.probeIntervalMs);
    await this.alerts.raise(tx, {
      kind: 'suspect',
      subject: subjectOf(suspect),
      severity: 'critical',
      message:
        `AWS refuses usage of ${suspect.scope} ${suspect.key} of product ${suspect.product_code} (${suspect.reason}). ` +
        'Its records are set aside and tried one at a time; they are sent by themselves once AWS takes one. Mend the cause before their deadline.',
      details: { ...suspect },
    });
  }

  async clear(tx: SqlExecutor, suspect: SuspectRow): Promise<void> {
    await deleteSuspect(tx, this.options.sellerAccount, suspect);
    await this.alerts.resolve(tx, 'suspect', subjectOf(suspect));
  }

  /**
   * Requeues every record that is blocked for a cause which is no longer suspect. Derived from what stands in the ledger, in a transaction of its
   * own, so that no crash between a probe's success and this can leave a record behind.
   */
  async requeueMended(): Promise<void> {
    const reasons = Object.keys(SUSPECT_SCOPE);
    const requeued = await requeueMended(this.database, this.options.sellerAccount, this.options.clock.now(), reasons);
    if (requeued > 0) this.logger.log('blocked records requeued: their cause is mended', { records: requeued });
  }
}

function subjectOf(suspect: SuspectRow): string {
  return `${suspect.product_code}/${suspect.scope}/${suspect.key}`;
}
