import { type ConnectionOptions } from 'node:tls';

/** Where the ledger lives, and how the module connects to it. */
export interface DatabaseOptions {
  /**
   * Postgres that holds the schema `marketplace`. Your own tables may live in the same database.
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
