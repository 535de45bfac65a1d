import { type LedgerSql } from '../database/ledger-database.js';
import { type AlertFilter } from './list-query.js';
import { precise, Selection } from './selection.js';

export interface AlertRow {
  kind: string;
  subject: string;
  severity: string;
  message: string;
  details: unknown;
  first_raised_at: Date;
  first_raised: string;
  last_raised_at: Date;
  raise_count: number;
  tell_count: number;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  acknowledgement: string | null;
  resolved_at: Date | null;
}

/** Open ones first, each part newest first. The cursor holds `first_raised`: microseconds that a Date would lose. */
export function selectAlerts(
  tx: LedgerSql,
  sellerAccount: string,
  filter: AlertFilter,
  after: readonly [string, string, string, string] | null,
  limit: number,
): Promise<AlertRow[]> {
  const columns = `kind, subject, severity, message, details, first_raised_at, last_raised_at, raise_count, tell_count,
    acknowledged_at, acknowledged_by, acknowledgement, resolved_at,
    ${precise('first_raised_at')} AS first_raised`;
  return new Selection(columns, 'alert', sellerAccount)
    .where(filter.kind, (kind) => `kind = ${kind}`)
    .where(filter.severity, (severity) => `severity = ${severity}`)
    .when(filter.open === true, 'resolved_at IS NULL')
    .when(filter.open === false, 'resolved_at IS NOT NULL')
    .after(
      [
        { column: '(resolved_at IS NULL)', type: 'boolean' },
        { column: 'first_raised_at', type: 'timestamptz' },
        { column: 'kind', type: 'text' },
        { column: 'subject', type: 'text' },
      ],
      after,
      limit,
    )
    .read(tx);
}
