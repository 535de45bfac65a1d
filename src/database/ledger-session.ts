import pg from 'pg';
import { inSchema } from './ledger-schema.js';

/**
 * Start-up parameters that every pooler takes, because every JDBC driver sends them; PgBouncer keeps them with the
 * client, whichever connection it lends.
 */
const ALWAYS = { TimeZone: 'UTC', DateStyle: 'ISO' };
/** What is said in place of whatever a DBA has set for the role or the database. */
const OF_A_SESSION = {
  bytea_output: 'hex',
  extra_float_digits: '1',
  IntervalStyle: 'postgres',
  standard_conforming_strings: 'on',
};

export type PasswordSource = () => string | Promise<string>;

export interface SessionSettings {
  schema: string;
  /** Ends a transaction that stands still, after so many milliseconds. */
  idleInTransactionMs?: number | undefined;
  password?: PasswordSource | undefined;
}

/**
 * What each connection of ours is told. To Postgres everything with its start-up parameters, which stand over those in
 * `?options=` of the URL and over those of the role. A pooler in transaction mode refuses most of them: then what the
 * ledger needs is said at the head of each transaction.
 */
export class LedgerSession {
  readonly schema: string;
  readonly password: PasswordSource | undefined;
  private readonly ofTransactions: Readonly<Record<string, string>>;
  private pooled = false;

  constructor({ schema, password, idleInTransactionMs }: SessionSettings) {
    this.schema = schema;
    this.password = password;
    this.ofTransactions = {
      // No statement of ours runs long enough to earn back what compiling it costs.
      jit: 'off',
      // A process that is stopped, frozen or cut off in the midst of a transaction would keep its rows for as long as
      // its connection lives, and the usage of those subscriptions would pass its deadlines unsealed. It holds them no
      // longer than any other lease.
      ...(idleInTransactionMs === undefined ? {} : { idle_in_transaction_session_timeout: `${idleInTransactionMs}` }),
    };
  }

  get isPooled(): boolean {
    return this.pooled;
  }

  /** From now on with a pooler that refuses parameters. */
  usePooler(): void {
    this.pooled = true;
  }

  get startUp(): Readonly<Record<string, string>> {
    return this.pooled ? ALWAYS : { ...ALWAYS, ...OF_A_SESSION, ...this.ofTransactions };
  }

  /** Begins a transaction, in one way to the database and back. */
  startOf(isolation: string): string {
    const settings = this.pooled ? Object.entries({ ...ALWAYS, ...this.ofTransactions }) : [];
    return [
      `START TRANSACTION ISOLATION LEVEL ${isolation}`,
      ...settings.map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
    ].join('; ');
  }
}

/** What of `pg.Client` its types do not say. */
interface StartingClient {
  password: string | PasswordSource | null;
  getStartupConf(): Record<string, string>;
  query(...query: unknown[]): unknown;
}

/** The class of the pool's connections. */
export function clientClassOf(session: LedgerSession): typeof pg.Client {
  return class LedgerClient extends pg.Client {
    constructor(...configuration: ConstructorParameters<typeof pg.Client>) {
      super(...configuration);
      // pg-pool hands a new connection over, without a listener of its own, an instant before TypeORM listens to it. A
      // server that goes away in that instant would end the host's process with an unhandled 'error'; so it only ends
      // the connection, whose next statement fails.
      this.on('error', () => undefined);
      const self = this as unknown as StartingClient;
      // pg asks a function for each new connection; but what a URL says, also an empty password, would stand over it.
      if (session.password) self.password = session.password;
      const startUpOf = self.getStartupConf.bind(this);
      self.getStartupConf = () => ({ ...startUpOf(), ...session.startUp });
      const send = self.query.bind(this);
      self.query = (query, ...rest) =>
        send(typeof query === 'string' ? inSchema(query, session.schema) : query, ...rest);
    }
  };
}
