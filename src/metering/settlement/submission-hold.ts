import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { strangenessOf } from './ledger-home.js';
import { movePinnedHome, pinnedHome, readHome } from './ledger-home.sql.js';

/** One open alert: of the ledger as a whole. */
const ALERT_SUBJECT = 'ledger';

/**
 * Hours are sealed, nothing is submitted and nothing is finalised until a person has compared the ledger with AWS and
 * releases it. For two reasons:
 *
 * - `startIn: 'hold'`, for the first start after a restore or a lossy failover: the ledger may have forgotten what it
 *   sent. Per process, and until its end.
 * - The database is not the one in which the ledger was begun: a copy, beside which the first may go on sending. Every
 *   process in it, until one is released.
 */
@Injectable()
export class SubmissionHold implements OnModuleInit {
  private readonly logger = new Logger('MarketplaceSubmission');
  private holding: boolean;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {
    this.holding = options.startIn === 'hold';
  }

  /** The first start pins the database; one in a copy alerts at once. */
  async onModuleInit(): Promise<void> {
    await this.isActive();
  }

  /** Asked at the beginning of each run that sends or finalises: the database may have been exchanged meanwhile. */
  async isActive(): Promise<boolean> {
    const strangeness = await this.strangeness();
    if (strangeness === null) return this.holding;
    await this.alerts.raise(this.database, {
      kind: 'ledgerMoved',
      subject: ALERT_SUBJECT,
      severity: 'critical',
      message:
        `Usage is recorded and sealed, nothing is sent: ${strangeness}. If this is a copy (a test, a staging system), ` +
        'leave it so. If the ledger lives here now (restored, moved, upgraded) and nothing sends from the other ' +
        'database any more, compare it with AWS (docs/SAFETY.md, I10) and call SubmissionHold.release(by).',
    });
    return true;
  }

  /**
   * Submits from now on. This database is the ledger's from now on, for every process in it.
   * @param by who decided, for the log and the ledger.
   */
  async release(by: string): Promise<void> {
    const { sellerAccount } = this.options;
    if (!this.holding && (await this.strangeness()) === null) return;
    await this.database.transaction(async (tx) => {
      await movePinnedHome(tx, sellerAccount, await readHome(tx), by);
      await this.alerts.resolve(tx, 'ledgerMoved', ALERT_SUBJECT);
    });
    this.holding = false;
    this.logger.log('submission released', { by });
    this.waker.wake('submit');
    this.waker.wake('deadline');
  }

  private async strangeness(): Promise<string | null> {
    const here = await readHome(this.database);
    return strangenessOf(await pinnedHome(this.database, this.options.sellerAccount, here), here);
  }
}
