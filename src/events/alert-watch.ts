import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { plusMs } from '../runtime/clock.js';
import { JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AlertBoard, endsBy, pauseBeforeTelling } from './alert-board.js';
import { ALERT_CATALOGUE, type AlertKind } from './alert-catalogue.js';
import { ALERT_EXPIRES_AFTER_MS } from './alert-description.js';
import { type NewMarketplaceEvent } from './marketplace-event.js';
import { Outbox } from './outbox.js';

const INTERVAL_MS = 60_000;
/** Alerts in one transaction. */
const CHUNK = 100;

const EXPIRING = (Object.keys(ALERT_CATALOGUE) as AlertKind[]).filter((kind) => endsBy(kind, 'expiry'));

interface EndedAlert {
  kind: string;
  subject: string;
  severity: 'warning' | 'critical';
  message: string;
  first_raised_at: Date;
  resolved_at: Date;
  acknowledged_by: string | null;
}

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
 * overlooked one, hears of it while it lasts; tells of those that have ended; ends warnings of what has happened once
 * and is long past; and tells of what happened while there was no database to tell it.
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
    for (let told = CHUNK; told === CHUNK;) told = await this.database.transaction((tx) => this.tellResolved(tx));
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

  /** Whoever ends an alert only writes that down: that hosts hear of it is seen to in this one place. */
  private async tellResolved(tx: LedgerSql): Promise<number> {
    const { sellerAccount } = this.options;
    const ended = await tx.query<EndedAlert>(
      `WITH due AS MATERIALIZED (
         SELECT kind, subject FROM marketplace.alert
         WHERE seller_account = $1 AND resolved_at IS NOT NULL AND resolution_told_at IS DISTINCT FROM resolved_at
         ORDER BY kind, subject LIMIT $2 FOR UPDATE SKIP LOCKED
       )
       UPDATE marketplace.alert a SET resolution_told_at = resolved_at FROM due
       WHERE a.seller_account = $1 AND a.kind = due.kind AND a.subject = due.subject
       RETURNING a.kind, a.subject, a.severity, a.message, a.first_raised_at, a.resolved_at, a.acknowledged_by`,
      [sellerAccount, CHUNK],
    );
    for (const { kind, subject } of ended) this.logger.log(`resolved: ${kind}`, { subject });
    await this.outbox.append(
      tx,
      ended.map(
        ({ first_raised_at, resolved_at, acknowledged_by, ...alert }): NewMarketplaceEvent<'alert.resolved'> => ({
          ...{ type: 'alert.resolved', subscriptionId: null, occurredAt: resolved_at },
          payload: {
            ...alert,
            raisedAt: first_raised_at.toISOString(),
            resolvedAt: resolved_at.toISOString(),
            acknowledgedBy: acknowledged_by,
          },
        }),
      ),
    );
    return ended.length;
  }

  private async tellAgain(tx: LedgerSql, now: Date): Promise<number> {
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
