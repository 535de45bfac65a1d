/**
 * Rows that turned out to be another one refer to it by `alias_of`, one hop. Both ways are arrays here, `$1` is the
 * seller: an array goes through the keys whatever the planner knows. `IN (SELECT …)` and `x IN (a.id, a.alias_of)` are
 * joins to it: over a table that was never analysed and is full of dead versions, such a join read the whole table once
 * for each of its rows.
 */
type AliasedTable = 'subscription' | 'buyer' | 'agreement';

/** What the ids of a parameter live on in. */
export function livingIds(table: AliasedTable, parameter: `$${number}`): string {
  return `ARRAY(SELECT coalesce(alias_of, id) FROM marketplace.${table}
         WHERE seller_account = $1 AND id = ANY (${parameter}::uuid[]))`;
}

/** All ids that stand for a living one, its own first. */
export function idsOfLiving(table: AliasedTable, living: string): string {
  return `ARRAY(SELECT ${living} UNION ALL SELECT folded.id FROM marketplace.${table} folded
         WHERE folded.seller_account = $1 AND folded.alias_of = ${living})`;
}
