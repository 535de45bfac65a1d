import { type ConnectionOptions } from 'node:tls';

/** Where the ledger lives, and how the module connects to it. */
export interface DatabaseOptions {
  /**
   * Postgres that holds the ledger. Your own tables may live in the same database.
   *
   * Give the database of your application, so that usage can be recorded in your own transactions; another one where
   * the ledger has to be backed up and scaled by itself.
   *
   * @range a URL that starts with `postgres://` or `postgresql://`
   * @defaultValue required
   * @environment DATABASE_URL
   */
  url?: string | undefined;
  /**
   * Schema that holds the ledger. It is created where it does not exist, and holds nothing else.
   *
   * Give another where `marketplace` is taken, or for two ledgers in one database. Name it from the first start on:
   * another one begins an empty ledger.
   *
   * @range 1 to 63 lower-case letters, digits and `_`, not beginning with a digit or `pg_`
   * @defaultValue `marketplace`
   * @environment MARKETPLACE_DATABASE_SCHEMA
   */
  schema?: string | undefined;
  /**
   * Password, asked for whenever a connection is made; it stands over one in the URL.
   *
   * Give it where passwords are tokens that expire, as of Amazon RDS with IAM, or rotate in a secret store.
   *
   * @range a function that returns text or a promise of it
   * @defaultValue none: what the URL, `PGPASSWORD` or the password file says
   * @environment none
   */
  password?: (() => string | Promise<string>) | undefined;
  /**
   * Connections of the module's own pool, in each process.
   *
   * Raise it where `record()` waits for a connection; lower it where many replicas share few connections.
   *
   * @unit connections
   * @range 2 to 200
   * @defaultValue 10
   * @environment MARKETPLACE_DATABASE_POOL_SIZE
   */
  poolSize?: number | undefined;
  /**
   * What one statement of the module may take before the server ends it; a connection that gives no answer for a little
   * longer than that is given up, and its work begins again on another.
   *
   * Lower it where the network swallows connections silently and jobs should go on sooner; raise it where the database
   * is slow. A `statement_timeout` of the role or the database does not count for the module.
   *
   * @unit ms
   * @range 100 to 600,000 (10 min)
   * @defaultValue 30,000 (30 s)
   * @environment MARKETPLACE_DATABASE_STATEMENT_TIMEOUT_MS
   */
  statementTimeoutMs?: number | undefined;
  /**
   * What making a connection, or waiting for a free one of the pool, may take.
   *
   * Raise it where a database that scales to nothing has to wake up first.
   *
   * @unit ms
   * @range 100 to 120,000 (2 min)
   * @defaultValue 10,000 (10 s)
   * @environment MARKETPLACE_DATABASE_CONNECT_TIMEOUT_MS
   */
  connectTimeoutMs?: number | undefined;
  /**
   * TLS to Postgres, as `pg` takes it.
   *
   * Give it where the server asks for TLS and the URL does not say so; `ca` where its certificate is of an authority of
   * your own.
   *
   * @range true, false or options of `tls.connect`; the variable takes `disable`, `require`, `verify-ca`, `verify-full`
   * with libpq's meanings, or `true`, `false`, `no-verify`
   * @defaultValue none: what the URL says
   * @environment MARKETPLACE_DATABASE_SSL
   */
  ssl?: boolean | ConnectionOptions | undefined;
}
