// Quantities that change at hours. Pure.
import { hourFrom, type HourNumber, hourNumberOf } from './contract-terms.js';
import { type Scaled } from '../../runtime/decimal.js';

export interface QuantityStep {
  /** First hour for which it counts; the first step counts from the beginning. */
  fromHour: HourNumber;
  quantity: Scaled;
}

export const FROM_THE_BEGINNING = Number.NEGATIVE_INFINITY;

/** Of steps in the order of hours; 0 where there are none. */
export function quantityAt(steps: readonly QuantityStep[], hour: HourNumber): Scaled {
  return (steps.findLast(({ fromHour }) => fromHour <= hour) ?? steps[0])?.quantity ?? 0n;
}

/** What the options of a start say: whatever hour is asked about. */
export interface GivenSteps {
  from: Date;
  steps: readonly QuantityStep[];
}

/**
 * What the options say from which hour: of the first start from the beginning; more from the hour of the start that
 * says so, less from the hour after it, so that nothing that was sealed as included is taken back.
 * @param given in the order of starts
 */
export function stepsInForce(given: readonly GivenSteps[]): QuantityStep[] {
  let begins = FROM_THE_BEGINNING;
  const windows = given.map(({ from, steps }, index) => {
    const before = given[index - 1];
    const hour = hourNumberOf(from);
    if (before) {
      const isMore = quantityAt(steps, hour) > quantityAt(before.steps, hour);
      begins = Math.max(begins, isMore ? hour : hourFrom(from));
    }
    return { begins, steps };
  });
  return changesOf(
    windows.flatMap(({ begins: first, steps }, index) => {
      const ends = windows[index + 1]?.begins ?? Infinity;
      if (ends === first) return [];
      // Stryker disable next-line EqualityOperator: what begins with the window is its first step.
      const inside = steps.filter(({ fromHour }) => fromHour > first && fromHour < ends);
      return [{ fromHour: first, quantity: quantityAt(steps, first) }, ...inside];
    }),
  );
}

function changesOf(steps: readonly QuantityStep[]): QuantityStep[] {
  return steps.filter(({ quantity }, index) => quantity !== steps[index - 1]?.quantity);
}
