import { type LedgerDatabase } from '../../src/database/ledger-database.js';

/** Every row of every table of the ledger, as text: whatever is stored, in whichever column. */
export async function textOfLedger(database: LedgerDatabase): Promise<Record<string, string[]>> {
  const tables = await database.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'marketplace' AND c.relkind IN ('r', 'p') ORDER BY name`,
  );
  const text: Record<string, string[]> = {};
  for (const { name } of tables) {
    const rows = await database.query<{ row: string }>(
      `SELECT t::text AS row FROM marketplace.${name} AS t ORDER BY row`,
    );
    text[name] = rows.map(({ row }) => row);
  }
  return text;
}
