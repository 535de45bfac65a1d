import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { agreed, BUYER, licenseArn, receive, said } from './heard.js';
import { dropDatabaseOfSuite, LEGACY_PRODUCT, LICENSE_PRODUCT, Rooms } from './rooms.js';

// Messages of a known account that nobody can place: AWS is asked about the account's buyers, and no more often than it
// can help. What follows for the bill is in test/cases/unplaced-messages.spec.ts.

const UNHURRIED = {
  callsPerSecond: { getEntitlements: 1000, searchAgreements: 1000, describeAgreement: 1000, getAgreementTerms: 1000 },
};

let rooms: Rooms;
beforeEach(async () => {
  rooms = await Rooms.open({ aws: UNHURRIED });
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const searches = (): number => rooms.simulator.calls({ operation: 'SearchAgreements' }).length;
const nextAsks = async (): Promise<(string | null)[]> =>
  (
    await rooms.query<{ at: Date | null }>(
      `SELECT next_ask_at AS at FROM marketplace.subscription WHERE seller_account = $1 ORDER BY product_code`,
      [rooms.options.sellerAccount],
    )
  ).map(({ at }) => at?.toISOString().slice(11, 16) ?? null);

/** As the jobs would, where one has the other run. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    rooms.clock.advance(1_000);
    await rooms.messages.run();
    await rooms.reconciliation.run();
  }
}

describe('two listings of one account', () => {
  let tries = 0;
  const arrive = (productCode: string, turn: number): Promise<unknown> =>
    rooms.database.transaction((tx) => {
      tries += 1;
      return rooms.registrar.arrive(
        {
          ...{ productCode, messageId: `${productCode} ${turn}`, offerType: null, fields: {} },
          customerAwsAccountId: BUYER,
          ...(productCode === LICENSE_PRODUCT ? { licenseArn: licenseArn('1') } : {}),
        },
        tx,
      );
    });

  it('are asked about both, and do not wait for each other in a circle', async () => {
    for (const productCode of [LICENSE_PRODUCT, LEGACY_PRODUCT]) await arrive(productCode, 0);
    await receive(rooms, [said('agreement.created', '12:00', agreed('77'))]);
    await rooms.messages.run();
    expect(await nextAsks()).toEqual(['12:00', '12:00']);
    tries = 0;
    for (let turn = 1; turn <= 5; turn += 1) {
      await rooms.query(`UPDATE marketplace.subscription SET next_ask_at = NULL WHERE seller_account = $1`, [
        rooms.options.sellerAccount,
      ]);
      await Promise.all([arrive(LICENSE_PRODUCT, turn), arrive(LEGACY_PRODUCT, turn)]);
      expect(await nextAsks()).toEqual(['12:00', '12:00']);
    }
    // One that had to be broken off, since the other waited for it, is tried again.
    expect(tries).toBe(10);
  });
});

describe('a message that names the product, and an agreement that nobody knows', () => {
  it('has AWS asked at once and when its lists must know, not for as long as each answer is news', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(agreement);
    await turns(2);
    const before = searches();
    const { accountId: customerAwsAccountId } = agreement;
    await receive(rooms, [
      said('license.deprovisioned', '12:00', {
        ...{ productCode: LICENSE_PRODUCT, agreementId: 'agmt-unheard-of', customerAwsAccountId },
        licenseArn: licenseArn('unheard-of'),
      }),
    ]);
    await turns(2);
    const once = searches();
    expect(once).toBeGreaterThan(before);
    await turns(6);
    expect(searches()).toBe(once);
    rooms.clock.advance(600_000);
    await turns(3);
    const twice = searches();
    expect(twice).toBeGreaterThan(once);
    await turns(6);
    expect(searches()).toBe(twice);
  });
});
