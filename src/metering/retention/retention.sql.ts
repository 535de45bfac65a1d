// What is no evidence, piece by piece: each statement is a transaction of its own, takes what no other replica is at,
// and finds the oldest rows by an index, so that a run without work costs next to nothing.
import { type LedgerSql } from '../../database/ledger-database.js';

/** Takes at most `limit` rows that are older than `before`. @returns how many it has taken */
export type RetentionStep = (sql: LedgerSql, sellerAccount: string, before: Date, limit: number) => Promise<number>;

/** The row stays: a repeat is told by origin and id. */
export const emptyMessages: RetentionStep = (sql, sellerAccount, before, limit) =>
  counted(
    sql,
    `WITH old AS MATERIALIZED (SELECT origin, message_id FROM marketplace.inbox_message
       WHERE seller_account = $1 AND state IN ('applied', 'ignored') AND num_nonnulls(body, event) > 0
         AND received_at < $2
       ORDER BY received_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     UPDATE marketplace.inbox_message m SET body = NULL, event = NULL
     FROM old WHERE m.seller_account = $1 AND m.origin = old.origin AND m.message_id = old.message_id RETURNING 1`,
    [sellerAccount, before.toISOString(), limit],
  );

/**
 * In the order in which events were told, and only from the oldest that are left: where those wait for their time, so do
 * the rest.
 */
export const deleteDeliveries: RetentionStep = (sql, sellerAccount, before, limit) =>
  counted(
    sql,
    `WITH old AS MATERIALIZED (SELECT id, delivered_at FROM marketplace.event_delivery
       WHERE seller_account = $1 AND state = 'delivered' ORDER BY position LIMIT $3 FOR UPDATE SKIP LOCKED)
     DELETE FROM marketplace.event_delivery d USING old
     WHERE d.seller_account = $1 AND d.id = old.id AND old.delivered_at < $2 RETURNING 1`,
    [sellerAccount, before.toISOString(), limit],
  );

/** Whose end hosts were told of. What a person has acknowledged keeps the same alert from being raised again. */
export const deleteAlerts: RetentionStep = (sql, sellerAccount, before, limit) =>
  counted(
    sql,
    `WITH old AS MATERIALIZED (SELECT kind, subject FROM marketplace.alert WHERE seller_account = $1 AND resolved_at < $2
       AND resolution_told_at = resolved_at AND acknowledged_at IS NULL LIMIT $3 FOR UPDATE SKIP LOCKED)
     DELETE FROM marketplace.alert a USING old
     WHERE a.seller_account = $1 AND a.kind = old.kind AND a.subject = old.subject RETURNING 1`,
    [sellerAccount, before.toISOString(), limit],
  );

export const deleteCodes: RetentionStep = (sql, sellerAccount, before, limit) =>
  counted(
    sql,
    `WITH old AS MATERIALIZED (SELECT code_hash FROM marketplace.registration_code
       WHERE seller_account = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     DELETE FROM marketplace.registration_code c USING old
     WHERE c.seller_account = $1 AND c.code_hash = old.code_hash RETURNING 1`,
    [sellerAccount, before.toISOString(), limit],
  );

async function counted(sql: LedgerSql, statement: string, parameters: readonly unknown[]): Promise<number> {
  return (await sql.query(statement, parameters)).length;
}
