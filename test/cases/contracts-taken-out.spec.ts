import { describe, expect, it, jest } from '@jest/globals';
import { RecordResolution } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// What exceeds a contract is sold in blocks, and what fills none is carried. The options may stop to say so while it is
// carried: the contract is taken out of them, or the product; in a rolling release, or where two services of one ledger
// list different products, one of them never knew.

jest.setTimeout(120_000);

const dimensions = ['calls', 'lookups'];
const packs = { contractDimension: 'pack', covers: dimensions, factor: 1000, excessDimension: 'overage', block: 1000 };
const product = { contractDimensions: ['pack'], includedUnits: [packs] };

/** 3,400 calls against one pack: two blocks are billed, 400 calls fill none. */
function withCarry(play: (world: World) => Promise<void>): Promise<void> {
  return withWorld({ dimensions, listed: ['overage', ...dimensions], product }, async (world) => {
    const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 1 }] });
    await buyer.use(3400, { dimension: 'calls', productCode: PRODUCT_CODE });
    await world.pass(2);
    await world.expectUnits({ billed: { 'l-1': 2000 }, included: 1000, carry: 400 });
    await play(world);
  });
}

/** As any change of facts would. */
const lookAgain = (world: World): Promise<unknown> =>
  world.database.query(
    `INSERT INTO marketplace.customer_changed (seller_account, customer_id)
     SELECT seller_account, id FROM marketplace.customer`,
  );

describe('what fills no block', () => {
  it.each(['the contract', 'the product'])(
    'is not taken for blocks once %s is taken out of the options',
    async (what) => {
      await withCarry(async (world) => {
        const products = world
          .products()
          .filter(({ productCode }) => what === 'the contract' || productCode !== PRODUCT_CODE);
        await world.restart({ options: { products: products.map((one) => ({ ...one, includedUnits: [] })) } });
        await lookAgain(world);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 2000 }, included: 1000, carry: 400 });
      });
    },
  );
});

describe('a dimension that sold the excess of others in blocks', () => {
  it('is not recorded by itself while a part of a block is carried, which would be sold as so many blocks', async () => {
    await withCarry(async (world) => {
      const before = world.products();
      const alone = before.map((one) => ({ ...one, includedUnits: [], dimensions: [...dimensions, 'overage'] }));
      await expect(world.restart({ options: { products: alone } })).rejects.toMatchObject({
        code: 'PRODUCT_PINNED',
        message: expect.stringMatching(
          /"overage" by 1000 of calls or lookups, .* by 1 of overage: 1 agreement\(s\) carry 400/,
        ),
      });
      await world.restart({ options: { products: before } });
      await world.pass(2);
      world.simulator.cancel(world.simulator.agreements()[0]!);
      await world.pass(30, 2);
      await world.expectUnits({ billed: { 'l-1': 2000 }, included: 1000, records: { 'held noHour': 400 } });
      await world.restart({ options: { products: alone } });
      const again = await world.join('globex');
      const [held] = await world.records<{ id: string }>(`disposition = 'held'`);
      const { subscriptionId } = again;
      const rebill = world.app.get(RecordResolution).rebill(held!.id, { by: 'ada', reason: 'r' }, { subscriptionId });
      await expect(rebill).rejects.toMatchObject({
        code: 'TRANSITION_REFUSED',
        message: expect.stringContaining('1000 are one of dimension overage'),
      });
      await again.use(3, { dimension: 'overage', productCode: PRODUCT_CODE });
      await world.pass(2);
      const { billed } = await world.expectConserved();
      expect(billed).toEqual({ 'l-1': 2000, 'l-2': 3 });
      await expect(world.restart({ options: { products: before } })).resolves.toBeUndefined();
    });
  });
});

describe('what was held of a contract', () => {
  it('is not rebilled as blocks once the contract is taken out of the options', async () => {
    await withCarry(async (world) => {
      world.simulator.cancel(world.simulator.agreements()[0]!);
      await world.pass(30, 2);
      const [held] = await world.records<{ id: string; quantity: string }>(`disposition = 'held'`);
      expect(held).toMatchObject({ quantity: '400' });
      const products = world.products().map((one) => ({ ...one, includedUnits: [] }));
      await world.restart({ options: { products } });
      const again = world.sign({ accountId: world.simulator.agreements()[0]!.accountId });
      await again.arrive();
      await again.signUp('acme');
      const target = { subscriptionId: again.subscriptionId };
      const rebill = world.app.get(RecordResolution).rebill(held!.id, { by: 'ada', reason: 'r' }, target);
      await expect(rebill).rejects.toMatchObject({
        code: 'TRANSITION_REFUSED',
        message: expect.stringContaining('1000 are one of dimension overage'),
      });
      await world.expectUnits({ billed: { 'l-1': 2000 }, included: 1000, records: { 'held noHour': 400 } });
    });
  });
});

