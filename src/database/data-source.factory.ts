import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { type ResolvedOptions } from '../options/resolved-options.js';

export const LEDGER_SCHEMA = 'marketplace';
export const MIGRATIONS_TABLE = 'migration';

/** By its place in the union: TypeORM 0.3 and 1 call it by different names. */
type PostgresDataSourceOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

const OID = { bool: 16, int2: 21, int4: 23, float8: 701, json: 114, jsonb: 3802, timestamptz: 1184 };
const PARSERS: Record<number, (text: string) => unknown> = {
  [OID.bool]: (text) => text === 't',
  [OID.int2]: Number,
  [OID.int4]: Number,
  [OID.float8]: Number,
  [OID.json]: (text) => JSON.parse(text) as unknown,
  [OID.jsonb]: (text) => JSON.parse(text) as unknown,
  [OID.timestamptz]: (text) => new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')),
};

/**
 * pg-pool hands a new connection over, without a listener of its own, an instant before TypeORM listens to it. A server
 * that goes away in that instant would end the host's process with an unhandled 'error'; so it only ends the
 * connection, whose next statement fails.
 */
class LedgerClient extends pg.Client {
  constructor(...configuration: ConstructorParameters<typeof pg.Client>) {
    super(...configuration);
    this.on('error', () => undefined);
  }
}

/**
 * pg-pool hands an idle connection out at `process.nextTick`, which jest's fake timers hold back by default: `record()`
 * would never answer in a host's test. Promises are never faked.
 */
class LedgerPool extends pg.Pool {
  override connect(...given: unknown[]): Promise<pg.PoolClient> {
    const connected = (super.connect as (...given: unknown[]) => Promise<pg.PoolClient>)(...given);
    void Promise.resolve().then(() => {
      (this as unknown as { _pulseQueue(): void })._pulseQueue();
    });
    return connected;
  }
}

/**
 * What the ledger's DataSource is made of. Without `submission`, as for migrations, nothing ends a transaction that
 * stands still.
 */
export type DataSourceSettings = Pick<ResolvedOptions, 'database'> & Partial<Pick<ResolvedOptions, 'submission'>>;

/**
 * Options of the ledger's DataSource. `types` shields it from `pg.types.setTypeParser`, which is global to the process:
 * a host that reads numeric as a float would otherwise round our quantities. Numerics and bigints stay text.
 */
export function dataSourceOptionsOf({ database, submission }: DataSourceSettings): PostgresDataSourceOptions {
  const { url, poolSize, ssl } = database;
  // A process that is stopped, frozen or cut off in the midst of a transaction would keep its rows for as long as its
  // connection lives, and the usage of those subscriptions would pass its deadlines unsealed. It holds them no longer
  // than any other lease.
  const lease = submission === undefined ? '' : ` -c idle_in_transaction_session_timeout=${submission.leaseMs}`;
  return {
    type: 'postgres',
    driver: Object.assign(Object.create(pg) as typeof pg, { Pool: LedgerPool }),
    url,
    ...(ssl === undefined ? {} : { ssl: ssl as boolean }),
    poolSize,
    schema: LEDGER_SCHEMA,
    entities: [],
    subscribers: [],
    migrations: MIGRATIONS,
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    installExtensions: false,
    applicationName: 'nestjs-marketplace-metering',
    extra: {
      Client: LedgerClient,
      types: {
        getTypeParser: (oid: number, format?: string) =>
          format === 'binary' ? (value: unknown) => value : (PARSERS[oid] ?? ((text: string) => text)),
      },
      // Every instant crosses the wire as UTC text, whatever the server's or the role's time zone is. No statement of
      // ours runs long enough to earn back what compiling it costs.
      options: `-c timezone=UTC -c datestyle=ISO -c jit=off${lease}`,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    },
    // An idle connection that the server drops is replaced by the pool; without a listener it would end the process.
    poolErrorHandler: () => undefined,
  };
}

export function createDataSource(options: DataSourceSettings): DataSource {
  return new DataSource(dataSourceOptionsOf(options));
}
