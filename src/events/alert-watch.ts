import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { plusMs } from '../runtime/clock.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AlertBoard, endsBy, pauseBeforeTelling } from './alert-board.js';
import { ALERT_CATALOGUE, ALERT_EXPIRES_AFTER_MS, type AlertKind } from './alert-catalogue.js';
import { type NewMarketplaceEvent } from './marketplace-event.js';
import { Outbox } from './outbox.js';

const INTERVAL_MS = 60_000;
/** Alerts in one transaction. */
const CHUNK = 100;

const EXPIRING = (Object.keys(ALERT_CATALOGUE) as AlertKind[]).filter((kind) => endsBy(kind, 'expiry'));

interface OpenAlert {
  kind: string;
  subject: string;
  severity: 'warning' | 'critical';
  message: string;
  details: Record<string, unknown>;
  tell_count: number;
}

/**
 * Tells of alerts again that nobody has taken on, ever more rarely, so that a handler that failed, or a person who
 * overlooked one, hears of it while it lasts; ends warnings of what has happened once and is long past; and tells of
 * what happened while there was no database to tell it.
 */
@Injectable()
export class AlertWatch {
  private readonly logger = new Logger('MarketplaceAlerts');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    scheduler: JobScheduler,
  ) {
    scheduler.add({ name: 'alerts', intervalMs: INTERVAL_MS, run: () => this.run() });
  }

  async run(): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    await this.tellInterruptions();
    await this.database.query(
      `UPDATE marketplace.alert SET resolved_at = $3
       WHERE seller_account = $1 AND kind = ANY ($2) AND severity = 'warning' AND resolved_at IS NULL
         AND last_raised_at <= $4`,
      [sellerAccount, EXPIRING, now.toISOString(), plusMs(now, -ALERT_EXPIRES_AFTER_MS).toISOString()],
    );
    for (let told = CHUNK; told === CHUNK;) told = await this.database.transaction((tx) => this.tellAgain(tx, now));
  }

  /** What this process went through, as soon as there is a database again to write it into. */
  private async tellInterruptions(): Promise<void> {
    const { connections } = this.database;
    const interruptions = connections.takeInterruptions();
    try {
      await this.database.transaction(async (tx) => {
        for (const { trouble, since, until, times } of interruptions) {
          await this.alerts.raise(tx, {
            ...{ kind: 'databaseInterrupted', subject: `${hostname()}/${trouble}`, severity: 'warning' },
            message:
              `${times} statements or attempts to connect ` +
              (trouble === 'unanswered' ? 'got no answer from Postgres' : 'met a Postgres that takes no writes') +
              ` between ${since.toISOString()} and ${until.toISOString()}. Their connections were given up, and what ` +
              'they were about was done again.',
            details: { trouble, since: since.toISOString(), until: until.toISOString(), times },
          });
        }
      });
    } catch (error) {
      connections.putBack(interruptions);
      throw error;
    }
  }

  private async tellAgain(tx: SqlExecutor, now: Date): Promise<number> {
    const { sellerAccount } = this.options;
    const due = await tx.query<OpenAlert>(
      `SELECT kind, subject, severity, message, details, tell_count FROM marketplace.alert
       WHERE seller_account = $1 AND resolved_at IS NULL AND tell_at <= $2
       ORDER BY kind, subject LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [sellerAccount, now.toISOString(), CHUNK],
    );
    for (const { kind, subject, tell_count: count, message } of due) {
      await tx.query(
        `UPDATE marketplace.alert SET tell_count = tell_count + 1, tell_at = $4
         WHERE seller_account = $1 AND kind = $2 AND subject = $3`,
        [sellerAccount, kind, subject, plusMs(now, pauseBeforeTelling(count + 1)).toISOString()],
      );
      this.logger.warn(`still open: ${kind}: ${message}`, { subject, repeat: count });
    }
    await this.outbox.append(
      tx,
      due.map(({ tell_count: repeat, ...alert }): NewMarketplaceEvent<'alert.raised'> => ({
        ...{ type: 'alert.raised', subscriptionId: null, occurredAt: now },
        payload: { ...alert, repeat },
      })),
    );
    return due.length;
  }
}
