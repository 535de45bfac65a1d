/** Any of these says that the place of the database is given as libpq takes it. */
const PLACES = ['PGHOST', 'PGDATABASE'];

/**
 * `DATABASE_URL`, or, where only libpq's variables say where the database is, a URL that leaves all to them: pg reads
 * PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGPASSFILE and PGOPTIONS; we read PGSSLMODE (`sslWithoutOption`).
 */
export function databaseUrlOf(environment: NodeJS.ProcessEnv): string | undefined {
  const url = environment.DATABASE_URL?.trim() ?? '';
  if (url !== '') return url;
  return PLACES.some((name) => (environment[name] ?? '') !== '') ? 'postgres://' : undefined;
}
