import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Agreement, type Disturbance } from '../../src/simulator/index.js';
import { type SeededRandom } from '../../src/simulator/seeded-random.js';
import { DIMENSIONS, LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { pick, seededRun } from '../support/seeded-run.js';

// Whole lives as the simulator plays them, with its own messages over real HTTP: EventBridge by API destination and SNS with real signatures, late,
// twice, out of order and lost, while usage is recorded, sealed and sent. Whatever was heard when, every unit is on the bill or stands in the ledger.

const LEGACY_CODE = 'larkspur-legacy';
const SECRET = 'the-secret-of-the-api-destination';
const TOPIC_ARN = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${LEGACY_CODE}`;
const JOBS = ['inbox', 'seal', 'submit', 'recovery', 'deadline', 'reconcile', 'inbox'] as const;

jest.setTimeout(120_000);

let harness: LedgerHarness;
let recordedUnits = 0;

beforeAll(async () => {
  harness = await LedgerHarness.start({
    options: {
      products: [
        { productCode: PRODUCT_CODE, dimensions: DIMENSIONS },
        { productCode: LEGACY_CODE, dimensions: DIMENSIONS, identity: 'legacy' },
      ],
      notifications: { eventBridgeSecrets: [SECRET], snsTopicArns: [TOPIC_ARN] },
      reconcileAfterMs: 3_600_000,
      onEnded: 'transfer',
    },
  });
  harness.simulator.createProduct({ productCode: LEGACY_CODE, dimensions: DIMENSIONS, identity: 'legacy' });
  const url = `${harness.url}/marketplace/notifications`;
  harness.simulator.notifications.addTarget({ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': SECRET } });
  harness.simulator.notifications.addTarget({ kind: 'snsHttp', url, productCode: LEGACY_CODE, topic: 'subscriptionTopic' });
  await harness.simulator.notifications.settled();
});
afterAll(() => harness.stop());

/** What is on its way arrives, then an hour's work is done. */
async function work(): Promise<void> {
  await harness.simulator.notifications.settled();
  await harness.run(...JOBS);
  await harness.settle(3);
}

/** Hours in steps, as a module that runs all the time sees them. */
async function pass(hours: number): Promise<void> {
  for (let half = 0; half < hours * 2; half += 1) {
    harness.advance(0.5);
    await work();
  }
}

interface Buyer {
  agreement: Agreement;
  id: string | null;
  hasEnded: boolean;
}

async function record(buyer: Buyer, random: SeededRandom): Promise<void> {
  if (buyer.id === null) return;
  const quantity = random.integer(5) + random.integer(4) / 4;
  const occurredAt = new Date(harness.clock.now().getTime() - random.integer(90) * 60_000);
  await harness.metering.record({ subscriptionId: buyer.id, dimension: pick(random, DIMENSIONS), quantity, occurredAt });
  recordedUnits += quantity;
}

async function live(buyer: Buyer, random: SeededRandom): Promise<void> {
  const { simulator } = harness;
  if (buyer.id === null) {
    if (random.integer(2) === 0) buyer.id = await harness.register(buyer.agreement);
    return;
  }
  switch (random.integer(14)) {
    case 0:
      simulator.cancel(buyer.agreement);
      buyer.hasEnded = true;
      return;
    case 1:
      if (buyer.agreement.productCode === PRODUCT_CODE) buyer.agreement = simulator.renew(buyer.agreement);
      return;
    case 2:
      simulator.amend(buyer.agreement, {});
      return;
    case 3:
      simulator.issueAdvisory(buyer.agreement);
      return;
    case 4:
      simulator.resolveAdvisory(buyer.agreement);
      return;
    default:
      await record(buyer, random);
      await record(buyer, random);
  }
}

/** Units recorded by the application, however they were moved since, and what became of them. */
async function accounts(): Promise<Record<string, number>> {
  await harness.expectConserved();
  const accounted: Record<string, number> = {};
  let recorded = 0;
  for (const balance of await harness.metering.balance()) {
    recorded += Number(balance.recorded) - Number(balance.byState.transferred ?? 0);
    for (const [state, units] of Object.entries(balance.byState)) accounted[state] = (accounted[state] ?? 0) + Number(units);
  }
  expect(recorded).toBeCloseTo(recordedUnits, 6);
  return accounted;
}

const DISTURBANCES: readonly Disturbance[] = [
  { kind: 'delay', probability: 0.4, ms: 600_000, jitterMs: 3_600_000 },
  { kind: 'reorder', probability: 0.3, among: 2 },
  { kind: 'duplicate', probability: 0.3, copies: 3, spreadMs: 1_800_000 },
];

describe('messages', () => {
  it.each<[string, 'newLicense' | 'sameLicense', number, readonly Disturbance[]]>([
    ['in order', 'newLicense', 1, []],
    ['late, twice and out of order', 'sameLicense', 2, DISTURBANCES],
    ['late, twice, out of order and lost', 'newLicense', 3, [...DISTURBANCES, { kind: 'drop', probability: 0.15 }]],
  ])('that come %s lose and double no unit, where a renewal brings %s', async (_, renewalLicense, defaultSeed, disturbances) => {
    await seededRun(defaultSeed, async (random) => {
      const { simulator } = harness;
      const finalHourOpenedBy = pick(random, ['ended', 'deprovisioned', 'endedUntilDeprovisioned'] as const);
      simulator.setSwitches({ renewalLicense, finalHourOpenedBy });
      for (const disturbance of disturbances) simulator.notifications.disturb(disturbance);
      const buyers: Buyer[] = [];
      for (let hour = 0; hour < 6; hour += 1) {
        const productCode = pick(random, [PRODUCT_CODE, PRODUCT_CODE, LEGACY_CODE]);
        if (buyers.length < 5) buyers.push({ agreement: simulator.subscribe({ productCode }), id: null, hasEnded: false });
        for (const buyer of buyers) if (!buyer.hasEnded) await live(buyer, random);
        await pass(1);
        await harness.expectBalanced();
      }
      for (const buyer of buyers) if (!buyer.hasEnded && buyer.id !== null) simulator.cancel(buyer.agreement);
      await simulator.notifications.flush();
      simulator.notifications.undisturb();
      await pass(3);
      const accounted = await accounts();
      expect(accounted.metered).toBeGreaterThan(0);
      for (const open of ['pending', 'sending', 'unknown']) expect([open, accounted[open] ?? 0]).toEqual([open, 0]);
    });
  });
});
