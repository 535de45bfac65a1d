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
  const included = total <= 0n || coverLeft <= 0n ? 0n : total < coverLeft ? total : coverLeft;
  const whole = floorUnits(total - included);
  const quantity = whole < 0n ? 0n : whole > QUANTITY_MAX ? QUANTITY_MAX : whole;
  return { included, quantity, carryOut: total - included - fromUnits(quantity) };
}
