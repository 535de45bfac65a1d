import { describe, expect, it, jest } from '@jest/globals';
import { LicenseMigration } from '../../src/index.js';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// M15, M16, M17, M18: what AWS is asked, and how. Siblings: resold agreements of license and legacy products; direct
// legacy customers known by account only; quotas under registrations, reconciliation and the move to licenses, with two
// replicas; products of others, and such as were taken off the list and put back; listings whose ResolveCustomer names
// no license, with and without a word of it from EventBridge.

jest.setTimeout(240_000);

const quiet = async (world: World): Promise<void> => {
  expect(await world.alerts()).toEqual([]);
};

describe('M15 an agreement that SearchAgreements does not list', () => {
  it.each([
    ['license', PRODUCT_CODE, ['eventBridge']],
    ['license, no way in', PRODUCT_CODE, []],
    ['legacy', LEGACY_CODE, ['eventBridge', 'sns']],
  ] as const)(
    'because a channel partner sold it: absence ends nothing and alerts nothing (%s)',
    async (_, productCode, ways) => {
      await withWorld({ ways }, async (world) => {
        const resale = { partnerAccountId: '999988887777' };
        const buyer = await world.join('acme', {
          productCode,
          resale,
          entitlements: [{ dimension: 'seats', value: 3 }],
        });
        await buyer.use(7);
        await world.pass(6, 1);
        expect(await buyer.state()).toBe('active');
        await quiet(world);
        await buyer.use(4);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 11 } });
      });
    },
  );

  it.each([
    ['a direct legacy customer known by account only', {}, ['eventBridge']],
    ['a resold one', { resale: { partnerAccountId: '999988887777' } }, ['eventBridge', 'sns']],
  ] as const)('is moved to its license through entitlements: %s', async (_, options, ways) => {
    await withWorld({ ways }, async (world) => {
      const entitlements = [{ dimension: 'seats', value: 3 }];
      const buyer = await world.join('acme', { productCode: LEGACY_CODE, entitlements, ...options });
      await buyer.use(3);
      await world.pass(2);
      const report = await world.app
        .get(LicenseMigration)
        .move(LEGACY_CODE, { by: 'ada', cutOver: at('2026-11-11T14:00:00Z') });
      expect(report).toMatchObject({ open: [], complete: true });
      expect(
        (await world.alerts()).filter(({ kind }) => kind === 'contradiction' || kind === 'licenseUnknown'),
      ).toEqual([]);
    });
  });
});

describe('M16 sixty subscriptions at once, two replicas, AWS’s own quotas', () => {
  it('all register without an error page, and are all asked about, slowly', async () => {
    await withWorld({ ways: [], simulator: { callsPerSecond: undefined as never } }, async (world) => {
      const other = await world.addReplica();
      const urls = [await world.app.getUrl(), await other.getUrl()];
      const buyers = Array.from({ length: 60 }, () => world.sign());
      const answers = await Promise.all(
        buyers.map((buyer, index) => world.post(world.simulator.registrationForm(buyer.agreement), urls[index % 2])),
      );
      expect(answers.map(({ status }) => status)).toEqual(buyers.map(() => 303));
      world.clock.advance(2 * 3_600_000);
      const deadline = Date.now() + 120_000;
      const unasked = async (): Promise<number> => {
        const [row] = await world.database.query<{ left: number }>(
          `SELECT count(*)::int AS left FROM marketplace.subscription WHERE asked_at IS NULL AND alias_of IS NULL`,
        );
        return row?.left ?? -1;
      };
      while ((await unasked()) > 0 && Date.now() < deadline) {
        await Promise.all(world.apps.map((app) => world.runOn(app, 'reconcile', 'inbox')));
      }
      expect(await unasked()).toBe(0);
      const states = await Promise.all(
        (await world.database.query<{ id: string }>(`SELECT id FROM marketplace.subscription`)).map(
          async ({ id }) => (await world.subscriptions.get(id))?.state,
        ),
      );
      expect(new Set(states)).toEqual(new Set(['active']));
      await quiet(world);
    });
  });
});

describe('M17 messages about products that are not listed', () => {
  it('of another product of the same seller are ignored, and hold no alert open', async () => {
    await withWorld({ ways: ['eventBridge', 'eventQueue'] }, async (world) => {
      world.simulator.createProduct({ productCode: 'other', dimensions: ['requests'] });
      const stranger = world.sign({ productCode: 'other' });
      await world.pass(1);
      stranger.renew();
      await world.pass(1);
      world.simulator.issueAdvisory(stranger.agreement);
      stranger.cancel();
      await world.pass(3, 1);
      await quiet(world);
      expect(await world.deadLetters()).toEqual([]);
    });
  });

  it('of a product that was taken off the list likewise; listed again, it goes on', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(3);
      await world.pass(2);
      const listed = world.products();
      await world.restart({ options: { products: listed.filter(({ productCode }) => productCode !== PRODUCT_CODE) } });
      world.simulator.setEntitlements(buyer.agreement, []);
      await world.pass(6, 1);
      await quiet(world);
      await world.restart({ options: { products: listed } });
      await world.pass(1);
      await buyer.use(5);
      await world.pass(2);
      expect(await buyer.state()).toBe('active');
      await quiet(world);
      await world.expectUnits({ billed: { 'l-1': 8 } });
    });
  });
});

describe('M18 a listing from before licenses that is set to license', () => {
  const options = { products: [{ productCode: LEGACY_CODE, dimensions: ['requests'], identity: 'license' as const }] };
  it('has a page below 500 for the buyer, and a word to the operator that names the setting', async () => {
    await withWorld({ ways: [], options, simulator: { switches: { legacyLicenseArn: 'absent' } } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      const response = await world.post(world.simulator.registrationForm(buyer.agreement));
      expect(response.status).toBeGreaterThanOrEqual(300);
      expect(response.status).toBeLessThan(500);
      expect((await world.alerts()).map(({ message }) => message)).toEqual([expect.stringContaining('identity')]);
    });
  });

  it('lets a buyer in whose license and account messages have named', async () => {
    const switches = { legacyLicenseArn: 'absent', eventLicenseArn: 'api' } as const;
    await withWorld({ ways: ['eventBridge'], options, simulator: { switches } }, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      await buyer.arrive();
      await buyer.signUp('acme');
      expect(await buyer.subscription()).toMatchObject({ tenantId: 'acme', state: 'active' });
    });
  });
});
