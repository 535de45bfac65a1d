import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type JobName } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { repositoryRoot } from '../support/processes.js';
import { World } from '../support/world.js';
import { type Fate, ReplicaCrew } from './child-replica.js';

/**
 * What a death leaves behind: rollups, records in the ledger by state, evidence of their attempts, and whether AWS has
 * billed them.
 */
interface Remains {
  rollups: number;
  records: string;
  evidence: string;
  billed: boolean;
}

const NOTHING: Remains = { rollups: 0, records: 'none', evidence: 'none', billed: false };
const TAKEN: Remains = { ...NOTHING, rollups: 3 };
const SEALED: Remains = { ...TAKEN, records: '2 pending' };
const CLAIMED: Remains = { ...TAKEN, records: '2 sending', evidence: '2 uncertain' };
const SENT: Remains = { ...CLAIMED, billed: true };
const ANSWERED: Remains = { ...SENT, records: '2 metered', evidence: '2 billed' };

/**
 * Every named instruction of seal, submit and reconcile at which the process may die, and what must be left of it then.
 */
const POINTS: Record<string, Remains> = {
  'take.moved': NOTHING,
  'take.committed': TAKEN,
  'seal.claimed': TAKEN,
  'seal.planned': TAKEN,
  'seal.written': TAKEN,
  'seal.committed': SEALED,
  'submit.claimed': CLAIMED,
  'submit.beforeCall': CLAIMED,
  'submit.afterCall': SENT,
  'submit.reconciling': SENT,
  'submit.answered': ANSWERED,
  'submit.reconciled': ANSWERED,
};

/** The same of the deadline watch, over records that AWS refused until their cutoff. */
const DEADLINE_POINTS: Record<string, Remains> = {
  'annul.annulled': { ...TAKEN, records: '2 pending', evidence: '2 refused' },
  'deadline.finishing': { ...TAKEN, records: '2 pending', evidence: '2 refused' },
  'deadline.finished': { ...TAKEN, records: '2 closed', evidence: '2 refused' },
};

/**
 * What is known of buyers: a claim is taken up, a message takes effect, two subscriptions turn out to be one, all of it
 * or nothing.
 */
const LIFE_POINTS = ['claim.adopted', 'projection.written', 'fold.folded'];

/**
 * Of the delivery of events, in test/events/killed-process.spec.ts; of the audit, in audit.spec.ts; of MeterUsage, in
 * installed-metering.spec.ts; of an erasure, in erased-buyers.spec.ts; of RegisterUsage,
 * in registered-workers.spec.ts.
 */
const ELSEWHERE = [
  ...['deliver.claimed', 'deliver.handled'],
  ...['audit.stored', 'audit.settling', 'audit.taken', 'audit.covered'],
  ...['submit.bound', 'shutdown.sealed'],
  ...['erase.names', 'erase.written'],
  ...['register.beforeCall', 'register.afterCall', 'register.verified'],
];

/**
 * Longer than any test: that it ends is the test's own doing, so that nothing here depends on speed. One sender, so
 * that one death is all.
 */
const LEASE = { submission: { leaseMs: 600_000, requestTimeoutMs: 20_000, concurrency: 1 } };

const READINGS = [
  { aws: 'success', option: 'unknown' },
  { aws: 'success', option: 'success' },
  { aws: 'duplicateRecord', option: 'unknown' },
] as const;

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));
}

it('every crash point named in the sources is under test here', () => {
  const named = sourceFiles(path.join(repositoryRoot, 'src')).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bcrashPoint\('([^']+)'\)/g)].map((match) => match[1] ?? ''),
  );
  expect([...new Set(named)].sort()).toEqual(
    [...Object.keys({ ...POINTS, ...DEADLINE_POINTS }), ...LIFE_POINTS, ...ELSEWHERE].sort(),
  );
});

async function remainsOf(world: World, { subscriptionId, agreement }: Buyer): Promise<Remains> {
  const tally = async (sql: string): Promise<string> => {
    const rows = await world.database.query<{ tally: string }>(sql, [subscriptionId]);
    return rows.map((row) => row.tally).join(', ') || 'none';
  };
  const rollups = await tally(
    `SELECT count(*)::text AS tally FROM marketplace.rollup u JOIN marketplace.subject s ON s.id = u.subject
     JOIN marketplace.subscription o ON o.customer_id = s.customer_id WHERE o.id = $1`,
  );
  return {
    rollups: Number(rollups),
    records: await tally(
      `SELECT count(*) || ' ' || state AS tally FROM marketplace.metering_record WHERE subscription_id = $1
        GROUP BY state ORDER BY state`,
    ),
    evidence: await tally(
      `SELECT count(*) || ' ' || evidence AS tally FROM marketplace.attempt_record e
        JOIN marketplace.metering_record r ON r.id = e.record_id
       WHERE r.subscription_id = $1 GROUP BY evidence ORDER BY evidence`,
    ),
    billed: world.simulator.bill({ licenseArn: agreement.licenseArn }).length > 0,
  };
}

let tenants = 0;

/** A buyer who has used two dimensions in an hour that is over. */
async function buyerWithUsage(world: World): Promise<Buyer> {
  tenants += 1;
  const buyer = await world.join(`tenant-${tenants}`);
  await buyer.use('4.5');
  await buyer.use('2.25', { tags: { team: 'blue' } });
  await buyer.use('9', { dimension: 'storage' });
  world.clock.advance(2 * HOUR_MS);
  return buyer;
}

