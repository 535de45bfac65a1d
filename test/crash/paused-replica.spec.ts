import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Options } from '../../src/index.js';
import { eventually } from '../support/processes.js';
import { World } from '../support/world.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { type ChildReplica, type Fate, ReplicaCrew } from './child-replica.js';

/**
 * A lease that runs out in earnest here. One sender in each, so that nothing else of the child is under way where it
 * stops.
 */
const LEASE_MS = 2500;
const SHORT_LEASE = { submission: { leaseMs: LEASE_MS, requestTimeoutMs: 1000, concurrency: 1 } };
const LONG_LEASE = { submission: { leaseMs: 600_000, concurrency: 1 } };

// Children load for as long as a busy machine takes.
jest.setTimeout(90_000);

let world: World;
const crew = new ReplicaCrew([
  ...Array<Fate>(2).fill({ pauseAt: 'submit.beforeCall' }),
  ...Array<Fate>(5).fill({ pauseAt: 'submit.afterCall' }),
  {},
  { pauseAt: 'seal.planned' },
  { pauseAt: 'seal.written' },
]);

beforeAll(async () => {
  world = await World.start({ options: { submission: { concurrency: 1 } } });
});

afterEach(async () => {
  world.simulator.faults.clear();
  await world.expireLeases();
});

afterAll(async () => {
  await crew.dismiss();
  await world.stop();
});

let tenants = 0;

/** A buyer who has used two dimensions in an hour that is over. */
async function buyer(): Promise<Buyer> {
  tenants += 1;
  const one = await world.join(`tenant-${tenants}`);
  await one.use(7);
  await one.use('2.5', { dimension: 'storage' });
  world.clock.advance(2 * HOUR_MS);
  return one;
}

async function stoppedChild(pauseAt: string, options: Options): Promise<ChildReplica> {
  const child = crew.take({ pauseAt });
  child.order(world, pauseAt.startsWith('seal') ? ['seal'] : ['seal', 'submit'], options);
  await child.stopped();
  return child;
}

async function resumed(child: ChildReplica): Promise<void> {
  child.resume();
  expect(await child.ended()).toEqual({ code: 0, signal: null });
}

const statesOf = async ({ subscriptionId }: Buyer) =>
  (await world.records<{ subscription_id: string; state: string }>())
    .filter((record) => record.subscription_id === subscriptionId)
    .map((record) => record.state);

const answersOf = async ({ subscriptionId }: Buyer) =>
  world.database.query<{ evidence: string; answer: string | null }>(
    `SELECT e.evidence, e.answer FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.id = e.attempt_id
     JOIN marketplace.metering_record r ON r.id = e.record_id WHERE r.subscription_id = $1
     GROUP BY a.submitter, e.evidence, e.answer ORDER BY min(a.committed_at)`,
    [subscriptionId],
  );

const callsOf = ({ agreement: { licenseArn } }: Buyer): number =>
  world.simulator
    .calls({ operation: 'BatchMeterUsage' })
    .filter((call) => JSON.stringify(call.request).includes(licenseArn)).length;

/** Gives back leases until none is left; the lease runs out by itself. */
const leasesRunOut = (): Promise<void> =>
  eventually('no record is under a lease', async () => {
    await world.run('recovery');
    return (await world.records("state = 'sending'")).length === 0;
  });

describe('stopped between claim and send', () => {
  it('sends nothing after its lease has run out, though another has sent meanwhile', async () => {
    const one = await buyer();
    const child = await stoppedChild('submit.beforeCall', SHORT_LEASE);
    expect(await statesOf(one)).toEqual(['sending', 'sending']);
    await leasesRunOut();
    await world.work();
    await world.expectAllBilled();

    await resumed(child);
    expect(callsOf(one)).toBe(1);
    // Its own word that it sent nothing counts for nothing any more.
    expect(await answersOf(one)).toMatchObject([
      { evidence: 'uncertain', answer: 'NotSent' },
      { evidence: 'billed', answer: 'Success' },
    ]);
    await world.expectAllBilled();
  });

  it('goes on as if nothing had been when its lease is still good', async () => {
    const one = await buyer();
    const child = await stoppedChild('submit.beforeCall', LONG_LEASE);
    await world.work(2);
    expect(await statesOf(one)).toEqual(['sending', 'sending']);
    await resumed(child);
    expect(callsOf(one)).toBe(1);
    await world.expectAllBilled();
  });
});

