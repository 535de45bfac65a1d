import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Agreement, type Disturbance, type SeededRandom } from 'aws-marketplace-simulator';
import { DIMENSIONS, type LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { LEGACY_CODE, LifeWorld } from '../support/life-world.js';
import { pick, seededRun } from '../support/seeded-run.js';

// Whole lives as the simulator plays them, with its own messages over real HTTP: EventBridge by API destination and SNS with real signatures, late,
// twice, out of order and lost, while usage is recorded, sealed and sent. Whatever was heard when, every unit is on the bill or stands in the ledger.

jest.setTimeout(120_000);

let world: LifeWorld;
let harness: LedgerHarness;

beforeAll(async () => {
  world = await LifeWorld.start();
  harness = world.harness;
});
afterAll(() => world.stop());

interface Buyer {
  agreement: Agreement;
  id: string | null;
  hasEnded: boolean;
}

async function record(buyer: Buyer, random: SeededRandom): Promise<void> {
  if (buyer.id === null) return;
  const quantity = random.integer(5) + random.integer(4) / 4;
  const occurredAt = new Date(harness.clock.now().getTime() - random.integer(90) * 60_000);
  await world.record({ subscriptionId: buyer.id, dimension: pick(random, DIMENSIONS), quantity, occurredAt });
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
        await world.pass(1);
        await harness.expectBalanced();
      }
      for (const buyer of buyers) if (!buyer.hasEnded && buyer.id !== null) simulator.cancel(buyer.agreement);
      await simulator.notifications.flush();
      simulator.notifications.undisturb();
      await world.pass(3);
      const accounted = await world.accounts();
      expect(accounted.metered).toBeGreaterThan(0);
      for (const open of ['pending', 'sending', 'unknown']) expect([open, accounted[open] ?? 0]).toEqual([open, 0]);
    });
  });
});
