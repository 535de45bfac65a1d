import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Options } from '../../src/options/options.js';
import { selectModes } from '../../src/subscription/product-mode.sql.js';
import { RecordingLedger, SELLER } from '../metering/recording/recording-ledger.js';

type Product = NonNullable<Options['products']>[number];

let ledger: RecordingLedger;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
});

afterAll(async () => {
  await ledger.close();
});

const sync = (product: Partial<Product> & { productCode: string }, at = '2026-11-10T10:30:00Z'): Promise<void> =>
  ledger.withCatalog((catalog) => catalog.sync(), {
    products: [{ dimensions: ['requests'], ...product }],
    clock: { now: () => new Date(at) },
  });

const modesOf = async (productCode: string): Promise<unknown[]> => {
  const database = await ledger.ledger();
  return ((await selectModes(database, SELLER, [productCode])).get(productCode) ?? []).map(
    ({ from, mode }) => `${from?.toISOString() ?? ''} ${mode}`,
  );
};

describe('a product at start', () => {
  it('is written with its dimensions and mode, and a second start adds nothing', async () => {
    for (let start = 0; start < 3; start += 1) await sync({ productCode: 'one', dimensions: ['a', 'b'] });
    await sync({ productCode: 'one', dimensions: ['b', 'c'] });
    const rows = await ledger.query<{ name: string; id: number }>(
      `SELECT name, id FROM marketplace.dimension WHERE product_code = 'one' ORDER BY id`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    // Starts use up no number of the narrow identity.
    expect(rows[2]!.id - rows[0]!.id).toBe(2);
    expect(await modesOf('one')).toEqual([' live']);
  });

  it('by two replicas at once is written once', async () => {
    await Promise.all(
      [1, 2, 3, 4].map(() => sync({ productCode: 'raced', mode: 'dry-run', dimensions: ['a', 'b', 'c'] })),
    );
    expect(await modesOf('raced')).toEqual([' dry-run']);
    expect(await ledger.query(`SELECT FROM marketplace.product_mode WHERE product_code = 'raced'`)).toHaveLength(1);
  });

  it.each<[string, Partial<Product>, RegExp]>([
    ['another region', { region: 'eu-west-1' }, /region "us-east-1".*eu-west-1/],
  ])('with %s is refused: it is pinned', async (_, change, message) => {
    await sync({ productCode: 'pinned' });
    await expect(sync({ productCode: 'pinned', ...change })).rejects.toMatchObject({
      code: 'PRODUCT_PINNED',
      message: expect.stringMatching(message),
    });
  });

  it('with other settings than before says which', async () => {
    const warnings = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    for (const zeroRecords of ['off', 'off', 'atSeal'] as const)
      await sync({ productCode: 'changed', zeroRecords, onSeveral: zeroRecords === 'off' ? 'wait' : 'paidFirst' });
    await ledger.withCatalog((catalog) => catalog.sync(), {
      products: [{ productCode: 'changed', dimensions: ['requests'], zeroRecords: 'atSeal', onSeveral: 'paidFirst' }],
      settingsRevision: 3,
    });
    const said = 'product changed has other settings from this start on: ';
    expect(warnings.mock.calls.filter(([line]) => String(line).includes('changed'))).toEqual([
      [
        `${said}products[].onSeveral: here paidFirst, before wait; products[].zeroRecords: here atSeal, before off`,
        { generation: 2 },
      ],
      [`${said}settingsRevision: here 3, before 0`, { generation: 3 }],
    ]);
    warnings.mockRestore();
  });

  it('may change its identity while nothing is sealed', async () => {
    await sync({ productCode: 'identity', identity: 'legacy' });
    await sync({ productCode: 'identity', identity: 'license' });
    expect(await ledger.query(`SELECT identity FROM marketplace.product WHERE product_code = 'identity'`)).toEqual([
      { identity: 'license' },
    ]);
  });
});

// T22 and M27, the part of the catalogue. Siblings: a go-live announced and taken back; two changes within an hour.
describe('going live', () => {
  it('T22: each instant keeps the mode that it was lived in', async () => {
    await sync({ productCode: 'twice' }, '2026-01-05T00:00:00Z');
    await sync({ productCode: 'twice', mode: 'dry-run' }, '2026-11-10T00:00:00Z');
    await sync({ productCode: 'twice', mode: 'live', liveFrom: '2026-11-11T00:00:00Z' }, '2026-11-10T20:00:00Z');
    await sync({ productCode: 'twice', mode: 'live', liveFrom: '2026-11-11T00:00:00Z' }, '2026-11-20T20:00:00Z');
    expect(await modesOf('twice')).toEqual([
      ' live',
      '2026-11-10T00:00:00.000Z dry-run',
      '2026-11-11T00:00:00.000Z live',
    ]);
  });

  it('M27: from an hour that is over is refused, and says what to give', async () => {
    await sync({ productCode: 'past', mode: 'dry-run' });
    await expect(sync({ productCode: 'past', liveFrom: '2026-11-10T09:00:00Z' })).rejects.toMatchObject({
      code: 'PRODUCT_LIVE_FROM_PAST',
      message: expect.stringMatching(/"dry-run" since.*"2026-11-10T10:00:00.000Z" or later/),
    });
    await expect(sync({ productCode: 'past' })).rejects.toMatchObject({ code: 'PRODUCT_LIVE_FROM_REQUIRED' });
    expect(await modesOf('past')).toEqual([' dry-run']);
    await sync({ productCode: 'past', liveFrom: '2026-11-10T10:00:00Z' });
    expect(await modesOf('past')).toEqual([' dry-run', '2026-11-10T10:00:00.000Z live']);
  });

  it('has the product’s customers planned anew', async () => {
    await sync({ productCode: 'told', mode: 'off' });
    const buyer = await ledger.buyer('told');
    await sync({ productCode: 'told', liveFrom: '2026-11-10T11:00:00Z' });
    expect(
      await ledger.query(
        `SELECT c.customer_id FROM marketplace.customer_changed c JOIN marketplace.subscription s
          ON s.customer_id = c.customer_id WHERE s.id = $1`,
        [buyer.id],
      ),
    ).toHaveLength(1);
  });
});
