import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Options } from '../../src/index.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { eventually } from '../support/processes.js';
import { RecordedUsage } from '../support/recorded-usage.js';
import { type ChildReplica, type Fate, ReplicaCrew } from './child-replica.js';

/** A lease that runs out in earnest here. One sender in each, so that nothing else of the child is under way where it stops. */
const LEASE_MS = 2500;
const SHORT_LEASE = { submission: { leaseMs: LEASE_MS, requestTimeoutMs: 1000, concurrency: 1 } };
const LONG_LEASE = { submission: { leaseMs: 600_000, concurrency: 1 } };

// Children load for as long as a busy machine takes.
jest.setTimeout(90_000);

let harness: LedgerHarness;
let usage: RecordedUsage;
const crew = new ReplicaCrew([
  ...Array<Fate>(2).fill({ pauseAt: 'submit.beforeCall' }),
  ...Array<Fate>(5).fill({ pauseAt: 'submit.afterCall' }),
  {},
  { pauseAt: 'seal.stamped' },
  { pauseAt: 'seal.written' },
]);

beforeAll(async () => {
  harness = await LedgerHarness.start({ options: { submission: { concurrency: 1 } } });
  usage = new RecordedUsage(harness);
});

afterEach(async () => {
  harness.simulator.faults.clear();
  await harness.expireLeases();
});

afterAll(async () => {
  await crew.dismiss();
  await harness.stop();
});

/** A buyer who has used two dimensions in an hour that is over. */
async function buyer() {
  const { id, agreement } = await harness.subscribe();
  await usage.record(
    { subscriptionId: id, dimension: 'requests', quantity: 7 },
    { subscriptionId: id, dimension: 'storage', quantity: '2.5' },
  );
  harness.advance(2);
  return { id, agreement };
}

async function stoppedChild(pauseAt: string, options: Options): Promise<ChildReplica> {
  const child = crew.take({ pauseAt });
  child.order(harness, pauseAt.startsWith('seal') ? ['seal'] : ['seal', 'submit'], options);
  await child.stopped();
  return child;
}

async function resumed(child: ChildReplica): Promise<void> {
  child.resume();
  expect(await child.ended()).toEqual({ code: 0, signal: null });
}

const statesOf = async (id: string) =>
  (await harness.records<{ subscription_id: string; state: string }>())
    .filter((record) => record.subscription_id === id)
    .map((record) => record.state);

const answersOf = async (id: string) =>
  harness.database.query<{ evidence: string; answer: string | null }>(
    `SELECT e.evidence, e.answer FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.id = e.attempt_id
     JOIN marketplace.metering_record r ON r.id = e.record_id WHERE r.subscription_id = $1
     GROUP BY a.submitter, e.evidence, e.answer ORDER BY min(a.committed_at)`,
    [id],
  );

const callsOf = (licenseArn: string): number =>
  harness.simulator.calls({ operation: 'BatchMeterUsage' }).filter((call) => JSON.stringify(call.request).includes(licenseArn)).length;

/** Gives back leases until none is left; the lease runs out by itself. */
const leasesRunOut = (): Promise<void> =>
  eventually('no record is under a lease', async () => {
    await harness.run('recovery');
    return (await harness.records("state = 'sending'")).length === 0;
  });

describe('stopped between claim and send', () => {
  it('sends nothing after its lease has run out, though another has sent meanwhile', async () => {
    const { id, agreement } = await buyer();
    const child = await stoppedChild('submit.beforeCall', SHORT_LEASE);
    expect(await statesOf(id)).toEqual(['sending', 'sending']);
    await leasesRunOut();
    await harness.settle();
    await usage.expectAllMetered();

    await resumed(child);
    expect(callsOf(agreement.licenseArn)).toBe(1);
    // Its own word that it sent nothing counts for nothing any more.
    expect(await answersOf(id)).toMatchObject([
      { evidence: 'uncertain', answer: 'NotSent' },
      { evidence: 'billed', answer: 'Success' },
    ]);
    await usage.expectAllMetered();
  });

  it('goes on as if nothing had been when its lease is still good', async () => {
    const { id, agreement } = await buyer();
    const child = await stoppedChild('submit.beforeCall', LONG_LEASE);
    await harness.settle(2);
    expect(await statesOf(id)).toEqual(['sending', 'sending']);
    await resumed(child);
    expect(callsOf(agreement.licenseArn)).toBe(1);
    await usage.expectAllMetered();
  });
});