async function killedAt(point: string, world: World, jobs: JobName[]): Promise<void> {
  const child = crew.take({ crashAt: point });
  child.order(world, jobs);
  expect(await child.ended()).toEqual({ code: null, signal: 'SIGKILL' });
}

/** Only where AWS has the record already do the readings differ. */
const readingsAt = ({ evidence, billed }: Remains): number =>
  evidence.endsWith('uncertain') && billed ? READINGS.length : 1;

// Children load for as long as a busy machine takes.
jest.setTimeout(120_000);

let worlds: World[] = [];
let world: World;
const crew = new ReplicaCrew([
  ...Object.entries({ ...POINTS, ...DEADLINE_POINTS }).flatMap(([crashAt, remains]) =>
    Array<Fate>(readingsAt(remains)).fill({ crashAt }),
  ),
  ...LIFE_POINTS.map((crashAt) => ({ crashAt })),
]);

beforeAll(async () => {
  worlds = await Promise.all(
    READINGS.map(({ aws, option }) =>
      World.start({
        simulator: { switches: { identicalResend: aws } },
        options: { aws: { identicalResend: option }, ...LEASE },
      }),
    ),
  );
  [world = world] = worlds;
});

afterAll(async () => {
  await crew.dismiss();
  await Promise.all(worlds.map((one) => one.stop()));
});

describe('killed, and what it began is ended by another replica, every unit once', () => {
  it.each(Object.entries(POINTS))('at %s', async (point, remains) => {
    const isUnderLease = remains.evidence.endsWith('uncertain');
    await Promise.all(
      worlds.slice(0, readingsAt(remains)).map(async (one) => {
        const buyer = await buyerWithUsage(one);
        await killedAt(point, one, ['seal', 'submit']);
        expect(await remainsOf(one, buyer)).toEqual(remains);

        if (isUnderLease) {
          await one.work(1);
          expect(await remainsOf(one, buyer)).toEqual(remains);
          await one.expireLeases();
        }
        await one.work();
        await one.expectAllBilled();
      }),
    );
  });

  it.each(Object.entries(DEADLINE_POINTS))('at %s', async (point, remains) => {
    const buyer = await buyerWithUsage(world);
    const fault = world.simulator.faults.add({ kind: 'accessDenied' });
    await world.work(1);
    fault.remove();
    world.clock.advance(26 * HOUR_MS);
    await killedAt(point, world, ['deadline']);
    expect(await remainsOf(world, buyer)).toEqual(remains);

    await world.run('deadline');
    await world.work();
    await world.expectAllBilled();
  });

  it('at claim.adopted', async () => {
    const buyer = world.sign();
    await buyer.arrive();
    await world.hear();
    await buyer.signUp('claimed');
    await buyer.use(3);
    const isAdopted = async (): Promise<unknown> =>
      (
        await world.database.query<{ adopted: boolean }>(
          `SELECT c.tenant_id IS NOT NULL AND NOT EXISTS (SELECT FROM marketplace.unadopted_claim) AS adopted
           FROM marketplace.subscription s JOIN marketplace.customer c ON c.id = s.customer_id WHERE s.id = $1`,
          [buyer.subscriptionId],
        )
      )[0]?.adopted;
    world.clock.advance(2 * HOUR_MS);
    await killedAt('claim.adopted', world, ['seal']);
    expect(await isAdopted()).toBe(false);
    await world.work();
    expect(await isAdopted()).toBe(true);
    await world.expectAllBilled();
  });

  it('at projection.written', async () => {
    const buyer = await world.join('projected');
    await buyer.use(3);
    world.clock.advance(2 * HOUR_MS);
    buyer.cancel();
    await world.simulator.notifications.settled();
    await killedAt('projection.written', world, ['inbox']);
    expect(await buyer.state()).toBe('active');
    expect(world.told('subscription.ending', buyer.subscriptionId)).toEqual([]);
    await world.run('inbox', 'deliver');
    expect(await buyer.state()).toBe('ending');
    expect(world.told('subscription.ending', buyer.subscriptionId)).toHaveLength(1);
    await world.work();
    await world.expectAllBilled();
  });

  it('at fold.folded', async () => {
    const buyer = await world.join('folded');
    const chain = buyer.subscriptionId;
    await world.record({ subscriptionId: chain, quantity: 2 });
    // Nothing but the license says that the arrival and the renewal are one, and AWS is not asked meanwhile.
    world.asksAws = false;
    world.mailbox.hold({ type: 'License Updated' });
    buyer.renew();
    await world.hear();
    const third = await buyer.arrive();
    await world.hear();
    await world.record({ subscriptionId: third, quantity: 3 });
    const living = async (): Promise<number> =>
      new Set(await Promise.all([chain, third].map(async (id) => (await world.subscriptions.get(id))?.id))).size;
    expect(await living()).toBe(2);
    await world.mailbox.release();
    await killedAt('fold.folded', world, ['inbox']);
    expect(await living()).toBe(2);
    await world.run('inbox');
    expect(await living()).toBe(1);
    world.asksAws = true;
    await world.hear();
    world.clock.advance(2 * HOUR_MS);
    await world.work();
    await world.expectAllBilled();
  });
});
