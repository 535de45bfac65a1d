import { describe, expect, it, jest } from '@jest/globals';
import { QueueIntake, SubmissionHold } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { ledgerCommand } from '../../src/metering/settlement/ledger.command.js';
import { startHost } from '../support/host.js';
import { copyOf } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';
import { PRODUCT_CODE } from '../support/world.js';
import { withWorld } from './routes.js';

// I10: a copy of the database under another installation, and a replica with other settings, never sends.

jest.setTimeout(120_000);
const operation = 'BatchMeterUsage';

describe('a copy of the database', () => {
  it('records and seals, sends nothing, says why; released by one command, it bills nothing twice', async () => {
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
        expect(alert!.message).toContain('marketplace-ledger release --by <name>');
        const environment = { DATABASE_URL: copy.url };
        expect(await ledgerCommand(['status'], environment)).toMatchObject({
          exitCode: 1,
          stdout: expect.stringContaining('held: this ledger was begun in the database'),
        });

        // The original goes on beside it.
        world.clock.set(new Date('2026-11-11T11:20:00Z'));
        await world.turn();
        await world.expectUnits({ billed: { 'l-1': 5 } });

        expect(await ledgerCommand(['release', '--by', 'operator'], environment)).toMatchObject({
          exitCode: 0,
          stdout: expect.stringContaining('usage is sent'),
        });
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

describe('G8 a copy of the database with the same configuration', () => {
  it("does not read production's queue, by itself or when asked", async () => {
    await withWorld({ lists: [PRODUCT_CODE], ways: ['eventQueue'] }, async (world) => {
      for (const app of world.apps.splice(0)) await app.close();
      const copy = await copyOf(world.postgres);
      const place = { databaseUrl: copy.url, awsEndpoint: world.simulator.url, clock: world.clock };
      const inCopy = await startHost(replicaOptions(place, { ...world.options, jobs: { autoStart: true } }), [], {
        logger: false,
        parts: {},
        port: 0,
      });
      try {
        const buyer = world.sign();
        await world.simulator.notifications.settled();
        await inCopy.get(QueueIntake).receiveOnce();
        expect(await inCopy.get(LedgerDatabase).query(`SELECT FROM marketplace.inbox_message`)).toEqual([]);
        expect(await inCopy.get(LedgerDatabase).query(`SELECT kind FROM marketplace.alert`)).toEqual([
          { kind: 'ledgerMoved' },
        ]);

        // What it left alone is there for the original.
        await world.addReplica();
        await buyer.arrive();
        await buyer.signUp('acme');
        await world.hear();
        expect(await world.database.query(`SELECT type FROM marketplace.fact WHERE origin <> 'host'`)).not.toEqual([]);
        await buyer.use(5);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 5 } });

        // Moved there by a person, it reads.
        await inCopy.get(SubmissionHold).release('operator');
        world.sign();
        await world.simulator.notifications.settled();
        await inCopy.get(QueueIntake).receiveOnce();
        expect(await inCopy.get(LedgerDatabase).query(`SELECT FROM marketplace.inbox_message`)).not.toEqual([]);
      } finally {
        await inCopy.close();
        await copy.drop();
      }
    });
  });
});

describe('G9 a hold', () => {
  it('of one replica holds all three, also one that starts later, until one command releases all', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      await world.addReplica();
      await world.addReplica();
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.apps[1]!.get(SubmissionHold).hold('ada', 'the bill looks wrong');
      await world.pass(2);
      for (const app of world.apps.splice(0)) await app.close();
      for (let replica = 0; replica < 3; replica += 1) await world.addReplica();
      await world.pass(1);
      expect(world.simulator.calls({ operation })).toEqual([]);
      await world.expectUnits({ records: { pending: 5 } });
      const [alert] = await world.alerts();
      expect(alert).toMatchObject({
        kind: 'submissionHeld',
        message: expect.stringContaining('held by ada: the bill looks wrong'),
      });
      const environment = { DATABASE_URL: world.postgres.url };
      expect((await ledgerCommand(['status'], environment)).stdout).toMatch(/held by ada since .*the bill looks wrong/);

      expect((await ledgerCommand(['release', '--by', 'grace'], environment)).exitCode).toBe(0);
      await world.pass(1);
      expect(await world.alerts()).toEqual([]);
      await world.expectUnits({ billed: { 'l-1': 5 } });
      expect(
        await world.database.query(`SELECT is_held, decided_by FROM marketplace.submission_hold ORDER BY id`),
      ).toEqual([
        { is_held: true, decided_by: 'ada' },
        { is_held: false, decided_by: 'grace' },
      ]);
    });
  });

  it("of a start with startIn 'hold' holds replicas that run, and its command takes nobody's word", async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.addReplica({ startIn: 'hold' });
      await world.pass(2);
      expect(world.simulator.calls({ operation })).toEqual([]);
      const environment = { DATABASE_URL: world.postgres.url };
      for (const args of [[], ['release'], ['hold', '--by', 'ada'], ['release', '--by', 'ada', 'now'], ['--wipe']])
        expect(await ledgerCommand(args, environment)).toMatchObject({
          exitCode: 2,
          stderr: expect.stringContaining('usage'),
        });
      expect(await ledgerCommand(['status', '--seller', 'nobody'], environment)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('no ledger of "nobody"'),
      });
      await expect(world.app.get(SubmissionHold).release(' ')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
      await world.pass(1);
      expect(world.simulator.calls({ operation })).toEqual([]);
      await world.app.get(SubmissionHold).release('ada');
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });
});

describe('a replica with other settings', () => {
  it('stops the one that started before it, which names the option; a person brings the other back by its revision', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const first = world.app;
      await world.addReplica({ aws: { endpoint: 'http://127.0.0.1:9' } });
      const buyer = await world.join('acme');
      await buyer.use(5);
      world.clock.set(new Date('2026-11-11T11:15:00Z'));
      await world.runOn(first, 'seal', 'submit', 'recovery', 'submit', 'deadline');
      expect(world.simulator.calls({ operation })).toEqual([]);
      const [alert] = (await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer');
      expect(alert!.message).toMatch(
        /aws\.endpoint: here http:\/\/127\.0\.0\.1:\d+, in force http:\/\/127\.0\.0\.1:9\)/,
      );
      expect(alert!.message).toContain('MARKETPLACE_SETTINGS_REVISION) 1 or higher');
      expect(await world.records(`attempt_count > 0`)).toEqual([]);

      // Who starts last decides nothing: these settings were in force before.
      await world.restart();
      await world.turn();
      expect(world.simulator.calls({ operation })).toEqual([]);
      expect((await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer')).toHaveLength(1);

      await world.restart({ options: { settingsRevision: 1 } });
      await world.turn();
      await world.expectUnits({ billed: { 'l-1': 5 } });
      expect((await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer')).toEqual([]);
    });
  });

  it('with the same settings stops nobody', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      await world.addReplica();
      await world.restart();
      expect(await world.database.query(`SELECT generation FROM marketplace.product_settings`)).toEqual([
        { generation: 1 },
      ]);
    });
  });
});
