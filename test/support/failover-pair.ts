import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { FreezingProxy } from './freezing-proxy.js';
import { type TestDatabase } from './postgres.js';
import { eventually } from './processes.js';

/**
 * What becomes of the primary that a standby takes over from: it stays up and takes no writes any more, which nobody
 * who is connected is told; or it starts again as a standby.
 */
export type Demotion = 'fenced' | 'restarted as a standby';

const NAME = 'ledger';
const QUICK = { fsync: false, synchronous_commit: 'on', full_page_writes: false };

/** A primary with a streaming standby, and the one address by which hosts know whichever is primary. */
export class FailoverPair {
  private constructor(
    private readonly folder: string,
    private primary: PostgresServer,
    private readonly standby: PostgresServer,
    private readonly address: FreezingProxy,
  ) {}

  /** @param migrate applies the migrations, before there is a standby */
  static async start(migrate: (url: string) => Promise<unknown>): Promise<FailoverPair> {
    const folder = mkdtempSync(path.join(realpathSync(tmpdir()), 'failover-'));
    // The server may run as another user.
    execFileSync('chmod', ['755', folder]);
    const [first, second] = [path.join(folder, 'first'), path.join(folder, 'second')];
    const origin = await PostgresServer.start({ dataDir: first, settings: QUICK });
    await migrate(await origin.createDatabase(NAME));
    await origin.stop();
    execFileSync('cp', ['-a', first, second]);
    const primary = await PostgresServer.start({ dataDir: first, settings: QUICK });
    signal(second, first);
    const { password } = new URL(primary.url);
    const standby = await PostgresServer.start({
      dataDir: second,
      settings: {
        ...QUICK,
        primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres password=${password}`,
      },
    });
    return new FailoverPair(folder, primary, standby, await FreezingProxy.before(primary.url));
  }

  /** The ledger's database, by the address. */
  get database(): TestDatabase {
    const url = this.address.through(this.primary.databaseUrl(NAME));
    return { name: NAME, url, drop: () => Promise.resolve() };
  }

  /** The standby takes over with all that was committed. The address leads to the old primary until `move`. */
  async failOver(demotion: Demotion): Promise<void> {
    const { primary, standby } = this;
    await withClient(primary.url, async (client) => {
      await client.query('ALTER SYSTEM SET default_transaction_read_only = on');
      await client.query('SELECT pg_reload_conf()');
      const { rows } = await client.query<{ at: string }>('SELECT pg_current_wal_flush_lsn()::text AS at');
      await eventually('the standby has it all', () => this.hasReplayed(rows[0]?.at ?? ''));
    });
    await withClient(standby.url, (client) => client.query('SELECT pg_promote(true)'));
    if (demotion === 'fenced') return;
    const { port } = primary;
    const dataDir = path.join(this.folder, 'first');
    await primary.stop();
    signal(dataDir, dataDir);
    // What fenced it is gone: that it is a standby is all that it tells.
    execFileSync('truncate', ['-s', '0', path.join(dataDir, 'postgresql.auto.conf')]);
    this.primary = await PostgresServer.start({ dataDir, port, settings: QUICK });
  }

  /** Who connects from now on reaches the new primary. */
  move(): void {
    this.address.pointTo(this.standby.url);
  }

  async stop(): Promise<void> {
    await this.address.stop();
    await this.standby.stop();
    await this.primary.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private hasReplayed(at: string): Promise<boolean> {
    return withClient(this.standby.url, async (client) => {
      const { rows } = await client.query<{ done: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done', [
        at,
      ]);
      return rows[0]?.done === true;
    });
  }
}

/** Has the server on these files start as a standby; with the owner of others. */
function signal(dataDir: string, like: string): void {
  const file = path.join(dataDir, 'standby.signal');
  execFileSync('touch', [file]);
  execFileSync('chown', [`--reference=${path.join(like, 'PG_VERSION')}`, file]);
}
