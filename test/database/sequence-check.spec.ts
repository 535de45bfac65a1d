import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { withClient } from '../../tools/postgres/connection.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { healSequences } from '../../src/database/sequence-check.js';
import { World } from '../support/world.js';

describe('G12 a sequence behind its table, as after a restore or a copy by hand', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
    const buyer = await world.join('acme');
    await buyer.use(5);
    await world.pass(2);
  }, 120_000);
  afterAll(() => world.stop());

  const lastOf = async (sequence: string): Promise<number> => {
    const [row] = await world.database.query<{ last: string }>(
      `SELECT pg_sequence_last_value('${sequence}'::regclass)::text AS last`,
    );
    return Number(row?.last);
  };

  it.each([
    ['outbox_event', 'marketplace.outbox_event_position_seq'],
    ['attempt', 'marketplace.attempt_position_seq'],
    ['rollup', 'marketplace.rollup_id'],
    ['subject', 'marketplace.subject_id_seq'],
    ['dimension', 'marketplace.dimension_id_seq'],
    ['product_mode', 'marketplace.product_mode_id_seq'],
  ])(
    'of %s is healed at the start, and events and usage go on',
    async (_, sequence) => {
      const before = await lastOf(sequence);
      await world.database.query(`SELECT setval('${sequence}', 1, false)`);
      await world.restart();
      expect(await lastOf(sequence)).toBeGreaterThanOrEqual(before);
      await world.record({ tenantId: 'acme', quantity: 1, productCode: 'larkspur' });
      await world.pass(2);
      expect(await healSequences(world.database)).toEqual([]);
      await world.expectConserved();
    },
    120_000,
  );

  it('that the role may not move is told with the statement to run', async () => {
    await world.database.query(`SELECT setval('marketplace.outbox_event_position_seq', 1, false)`);
    const role = `sequence_reader_${process.pid}`;
    await withClient(world.postgres.url, async (client) => {
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'example'`);
      await client.query(`GRANT USAGE ON SCHEMA marketplace TO ${role}`);
      await client.query(`GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA marketplace TO ${role}`);
      await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA marketplace TO ${role}`);
    });
    const url = new URL(world.postgres.url);
    [url.username, url.password] = [role, 'example'];
    const source = await createDataSource({ database: { url: url.href, poolSize: 2 } }).initialize();
    try {
      await expect(healSequences(new LedgerDatabase(source))).rejects.toMatchObject({
        code: 'SEQUENCE_BEHIND',
        message: expect.stringContaining('SELECT setval'),
      });
    } finally {
      await source.destroy();
      await withClient(world.postgres.url, async (client) => {
        await client.query(`DROP OWNED BY ${pg.escapeIdentifier(role)}; DROP ROLE ${pg.escapeIdentifier(role)}`);
      });
    }
    expect(await healSequences(world.database)).toEqual(['outbox_event']);
  }, 120_000);
});
