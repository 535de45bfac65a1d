import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CommitUnknownError } from '../../../src/database/ledger-database.js';
import { FreezingProxy } from '../../support/freezing-proxy.js';
import { eventually } from '../../support/processes.js';
import { type Replica, SubmissionBench, type TestSubscription } from '../submission/submission-bench.js';

jest.setTimeout(120_000);

const SIGNED = { by: 'ada', reason: 'the proxy was mended' };

let bench: SubmissionBench;
let subscription: TestSubscription;
beforeEach(async () => {
  bench = await SubmissionBench.start({ options: { submission: { concurrency: 1 } } });
  subscription = await bench.subscribe();
});
let billIsLedger: boolean;
beforeEach(() => {
  billIsLedger = true;
});
afterEach(async () => {
  await bench.expectConserved({ bill: billIsLedger });
  await bench.stop();
});

/** Records of as many hours that an answer which nobody knows has blocked. */
async function blocked(count: number, dimension = 'requests'): Promise<string[]> {
  const ids = [];
  for (const hour of bench.hours(count)) ids.push(await bench.seal(subscription, { hour, dimension, quantity: 2 }));
  const strange = bench.simulator.faults.add({ kind: 'unknownStatus', status: 'Deferred' });
  await bench.first.submit();
  strange.remove();
  for (const id of ids) expect(await bench.record(id)).toMatchObject({ state: 'blocked', reason: 'unrecognised' });
  return ids.sort();
}

interface Trail {
  by: string;
  target: object;
  result: { records: number; recordIds: string[] };
}
const trail = (): Promise<Trail[]> =>
  bench.database.query<Trail>(
    `SELECT decided_by AS by, target, result FROM marketplace.operator_action WHERE action = 'records.requeued' ORDER BY id`,
  );
const states = async (ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await bench.record(id)).state));

describe('G6 one action requeues what a person decided to', () => {
  it('all of a cause, and no other; what it cannot help is left and counted; each record stands once in the trail', async () => {
    billIsLedger = false;
    const other = await bench.subscribe();
    const conflict = await bench.seal(other, { quantity: 5 });
    await bench.meterElsewhere(other, 4);
    await bench.first.submit();
    expect(await bench.record(conflict)).toMatchObject({ state: 'blocked', reason: 'conflict' });
    const ids = await blocked(3);
    const stored = await blocked(2, 'storage');

    const selection = { productCode: 'larkspur', dimension: 'requests' };
    expect(await bench.first.resolution.requeueAll(selection, SIGNED)).toEqual({
      ...{ records: 3, units: '6', left: [{ why: 'conflict', records: 1 }] },
    });
    expect(await states(ids)).toEqual(['pending', 'pending', 'pending']);
    expect(await states(stored)).toEqual(['blocked', 'blocked']);
    expect(await trail()).toMatchObject([{ by: 'ada', target: selection, result: { records: 3 } }]);
    expect((await trail())[0]?.result.recordIds.toSorted()).toEqual(ids);
    expect(await bench.first.resolution.requeueAll(selection, SIGNED)).toMatchObject({ records: 0, units: '0' });
    expect(await trail()).toHaveLength(1);

    await bench.first.resolution.requeueAll({ reason: 'unrecognised' }, SIGNED);
    await bench.settle();
    expect(await states([...ids, ...stored])).toEqual(Array.from({ length: 5 }, () => 'metered'));
    expect(await states([conflict])).toEqual(['blocked']);
  });

  it.each([
    ['nothing named', {}, SIGNED],
    ['an empty name', { dimension: '' }, SIGNED],
    ['what no database holds', { reason: 'a\0b' }, SIGNED],
    ['no UUID', { subscriptionId: 'one' }, SIGNED],
    ['no name of a person', { reason: 'unrecognised' }, { by: ' ', reason: 'r' }],
  ])('%s is refused, and nothing is requeued', async (_, selection, signed) => {
    const ids = await blocked(1);
    await expect(bench.first.resolution.requeueAll(selection, signed)).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
    });
    expect(await states(ids)).toEqual(['blocked']);
    expect(await trail()).toEqual([]);
  });

  it.each(['takes place after all', 'never takes place'])(
    'a COMMIT without an answer, which %s: the action says that it does not know; done again, each record is requeued once',
    async (fate) => {
      const ids = await blocked(3);
      const proxy = await FreezingProxy.before(bench.postgres.url);
      try {
        const cut = await bench.replica({
          database: { url: proxy.through(bench.postgres.url), poolSize: 2, statementTimeoutMs: 2000 },
          // The server keeps a transaction that stands still for as long.
          submission: { leaseMs: 60_000 },
        });
        freezeBeforeCommit(cut, proxy);
        const error = await cut.resolution
          .requeueAll({ reason: 'unrecognised' }, SIGNED)
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(CommitUnknownError);
        if (fate === 'takes place after all') {
          proxy.thaw();
          await eventually('it has taken place', async () => (await states(ids)).every((state) => state === 'pending'));
        }
        await proxy.stop();
        const again = await bench.first.resolution.requeueAll({ reason: 'unrecognised' }, SIGNED);
        expect(again.left).toEqual([]);
        expect(await states(ids)).toEqual(['pending', 'pending', 'pending']);
        const told = (await trail()).flatMap(({ result }) => result.recordIds);
        expect(told.toSorted()).toEqual(ids);
      } finally {
        await proxy.stop().catch(() => undefined);
      }
      await eventually('AWS has all of it', async () => {
        await bench.first.submit();
        await bench.first.recovery.run();
        return (await states(ids)).every((state) => state === 'metered');
      });
    },
  );
});

function freezeBeforeCommit({ database }: Replica, proxy: FreezingProxy): void {
  const transaction = database.transaction.bind(database);
  database.transaction = (work, settings) =>
    transaction(async (tx) => {
      const result = await work(tx);
      proxy.freeze();
      return result;
    }, settings);
}
