import { describe, expect, it, jest } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// M11, M17: a message that names an agreement nobody knows, and a known buyer by the account alone: EventBridge's
// Purchase Agreement events name no product, and License Updated may not come. Siblings: AWS's lists that are seconds and
// minutes behind the message; a message from before the buyer arrived; legacy and license; a second purchase; another
// product of the seller, which is none of ours.

jest.setTimeout(120_000);

const switches = { usageLicenseUpdated: 'notSent', previousAgreementInEvents: 'none' } as const;
/** AWS is asked for a cause only: by itself not within a test. */
const options = { reconcileAfterMs: 7 * 24 * 3_600_000 };

/** Units by the number of the agreement under whose name they were recorded, and the price. */
async function pricedBy(world: World, buyer: Buyer): Promise<Record<string, number>> {
  const rows = await world.database.query<{ name: string | null; price: string; units: number }>(
    `SELECT n.name, p.price, sum(r.quantity)::float8 AS units FROM marketplace.metering_record r
     JOIN marketplace.period p ON p.id = r.period_id
     JOIN marketplace.agreement a ON a.id = p.agreement_id
     LEFT JOIN marketplace.agreement_name n ON n.kind = 'agreement' AND n.agreement_id = coalesce(a.alias_of, a.id)
     WHERE r.state = 'metered' AND r.quantity > 0 GROUP BY 1, 2`,
  );
  const number = (name: string | null): number =>
    buyer.agreements.findIndex(({ agreementId }) => agreementId === name) + 1;
  return Object.fromEntries(rows.map(({ name, price, units }) => [`${number(name)} ${price}`, units] as const).sort());
}

/** Of the subscriptions to which that agreement belongs. */
async function statesOf(world: World, agreementId: string): Promise<string[]> {
  const rows = await world.database.query<{ state: string }>(
    `SELECT s.state FROM marketplace.agreement_name n JOIN marketplace.agreement a ON a.id = n.agreement_id
     JOIN marketplace.subscription s ON s.id = a.subscription_id WHERE n.kind = 'agreement' AND n.name = $1`,
    [agreementId],
  );
  return rows.map(({ state }) => state);
}

const asked = (world: World): number => world.simulator.calls({ operation: 'SearchAgreements' }).length;

describe('a trial that is replaced hours after the buyer arrived', () => {
  it.each([
    ['legacy', LEGACY_CODE, ['eventBridge', 'sns'], 0],
    ['legacy', LEGACY_CODE, ['eventBridge', 'sns'], 5_000],
    ['legacy', LEGACY_CODE, ['eventBridge', 'sns'], 540_000],
    ['license', PRODUCT_CODE, ['eventBridge'], 0],
    ['license', PRODUCT_CODE, ['eventBridge'], 540_000],
  ] as const)(
    'is followed by another agreement, though no message links the two (%s %s %j, lists are %d ms behind)',
    async (_, productCode, ways, searchIndexDelayMs) => {
      await withWorld(
        { ways, options, simulator: { switches: { ...switches, searchIndexDelayMs } } },
        async (world) => {
          const buyer = await world.join('acme', { productCode, freeTrial: true });
          await buyer.use(3);
          await world.goTo('2026-11-11T12:12:00Z');
          buyer.replace({ as: 'sameLicense' });
          await world.goTo('2026-11-11T12:13:00Z');
          await buyer.use(5);
          await world.goTo('2026-11-11T12:24:00Z');
          await world.goTo('2026-11-11T12:30:00Z');
          await buyer.use(7);
          await world.pass(3);
          expect(await world.alerts()).toEqual([]);
          await world.expectConserved();
          expect(await pricedBy(world, buyer)).toEqual({ '1 trial': 3, '2 paid': 12 });
        },
      );
    },
  );

  it('is followed by another agreement where SNS alone tells', async () => {
    await withWorld({ ways: ['sns'], options }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE, freeTrial: true });
      await buyer.use(3);
      await world.goTo('2026-11-11T12:12:00Z');
      buyer.replace({ as: 'sameLicense' });
      await world.goTo('2026-11-11T12:13:00Z');
      await buyer.use(5);
      await world.pass(3);
      expect((await buyer.subscription()).agreements).toHaveLength(2);
      await world.expectUnits({ billed: { 'l-1 trial': 3, 'l-2': 5 } });
    });
  });
});

