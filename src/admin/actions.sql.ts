import { type LedgerSql } from '../database/ledger-database.js';
import { type ActionFilter } from './list-query.js';
import { Selection } from './selection.js';

export interface ActionRow {
  id: string;
  action: string;
  target: unknown;
  result: unknown;
  decided_by: string;
  reason: string | null;
  decided_at: Date;
}

/** Newest first. */
export function selectActions(
  tx: LedgerSql,
  sellerAccount: string,
  filter: ActionFilter,
  after: readonly [string] | null,
  limit: number,
): Promise<ActionRow[]> {
  const columns = 'id::text AS id, action, target, result, decided_by, reason, decided_at';
  return new Selection(columns, 'operator_action', sellerAccount)
    .where(filter.action, (action) => `action = ${action}`)
    .where(filter.by, (by) => `decided_by = ${by}`)
    .after([{ column: 'id', type: 'bigint' }], after, limit)
    .read(tx);
}
