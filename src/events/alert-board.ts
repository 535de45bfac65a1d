import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { countMetric } from '../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type AlertKind, type AlertSeverity } from './alert-catalogue.js';
import { Outbox } from './outbox.js';

export type Alert<K extends AlertKind = AlertKind> = {
  [P in K]: {
    kind: P;
    /** What it is about: a subscription, a dimension, a region. One open alert per kind and subject. */
    subject: string;
    severity: AlertSeverity<P>;
    /** For a person: what happened, what it means for money, what to do. No full account id, no token. */
    message: string;
    details?: Record<string, unknown>;
  };
}[K];

/**
 * What a person must know, kept until it is resolved. Raising the same alert again counts it and keeps its first time.
 */
@Injectable()
export class AlertBoard {
  private readonly logger = new Logger('MarketplaceAlerts');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'clock'>,
    private readonly outbox: Outbox,
  ) {}

  async raise(tx: SqlExecutor, alert: Alert): Promise<void> {
    const repeats =
      tx instanceof LedgerDatabase
        ? await tx.transaction((own) => this.enter(own, alert))
        : await this.enter(tx, alert);
    // A lasting fault is logged when it begins and at every power of two of its repeats, so that it neither floods the
    // log nor drowns in it.
    if ((repeats & (repeats - 1)) !== 0) return;
    countMetric('marketplace.alerts', 1, { kind: alert.kind });
    const line = `${alert.kind}: ${alert.message}`;
    if (alert.severity === 'critical') this.logger.error(line, { subject: alert.subject, repeats });
    else this.logger.warn(line, { subject: alert.subject, repeats });
  }

  /** Returns how often it was raised since it opened. When it opens, the host's handlers are told. */
  private async enter(tx: SqlExecutor, alert: Alert): Promise<number> {
    const now = this.options.clock.now();
    const [row] = await tx.query<{ raise_count: number }>(
      `INSERT INTO marketplace.alert AS a (seller_account, kind, subject, severity, message, details, first_raised_at,
        last_raised_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
       ON CONFLICT (seller_account, kind, subject) DO UPDATE SET
         severity = excluded.severity, message = excluded.message, details = excluded.details, last_raised_at =
           excluded.last_raised_at,
         first_raised_at = CASE WHEN a.resolved_at IS NULL THEN a.first_raised_at ELSE excluded.first_raised_at END,
         raise_count = CASE WHEN a.resolved_at IS NULL THEN a.raise_count + 1 ELSE 1 END,
         resolved_at = NULL
       RETURNING raise_count`,
      [
        this.options.sellerAccount,
        alert.kind,
        alert.subject,
        alert.severity,
        alert.message,
        JSON.stringify(alert.details ?? {}),
        now.toISOString(),
      ],
    );
    const repeats = row?.raise_count ?? 1;
    if (repeats > 1) return repeats;
    const { kind, subject, severity, message, details = {} } = alert;
    const payload = { kind, subject, severity, message, details };
    await this.outbox.append(tx, [{ type: 'alert.raised', subscriptionId: null, payload, occurredAt: now }]);
    return repeats;
  }

  async resolve(tx: SqlExecutor, kind: AlertKind, subjects: string | readonly string[]): Promise<void> {
    await tx.query(
      `UPDATE marketplace.alert SET resolved_at = $4 WHERE seller_account = $1 AND kind = $2 AND subject = ANY ($3)
        AND resolved_at IS NULL`,
      [this.options.sellerAccount, kind, [subjects].flat(), this.options.clock.now().toISOString()],
    );
  }
}