describe('stopped with the answer in its hands, its lease run out', () => {
  it.each(['success', 'duplicateRecord'] as const)(
    'another has sent meanwhile, and AWS answers %s to it: one record, one charge',
    async (reading) => {
      world.simulator.setSwitches({ identicalResend: reading });
      const one = await buyer();
      const child = await stoppedChild('submit.afterCall', LONG_LEASE);
      expect(world.simulator.bill({ licenseArn: one.agreement.licenseArn })).toHaveLength(2);
      await world.expireLeases();
      await world.work();
      expect(await statesOf(one)).toEqual(['metered', 'metered']);

      await resumed(child);
      expect(await answersOf(one)).toMatchObject([
        { evidence: 'billed', answer: 'Success' },
        { evidence: 'billed', answer: reading === 'success' ? 'Success' : 'DuplicateRecord' },
      ]);
      await world.expectAllBilled();
    },
  );

  it('its late Success is proof for a record that waits again, and for one that was given up as unknown', async () => {
    const waiting = await buyer();
    const child = await stoppedChild('submit.afterCall', LONG_LEASE);
    await world.expireLeases();
    await world.run('recovery');
    expect(await statesOf(waiting)).toEqual(['pending', 'pending']);
    await resumed(child);
    expect(await statesOf(waiting)).toEqual(['metered', 'metered']);

    const forgotten = await buyer();
    const other = await stoppedChild('submit.afterCall', LONG_LEASE);
    world.clock.advance(26 * HOUR_MS);
    await world.expireLeases();
    await world.run('recovery', 'deadline');
    expect(await statesOf(forgotten)).toEqual(['unknown', 'unknown']);
    await resumed(other);
    expect(await statesOf(forgotten)).toEqual(['metered', 'metered']);
    await world.expectAllBilled();
  });

  it('its late No is no proof: the record goes on waiting, and is billed when AWS takes it', async () => {
    const one = await buyer();
    world.simulator.suspend(one.agreement);
    const child = await stoppedChild('submit.afterCall', LONG_LEASE);
    await world.expireLeases();
    await world.run('recovery');
    await resumed(child);
    expect(await statesOf(one)).toEqual(['pending', 'pending']);
    expect(await answersOf(one)).toMatchObject([{ evidence: 'uncertain', answer: 'CustomerNotSubscribed' }]);

    world.simulator.reinstate(one.agreement);
    await world.work();
    await world.expectAllBilled();
  });
});

it('a call that takes effect after its sender was given up, and after another has sent: one charge', async () => {
  const one = await buyer();
  const latency = world.simulator.faults.add({ kind: 'latency', ms: LEASE_MS + 1500, count: 1 });
  const child = crew.take({});
  child.order(world, ['seal', 'submit'], SHORT_LEASE);
  await eventually('its call is under way', () => callsOf(one) === 1, 60_000);
  child.stop();
  expect(latency.hits).toBe(1);
  await leasesRunOut();
  await world.work();
  expect(await statesOf(one)).toEqual(['metered', 'metered']);

  await eventually('the first call has had its effect', () =>
    world.simulator.calls({ operation: 'BatchMeterUsage', fault: 'latency' }).every((call) => call.effective),
  );
  await resumed(child);
  expect(await answersOf(one)).toMatchObject([{ evidence: 'uncertain' }, { evidence: 'billed' }]);
  await world.expectAllBilled();
});

describe('stopped in the midst of a seal, its transaction open', () => {
  it('others are sealed meanwhile, and it ends its own', async () => {
    const held = await buyer();
    const child = await stoppedChild('seal.planned', LONG_LEASE);
    // Recording never waits for a sealer, and the other replica passes by what is held.
    await held.use(5);
    const other = await buyer();
    await world.work();
    expect(await statesOf(held)).toEqual([]);
    expect(await statesOf(other)).toEqual(['metered', 'metered']);

    await resumed(child);
    expect(await statesOf(held)).toEqual(['pending', 'pending']);
    await world.work();
    await world.expectAllBilled();
  });

  it('and not resumed: its rows are free when a lease is over', async () => {
    const held = await buyer();
    const child = await stoppedChild('seal.written', SHORT_LEASE);
    await eventually('another replica seals what it held', async () => {
      await world.run('seal');
      return (await statesOf(held)).length > 0;
    });
    await world.work();
    await world.expectAllBilled();

    // When it comes to after all, what it did is gone; it begins again, finds nothing to do, and blames nobody.
    await resumed(child);
    expect(await world.alerts('sealSkipped')).toEqual([]);
    await world.work();
    await world.expectAllBilled();
  });
});
