import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFootings } from '../../src/metering/balance/record-proof.sql.js';
import { mismatchesOf } from '../../src/metering/balance/record-proof.js';
import { lockRecords } from '../../src/metering/settlement/metering-record.sql.js';
import { RecordTransitions } from '../../src/metering/settlement/record-transition.js';
import { type Buyer } from '../support/buyer.js';
import { SELLER } from '../support/market.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// A false alarm would hold good usage back. Beside each other: two replicas that seal and send, a person who annuls
// and gives up, answers that fail, and a reader that compares every record of the ledger again and again.

const STEPS = 14;

it('raises no false alarm while sealing, answers, annulments and deadlines go on beside it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          quantities: fc.array(fc.integer({ min: -3, max: 40 }), { minLength: 2, maxLength: 6 }),
          annul: fc.boolean(),
          fault: fc.boolean(),
        }),
        { minLength: STEPS, maxLength: STEPS },
      ),
      async (steps) => {
        const world = await World.start({ lists: [PRODUCT_CODE] });
        try {
          const other = await world.addReplica();
          const buyers: Buyer[] = [await world.join('acme'), await world.join('birch'), await world.join('cedar')];
          const over = new AbortController();
          let compared = 0;
          const reader = (async () => {
            while (!over.signal.aborted) {
              const rows = await world.records<{ id: string }>(
                `kind = 'hour' AND disposition IS DISTINCT FROM 'annulled'`,
              );
              const footings = await readFootings(
                world.database,
                SELLER,
                rows.map(({ id }) => id),
              );
              // One that is annulled meanwhile has its rollups no more.
              const standing = new Set(
                (await world.records<{ id: string }>(`disposition IS DISTINCT FROM 'annulled'`)).map(({ id }) => id),
              );
              for (const footing of footings) if (standing.has(footing.id)) expect(mismatchesOf(footing)).toEqual([]);
              compared += footings.length;
              await new Promise((resolve) => setTimeout(resolve, 2));
            }
          })();
          for (const { quantities, annul, fault } of steps) {
            for (const [index, quantity] of quantities.entries()) {
              await buyers[index % buyers.length]!.use(
                quantity + 0.25,
                quantity < 0 ? { reason: 'counted twice' } : {},
              );
            }
            if (fault) world.simulator.faults.add({ kind: 'unprocessed', operation: 'BatchMeterUsage', count: 1 });
            world.clock.advance(3_600_000);
            await world.run('seal');
            await Promise.all([
              world.run('seal', 'submit', 'recovery'),
              world.runOn(other, 'seal', 'submit', 'deadline'),
              world.run('submit'),
              annul ? annulOne(world) : undefined,
            ]);
            await world.settle(2);
          }
          over.abort();
          await reader;
          await world.settle();
          expect(compared).toBeGreaterThan(100);
          expect(
            await world.database.query(`SELECT message FROM marketplace.alert WHERE kind = 'ledgerMismatch'`),
          ).toEqual([]);
          expect(await world.records(`reason = 'ledgerMismatch'`)).toEqual([]);
          expect((await world.records(`state = 'metered'`)).length).toBeGreaterThan(10);
          await world.expectConserved();
        } finally {
          await world.stop();
        }
      },
    ),
    { numRuns: 2 },
  );
}, 240_000);

/** The planner takes back one that waits, as it does where the timeline has moved. */
async function annulOne(world: World): Promise<void> {
  const [waiting] = await world.records<{ id: string }>(`state = 'pending' AND attempt_count = 0`);
  if (waiting === undefined) return;
  await world.database.transaction(async (tx) => {
    const records = await lockRecords(tx, SELLER, [waiting.id]);
    const why = { reason: 'moved', isExpired: false, by: null } as const;
    await world.app.get(RecordTransitions).annul(tx, records, why, world.now());
  });
}
