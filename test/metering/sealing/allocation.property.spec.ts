import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate } from '../../../src/metering/sealing/allocation.js';
import { balanceStep } from '../../../src/metering/sealing/balance-step.js';

describe('any allocations', () => {
  const anyTags = fc.option(
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', '__proto__'), fc.constantFrom('1', '2', '3'), {
      maxKeys: 5,
    }),
    { nil: null },
  );
  const anySum = fc.oneof(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 15n }), fc.bigInt({ min: 0n, max: 10n ** 23n }));
  const anyRows = fc.array(fc.record({ tags: anyTags, sum: anySum }), { maxLength: 40 });
  const anyCarry = fc.bigInt({ min: -(10n ** 13n), max: 10n ** 14n });

  it('sum to the quantity exactly, within every limit, whatever the order of the rows', () => {
    fc.assert(
      fc.property(anyRows, anyCarry, fc.infiniteStream(fc.nat()), (rows, carry, order) => {
        const { quantity } = balanceStep(
          carry,
          rows.reduce((sum, row) => sum + row.sum, 0n),
        );
        const plan = allocate(quantity, carry, rows);
        const shuffled = rows.map((row) => ({ row, key: order.next().value })).sort((a, b) => a.key - b.key);
        expect(
          allocate(
            quantity,
            carry,
            shuffled.map(({ row }) => row),
          ),
        ).toEqual(plan);
        if (plan.allocations === null) return;
        const sets = plan.allocations.map(({ Tags }) => JSON.stringify(Tags ?? []));
        expect(
          plan.allocations.reduce((sum, { AllocatedUsageQuantity }) => sum + BigInt(AllocatedUsageQuantity), 0n),
        ).toBe(quantity);
        expect(
          plan.allocations.every(({ AllocatedUsageQuantity: units }) => Number.isInteger(units) && units > 0),
        ).toBe(true);
        expect(plan.allocations.length).toBeLessThanOrEqual(2_500);
        expect(new Set(sets).size).toBe(sets.length);
        expect(
          new Set(plan.allocations.flatMap(({ Tags = [] }) => Tags.map(({ Key }) => Key))).size,
        ).toBeLessThanOrEqual(5);
      }),
      { numRuns: 500 },
    );
  });
});