describe('stopped with the answer in its hands, its lease run out', () => {
  it.each(['success', 'duplicateRecord'] as const)(
    'another has sent meanwhile, and AWS answers %s to it: one record, one charge',
    async (reading) => {
      harness.simulator.setSwitches({ identicalResend: reading });
      const { id, agreement } = await buyer();
      const child = await stoppedChild('submit.afterCall', LONG_LEASE);
      expect(harness.simulator.bill({ licenseArn: agreement.licenseArn })).toHaveLength(2);
      await harness.expireLeases();
      await harness.settle();
      expect(await statesOf(id)).toEqual(['metered', 'metered']);

      await resumed(child);
      expect(await answersOf(id)).toMatchObject([
        { evidence: 'billed', answer: 'Success' },
        { evidence: 'billed', answer: reading === 'success' ? 'Success' : 'DuplicateRecord' },
      ]);
      await usage.expectAllMetered();
    },
  );

  it('its late Success is proof for a record that waits again, and for one that was given up as unknown', async () => {
    const waiting = await buyer();
    const child = await stoppedChild('submit.afterCall', LONG_LEASE);
    await harness.expireLeases();
    await harness.run('recovery');
    expect(await statesOf(waiting.id)).toEqual(['pending', 'pending']);
    await resumed(child);
    expect(await statesOf(waiting.id)).toEqual(['metered', 'metered']);

    const forgotten = await buyer();
    const other = await stoppedChild('submit.afterCall', LONG_LEASE);
    harness.advance(26);
    await harness.expireLeases();
    await harness.run('recovery', 'deadline');
    expect(await statesOf(forgotten.id)).toEqual(['unknown', 'unknown']);
    await resumed(other);
    expect(await statesOf(forgotten.id)).toEqual(['metered', 'metered']);
    await usage.expectAllMetered();
  });

  it('its late No is no proof: the record goes on waiting, and is billed when AWS takes it', async () => {
    const { id, agreement } = await buyer();
    harness.simulator.suspend(agreement);
    const child = await stoppedChild('submit.afterCall', LONG_LEASE);
    await harness.expireLeases();
    await harness.run('recovery');
    await resumed(child);
    expect(await statesOf(id)).toEqual(['pending', 'pending']);
    expect(await answersOf(id)).toMatchObject([{ evidence: 'uncertain', answer: 'CustomerNotSubscribed' }]);

    harness.simulator.reinstate(agreement);
    await harness.settle();
    await usage.expectAllMetered();
  });
});

it('a call that takes effect after its sender was given up, and after another has sent: one charge', async () => {
  const { id, agreement } = await buyer();
  const latency = harness.simulator.faults.add({ kind: 'latency', ms: LEASE_MS + 1500, count: 1 });
  const child = crew.take({});
  child.order(harness, ['seal', 'submit'], SHORT_LEASE);
  await eventually('its call is under way', () => callsOf(agreement.licenseArn) === 1, 60_000);
  child.stop();
  expect(latency.hits).toBe(1);
  await leasesRunOut();
  await harness.settle();
  expect(await statesOf(id)).toEqual(['metered', 'metered']);

  await eventually('the first call has had its effect', () =>
    harness.simulator.calls({ operation: 'BatchMeterUsage', fault: 'latency' }).every((call) => call.effective),
  );
  await resumed(child);
  expect(await answersOf(id)).toMatchObject([{ evidence: 'uncertain' }, { evidence: 'billed' }]);
  await usage.expectAllMetered();
});

describe('stopped in the midst of a seal, its transaction open', () => {
  it('others are sealed meanwhile, and it ends its own', async () => {
    const held = await buyer();
    const child = await stoppedChild('seal.stamped', LONG_LEASE);
    // Recording never waits for a sealer, and the other replica passes by what is held.
    await usage.record({ subscriptionId: held.id, dimension: 'requests', quantity: 5 });
    const other = await buyer();
    await harness.settle();
    expect(await statesOf(held.id)).toEqual([]);
    expect(await statesOf(other.id)).toEqual(['metered', 'metered']);

    await resumed(child);
    expect(await statesOf(held.id)).toEqual(['pending', 'pending']);
    await harness.settle();
    await usage.expectAllMetered();
  });

  it('and not resumed: its rows are free when a lease is over', async () => {
    const held = await buyer();
    const child = await stoppedChild('seal.written', SHORT_LEASE);
    await eventually('another replica seals what it held', async () => {
      await harness.run('seal');
      return (await statesOf(held.id)).length > 0;
    });
    await harness.settle();
    await usage.expectAllMetered();

    // When it comes to after all, what it did is gone; it begins again, finds nothing to do, and blames nobody.
    await resumed(child);
    expect(await harness.openAlerts()).not.toContain('sealSkipped');
    await harness.settle();
    await usage.expectAllMetered();
  });
});
