import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { MarketplaceMeteringError, OptionsInvalidError } from '../errors/marketplace-metering-error.js';
import {
  type ConnectionFailure,
  connectionFailureOf,
  type DatabaseAddress,
  insistedOn,
  isParameterRefused,
  type ServerSettings,
  settingsFailureOf,
  unsafeCommits,
} from './connection-failure.js';
import { type LedgerSession } from './ledger-session.js';

const PAUSE_MS = 500;
const SETTINGS = `SELECT current_setting('TimeZone') AS time_zone, current_setting('DateStyle') AS date_style,
  current_setting('server_version_num')::int AS version, current_setting('transaction_read_only') = 'on' AS is_read_only,
  current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('transaction_timeout', true) AS transaction_timeout`;

/** A connection that failed, for a reason that a person has to mend. */
class UnusableDatabase extends Error {
  constructor(readonly failure: ConnectionFailure) {
    super(failure.message);
  }
}

/**
 * The ledger's own connections. `initialize` settles how they are made, through a pooler or not, and fails with an
 * error of ours that says which database was meant, and what to do.
 */
export class LedgerDataSource extends DataSource {
  private readonly notices = new Logger('MarketplaceDatabase');
  /** Without the password: it is named in errors. */
  readonly address: DatabaseAddress;

  constructor(
    options: Extract<DataSourceOptions, { type: 'postgres' }>,
    readonly session: LedgerSession,
    private readonly start: { patienceMs: number; isReadOnly: boolean },
  ) {
    super(options);
    this.address = addressOf(options.url ?? '', session.schema);
  }

  /**
   * Connects, and looks whether the session is what the ledger needs.
   * @throws MarketplaceMeteringError `DATABASE_UNREACHABLE`, `DATABASE_LOGIN_REFUSED`, `DATABASE_MISSING`,
   * `DATABASE_TLS`, `DATABASE_READ_ONLY`, `DATABASE_UNSUITABLE`
   */
  override async initialize(): Promise<this> {
    const giveUpAt = performance.now() + this.start.patienceMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await super.initialize();
        if (await this.checkSession()) return this;
        await this.destroy();
        continue;
      } catch (error) {
        if (this.isInitialized) await this.destroy();
        if (!this.session.isPooled && isParameterRefused(error)) {
          this.session.usePooler();
          continue;
        }
        const failure = error instanceof UnusableDatabase ? error.failure : connectionFailureOf(error, this.address);
        if (!failure.passes || performance.now() + PAUSE_MS > giveUpAt) {
          const cause = error instanceof UnusableDatabase ? {} : { cause: error };
          throw new MarketplaceMeteringError(failure.code, failure.message, cause);
        }
        if (attempt === 1)
          this.notices.warn(`${failure.message} Trying again for ${Math.round(this.start.patienceMs / 1000)} s.`);
        await sleep(PAUSE_MS);
      }
    }
  }

  /** @returns false where connections have to be made anew, to say more than the first one did */
  private async checkSession(): Promise<boolean> {
    const [settings] = await this.query<ServerSettings[]>(SETTINGS);
    if (!settings) return true;
    const failure = settingsFailureOf(
      { ...settings, is_read_only: settings.is_read_only && !this.start.isReadOnly },
      this.address,
    );
    if (failure) throw new UnusableDatabase(failure);
    const wanted = insistedOn(settings);
    const isNews = this.session.insist(wanted);
    if (isNews && !this.session.isPooled) return false;
    if ('synchronous_commit' in wanted && !this.start.isReadOnly)
      throw new UnusableDatabase(unsafeCommits(this.address));
    return true;
  }
}

/**
 * What follows user, password and host where a password holds such a sign as it is: it has been cut in two, and its
 * rest would be told as a host, a port or a database.
 */
const CUT_PASSWORD = /#|^[^?]*@|^\?[^=]*@/;

function addressOf(url: string, schema: string): DatabaseAddress {
  try {
    if (CUT_PASSWORD.test(url.replace(/^\w+:\/\/[^/?#]*/, ''))) throw new Error('its password is not encoded');
    const { host, port, database, user } = new pg.Client({ connectionString: url });
    return { host, port, database: database ?? '', user: user ?? '', schema };
  } catch {
    // What the parser says may hold the password.
    throw new OptionsInvalidError([
      {
        option: 'database.url',
        environmentVariable: 'DATABASE_URL',
        fix:
          'it cannot be read as a URL; write every character of user and password that is no letter or digit as % and ' +
          'two hexadecimal digits, for example %23 for # and %40 for @',
      },
    ]);
  }
}
