import { type LedgerSql } from './ledger-database.js';
import { type LedgerHome, strangenessOf } from './ledger-home.js';

/** Where we are. In two questions: a function that the role may not call is refused before it is reached. */
export async function readHome(sql: LedgerSql): Promise<LedgerHome> {
  const [row] = await sql.query<{ oid: string; name: string; is_readable: boolean }>(
    `SELECT oid::text, datname::text AS name, has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
       AS is_readable
     FROM pg_catalog.pg_database WHERE datname = current_database()`,
  );
  if (!row) throw new Error('the database does not know itself: pg_database has no row for current_database()');
  const [control] = row.is_readable
    ? await sql.query<{ id: string }>(`SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()`)
    : [];
  return { cluster: control?.id ?? null, databaseOid: row.oid, databaseName: row.name };
}

/** Where the seller's ledger was begun, or was last released. The first who asks pins it. */
export async function pinnedHome(sql: LedgerSql, sellerAccount: string, here: LedgerHome): Promise<LedgerHome> {
  const read = (): Promise<LedgerHome[]> =>
    sql.query<LedgerHome>(
      `SELECT cluster, database_oid AS "databaseOid", database_name AS "databaseName" FROM marketplace.ledger_home
       WHERE seller_account = $1`,
      [sellerAccount],
    );
  const [known] = await read();
  if (known) return known;
  await sql.query(
    `INSERT INTO marketplace.ledger_home (seller_account, cluster, database_oid, database_name, pinned_by)
     VALUES ($1, $2, $3, $4, 'first start') ON CONFLICT DO NOTHING`,
    [sellerAccount, here.cluster, here.databaseOid, here.databaseName],
  );
  const [pinned] = await read();
  return pinned ?? here;
}

export async function movePinnedHome(
  sql: LedgerSql,
  sellerAccount: string,
  here: LedgerHome,
  by: string,
): Promise<void> {
  await sql.query(
    `INSERT INTO marketplace.ledger_home (seller_account, cluster, database_oid, database_name, pinned_by)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (seller_account) DO UPDATE SET cluster = excluded.cluster, database_oid = excluded.database_oid,
       database_name = excluded.database_name, pinned_by = excluded.pinned_by, pinned_at = clock_timestamp()`,
    [sellerAccount, here.cluster, here.databaseOid, here.databaseName, by],
  );
}

/** Why this database is not the one in which the seller's ledger was begun; null where it is. */
export async function strangenessHere(sql: LedgerSql, sellerAccount: string): Promise<string | null> {
  const here = await readHome(sql);
  return strangenessOf(await pinnedHome(sql, sellerAccount, here), here);
}
