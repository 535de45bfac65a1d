import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { balanceStep, QUANTITY_MAX } from '../../../src/metering/sealing/balance-step.js';
import { formatDecimal, fromUnits, scaled } from '../../../src/runtime/decimal.js';

describe('one step of a balance', () => {
  it.each([
    // what it shows, carry in, usage, cover left; included, quantity, carry out
    ['sends whole units and carries the fraction', '0', '2.7', '0', '0', 2n, '0.7'],
    ['completes a unit with what was carried', '0.7', '0.3', '0', '0', 1n, '0'],
    ['carries a debt', '0', '-1.5', '0', '0', 0n, '-1.5'],
    ['carries a debt of a whole unit', '0', '-1', '0', '0', 0n, '-1'],
    ['pays a debt off with later usage', '-1.5', '4', '0', '0', 2n, '0.5'],
    ['sends nothing of nothing', '0', '0', '0', '0', 0n, '0'],
    ['covers usage by the contract first', '0', '5', '3', '3', 2n, '0'],
    ['covers all that the contract has room for', '0', '2', '3', '2', 0n, '0'],
    ['covers usage that just fills the contract', '0', '3', '3', '3', 0n, '0'],
    ['covers fractions', '0.5', '0.25', '3', '0.75', 0n, '0'],
    ['sends what exceeds a contract of a fraction', '0', '2', '0.5', '0.5', 1n, '0.5'],
    ['covers no debt', '0', '-2', '3', '0', 0n, '-2'],
    ['covers nothing where the contract is used up', '0', '2', '-1', '0', 2n, '0'],
    ['sends the largest quantity that AWS takes', '0', '2147483647', '0', '0', QUANTITY_MAX, '0'],
    ['carries what exceeds it', '0', '2147483648.5', '0', '0', QUANTITY_MAX, '1.5'],
  ] as const)('%s', (_, carryIn, sum, cover, included, quantity, carryOut) => {
    const step = balanceStep(scaled(carryIn), scaled(sum), scaled(cover));
    expect({ ...step, included: formatDecimal(step.included), carryOut: formatDecimal(step.carryOut) }).toEqual({
      ...{ included, quantity, carryOut },
    });
  });

  it('has no cover where no contract is named', () => {
    expect(balanceStep(0n, scaled('2'))).toEqual({ included: 0n, quantity: 2n, carryOut: 0n });
  });

  it('neither makes nor loses anything, and sends what AWS takes', () => {
    const any = fc.bigInt({ min: -(10n ** 23n), max: 10n ** 23n });
    fc.assert(
      fc.property(any, any, any, (carryIn, sum, cover) => {
        const { included, quantity, carryOut } = balanceStep(carryIn, sum, cover);
        expect(included + fromUnits(quantity) + carryOut).toBe(carryIn + sum);
        expect(quantity >= 0n && quantity <= QUANTITY_MAX).toBe(true);
        expect(included >= 0n && (included === 0n || included <= cover)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
