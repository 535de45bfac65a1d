import pg from 'pg';
import { type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { ConnectionWatch } from './connection-watch.js';
import { LedgerDataSource } from './ledger-data-source.js';
import { LEDGER_SCHEMA, MIGRATIONS_TABLE } from './ledger-schema.js';
import { LedgerSession } from './ledger-session.js';
import { clientClassOf } from './session-client.js';

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
  [OID.timestamptz]: instantOf,
};

/** Dates of another style would be read wrongly rather than not at all: the 11th of December for one of November. */
function instantOf(text: string): Date {
  if (!/^(\d{4,6}-\d\d-\d\d |-?infinity$)/.test(text))
    throw new Error(`the database writes an instant as "${text}"; the ledger reads DateStyle ISO only`);
  return new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
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
 * stands still; without `statementTimeoutMs` nothing ends a statement.
 */
export interface DataSourceSettings {
  database: Pick<ResolvedOptions['database'], 'url' | 'poolSize'> & Partial<ResolvedOptions['database']>;
  submission?: Pick<ResolvedOptions['submission'], 'leaseMs'>;
  /** How long a server that cannot be reached is waited for. Default 0: the first failure is told. */
  patienceMs?: number;
  /** Whether a server that only answers questions will do. */
  isReadOnly?: boolean;
}

/** A connection is used no longer than this: after a failover a name in DNS may mean another server. Seconds. */
const LIFETIME_SECONDS = 300;
const CONNECT_TIMEOUT_MS = 10_000;
/** How long nothing is heard before the kernel asks whether the other side is still there. Milliseconds. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/**
 * The ledger's DataSource, not yet connected. `types` shields it from `pg.types.setTypeParser`, which is global to the
 * process: a host that reads numeric as a float would otherwise round our quantities. Numerics and bigints stay text.
 */
export function createDataSource(settings: DataSourceSettings): LedgerDataSource {
  const { database, submission, patienceMs = 0, isReadOnly = false } = settings;
  const { url, poolSize, ssl, schema = LEDGER_SCHEMA, password, statementTimeoutMs } = database;
  const session = new LedgerSession({ schema, password, idleInTransactionMs: submission?.leaseMs, statementTimeoutMs });
  const options: PostgresDataSourceOptions = {
    type: 'postgres',
    driver: Object.assign(Object.create(pg) as typeof pg, { Pool: LedgerPool }),
    url: ssl === undefined ? url : withoutSslMode(url),
    ...(ssl === undefined ? {} : { ssl: ssl as boolean }),
    poolSize,
    schema,
    entities: [],
    subscribers: [],
    migrations: MIGRATIONS,
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    installExtensions: false,
    applicationName: 'nestjs-marketplace-metering',
    extra: {
      Client: clientClassOf(session),
      types: {
        getTypeParser: (oid: number, format?: string) =>
          format === 'binary' ? (value: unknown) => value : (PARSERS[oid] ?? ((text: string) => text)),
      },
      connectionTimeoutMillis: database.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      maxLifetimeSeconds: LIFETIME_SECONDS,
      ...(statementTimeoutMs === undefined ? {} : { watch: new ConnectionWatch(statementTimeoutMs) }),
    },
    // An idle connection that the server drops is replaced by the pool; without a listener it would end the process.
    poolErrorHandler: () => undefined,
  };
  return new LedgerDataSource(options, session, { patienceMs, isReadOnly });
}

/** What is said in the options counts; to pg it would be the URL. */
function withoutSslMode(url: string): string {
  return url.replace(/([?&])(?:sslmode|ssl)=[^&#]*&?/g, '$1').replace(/[?&]$/, '');
}
