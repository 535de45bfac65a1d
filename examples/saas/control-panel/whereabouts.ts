import { type BalanceView } from 'nestjs-marketplace-metering';
import { sum, type Units, unitsOf } from '../units.js';

/** Where the units of a balance are, by the name that the panel shows. They add up to what was recorded. */
export function whereaboutsOf({
  unsealed,
  waiting,
  setApart,
  included,
  carry,
  byState,
}: BalanceView): Record<string, Units> {
  return {
    unsealed: unitsOf(unsealed),
    waiting: sum(Object.values(waiting).map(unitsOf)),
    setApart: unitsOf(setApart),
    included: unitsOf(included),
    carry: unitsOf(carry),
    ...Object.fromEntries(Object.entries(byState).map(([state, quantity]) => [state, unitsOf(quantity)])),
  };
}
