import { type LedgerSql } from '../../database/ledger-database.js';
import { LOCKED_COLUMNS, type LockedRecord } from './metering-record.sql.js';

/** Who sends usage of a product in its buyer's account, and from which resource. */
export interface MeteringSender {
  resource_id: string;
  region: string;
  started_at: Date;
}

/** A replica that would send. */
export interface Candidate {
  /** Tells replicas apart. */
  holder: string;
  resource: { id: string; region: string; startedAt: Date };
  /** Machine milliseconds. */
  leaseMs: number;
}

/**
 * Whether `metering_record r` may be sent by `metering_sender w`: bound to its resource and region, or not tried yet
 * and of an hour that the resource has lived in to its last second.
 */
export const reachableFrom = (w: string): string =>
  `CASE WHEN r.resource_id IS NULL THEN r.hour + interval '1 hour' - interval '1 second' >= ${w}.started_at
    ELSE r.resource_id = ${w}.resource_id AND r.region = ${w}.region END`;

/** Products of the seller that are metered where they run, listed or not. */
export async function selectInstalled(sql: LedgerSql, sellerAccount: string): Promise<string[]> {
  const rows = await sql.query<{ product_code: string }>(
    `SELECT product_code FROM marketplace.product WHERE seller_account = $1 AND type <> 'saas' ORDER BY product_code`,
    [sellerAccount],
  );
  return rows.map((row) => row.product_code);
}

/**
 * Takes or keeps the lease, by the database's clock: who holds it keeps it, and another takes it over once it has run
 * out. One statement, so two replicas cannot both have it.
 * @returns whether the candidate sends now
 */
export async function takeSender(
  sql: LedgerSql,
  sellerAccount: string,
  productCode: string,
  { holder, resource, leaseMs }: Candidate,
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO marketplace.metering_sender AS w
       (seller_account, product_code, holder, resource_id, region, started_at, lease_until)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + interval '1 millisecond' * $7::float8)
     ON CONFLICT (seller_account, product_code) DO UPDATE SET holder = excluded.holder,
       resource_id = excluded.resource_id, region = excluded.region, started_at = excluded.started_at,
       since = CASE w.holder WHEN excluded.holder THEN w.since ELSE clock_timestamp() END,
       lease_until = excluded.lease_until
     WHERE w.holder = excluded.holder OR w.lease_until < clock_timestamp()
     RETURNING w.product_code`,
    [...[sellerAccount, productCode, holder, resource.id, resource.region, resource.startedAt.toISOString(), leaseMs]],
  );
  return rows.length > 0;
}

/**
 * Renews the lease in the transaction that claims, and keeps its row locked until that is committed: whoever takes it
 * over sees what was claimed.
 * @returns null where it was lost: nothing may be claimed
 */
export async function renewSender(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  { holder, leaseMs }: Pick<Candidate, 'holder' | 'leaseMs'>,
): Promise<MeteringSender | null> {
  const [row] = await tx.query<MeteringSender>(
    `UPDATE marketplace.metering_sender SET lease_until = clock_timestamp() + interval '1 millisecond' * $4::float8
     WHERE seller_account = $1 AND product_code = $2 AND holder = $3 AND lease_until >= clock_timestamp()
     RETURNING resource_id, region, started_at`,
    [sellerAccount, productCode, holder, leaseMs],
  );
  return row ?? null;
}

/** Lets another replica send at once. */
export async function releaseSender(sql: LedgerSql, sellerAccount: string, holder: string): Promise<void> {
  await sql.query(
    `UPDATE marketplace.metering_sender SET lease_until = clock_timestamp() - interval '1 millisecond'
     WHERE seller_account = $1 AND holder = $2 AND lease_until > clock_timestamp()`,
    [sellerAccount, holder],
  );
}

/**
 * Binds a record that was never tried. What it is bound to stays for ever: the database refuses another.
 */
export async function bindRecord(
  tx: LedgerSql,
  sellerAccount: string,
  recordId: string,
  bound: { resourceId: string; region: string; timestamp: Date },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.metering_record SET resource_id = $3, region = $4, "timestamp" = $5
     WHERE seller_account = $1 AND id = $2`,
    [sellerAccount, recordId, bound.resourceId, bound.region, bound.timestamp.toISOString()],
  );
}

/** Whether the sender of a record's product could send it. */
export async function isReachable(tx: LedgerSql, sellerAccount: string, recordId: string): Promise<boolean> {
  const rows = await tx.query(
    `SELECT FROM marketplace.metering_record r
     JOIN marketplace.metering_sender w ON w.seller_account = r.seller_account AND w.product_code = r.product_code
     WHERE r.seller_account = $1 AND r.id = $2 AND ${reachableFrom('w')}`,
    [sellerAccount, recordId],
  );
  return rows.length > 0;
}

/**
 * Records that the sender of the product cannot send, and that wait all the same. Locked as an annulment locks them;
 * one that somebody is at is found the next time.
 */
export function lockUnreachable(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  now: Date,
  limit: number,
): Promise<LockedRecord[]> {
  return tx.query<LockedRecord>(
    `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
     JOIN marketplace.metering_sender w ON w.seller_account = r.seller_account AND w.product_code = r.product_code
     WHERE r.seller_account = $1 AND r.product_code = $2 AND r.state IN ('pending', 'blocked') AND r.kind = 'hour'
       AND r.operation = 'MeterUsage' AND r.mode = 'live' AND r.cutoff_at > $3
       AND r.reason IS DISTINCT FROM 'ledgerMismatch' AND NOT ${reachableFrom('w')}
     ORDER BY r.id LIMIT $4 FOR UPDATE OF r SKIP LOCKED`,
    [sellerAccount, productCode, now.toISOString(), limit],
  );
}

export interface SenderRow {
  product_code: string;
  holder: string;
  resource_id: string;
  region: string;
  started_at: Date;
  since: Date;
  lease_until: Date;
  /** By the database's clock. */
  is_held: boolean;
}

export function selectSenders(sql: LedgerSql, sellerAccount: string): Promise<SenderRow[]> {
  return sql.query<SenderRow>(
    `SELECT product_code, holder, resource_id, region, started_at, since, lease_until,
       lease_until >= clock_timestamp() AS is_held
     FROM marketplace.metering_sender WHERE seller_account = $1 ORDER BY product_code`,
    [sellerAccount],
  );
}
