import { describe, expect, it } from '@jest/globals';
import { type Fault, type SeededRandom } from 'aws-marketplace-simulator';
import { type UsageEvent } from '../../src/index.js';
import { DIMENSIONS, LedgerHarness } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';
import { pick, seededRun } from '../support/seeded-run.js';

const HOUR_MS = 3_600_000;
const BUYERS = 8;
const HOURS = 6;
const EVENTS_AN_HOUR = 60;
const REQUEST_TIMEOUT_MS = 250;
const SUBMISSION = { submission: { requestTimeoutMs: REQUEST_TIMEOUT_MS, leaseMs: 1000 } };

/** All that AWS and the network can do to a call, each now and then. */
function faultsOf(random: SeededRandom): Fault[] {
  const operation = 'BatchMeterUsage';
  const some = (): boolean => random.next() < 0.4;
  return [
    { kind: 'throttle', operation, probability: 0.1 },
    { kind: 'resetBefore', operation, probability: 0.08 },
    { kind: 'resetAfter', operation, probability: 0.08 },
    { kind: 'error500Before', operation, probability: 0.08 },
    { kind: 'error500After', operation, probability: 0.08 },
    { kind: 'latency', operation, probability: 0.05, ms: REQUEST_TIMEOUT_MS + 150 },
    { kind: 'latency', operation, probability: 0.05, ms: REQUEST_TIMEOUT_MS + 150, afterEffect: true },
    { kind: 'unprocessed', operation, probability: 0.15, subset: some, afterEffect: some },
    { kind: 'truncateResults', operation, probability: 0.08, drop: 2 },
    { kind: 'truncateResults', operation, probability: 0.08, drop: 2, afterEffect: false },
  ];
}

describe.each([
  { count: 2, identicalResend: 'success' },
  { count: 4, identicalResend: 'duplicateRecord' },
] as const)(
  '$count replicas on one ledger, AWS and the network failing in every way, $identicalResend for a resend',
  ({ count, identicalResend }) => {
    it('every unit recorded is metered exactly once', async () => {
      await seededRun(20_261_100 + count, async (random, seed) => {
        const first = await LedgerHarness.start({
          simulator: { seed, switches: { resultOrder: 'shuffled', identicalResend } },
          options: SUBMISSION,
        });
        const replicas = [first];
        try {
          while (replicas.length < count) replicas.push(await first.replica({ options: SUBMISSION }));
          await expectToSurviveStorm(replicas, random);
        } finally {
          for (const replica of replicas.reverse()) await replica.stop();
        }
      });
    });
  },
);

async function expectToSurviveStorm(replicas: LedgerHarness[], random: SeededRandom): Promise<void> {
  const [first] = replicas as [LedgerHarness];
  const usage = new RecordedUsage(first);
  const ids: string[] = [];
  for (let buyer = 0; buyer < BUYERS; buyer += 1) ids.push((await first.subscribe()).id);

  for (let hour = 0; hour < HOURS; hour += 1) {
    first.simulator.faults.clear();
    const faults = faultsOf(random);
    // Each of them for certain in one of the hours in which there is something to send (the first hour settles in the third); then as chance has it.
    for (const [index, fault] of faults.entries()) {
      if (index % (HOURS - 2) === hour - 2) first.simulator.faults.add({ ...fault, probability: 1, count: 1 });
    }
    for (const fault of faults) first.simulator.faults.add(fault);
    let isOver = false;
    const work = replicas.map(async (replica) => {
      while (!isOver) await replica.run('seal', 'submit', 'recovery');
    });
    const events = Array.from({ length: EVENTS_AN_HOUR }, (): UsageEvent => {
      const lateHours = random.next() < 0.3 ? random.integer(hour + 1) : 0;
      return {
        subscriptionId: pick(random, ids),
        dimension: pick(random, DIMENSIONS),
        quantity: String(random.integer(3000) / 1000),
        occurredAt: new Date(first.clock.now().getTime() - lateHours * HOUR_MS),
        ...(random.next() < 0.3 ? { tags: { team: pick(random, ['blue', 'green']) } } : {}),
      };
    });
    try {
      for (const [index, event] of events.entries()) {
        await pick(random, replicas).metering.record(event);
        usage.add(event);
        if (index % 20 === 0) await first.expectBalanced();
      }
      // As if senders had been frozen: their calls are still under way when others take the records over.
      await first.expireLeases();
      first.advance(1);
    } finally {
      isOver = true;
      await Promise.all(work);
    }
    await first.expectBalanced();
  }

  first.simulator.faults.clear();
  await strikeWithTheRest(first, usage, pick(random, ids), faultsOf(random));
  first.simulator.faults.clear();
  first.advance(1);
  await Promise.all(replicas.map((replica) => replica.settle()));
  await first.expireLeases();
  await first.settle();
  await usage.expectAllMetered();
  const hits = first.simulator.faults.hits();
  expect(faultsOf(random).filter(({ kind }) => hits[kind] === 0)).toEqual([]);
}

/** Whatever has not struck yet, because its hour saw too few calls, strikes a call of its own. */
async function strikeWithTheRest(first: LedgerHarness, usage: RecordedUsage, subscriptionId: string, faults: Fault[]): Promise<void> {
  for (const fault of faults.filter(({ kind }) => first.simulator.faults.hits()[kind] === 0)) {
    first.simulator.faults.add({ ...fault, probability: 1, count: 1 });
    const event = { subscriptionId, dimension: 'requests', quantity: '5', occurredAt: first.clock.now() };
    await first.metering.record(event);
    usage.add(event);
    first.advance(2);
    await first.settle();
  }
}
