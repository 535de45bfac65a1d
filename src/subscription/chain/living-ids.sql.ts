/**
 * What the ids of a parameter live on in, as one array; `$1` is the seller. An array goes through the primary key
 * whatever the planner knows. `IN (SELECT …)` is a join to it: over a table that was never analysed and is full of dead
 * versions, that join read the whole table once for each of its rows.
 */
export function livingIds(table: 'subscription' | 'buyer', parameter: `$${number}`): string {
  return `ARRAY(SELECT coalesce(alias_of, id) FROM marketplace.${table}
         WHERE seller_account = $1 AND id = ANY (${parameter}::uuid[]))`;
}
