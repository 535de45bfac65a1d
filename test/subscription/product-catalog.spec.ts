import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Options } from '../../src/marketplace-metering.options.js';
import { sealRecord } from './sealed-record.js';
import { codeOf, dropDatabaseOfSuite, LICENSE_PRODUCT, Rooms } from './rooms.js';

let rooms: Rooms;
const replicas: Rooms[] = [];

beforeEach(async () => {
  rooms = await Rooms.open({ products: [{ productCode: LICENSE_PRODUCT, dimensions: ['requests'], mode: 'dry-run' }] });
});
afterAll(dropDatabaseOfSuite);
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await rooms.close();
});

type Product = NonNullable<Options['products']>[number];

async function restartedWith(change: Partial<Product>): Promise<void> {
  const product: Product = { productCode: LICENSE_PRODUCT, dimensions: ['requests'], mode: 'dry-run', ...change };
  const replica = await rooms.replica({ products: [product] });
  replicas.push(replica);
  await replica.catalog.sync();
}

async function storedProduct() {
  const [row] = await rooms.query<Record<string, unknown>>(
    'SELECT identity, region, mode, live_from, mode_before_live FROM marketplace.product WHERE product_code = $1 AND seller_account = $2',
    [LICENSE_PRODUCT, rooms.options.sellerAccount],
  );
  return row;
}

describe('ProductCatalog', () => {
  it('knows what the options list', () => {
    expect(rooms.catalog.get(LICENSE_PRODUCT)?.dimensions).toEqual(['requests']);
    expect(rooms.catalog.get('another')).toBeUndefined();
    expect(rooms.catalog.all).toHaveLength(1);
  });

  it('enters a product once, however often and by however many replicas it is synced', async () => {
    await Promise.all([rooms.catalog.sync(), rooms.catalog.sync(), restartedWith({}), restartedWith({})]);
    expect(await rooms.count('product')).toBe(1);
  });

  it('keeps a product that is listed no more', async () => {
    await restartedWith({ productCode: 'another' });
    expect(await rooms.count('product')).toBe(2);
    expect((await storedProduct())?.mode).toBe('dry-run');
  });

  it('pins the region, and names the fix', async () => {
    await expect(restartedWith({ region: 'eu-west-1' })).rejects.toMatchObject({
      code: 'PRODUCT_PINNED',
      message: expect.stringContaining('back to "us-east-1"'),
    });
  });

  it('changes the identity while nothing is sealed, and pins it after', async () => {
    await restartedWith({ identity: 'legacy' });
    expect((await storedProduct())?.identity).toBe('legacy');
    await restartedWith({});
    const code = await rooms.arrive(rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT }));
    await sealRecord(rooms, (await rooms.registration.inspect(code)).subscriptionId);
    expect(await codeOf(restartedWith({ identity: 'legacy' }))).toBe('PRODUCT_PINNED');
    expect((await storedProduct())?.identity).toBe('license');
  });

  it('goes live only from a named hour', async () => {
    expect(await codeOf(restartedWith({ mode: 'live' }))).toBe('PRODUCT_LIVE_FROM_REQUIRED');
    expect((await storedProduct())?.mode).toBe('dry-run');
    const liveFrom = new Date('2026-11-19T00:00:00Z');
    await restartedWith({ mode: 'live', liveFrom });
    expect(await storedProduct()).toMatchObject({ mode: 'live', live_from: liveFrom, mode_before_live: 'dry-run' });
    // Later starts need not name it again, and another hour changes nothing.
    await restartedWith({ mode: 'live' });
    await restartedWith({ mode: 'live', liveFrom: new Date('2026-11-20T00:00:00Z') });
    expect(await storedProduct()).toMatchObject({ mode: 'live', live_from: liveFrom, mode_before_live: 'dry-run' });
  });

  it('stops being live at once, and asks for an hour anew', async () => {
    await restartedWith({ mode: 'live', liveFrom: new Date('2026-11-19T00:00:00Z') });
    await restartedWith({ mode: 'off' });
    expect(await storedProduct()).toMatchObject({ mode: 'off', live_from: null, mode_before_live: null });
    expect(await codeOf(restartedWith({ mode: 'live' }))).toBe('PRODUCT_LIVE_FROM_REQUIRED');
  });

  it('is live for all hours when it is first listed as live', async () => {
    await restartedWith({ productCode: 'second', mode: 'live' });
    const [row] = await rooms.query(
      `SELECT mode, live_from FROM marketplace.product WHERE product_code = 'second' AND seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    expect(row).toEqual({ mode: 'live', live_from: null });
  });

  it('honours an hour that comes with the first listing', async () => {
    const liveFrom = new Date('2026-11-19T00:00:00Z');
    await restartedWith({ productCode: 'second', mode: 'live', liveFrom });
    const [row] = await rooms.query(
      `SELECT live_from, mode_before_live FROM marketplace.product WHERE product_code = 'second' AND seller_account = $1`,
      [rooms.options.sellerAccount],
    );
    expect(row).toEqual({ live_from: liveFrom, mode_before_live: 'dry-run' });
  });
});
