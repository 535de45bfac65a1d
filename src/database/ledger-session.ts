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
  // Above it single statements would fail for the sake of others, where a DBA has made that the default.
  default_transaction_isolation: 'read committed',
  // A client that is gone is not kept a place for as long as the kernel likes.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

export type PasswordSource = () => string | Promise<string>;

export interface SessionSettings {
  schema: string;
  /** Ends a transaction that stands still, after so many milliseconds. */
  idleInTransactionMs?: number | undefined;
  /** Ends a statement, after so many milliseconds. */
  statementTimeoutMs?: number | undefined;
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
  private readonly insisted: Record<string, string> = {};

  constructor({ schema, password, idleInTransactionMs, statementTimeoutMs }: SessionSettings) {
    this.schema = schema;
    this.password = password;
    this.ofTransactions = {
      // No statement of ours runs long enough to earn back what compiling it costs.
      jit: 'off',
      // Where a wait for a lock must end, its own transaction says so; a DBA's habit for web requests would have jobs
      // fail for each other.
      lock_timeout: '0',
      // A process that is stopped, frozen or cut off in the midst of a transaction would keep its rows for as long as
      // its connection lives, and the usage of those subscriptions would pass its deadlines unsealed. It holds them no
      // longer than any other lease.
      ...(idleInTransactionMs === undefined ? {} : { idle_in_transaction_session_timeout: `${idleInTransactionMs}` }),
      ...(statementTimeoutMs === undefined ? {} : { statement_timeout: `${statementTimeoutMs}` }),
    };
  }

  get isPooled(): boolean {
    return this.pooled;
  }

  /** From now on with a pooler that refuses parameters. */
  usePooler(): void {
    this.pooled = true;
  }

  /**
   * From now on says these as well, in place of what a DBA has set: what cannot be said everywhere, since a server may
   * not know the setting, or since another value than the one that was found there is right.
   * @returns whether any of it was not said before
   */
  insist(settings: Readonly<Record<string, string>>): boolean {
    const isNews = Object.keys(settings).some((name) => !(name in this.insisted));
    Object.assign(this.insisted, settings);
    return isNews;
  }

  get startUp(): Readonly<Record<string, string>> {
    return this.pooled ? ALWAYS : { ...ALWAYS, ...OF_A_SESSION, ...this.ofTransactions, ...this.insisted };
  }

  /**
   * Begins a transaction, in one way to the database and back.
   * @param statementTimeoutMs of this transaction alone
   */
  startOf(isolation: string, statementTimeoutMs?: number): string {
    const settings = {
      ...(this.pooled ? { ...ALWAYS, ...this.ofTransactions, ...this.insisted } : {}),
      ...(statementTimeoutMs === undefined ? {} : { statement_timeout: `${statementTimeoutMs}` }),
    };
    return [
      `START TRANSACTION ISOLATION LEVEL ${isolation}`,
      ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
      // A pooler keeps to itself what a server tells of becoming a standby; the client looks at the answer.
      ...(this.pooled ? ['SHOW transaction_read_only'] : []),
    ].join('; ');
  }
}
