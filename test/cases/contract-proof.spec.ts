import { describe, expect, it, jest } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// I10 for contracts: what is included is refused, or found before it is sent, where somebody changes it by hand.
// Siblings: the included units of a record with all that must match them; the answer of AWS that they name; usage that
// counts against them; a record that counts nothing; history and counted usage written by hand.

jest.setTimeout(120_000);

/** As a superuser who has disabled the triggers, or a dump that is loaded so. */
async function behindTheTriggers(world: World, statement: string, values: unknown[]): Promise<void> {
  await world.database.transaction(async (tx) => {
    await tx.query(`SET LOCAL session_replication_role = replica`);
    await tx.query(statement, values);
  });
}

const RECORD = 'FROM marketplace.metering_record m WHERE m.subscription_id = $1';
const BASIS = `WITH r AS (UPDATE marketplace.metering_record m SET included = 500, included_total = 500, quantity = 700,
    included_by = CASE WHEN $2 THEN replace(replace(included_by::text, '"units": "1000"', '"units": "500"'),
      '"quantity": "1000"', '"quantity": "500"')::jsonb ELSE included_by END WHERE m.subscription_id = $1)
  UPDATE marketplace.balance b SET included = 500, quantity = 700 ${RECORD} AND m.period_id = b.period_id`;

const TAMPERINGS: readonly [what: string, statement: string, values: unknown[], found: RegExp][] = [
  ['fewer included units, with a balance to match', BASIS, [false], /included units: it says 500, the ledger 1000/],
  ['fewer units in all that it names', BASIS, [true], /entitlement: it says 500, the ledger 1000/],
  [
    'usage that counts twice',
    `UPDATE marketplace.included_usage k SET used = 2400 ${RECORD} AND m.period_id = k.period_id`,
    [],
    /counted usage: it says 2400, the ledger 1200/,
  ],
  [
    'units that nothing includes',
    `UPDATE marketplace.metering_record m SET included_by = '{}' WHERE m.subscription_id = $1`,
    [],
    /nothing that can be reckoned/,
  ],
];

describe('included units that were changed by hand', () => {
  it('are found before their record is sent, and refused where triggers stand', async () => {
    const includedUnits = [{ contractDimension: 'pack', covers: ['requests'] }];
    const world = await World.start({
      lists: [PRODUCT_CODE],
      product: { contractDimensions: ['pack'], includedUnits },
    });
    try {
      const buyers: Buyer[] = [];
      for (const [index] of [...TAMPERINGS, null].entries()) {
        const buyer = await world.join(`tenant-${index}`, { entitlements: [{ dimension: 'pack', value: 1000 }] });
        await buyer.use(1200);
        buyers.push(buyer);
      }
      world.clock.advance(1.5 * 3_600_000);
      await world.run('seal', 'entitlements', 'seal');
      expect((await world.records<{ quantity: string }>()).map(({ quantity }) => quantity)).toEqual(
        buyers.map(() => '200'),
      );
      for (const [index, [, statement, values]] of TAMPERINGS.entries())
        await behindTheTriggers(world, statement, [buyers[index]!.subscriptionId, ...values]);
      await world.settle();

      for (const [index, [what, , , found]] of TAMPERINGS.entries()) {
        const records = await world.records<{ state: string; reason: string; reason_message: string }>(
          `subscription_id = '${buyers[index]!.subscriptionId}'`,
        );
        expect({ what, records }).toMatchObject({
          what,
          records: [{ state: 'blocked', reason: 'ledgerMismatch', reason_message: expect.stringMatching(found) }],
        });
      }
      expect(world.simulator.bill().map(({ quantity }) => quantity)).toEqual([200]);

      for (const [statement, why] of [
        [`UPDATE marketplace.entitlement_change SET entitlements = '[]'`, /answers alone/],
        [
          `INSERT INTO marketplace.entitlement_change (seller_account, agreement_id, fetched_at, entitlements)
            SELECT seller_account, agreement_id, now(), '[]' FROM marketplace.entitlement_snapshot`,
          /answers alone/,
        ],
        [`DELETE FROM marketplace.entitlement_change`, /append-only/],
        [`UPDATE marketplace.entitlement_snapshot SET fetched_at = fetched_at - interval '1 hour'`, /takes the place/],
        [`UPDATE marketplace.included_usage SET used = 0`, /records alone/],
        [`DELETE FROM marketplace.included_usage`, /append-only/],
      ] as const)
        await expect(world.database.query(statement)).rejects.toThrow(why);
    } finally {
      await world.stop();
    }
  });
});
