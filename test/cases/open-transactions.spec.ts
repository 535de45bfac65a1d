// Transactions of the host that record usage and stay open for minutes, over the end of the hour and of the agreement,
// while others record into the same hour and it is sealed, sent and closed.
import { describe, expect, it, jest } from '@jest/globals';
import { DataSource, type QueryRunner } from 'typeorm';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

jest.setTimeout(120_000);

async function withHost(world: World, play: (begin: () => Promise<QueryRunner>) => Promise<void>): Promise<void> {
  const source = await new DataSource({ type: 'postgres', url: world.postgres.url, poolSize: 8 }).initialize();
  const open: QueryRunner[] = [];
  try {
    await play(async () => {
      const runner = source.createQueryRunner();
      await runner.connect();
      await runner.startTransaction();
      open.push(runner);
      return runner;
    });
  } finally {
    for (const runner of open) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      await runner.release();
    }
    await source.destroy();
  }
}

/** As a module that runs does, every five minutes. */
async function minutes(world: World, count: number): Promise<void> {
  await world.pass(count / 60, 5 / 60);
}

const billed = (world: World): (readonly [hour: string, units: number])[] =>
  world.simulator
    .bill()
    .filter(({ quantity }) => quantity > 0)
    .map(({ hour, quantity }) => [hour.slice(11, 13), quantity] as const)
    .toSorted();

describe('a transaction of the host that stays open', () => {
  it.each([
    // Begun at 10:30. Hour 10 settles at 11:10.
    ['within its hour', 20, [['10', 5 + 7 + 11]]],
    ['over the end of the hour, until it settles', 35, [['10', 5 + 7 + 11]]],
    [
      'until its hour is sealed and billed',
      50,
      [
        ['10', 5 + 7],
        ['11', 11],
      ],
    ],
    [
      'for seventy minutes',
      70,
      [
        ['10', 5 + 7],
        ['11', 11],
      ],
    ],
    [
      'for three hours',
      180,
      [
        ['10', 5 + 7],
        ['12', 11],
      ],
    ],
  ] as const)(
    '%s is billed once, in its hour or the last one that was free when it committed',
    async (_, openFor, bill) => {
      await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
        const buyer = await world.join('acme');
        await minutes(world, 30);
        await buyer.use(5, { idempotencyKey: 'before' });
        await withHost(world, async (begin) => {
          const [kept, dropped] = [await begin(), await begin()];
          const usage = { tenantId: 'acme', dimension: 'requests' };
          await world.metering.record({ ...usage, quantity: 11 }, { manager: kept.manager });
          await world.metering.record({ ...usage, quantity: 13 }, { manager: dropped.manager });
          // Refusals of the same hour, caught: by what is written already, and by what nobody sells.
          for (const refused of [
            { ...usage, quantity: 17, idempotencyKey: 'before' },
            { ...usage, quantity: 19, dimension: 'unheard-of' },
          ])
            await expect(world.metering.record(refused, { manager: kept.manager })).rejects.toMatchObject({
              code: expect.any(String),
            });
          // Whoever records beside it is not kept waiting.
          await buyer.use(7, { idempotencyKey: 'beside' });
          await minutes(world, openFor);
          await kept.commitTransaction();
          await dropped.rollbackTransaction();
        });
        world.count(11);
        await minutes(world, 150);
        expect(billed(world)).toEqual(bill);
        expect(await world.expectConserved()).toEqual({ billed: expect.anything() });
      });
    },
  );

  it('when its agreement ends meanwhile is billed in the last hour while that one is open, and held with its reason after it', async () => {
    for (const [openFor, bill, where] of [
      [5, [['10', 5 + 11]], { billed: { 'l-1': 16 } }],
      [100, [['10', 5]], { billed: { 'l-1': 5 }, records: { 'held noHour': 11 } }],
    ] as const) {
      await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
        const buyer = await world.join('acme');
        await minutes(world, 30);
        await buyer.use(5);
        await withHost(world, async (begin) => {
          const slow = await begin();
          await world.metering.record(
            { tenantId: 'acme', dimension: 'requests', quantity: 11 },
            { manager: slow.manager },
          );
          await minutes(world, 5);
          buyer.cancel();
          await minutes(world, openFor);
          await slow.commitTransaction();
        });
        world.count(11);
        await minutes(world, 240);
        expect([openFor, billed(world)]).toEqual([openFor, bill]);
        expect(await world.expectConserved()).toEqual(where);
      });
    }
  });

  it('many at once, ended in any order, lose and double nothing', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      await minutes(world, 40);
      let committed = 0;
      await withHost(world, async (begin) => {
        const open: { runner: QueryRunner; units: number; endsAfter: number; isKept: boolean }[] = [];
        for (let index = 0; index < 8; index += 1) {
          const runner = await begin();
          const units = 2 ** index;
          await world.metering.record(
            { tenantId: 'acme', dimension: 'requests', quantity: units },
            { manager: runner.manager },
          );
          open.push({ runner, units, endsAfter: ((index * 5) % 8) * 10, isKept: index % 3 !== 0 });
        }
        for (let passed = 0; passed <= 80; passed += 10) {
          for (const { runner, units, isKept } of open.filter(({ endsAfter }) => endsAfter === passed)) {
            if (isKept) {
              await runner.commitTransaction();
              committed += units;
            } else await runner.rollbackTransaction();
          }
          await buyer.use(0.5);
          await minutes(world, 10);
        }
      });
      world.count(committed);
      await minutes(world, 180);
      const units = billed(world).reduce((sum, [, quantity]) => sum + quantity, 0);
      expect(units).toBe(Math.floor(committed + 4.5));
      await world.expectConserved();
    });
  });
});
