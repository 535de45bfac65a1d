import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource, type QueryRunner } from 'typeorm';
import { SeededRandom } from 'aws-marketplace-simulator';
import { type UsageEvent } from '../../src/index.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';

const LEVELS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const;

let harness: LedgerHarness;
let usage: RecordedUsage;
let host: DataSource;

beforeAll(async () => {
  harness = await LedgerHarness.start();
  usage = new RecordedUsage(harness);
  host = await new DataSource({ type: 'postgres', url: harness.postgres.url, poolSize: 20 }).initialize();
});

afterAll(async () => {
  await host.destroy();
  await harness.stop();
});

async function hostTransaction(level: (typeof LEVELS)[number]): Promise<QueryRunner> {
  const runner = host.createQueryRunner();
  await runner.startTransaction(level);
  return runner;
}

interface HourRecord {
  hour: Date;
  quantity: string;
  state: string;
  notes: { late?: { hour: string; quantity: string }[] };
}

const recordsOf = (id: string): Promise<HourRecord[]> =>
  harness.records<HourRecord>(`subscription_id = '${id}' AND dimension = 'requests'`);

describe.each(LEVELS)('a host transaction at %s that stays open across a seal', (level) => {
  it('committed later: billed late, once', async () => {
    const { id } = await harness.subscribe();
    const hour = harness.clock.now();
    const event = (quantity: number): UsageEvent => ({ subscriptionId: id, dimension: 'requests', quantity });
    const open = await hostTransaction(level);
    await harness.metering.record(event(5), { manager: open.manager });
    await usage.record(event(3));
    harness.advance(2);
    await harness.settle();
    expect(await recordsOf(id)).toMatchObject([{ quantity: '3', state: 'metered' }]);

    await open.commitTransaction();
    await open.release();
    usage.add(event(5));
    harness.advance(1);
    await harness.settle();
    expect(await recordsOf(id)).toMatchObject([
      { quantity: '3', state: 'metered' },
      { quantity: '5', state: 'metered', notes: { late: [{ hour: hour.toISOString(), quantity: '5' }] } },
    ]);
    harness.advance(1);
    await harness.settle();
    await usage.expectAllMetered();
  });

  it('rolled back: never billed', async () => {
    const { id } = await harness.subscribe();
    const open = await hostTransaction(level);
    await harness.metering.record({ subscriptionId: id, dimension: 'requests', quantity: 100 }, { manager: open.manager });
    harness.advance(2);
    await harness.settle();
    await open.rollbackTransaction();
    await open.release();
    harness.advance(1);
    await harness.settle();
    expect(await recordsOf(id)).toEqual([]);
    await usage.expectAllMetered();
  });
});

it('host transactions of every level that end at any moment of sealing by two replicas: every committed unit once', async () => {
  const other = await harness.replica();
  try {
    const random = new SeededRandom(4);
    const ids = [(await harness.subscribe()).id, (await harness.subscribe()).id];
    for (let hour = 0; hour < 3; hour += 1) {
      const open: { runner: QueryRunner; event: UsageEvent }[] = [];
      for (let index = 0; index < 15; index += 1) {
        const event = { subscriptionId: ids[index % 2] ?? '', dimension: 'storage', quantity: random.integer(1000) / 1000 };
        const runner = await hostTransaction(LEVELS[index % 3] ?? 'SERIALIZABLE');
        await harness.metering.record(event, { manager: runner.manager });
        open.push({ runner, event });
      }
      harness.advance(1.5);
      const end = async ({ runner, event }: { runner: QueryRunner; event: UsageEvent }): Promise<void> => {
        if (random.next() < 0.3) {
          await runner.rollbackTransaction();
        } else {
          await runner.commitTransaction();
          usage.add(event);
        }
        await runner.release();
      };
      const ends = (async () => {
        for (const transaction of open) await end(transaction);
      })();
      await Promise.all([ends, harness.run('seal', 'submit', 'seal', 'submit'), other.run('seal', 'submit', 'seal', 'submit')]);
    }
    harness.advance(2);
    await harness.settle();
    await usage.expectAllMetered();
  } finally {
    await other.stop();
  }
});
