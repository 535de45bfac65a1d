import { floorUnits, fromUnits, type Scaled } from '../../runtime/decimal.js';

/** The largest quantity that AWS takes in one record. */
export const QUANTITY_MAX = 2_147_483_647n;

export interface BalanceStep {
  /** Whole units, or whole blocks of them. */
  quantity: bigint;
  carryOut: Scaled;
}

/**
 * One step of a period's balance: carryIn + eventSum = included + quantity × block + carryOut. The carry takes up
 * fractions (of a block), what exceeds AWS's largest quantity, and corrections that exceed the usage.
 * @param included covered by a contract, so not sent; negative where a correction gives units back to it. 0 without one.
 * @param block units of usage that are sold as one.
 */
export function balanceStep(carryIn: Scaled, eventSum: Scaled, included: Scaled = 0n, block = 1n): BalanceStep {
  const total = carryIn + eventSum - included;
  const quantity = atMost(QUANTITY_MAX, wholeBlocks(total, block));
  return { quantity, carryOut: total - fromUnits(quantity * block) };
}

/** Whole blocks in a carry, never rounded up; none in a debt. */
export function wholeBlocks(amount: Scaled, block: bigint): bigint {
  // Stryker disable next-line EqualityOperator: of nothing there are no blocks either.
  return amount <= 0n ? 0n : floorUnits(amount) / block;
}

function atMost(most: bigint, amount: bigint): bigint {
  // Stryker disable next-line EqualityOperator: where an amount equals the bound, either of them is the same answer.
  return amount < most ? amount : most;
}
