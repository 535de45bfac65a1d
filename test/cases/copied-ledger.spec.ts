import { describe, expect, it, jest } from '@jest/globals';
import { SubmissionHold } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { startHost } from '../support/host.js';
import { copyOf } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { PRODUCT_CODE } from '../support/world.js';
import { withWorld } from './routes.js';

// I10: a copy of the database under another installation, and a replica with other settings, never sends.

jest.setTimeout(120_000);
const operation = 'BatchMeterUsage';

describe('a copy of the database', () => {
  it('records and seals, sends nothing, says why; released, it bills nothing twice', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      for (const app of world.apps.splice(0)) await app.close();
      // Of the same cluster: the system identifier is the same.
      const copy = await copyOf(world.postgres);
      await world.addReplica();
      const place = { databaseUrl: copy.url, awsEndpoint: world.simulator.url, clock: world.clock };
      const inCopy = await startHost(replicaOptions(place, world.options), [], { logger: false, parts: {}, port: 0 });
      const copied = inCopy.get(LedgerDatabase);
      const lines = (sql: string): Promise<Record<string, unknown>[]> => copied.query(sql);
      try {
        world.clock.set(new Date('2026-11-11T11:15:00Z'));
        await world.runOn(inCopy, 'seal', 'submit', 'recovery', 'deadline');
        expect(world.simulator.calls({ operation })).toEqual([]);
        expect(await lines(`SELECT state FROM marketplace.metering_record`)).toEqual([{ state: 'pending' }]);
        const [alert] = await lines(`SELECT message FROM marketplace.alert WHERE kind = 'ledgerMoved'`);
        expect(alert!.message).toContain(`begun in the database "${world.postgres.name}"`);
        expect(alert!.message).toContain(`this is "${copy.name}"`);
        expect(alert!.message).toContain('SubmissionHold.release(by)');

        // The original goes on beside it.
        world.clock.set(new Date('2026-11-11T11:20:00Z'));
        await world.turn();
        await world.expectUnits({ billed: { 'l-1': 5 } });

        await inCopy.get(SubmissionHold).release('operator');
        await world.runOn(inCopy, 'submit', 'recovery', 'submit');
        expect(world.simulator.calls({ operation }).length).toBeGreaterThan(1);
        expect(world.simulator.bill().map(({ quantity }) => quantity)).toEqual([5]);
        expect(
          await lines(`SELECT 1 FROM marketplace.alert WHERE kind = 'ledgerMoved' AND resolved_at IS NULL`),
        ).toEqual([]);
        expect(await lines(`SELECT pinned_by FROM marketplace.ledger_home`)).toEqual([{ pinned_by: 'operator' }]);
      } finally {
        await inCopy.close();
        await copy.drop();
      }
      // The original was never held, and is not now.
      await buyer.use(2);
      await world.pass(2);
      expect(await world.alerts()).toEqual([]);
      await world.expectUnits({ billed: { 'l-1': 7 } });
    });
  });
});

describe('a replica with other settings', () => {
  it('stops the one that started before it, which names the option; the last start counts', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const first = world.app;
      await world.addReplica({ aws: { endpoint: 'http://127.0.0.1:9' } });
      const buyer = await world.join('acme');
      await buyer.use(5);
      world.clock.set(new Date('2026-11-11T11:15:00Z'));
      await world.runOn(first, 'seal', 'submit', 'recovery', 'submit');
      expect(world.simulator.calls({ operation })).toEqual([]);
      const [alert] = (await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer');
      expect(alert!.message).toMatch(/aws\.endpoint: here http:\/\/127\.0\.0\.1:\d+, there http:\/\/127\.0\.0\.1:9\)/);
      expect(await world.records(`attempt_count > 0`)).toEqual([]);

      await world.restart();
      await world.turn();
      await world.expectUnits({ billed: { 'l-1': 5 } });
      expect((await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer')).toEqual([]);
    });
  });

  it('with the same settings stops nobody', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      await world.addReplica();
      await world.restart();
      expect(await world.database.query(`SELECT settings_generation FROM marketplace.product`)).toEqual([
        { settings_generation: 1 },
      ]);
    });
  });
});
