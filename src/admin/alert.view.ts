import { type AlertRow } from './alerts.sql.js';
import { instant, json, message } from './shown.js';

/** What a person must know. Open until what it tells of is resolved. */
export interface AlertView {
  kind: string;
  subject: string;
  severity: string;
  message: string;
  details: unknown;
  open: boolean;
  firstRaisedAt: string;
  lastRaisedAt: string;
  raiseCount: number;
  resolvedAt: string | null;
}

export function alertViewOf(row: AlertRow): AlertView {
  return {
    kind: row.kind,
    subject: message(row.subject),
    severity: row.severity,
    message: message(row.message),
    details: json(row.details),
    open: row.resolved_at === null,
    firstRaisedAt: instant(row.first_raised_at),
    lastRaisedAt: instant(row.last_raised_at),
    raiseCount: row.raise_count,
    resolvedAt: instant(row.resolved_at),
  };
}
