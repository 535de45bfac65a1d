import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { HOST_LIBRARIES } from '../support/host-libraries/host-libraries.js';
import { type LibraryTransaction } from '../support/host-libraries/host-library.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// H4: hosts that reach Postgres through whatever library, from the sign-up in their own transaction to AWS's bill.

jest.setTimeout(120_000);

class HostFailure extends Error {}

describe('H4 hosts of every library, each with a buyer of its own', () => {
  let world: World;
  /** License of each buyer, in the order in which they signed. */
  let signed = 0;
  const expected: Record<string, number> = {};

  beforeAll(async () => {
    world = await World.start({ lists: [PRODUCT_CODE] });
    await world.database.query(`CREATE TABLE public.orders (id text PRIMARY KEY)`);
  });
  afterAll(() => world.stop());

  it.each(HOST_LIBRARIES)(
    '$name: sign-up with first usage, rolled back and again; usage, its repetition, a correction',
    async ({ name, open }) => {
      const buyer = world.sign();
      signed += 1;
      await buyer.arrive();
      await world.hear();
      const tenantId = `tenant of ${name}`;
      const library = await open(world.postgres.url);
      const signUp = async ({ executor: manager, placeOrder }: LibraryTransaction): Promise<void> => {
        await placeOrder(tenantId);
        await world.registrations.claim(buyer.registrationCode, { tenantId, manager, browser: buyer.browser });
        await world.record({ tenantId, quantity: 7, idempotencyKey: 'first' }, { manager });
      };
      try {
        const failed = library.transaction(async (tx) => {
          await signUp(tx);
          throw new HostFailure('the card was refused');
        });
        await expect(failed).rejects.toThrow('the card was refused');
        world.count(-7);
        await expect(world.record({ tenantId, quantity: 1 })).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });

        await library.transaction(signUp);
        await library.transaction(async ({ executor: manager, placeOrder }) => {
          await placeOrder(`${name}: order`);
          await world.recordAll(
            [
              { tenantId, quantity: '2.5', idempotencyKey: 'second', tags: { team: 'a' } },
              { tenantId, quantity: '1.5', idempotencyKey: 'third' },
            ],
            { manager },
          );
          expect(await world.record({ tenantId, quantity: 7, idempotencyKey: 'first' }, { manager })).toMatchObject({
            outcome: 'duplicate',
          });
          await world.record({ tenantId, quantity: -1, reason: 'one was free' }, { manager });
        }, 'serializable');
      } finally {
        await library.close();
      }
      expected[`l-${signed}`] = 10;
    },
  );

  it('are billed once, to the unit, and the ledger is conserved', async () => {
    await world.pass(2);
    await world.expectUnits({ billed: expected });
    expect(await world.database.query(`SELECT FROM public.orders`)).toHaveLength(2 * HOST_LIBRARIES.length);
  });
});
