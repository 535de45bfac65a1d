import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { SubmissionHold } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { withClient } from '../../tools/postgres/connection.js';
import { startHost } from '../support/host.js';
import { createTestDatabase, testServerUrl } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// G29: pg_dump and pg_restore of Debian's postgresql-client, which dump no server that is newer than they are.

const run = promisify(execFile);
const [, ofTools = '0'] = /\(PostgreSQL\) (\d+)/.exec(String(spawnSync('pg_dump', ['--version']).stdout)) ?? [];

async function ofServer(): Promise<number> {
  return withClient(testServerUrl(), async (client) => {
    const { rows } = await client.query<{ number: string }>(`SELECT current_setting('server_version_num') AS number`);
    return Math.floor(Number(rows[0]?.number) / 10_000);
  });
}

describe('G29 a dump that is restored into another database', () => {
  it('holds itself and says why; released, its sequences go on where they were, and all is billed once', async () => {
    const server = await ofServer();
    if (Number(ofTools) < server) {
      console.warn(`not run: pg_dump is of Postgres ${ofTools} (0: not installed), the server of ${server}`);
      expect(Number(ofTools)).toBeLessThan(server);
      return;
    }
    await using world = await World.start({ lists: [PRODUCT_CODE] });
    const buyer = await world.join('acme');
    await buyer.use(5);
    await world.pass(2);
    await buyer.use(2);
    for (const app of world.apps.splice(0)) await app.close();
    const folder = mkdtempSync(join(tmpdir(), 'dump-'));
    const restored = await createTestDatabase();
    try {
      await run('pg_dump', ['--format=custom', '--file', join(folder, 'ledger'), world.postgres.url]);
      await run('pg_restore', ['--exit-on-error', '--no-owner', '--dbname', restored.url, join(folder, 'ledger')]);
      const place = { databaseUrl: restored.url, awsEndpoint: world.simulator.url, clock: world.clock };
      world.apps.push(await startHost(replicaOptions(place, world.options), world.heard));
      await world.pass(2);
      expect(world.simulator.bill().map(({ quantity }) => quantity)).toEqual([5]);
      expect(await world.alerts('ledgerMoved')).toMatchObject([
        { message: expect.stringContaining(`begun in the database "${world.postgres.name}"`) },
      ]);
      const behind = await world.app.get(LedgerDatabase).query(
        `SELECT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'i'
         JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
         WHERE s.relkind = 'S' AND t.relnamespace = 'marketplace'::regnamespace
           AND coalesce((xpath('//max/text()', query_to_xml(format('SELECT max(%I) FROM %s', a.attname, t.oid::regclass),
             false, true, '')))[1]::text::bigint, 0) > coalesce(pg_sequence_last_value(s.oid), 0)`,
      );
      expect(behind).toEqual([]);
      await world.app.get(SubmissionHold).release('ada');
      await buyer.use(3);
      await world.pass(2);
      expect(await world.alerts()).toEqual([]);
      await world.expectAllBilled();
    } finally {
      for (const app of world.apps.splice(0)) await app.close();
      await restored.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
