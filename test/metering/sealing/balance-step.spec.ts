import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { balanceStep, QUANTITY_MAX, wholeBlocks } from '../../../src/metering/sealing/balance-step.js';
import { formatDecimal, fromUnits, scaled } from '../../../src/runtime/decimal.js';

describe('one step of a balance', () => {
  it.each([
    // what it shows, carry in, usage, included, block; quantity, carry out
    ['sends whole units and carries the fraction', '0', '2.7', '0', 1n, 2n, '0.7'],
    ['completes a unit with what was carried', '0.7', '0.3', '0', 1n, 1n, '0'],
    ['carries a debt', '0', '-1.5', '0', 1n, 0n, '-1.5'],
    ['carries a debt of a whole unit', '0', '-1', '0', 1n, 0n, '-1'],
    ['pays a debt off with later usage', '-1.5', '4', '0', 1n, 2n, '0.5'],
    ['sends nothing of nothing', '0', '0', '0', 1n, 0n, '0'],
    ['does not send what is included', '0', '5', '3', 1n, 2n, '0'],
    ['sends nothing where all is included', '0', '2', '2', 1n, 0n, '0'],
    ['sends what exceeds a contract of a fraction', '0', '2', '0.5', 1n, 1n, '0.5'],
    ['carries what was billed before it was included', '0', '2', '5', 1n, 0n, '-3'],
    ['owes what a correction does not give back to the contract', '0', '-300', '-100', 1n, 0n, '-200'],
    ['sends whole blocks alone', '0', '2400', '0', 1000n, 2n, '400'],
    ['completes a block with what was carried', '400', '600', '0', 1000n, 1n, '0'],
    ['sends no block of a debt', '-1500', '400', '0', 1000n, 0n, '-1100'],
    ['sends no block for want of a fraction', '0', '999.999999999999', '0', 1000n, 0n, '999.999999999999'],
    ['sends the largest quantity that AWS takes', '0', '2147483647', '0', 1n, QUANTITY_MAX, '0'],
    ['carries what exceeds it', '0', '2147483648.5', '0', 1n, QUANTITY_MAX, '1.5'],
    ['carries blocks that exceed it', '0', '4294967297', '0', 2n, QUANTITY_MAX, '3'],
  ] as const)('%s', (_, carryIn, sum, included, block, quantity, carryOut) => {
    const step = balanceStep(scaled(carryIn), scaled(sum), scaled(included), block);
    expect({ ...step, carryOut: formatDecimal(step.carryOut) }).toEqual({ quantity, carryOut });
  });

  it.each([
    ['-0.5', 0n],
    ['0', 0n],
    ['0.999999999999', 0n],
    ['1', 1n],
    ['2.5', 2n],
  ])('holds, in a carry of %s, %d whole units', (amount, units) => {
    expect(wholeBlocks(scaled(amount), 1n)).toBe(units);
  });

  it('includes nothing where no contract is named', () => {
    expect(balanceStep(0n, scaled('2'))).toEqual({ quantity: 2n, carryOut: 0n });
  });

  it('neither makes nor loses anything, and sends what AWS takes', () => {
    const any = fc.bigInt({ min: -(10n ** 23n), max: 10n ** 23n });
    fc.assert(
      fc.property(any, any, any, fc.bigInt({ min: 1n, max: 5000n }), (carryIn, sum, included, block) => {
        const { quantity, carryOut } = balanceStep(carryIn, sum, included, block);
        expect(included + fromUnits(quantity * block) + carryOut).toBe(carryIn + sum);
        expect(quantity >= 0n && quantity <= QUANTITY_MAX).toBe(true);
        expect(quantity === 0n || carryOut >= 0n).toBe(true);
        expect(quantity === QUANTITY_MAX || wholeBlocks(carryOut, block) === 0n).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
