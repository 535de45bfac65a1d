import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unprivilegedUser } from './binaries.js';
import { freePort, withClient } from './connection.js';
import { KeeperChannel, plainEnvironment } from './keeper-channel.js';

const PLACES = ['/usr/sbin/pgbouncer', '/usr/local/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/usr/bin/pgbouncer'];
const START_TIMEOUT_MS = 30_000;

/** Where the program is installed, if it is. */
export function pgBouncerFile(): string | undefined {
  return PLACES.find((place) => fs.existsSync(place));
}

/**
 * PgBouncer in transaction mode with its default settings, before every database of a server. It ends with the process
 * that started it.
 */
export class PgBouncer {
  /** URL of the superuser, in the same database as the server's. */
  readonly url: string;

  private constructor(
    private readonly keeper: KeeperChannel,
    server: URL,
    port: number,
  ) {
    const url = new URL(server);
    url.port = String(port);
    this.url = url.href;
  }

  static async start(serverUrl: string, settings: Readonly<Record<string, string | number>> = {}): Promise<PgBouncer> {
    const file = pgBouncerFile();
    if (file === undefined) throw new Error('There is no PgBouncer here: apt-get install pgbouncer.');
    const user = unprivilegedUser();
    const folder = path.join(fs.realpathSync(os.tmpdir()), `pgbouncer-${randomBytes(6).toString('hex')}`);
    const keeper = await KeeperChannel.start(folder, user);
    try {
      const server = new URL(serverUrl);
      const port = await freePort();
      const ini = path.join(folder, 'pgbouncer.ini');
      const lines = {
        listen_addr: '127.0.0.1',
        listen_port: port,
        unix_socket_dir: '',
        pool_mode: 'transaction',
        auth_type: 'any',
        ...settings,
      };
      const login = `user=${server.username} password=${server.password}`;
      fs.writeFileSync(
        ini,
        `[databases]\n* = host=${server.hostname} port=${server.port} ${login}\n[pgbouncer]\n` +
          Object.entries(lines)
            .map(([name, value]) => `${name} = ${value}\n`)
            .join(''),
        { mode: 0o600 },
      );
      if (user !== undefined) fs.chownSync(ini, user.uid, user.gid);
      await keeper.run({
        id: 'pgbouncer',
        file,
        args: [ini],
        cwd: folder,
        env: plainEnvironment(),
        ...(user === undefined ? {} : { user }),
        log: path.join(folder, 'pgbouncer.log'),
        end: 'group',
      });
      const bouncer = new PgBouncer(keeper, server, port);
      await bouncer.answers();
      keeper.release();
      return bouncer;
    } catch (error) {
      await keeper.end();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.keeper.end();
  }

  private async answers(): Promise<void> {
    const giveUpAt = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await withClient(this.url, (client) => client.query('SELECT 1'));
        return;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await sleep(50);
      }
    }
  }
}
