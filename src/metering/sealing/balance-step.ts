import { floorUnits, fromUnits, type Scaled } from '../../runtime/decimal.js';

/** The largest quantity that AWS takes in one record. */
export const QUANTITY_MAX = 2_147_483_647n;

export interface BalanceStep {
  /** What the agreement's entitlement covers: prepaid, so not sent. */
  included: Scaled;
  /** Whole units. */
  quantity: bigint;
  carryOut: Scaled;
}

/**
 * One step of a period's balance: carryIn + eventSum = included + quantity + carryOut. The carry takes up fractions,
 * what exceeds AWS's largest quantity, and corrections that exceed the usage.
 * @param coverLeft what the entitlement still covers of this dimension; 0 without a contract.
 */
export function balanceStep(carryIn: Scaled, eventSum: Scaled, coverLeft: Scaled = 0n): BalanceStep {
  const total = carryIn + eventSum;
  const included = between0And(coverLeft, total);
  const quantity = between0And(QUANTITY_MAX, floorUnits(total - included));
  return { included, quantity, carryOut: total - included - fromUnits(quantity) };
}

function between0And(most: bigint, amount: bigint): bigint {
  // Stryker disable next-line EqualityOperator: where an amount equals a bound, either of them is the same answer.
  return amount <= 0n || most <= 0n ? 0n : amount < most ? amount : most;
}
