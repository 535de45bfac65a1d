import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LedgerBalance } from '../../../src/metering/balance/ledger-balance.js';
import { HOUR_MS, plusMs } from '../../../src/runtime/clock.js';
import { formatDecimal, type Scaled, scaled } from '../../../src/runtime/decimal.js';
import { NOW, SealingLedger } from './sealing-ledger.js';

let ledger: SealingLedger;

beforeAll(async () => {
  ledger = await SealingLedger.open();
});

afterAll(async () => {
  await ledger.expectConserved().finally(() => ledger.close());
});

const MINUTE_MS = 60_000;

type Step =
  | { do: 'record'; dimension: string; quantity: string; minutesAgo: number; tags: Record<string, string> | undefined }
  | { do: 'advance'; minutes: number }
  | { do: 'seal' }
  | { do: 'handBack'; which: number };

const anyQuantity = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: -3n * 10n ** 12n, max: 9n * 10n ** 12n }) },
  { weight: 3, arbitrary: fc.constantFrom(1n, -1n, 10n ** 12n, 5n * 10n ** 11n) },
  { weight: 1, arbitrary: fc.bigInt({ min: 10n ** 21n, max: 6n * 10n ** 21n }) },
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      dimension: fc.constantFrom('requests', 'storage'),
      quantity: anyQuantity.map(formatDecimal),
      minutesAgo: fc.oneof(fc.nat(90), fc.nat(40 * 60)),
      tags: fc.option(fc.constantFrom({ team: 'red' }, { team: 'blue' }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), minutes: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'seal' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('handBack' as const), which: fc.nat(1000) }) },
);

describe('any life of a subscription', () => {
  it('loses and doubles nothing: every unit is in one record, in the carry, or unassigned', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 25 }), async (steps) => {
        ledger.at(NOW);
        const id = await ledger.subscribe();
        const recorded = new Map<string, Scaled>();

        for (const step of steps) {
          if (step.do === 'record') {
            const { dimension, quantity, minutesAgo, tags } = step;
            await ledger.record(id, { dimension, quantity, at: plusMs(ledger.now, -minutesAgo * MINUTE_MS), ...(tags && { tags }) });
            recorded.set(dimension, (recorded.get(dimension) ?? 0n) + scaled(quantity));
          } else if (step.do === 'advance') {
            ledger.at(plusMs(ledger.now, step.minutes * MINUTE_MS));
          } else if (step.do === 'handBack') {
            await handBack(id, step.which);
          } else {
            await ledger.seal();
            await expectWhole(id, recorded);
          }
        }

        // Everything is sealed once no hour that it could go to is taken.
        for (let hour = 0; hour < 5; hour += 1) await ledger.at(plusMs(ledger.now, HOUR_MS + 11 * MINUTE_MS)).seal();
        await expectWhole(id, recorded);
        expect(await ledger.unassigned(id)).toBe(0);
        await ledger.end(id, ledger.now);
        await ledger.seal();
        await ledger.at(plusMs(ledger.now, 2 * HOUR_MS)).seal();
        await expectWhole(id, recorded);
        const balances = await new LedgerBalance(ledger.database, ledger.options).read({ subscriptionId: id });
        expect(balances.map(({ carry }) => carry)).toEqual(balances.map(() => '0'));
      }),
      { numRuns: 20 },
    );
    expect((await ledger.alerts()).filter(({ kind }) => kind === 'sealSkipped')).toEqual([]);
  });
});

/** What the deadline watch does with a record that expired and is known not to be billed. */
async function handBack(id: string, which: number): Promise<void> {
  const pending = (await ledger.records(id)).filter(({ state }) => state === 'pending');
  if (pending.length === 0) return;
  await ledger.database.query(
    `UPDATE marketplace.metering_record SET state = 'closed', reason = 'expired', disposition = 'carried', closed_at = sealed_at WHERE id = $1`,
    [pending[which % pending.length]?.id],
  );
}

async function expectWhole(id: string, recorded: ReadonlyMap<string, Scaled>): Promise<void> {
  const balances = await new LedgerBalance(ledger.database, ledger.options).read({ subscriptionId: id });
  expect(balances.filter(({ conserved }) => !conserved)).toEqual([]);
  const units = balances.map(({ dimension, unassigned, carry, byState }): [string, Scaled] => [
    dimension,
    Object.values(byState).reduce((sum, quantity) => sum + scaled(quantity), scaled(unassigned) + scaled(carry)),
  ]);
  expect(new Map(units)).toEqual(new Map([...recorded].sort(([a], [b]) => (a < b ? -1 : 1))));

  const records = (await ledger.records(id)).filter(({ kind }) => kind === 'hour');
  const grains = records.map(({ dimension, hour }) => `${dimension} ${hour.toISOString()}`);
  expect(new Set(grains).size).toBe(grains.length);
  for (const { quantity, allocations } of records) {
    expect(Number(quantity)).toBeLessThanOrEqual(2_147_483_647);
    if (allocations)
      expect(allocations.reduce((sum, { AllocatedUsageQuantity }) => sum + AllocatedUsageQuantity, 0)).toBe(Number(quantity));
  }
}
