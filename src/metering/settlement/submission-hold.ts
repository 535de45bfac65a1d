import { hostname } from 'node:os';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { movePinnedHome, readHome, strangenessHere } from '../../database/ledger-home.sql.js';
import { insertHold, type PlacedHold, selectHold } from '../../database/submission-hold.sql.js';
import { AlertBoard } from '../../events/alert-board.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { requireDecider } from '../../events/signed-decision.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { requireSigned } from './resolution-refusal.js';

/** One open alert: of the ledger as a whole. */
const ALERT_SUBJECT = 'ledger';

/** What `SubmissionHold.state` tells. */
export interface SubmissionHoldState {
  /** Whether anything is sent. */
  isActive: boolean;
  /** The hold that was placed, with who and why; null where none is in force. */
  hold: PlacedHold | null;
  /** Why this database is taken for a copy; null where it is the ledger's own. */
  copyOf: string | null;
}

/**
 * Hours are sealed, nothing is submitted and nothing is finalised until a person has compared the ledger with AWS and
 * releases it. It stands in the database and holds for every process on it, for one of two reasons:
 *
 * - It was placed: by `hold()`, by the command `marketplace-ledger hold`, or by the start of a process with `startIn:
 *   'hold'`, as after a restore or a lossy failover: the ledger may have forgotten what it sent.
 * - The database is not the one in which the ledger was begun: a copy, beside which the first may go on sending. Its
 *   processes do not read the queues either: the messages in them are the first's.
 */
@Injectable()
export class SubmissionHold implements OnModuleInit {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'startIn' | 'clock'>,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** The first start pins the database; one in a copy alerts at once. */
  async onModuleInit(): Promise<void> {
    if (this.options.startIn === 'hold')
      await this.place(
        `start on ${hostname()}`,
        "a process was started with startIn: 'hold'. Once it is released, start with startIn: 'normal': every " +
          "start with 'hold' holds all processes again",
      );
    await this.isActive();
  }

  /** Asked at the beginning of each run that sends or finalises: the database may have been exchanged meanwhile. */
  async isActive(): Promise<boolean> {
    const strangeness = await strangenessHere(this.database, this.options.sellerAccount);
    if (strangeness === null) return (await selectHold(this.database, this.options.sellerAccount)) !== null;
    await this.alerts.raise(this.database, {
      kind: 'ledgerMoved',
      subject: ALERT_SUBJECT,
      severity: 'critical',
      message:
        `Usage is recorded and sealed, nothing is sent and no queue is read: ${strangeness}. If this is a copy (a ` +
        'test, a staging system), leave it so. If the ledger lives here now (restored, moved, upgraded) and nothing ' +
        'sends from the other database any more, compare it with AWS (docs/hold.md) and run ' +
        '`npx marketplace-ledger release --by <name>`, or call SubmissionHold.release(by).',
    });
    return true;
  }

  /** Whether anything is sent, and why not. */
  async state(): Promise<SubmissionHoldState> {
    const hold = await selectHold(this.database, this.options.sellerAccount);
    const copyOf = await strangenessHere(this.database, this.options.sellerAccount);
    return { isActive: hold !== null || copyOf !== null, hold, copyOf };
  }

  /**
   * Stops the submission in every process: what is under way ends, nothing more is claimed, nothing is finalised.
   * @param by who decided, for the log and the ledger: 1 to 255 characters
   * @param reason why, for whoever will release it: 1 to 255 characters
   * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
   */
  async hold(by: string, reason: string): Promise<void> {
    requireSigned({ by, reason });
    await this.place(by, reason);
  }

  /**
   * Every process submits from now on, and this database is the ledger's from now on.
   * @param by who decided, for the log and the ledger: 1 to 255 characters
   * @param reason why, for the trail, if there is something to say: 1 to 255 characters
   * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
   */
  async release(by: string, reason?: string): Promise<void> {
    requireDecider({ by, reason });
    const { sellerAccount, clock } = this.options;
    const { isActive, hold, copyOf } = await this.state();
    if (!isActive) return;
    await this.database.transaction(async (tx) => {
      await movePinnedHome(tx, sellerAccount, await readHome(tx), by);
      if (hold !== null) await insertHold(tx, sellerAccount, by, null);
      await this.alerts.resolve(tx, ['ledgerMoved', 'submissionHeld'], ALERT_SUBJECT);
      const released = { action: 'submission.released', target: { hold, copyOf }, result: {} } as const;
      await insertAction(tx, sellerAccount, { ...released, by, reason, at: clock.now() });
    });
    this.logger.log('submission released', { by });
    this.waker.wake('submit');
    this.waker.wake('deadline');
  }

  private async place(by: string, reason: string): Promise<void> {
    const { sellerAccount, clock } = this.options;
    await this.database.transaction(async (tx) => {
      await insertHold(tx, sellerAccount, by, reason);
      const held = { action: 'submission.held', target: {}, result: {} } as const;
      await insertAction(tx, sellerAccount, { ...held, by, reason, at: clock.now() });
      await this.alerts.raise(tx, {
        kind: 'submissionHeld',
        subject: ALERT_SUBJECT,
        severity: 'warning',
        message:
          `Usage is recorded and sealed, nothing is sent, in any process: held by ${by}: ${reason}. Compare the ` +
          'ledger with AWS where it may have forgotten what it sent (docs/hold.md), then run ' +
          '`npx marketplace-ledger release --by <name>`, or call SubmissionHold.release(by).',
      });
    });
    this.logger.warn('submission held', { by, reason });
  }
}