describe('a message of an agreement that nobody knows, of a known account', () => {
  it('from before its buyer arrived is asked about when the buyer does', async () => {
    await withWorld({ options, simulator: { switches } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.turn();
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.turn();
      await world.goTo('2026-11-11T10:31:00Z');
      const [agreement, ...others] = (await buyer.subscription()).agreements;
      expect(others).toEqual([]);
      expect(agreement).toMatchObject({ agreementId: buyer.agreement.agreementId });
      await world.expectConserved();
    });
  });

  it('whose buyer arrives long after AWS was asked without his account is asked about with it', async () => {
    await withWorld({ ways: ['sns'], options, simulator: { switches } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE, freeTrial: true });
      await world.pass(2, 0.1);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(0.1, 0.05);
      const { agreements } = await buyer.subscription();
      expect(agreements).toMatchObject([{ agreementId: buyer.agreement.agreementId }]);
      await world.expectConserved();
    });
  });

  it.each(['return', 'concurrent'] as const)(
    'is of a purchase that was cancelled before AWS listed it, too: it is entered, and nobody is waited for (%s)',
    async (purchase) => {
      const simulator = { switches: { ...switches, searchIndexDelayMs: 540_000 } };
      await withWorld({ ways: ['eventBridge'], options, simulator }, async (world) => {
        const buyer = await world.join('acme');
        await world.goTo('2026-11-11T11:30:00Z');
        if (purchase === 'return') buyer.cancel();
        await world.pass(0.25);
        buyer[purchase]();
        await world.turn();
        await buyer.use(5);
        await world.pass(0.1);
        const { agreementId } = buyer.cancel();
        await world.pass(3, 0.25);
        expect(await statesOf(world, agreementId)).toEqual(['ended']);
        // Nobody has registered it: what the tenant used is the running agreement's, or waits and says why.
        const told = (await world.alerts()).map(({ kind, subject }) => `${kind} ${subject.split('/').at(-1)}`);
        expect(told).toEqual(purchase === 'return' ? ['usageWaiting afterEnd'] : []);
        await world.expectUnits(purchase === 'return' ? { waiting: { afterEnd: 5 } } : { billed: { 'l-1': 5 } });
      });
    },
  );

  it.each(['sent', 'notSent'] as const)(
    'of a product that is none of ours is asked about twice, and no more (License Updated is %s)',
    async (usageLicenseUpdated) => {
      const simulator = { switches: { usageLicenseUpdated } };
      await withWorld({ ways: ['eventBridge'], options, lists: [PRODUCT_CODE], simulator }, async (world) => {
        const buyer = await world.join('acme');
        await world.pass(2);
        const before = asked(world);
        const other = () => world.purchase({ productCode: LEGACY_CODE, accountId: buyer.accountId });
        const agreement = other();
        await world.turn();
        const once = asked(world);
        expect(once).toBeGreaterThan(before);
        await world.pass(0.25);
        const twice = asked(world);
        expect(twice - once).toBeLessThanOrEqual(once - before);
        await world.pass(6);
        expect(asked(world)).toBe(twice);
        // Of which product it is, AWS tells where no message does: nobody need look at what is none of ours.
        expect(await world.alerts()).toEqual([]);
        const isSent = usageLicenseUpdated === 'sent';
        expect(world.simulator.calls({ operation: 'DescribeAgreement' })).toHaveLength(isSent ? 0 : 1);
        // However often it changes: what AWS did not list by then is at another product.
        for (const days of [40, 50, 60]) {
          world.simulator.amend(agreement, { endsAt: new Date(world.now().getTime() + days * 24 * 3_600_000) });
          await world.pass(0.5, 0.25);
        }
        world.simulator.cancel(agreement);
        await world.pass(0.5, 0.25);
        expect(asked(world)).toBe(twice);
        other();
        await world.pass(0.5, 0.25);
        // License Updated names the product: what waited for its agreement is set aside.
        expect(asked(world) - twice).toBe(isSent ? 1 : 2);
        await buyer.use(3);
        await world.pass(2);
        expect(world.simulator.calls({ operation: 'DescribeAgreement' })).toHaveLength(isSent ? 0 : 2);
        expect(await world.alerts()).toEqual([]);
        await world.expectUnits({ billed: { 'l-1': 3 } });
      });
    },
  );
});
