import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { prepareBinaries, unprivilegedUser } from './binaries.js';
import { Cluster } from './cluster.js';
import { createDatabaseSql, databaseUrl, freePort, withClient } from './connection.js';
import { KeeperChannel } from './keeper-channel.js';
import { endWithLauncher } from './launcher-watch.js';

/** How to start a {@link PostgresServer}. Everything has a default. */
export interface PostgresServerOptions {
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * Where the cluster lives, created when empty and kept afterwards. Default: a temporary folder, removed with the
   * server.
   */
  readonly dataDir?: string;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

const PORT_ATTEMPTS = 5;

/**
 * A real Postgres from npm packages, for the demo and the tests: nothing to install, listening on 127.0.0.1 only, with
 * a random password.
 *
 * It ends with the process that started it, however that ends: a keeper process stops the server and removes its
 * folder. Until then it stays up, even while Ctrl-C goes through the process group, so that the application can still
 * drain into it.
 */
export class PostgresServer {
  /** URL of the superuser, in the database `postgres`. */
  readonly url: string;

  private constructor(
    private readonly keeper: KeeperChannel,
    /** The TCP port on 127.0.0.1. */
    readonly port: number,
    password: string,
    /** The process id of the server. */
    readonly pid: number,
  ) {
    this.url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  }

  /**
   * Creates a cluster when there is none yet, and starts the server.
   *
   * @throws EmbeddedPostgresUnavailableError where the binaries do not exist or do not run.
   */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    endWithLauncher();
    const user = unprivilegedUser();
    const scratch = path.join(fs.realpathSync(os.tmpdir()), `embedded-postgres-${randomBytes(6).toString('hex')}`);
    const keeper = await KeeperChannel.start(scratch, user);
    try {
      const binaries = prepareBinaries(scratch, user);
      const dataDir = options.dataDir === undefined ? path.join(scratch, 'data') : path.resolve(options.dataDir);
      const cluster = new Cluster(keeper, binaries, dataDir, { isKept: options.dataDir !== undefined, user });
      const password = await cluster.ensure();
      for (let attempt = 1; ; attempt += 1) {
        const port = options.port ?? (await freePort());
        try {
          const pid = await cluster.serve(port, options.settings ?? {}, attempt);
          keeper.release();
          return new PostgresServer(keeper, port, password, pid);
        } catch (error) {
          // Between finding a free port and taking it somebody else may have.
          const taken = error instanceof Error && /could not bind|already in use/i.test(error.message);
          if (!taken || options.port !== undefined || attempt >= PORT_ATTEMPTS) {
            throw error;
          }
        }
      }
    } catch (error) {
      await keeper.end();
      throw error;
    }
  }

  /** URL of the superuser in the database `name`. */
  databaseUrl(name: string): string {
    return databaseUrl(this.url, name);
  }

  /** Creates the database `name`, empty or as a copy of `template`, and returns its URL. */
  async createDatabase(name: string, options: { readonly template?: string } = {}): Promise<string> {
    await withClient(this.url, async (client) => {
      await client.query(createDatabaseSql(name, options.template));
    });
    return this.databaseUrl(name);
  }

  /** The process id of the keeper, which outlives this process just long enough to clean up. */
  get keeperPid(): number {
    return this.keeper.pid;
  }

  /** Stops the server and removes its temporary folder. Harmless when repeated. */
  async stop(): Promise<void> {
    await this.keeper.end();
  }
}