describe('a contract that is taken out of the options in the middle of its term, and put in again', () => {
  it('has nothing subtracted meanwhile, and nothing held up', async () => {
    const contract = (units: number) => ({
      contractDimensions: ['pack'],
      includedUnits: [{ contractDimension: 'pack', covers: ['requests'], units }],
    });
    await withWorld({ lists: [PRODUCT_CODE], product: contract(1000) }, async (world) => {
      const buyer = await world.join('acme');
      const use = async (units: number): Promise<void> => {
        await buyer.use(units);
        await world.pass(1.5);
      };
      await use(1200);
      await world.restart({ product: { includedUnits: [] } });
      await use(50);
      await world.expectUnits({ billed: { 'l-1': 250 }, included: 1000 });
      // What was sealed without the contract goes out as it was sealed.
      await buyer.use(7);
      world.clock.advance(HOUR_MS);
      await world.run('seal');
      await world.restart({ product: contract(1500) });
      await use(400);
      const { billed, ...others } = await world.expectConserved();
      expect([others, await world.alerts()]).toEqual([{ included: 1400 }, []]);
      expect(billed).toEqual({ 'l-1': 257 });
    });
  });
});

describe('a contract whose options say otherwise in the middle of its term', () => {
  const covering = (covers: string[], excessDimension?: string) => ({
    contractDimensions: ['pack'],
    includedUnits: [{ contractDimension: 'pack', covers, units: 1000, ...(excessDimension && { excessDimension }) }],
  });
  it.each([
    ['under which name its excess is sent', covering(dimensions, 'overage')],
    ['what it covers', covering(['calls'])],
  ])('%s, includes its units once', async (_, after) => {
    const options = { lists: [PRODUCT_CODE], dimensions, listed: ['overage', ...dimensions] };
    await withWorld({ ...options, product: covering(dimensions) }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(300, { dimension: 'lookups' });
      await buyer.use(500, { dimension: 'calls' });
      await world.pass(1.5);
      await world.restart({ product: after });
      await buyer.use(700, { dimension: 'calls' });
      await world.pass(1.5);
      await world.expectUnits({ billed: { 'l-1': 500 }, included: 1000 });
      expect(await world.alerts()).toEqual([]);
    });
  });
});

describe('units that the options say, changed in the middle of a term', () => {
  const including = (units: number, factor = 1) => ({
    contractDimensions: ['pack'],
    includedUnits: [{ contractDimension: 'pack', covers: ['requests'], units, factor }],
  });
  it.each([
    ['units', including(1000), including(500)],
    ['the factor', including(10, 100), including(10, 50)],
  ])('%s: nothing that was included is billed, nor what was billed owed', async (_, before, fewer) => {
    await withWorld({ lists: [PRODUCT_CODE], product: before }, async (world) => {
      const buyer = await world.join('acme');
      const use = async (units: number): Promise<void> => {
        await buyer.use(units);
        await world.pass(1.5);
      };
      await use(800);
      await world.restart({ product: fewer });
      await world.pass(1);
      await use(100);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 800 });
      await world.restart({ product: including(2000) });
      await use(1100);
      await use(300);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 2000 });
      expect(await world.alerts()).toEqual([]);
    });
  });

  it('the factor of what AWS says: nothing that was included is billed, nor what was billed owed', async () => {
    const packs = (factor: number) => ({
      contractDimensions: ['pack'],
      includedUnits: [{ contractDimension: 'pack', covers: ['requests'], factor }],
    });
    await withWorld({ lists: [PRODUCT_CODE], product: packs(1000) }, async (world) => {
      const buyer = await world.join('acme', { entitlements: [{ dimension: 'pack', value: 1 }] });
      await buyer.use(800);
      await world.pass(1.5);
      await world.restart({ product: packs(500) });
      await world.pass(1);
      await buyer.use(100);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 100 }, included: 800 });
      await world.restart({ product: packs(1500) });
      await buyer.use(900);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 300 }, included: 1500 });
      expect(await world.alerts()).toEqual([]);
    });
  });
});
