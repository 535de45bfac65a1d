import { type LedgerSql } from '../database/ledger-database.js';
import { type MarketplaceEventType } from './marketplace-event.js';

/**
 * SQL of handlers. When one was last seen is machine time. Who claims a handler's deliveries, or decides by hand about
 * them, first locks the handler's own rows (`lockHandler`): what it then reads of them is the last word, and no two can
 * think that the same subscription is free. Telling of events never takes that lock.
 */

export interface HandlerRegistration {
  id: string;
  types: readonly MarketplaceEventType[];
}

/** Locks in the order of the key, as everybody does who locks several. */
export async function registerHandlers(
  tx: LedgerSql,
  sellerAccount: string,
  handlers: readonly HandlerRegistration[],
): Promise<void> {
  const rows = handlers.flatMap(({ id, types }) => types.map((type) => ({ id, type })));
  await tx.query(
    `INSERT INTO marketplace.event_handler AS h (seller_account, id, type)
     SELECT $1, id, type FROM unnest($2::text[], $3::text[]) AS input (id, type) ORDER BY id, type
     ON CONFLICT (seller_account, id, type) DO UPDATE SET last_seen_at = clock_timestamp(), retired_at = NULL,
       first_seen_at = CASE WHEN h.retired_at IS NULL THEN h.first_seen_at ELSE clock_timestamp() END`,
    [sellerAccount, rows.map(({ id }) => id), rows.map(({ type }) => type)],
  );
}

/** That a process has the handlers. @returns whether all were written: a row that someone holds is passed over */
export async function touchHandlers(
  tx: LedgerSql,
  sellerAccount: string,
  handlers: readonly HandlerRegistration[],
): Promise<boolean> {
  const rows = handlers.flatMap(({ id, types }) => types.map((type) => ({ id, type })));
  const written = await tx.query(
    `WITH mine AS MATERIALIZED (
       SELECT h.id, h.type FROM marketplace.event_handler h
       JOIN unnest($2::text[], $3::text[]) AS input (id, type) ON input.id = h.id AND input.type = h.type
       WHERE h.seller_account = $1 FOR NO KEY UPDATE OF h SKIP LOCKED
     )
     UPDATE marketplace.event_handler h SET last_seen_at = clock_timestamp() FROM mine
     WHERE h.seller_account = $1 AND h.id = mine.id AND h.type = mine.type RETURNING 1`,
    [sellerAccount, rows.map(({ id }) => id), rows.map(({ type }) => type)],
  );
  return written.length === rows.length;
}

/**
 * Gives back what a process of another version died of, of types that these handlers have not: no process with them may
 * ever come again to take it up, and the rest of its subscription would wait for it. It waits for such a process.
 */
export async function releaseLost(
  tx: LedgerSql,
  sellerAccount: string,
  handlers: readonly HandlerRegistration[],
): Promise<void> {
  const rows = handlers.flatMap(({ id, types }) => types.map((type) => ({ id, type })));
  await tx.query(
    `UPDATE marketplace.event_delivery d SET state = 'pending', lease_token = NULL, lease_until = NULL,
       next_attempt_at = clock_timestamp()
     WHERE d.seller_account = $1 AND d.handler_id = ANY ($2::text[]) AND d.state = 'delivering'
       AND d.lease_until <= clock_timestamp()
       AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS own (id, type)
         WHERE own.id = d.handler_id AND own.type = d.type)`,
    [sellerAccount, rows.map(({ id }) => id), rows.map(({ type }) => type)],
  );
}

/** One at a time decides which deliveries of a handler go where. */
export async function lockHandler(tx: LedgerSql, sellerAccount: string, id: string): Promise<void> {
  await tx.query(
    `SELECT FROM marketplace.event_handler WHERE seller_account = $1 AND id = $2 ORDER BY seller_account, id, type
      FOR NO KEY UPDATE`,
    [sellerAccount, id],
  );
}

export interface HandlerRow {
  id: string;
  type: string;
  first_seen_at: Date;
  last_seen_at: Date;
  retired_at: Date | null;
  /** Deliveries that wait, are under way, or failed too often. */
  open: number;
  dead_lettered: number;
}

export function selectHandlers(tx: LedgerSql, sellerAccount: string): Promise<HandlerRow[]> {
  return tx.query<HandlerRow>(
    `SELECT h.id, h.type, h.first_seen_at, h.last_seen_at, h.retired_at,
       count(*) FILTER (WHERE d.state IN ('pending', 'delivering'))::int AS open, count(*) FILTER (WHERE d.state =
         'deadLettered')::int AS dead_lettered
     FROM marketplace.event_handler h
     LEFT JOIN marketplace.event_delivery d
       ON d.seller_account = h.seller_account AND d.handler_id = h.id AND d.type = h.type
         AND d.state IN ('pending', 'delivering', 'deadLettered')
     WHERE h.seller_account = $1
     GROUP BY h.seller_account, h.id, h.type
     ORDER BY h.id, h.type`,
    [sellerAccount],
  );
}

/** Handlers for which events wait though no process has shown itself with them for `awayMs`. */
export function selectAway(
  tx: LedgerSql,
  sellerAccount: string,
  awayMs: number,
): Promise<{ id: string; type: string; last_seen_at: Date }[]> {
  return tx.query(
    `SELECT h.id, h.type, h.last_seen_at FROM marketplace.event_handler h
     WHERE h.seller_account = $1 AND h.last_seen_at < clock_timestamp() - $2 * interval '1 millisecond'
       AND EXISTS (
         SELECT FROM marketplace.event_delivery d
         WHERE d.seller_account = $1 AND d.handler_id = h.id AND d.type = h.type
           AND d.state IN ('pending', 'delivering'))
     ORDER BY h.id, h.type`,
    [sellerAccount, awayMs],
  );
}

/** Types of the handler, all or of those named, and whether a process has shown itself with them within `presentMs`. */
export async function selectPresence(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  types: readonly string[] | null,
  presentMs: number,
): Promise<{ type: MarketplaceEventType; is_present: boolean }[]> {
  return tx.query<{ type: MarketplaceEventType; is_present: boolean }>(
    `SELECT type, last_seen_at >= clock_timestamp() - $4 * interval '1 millisecond' AS is_present
      FROM marketplace.event_handler
     WHERE seller_account = $1 AND id = $2 AND ($3::text[] IS NULL OR type = ANY ($3)) ORDER BY type`,
    [sellerAccount, id, types, presentMs],
  );
}

/** @returns how many deliveries were given up */
export async function retireHandler(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  types: readonly string[] | null,
  by: string,
): Promise<number> {
  await tx.query(
    `UPDATE marketplace.event_handler SET retired_at = clock_timestamp()
     WHERE seller_account = $1 AND id = $2 AND ($3::text[] IS NULL OR type = ANY ($3)) AND retired_at IS NULL`,
    [sellerAccount, id, types],
  );
  const rows = await tx.query(
    `UPDATE marketplace.event_delivery SET state = 'skipped', lease_token = NULL, lease_until = NULL, decided_by = $4,
      decision = 'handler retired'
     WHERE seller_account = $1 AND handler_id = $2 AND ($3::text[] IS NULL OR type = ANY ($3))
       AND state IN ('pending', 'delivering', 'deadLettered')
     RETURNING id`,
    [sellerAccount, id, types, by],
  );
  return rows.length;
}
