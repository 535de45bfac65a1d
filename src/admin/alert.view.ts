import { ALERT_CATALOGUE } from '../events/alert-catalogue.js';
import { type AlertDescription } from '../events/alert-description.js';
import { type AlertRow } from './alerts.sql.js';
import { instant, json, message } from './shown.js';

/** What a person must know. Open until what it tells of is resolved. */
export interface AlertView {
  kind: string;
  subject: string;
  severity: string;
  message: string;
  details: unknown;
  /** What a person should do about alerts of that kind, and when they are resolved: docs/alerts.md. */
  whatToDo: string | null;
  endsByItself: string | null;
  open: boolean;
  firstRaisedAt: string;
  lastRaisedAt: string;
  raiseCount: number;
  /** How often hosts were told of it since it opened or became critical. */
  toldCount: number;
  /** Who has taken it on: hosts are told of it no more while it lasts. */
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  acknowledgement: string | null;
  resolvedAt: string | null;
}

const CATALOGUE: Readonly<Partial<Record<string, AlertDescription>>> = ALERT_CATALOGUE;

export function alertViewOf(row: AlertRow): AlertView {
  // A newer version may have raised a kind that this one does not know.
  const described = CATALOGUE[row.kind];
  return {
    kind: row.kind,
    subject: message(row.subject),
    severity: row.severity,
    message: message(row.message),
    details: json(row.details),
    whatToDo: described?.action ?? null,
    endsByItself: described?.ends ?? null,
    open: row.resolved_at === null,
    firstRaisedAt: instant(row.first_raised_at),
    lastRaisedAt: instant(row.last_raised_at),
    raiseCount: row.raise_count,
    toldCount: row.tell_count,
    acknowledgedAt: instant(row.acknowledged_at),
    acknowledgedBy: row.acknowledged_by === null ? null : message(row.acknowledged_by),
    acknowledgement: row.acknowledgement === null ? null : message(row.acknowledgement),
    resolvedAt: instant(row.resolved_at),
  };
}
