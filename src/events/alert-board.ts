import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../runtime/clock.js';
import { countMetric } from '../runtime/metrics.js';
import { storableJson, storableText } from '../runtime/storable-text.js';
import { redactedText } from '../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { ALERT_CATALOGUE, type AlertKind, type AlertSeverity } from './alert-catalogue.js';
import { type AlertEnding } from './alert-description.js';
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

const LONGEST_PAUSE_MS = 24 * HOUR_MS;

/** Until hosts are told of an open alert again: an hour, doubled each time, a day at most. Business time. */
export function pauseBeforeTelling(tellCount: number): number {
  return Math.min(LONGEST_PAUSE_MS, HOUR_MS * 2 ** Math.min(tellCount - 1, 10));
}

/** Kinds that a person ends: what was acknowledged does not open again by itself, only by something new. */
export const endsBy = (kind: AlertKind, ending: AlertEnding): boolean =>
  (ALERT_CATALOGUE[kind].endsBy as readonly AlertEnding[]).includes(ending);

interface Entry {
  raise_count: number;
  /** It has opened, or become critical, or (of a kind that a person ends, with all it told) tells of something else. */
  is_news: boolean;
  /** A person has dealt with exactly this. */
  is_settled: boolean;
}

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

  async raise(tx: LedgerSql, alert: Alert): Promise<void> {
    const entry =
      tx instanceof LedgerDatabase
        ? await tx.transaction((own) => this.enter(own, alert))
        : await this.enter(tx, alert);
    const { raise_count: repeats, is_news: isNews, is_settled: isSettled } = entry;
    // A lasting fault is logged when it begins and at every power of two of its repeats, so that it neither floods the
    // log nor drowns in it.
    if (isSettled || (!isNews && (repeats & (repeats - 1)) !== 0)) return;
    countMetric('marketplace.alerts', 1, { kind: alert.kind });
    const line = `${alert.kind}: ${alert.message}`;
    if (alert.severity === 'critical') this.logger.error(line, { subject: redactedText(alert.subject), repeats });
    else this.logger.warn(line, { subject: redactedText(alert.subject), repeats });
  }

  /** The host's handlers are told what is news. What comes from outside is made storable. */
  private async enter(tx: LedgerSql, { kind, severity, ...alert }: Alert): Promise<Entry> {
    const now = this.options.clock.now();
    const [subject, message] = [storableText(alert.subject), storableText(alert.message)];
    const details = storableJson(alert.details ?? {});
    // The row as it was, locked, beside the row as it becomes: both in one statement.
    const [entry] = await tx.query<Entry>(
      `WITH was AS (SELECT kind, resolved_at, severity, acknowledged_at, details FROM marketplace.alert
         WHERE seller_account = $1 AND kind = $2 AND subject = $3 FOR UPDATE),
       settled AS (SELECT FROM was WHERE $9 AND resolved_at IS NOT NULL AND acknowledged_at IS NOT NULL
         AND details = $6::jsonb),
       news AS (SELECT NOT EXISTS (SELECT FROM was WHERE resolved_at IS NULL AND NOT (severity = 'warning'
         AND $4 = 'critical') AND NOT ($9 AND details <> $6::jsonb)) AS is_news),
       entered AS (
         INSERT INTO marketplace.alert AS a (seller_account, kind, subject, severity, message, details, first_raised_at,
           last_raised_at, tell_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $7, $8 WHERE NOT EXISTS (SELECT FROM settled)
         ON CONFLICT (seller_account, kind, subject) DO UPDATE SET
           severity = excluded.severity, message = excluded.message, details = excluded.details,
           last_raised_at = excluded.last_raised_at,
           first_raised_at = CASE WHEN a.resolved_at IS NULL THEN a.first_raised_at ELSE excluded.first_raised_at END,
           raise_count = CASE WHEN a.resolved_at IS NULL THEN a.raise_count + 1 ELSE 1 END,
           tell_count = CASE WHEN (SELECT is_news FROM news) THEN 1 ELSE a.tell_count END,
           tell_at = CASE WHEN (SELECT is_news FROM news) THEN excluded.tell_at ELSE a.tell_at END,
           acknowledged_at = CASE WHEN (SELECT is_news FROM news) THEN NULL ELSE a.acknowledged_at END,
           acknowledged_by = CASE WHEN (SELECT is_news FROM news) THEN NULL ELSE a.acknowledged_by END,
           acknowledgement = CASE WHEN (SELECT is_news FROM news) THEN NULL ELSE a.acknowledgement END,
           resolved_at = NULL
         RETURNING raise_count)
       SELECT entered.raise_count, news.is_news, false AS is_settled FROM entered, news
       UNION ALL SELECT 1, false, true FROM settled`,
      [
        this.options.sellerAccount,
        kind,
        subject,
        severity,
        message,
        details,
        now.toISOString(),
        plusMs(now, pauseBeforeTelling(1)).toISOString(),
        endsBy(kind, 'acknowledgement'),
      ],
    );
    if (!entry) throw new Error(`the alert ${kind} was not entered`);
    if (entry.is_news) {
      const payload = { kind, subject, severity, message, details: JSON.parse(details) as Record<string, unknown> };
      await this.outbox.append(tx, [
        { type: 'alert.raised', subscriptionId: null, payload: { ...payload, repeat: 0 }, occurredAt: now },
      ]);
    }
    return entry;
  }

  /** The details of an open alert that somebody has taken on; null where nobody has, or none is open. */
  async takenOn(tx: LedgerSql, kind: AlertKind, subject: string): Promise<Record<string, unknown> | null> {
    const [row] = await tx.query<{ details: Record<string, unknown> }>(
      `SELECT details FROM marketplace.alert WHERE seller_account = $1 AND kind = $2 AND subject = $3
         AND resolved_at IS NULL AND acknowledged_at IS NOT NULL FOR UPDATE`,
      [this.options.sellerAccount, kind, storableText(subject)],
    );
    return row?.details ?? null;
  }

  /** Subjects of the open alerts of a kind. */
  async openSubjects(sql: LedgerSql, kind: AlertKind): Promise<string[]> {
    const rows = await sql.query<{ subject: string }>(
      `SELECT subject FROM marketplace.alert WHERE seller_account = $1 AND kind = $2 AND resolved_at IS NULL`,
      [this.options.sellerAccount, kind],
    );
    return rows.map((row) => row.subject);
  }

  async resolve(
    tx: LedgerSql,
    kinds: AlertKind | readonly AlertKind[],
    subjects: string | readonly string[],
  ): Promise<void> {
    const { sellerAccount, clock } = this.options;
    await tx.query(
      `UPDATE marketplace.alert SET resolved_at = $4
       WHERE seller_account = $1 AND kind = ANY ($2) AND subject = ANY ($3) AND resolved_at IS NULL`,
      [sellerAccount, [kinds].flat(), [subjects].flat().map(storableText), clock.now().toISOString()],
    );
  }
}
