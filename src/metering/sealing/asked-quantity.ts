// What AWS has said of an agreement's contracts. Pure.
import { plusMs } from '../../runtime/clock.js';
import { ANSWER_SETTLES_AFTER_MS } from '../../subscription/agreements/agreement-life.js';
import { type KnownAnswer } from './answer-wait.js';
import { type SaidRow } from './included-load.sql.js';
import { quantityStepsOf, type SaidEntitlements } from './included-quantity.js';
import { type Period } from './period.js';
import { type QuantityStep } from './quantity-steps.js';

export interface AskedQuantity extends KnownAnswer {
  /** Of contract dimensions, with what one unit of each stands for; and when they began anew within the agreement. */
  of(factors: ReadonlyMap<string, number>): { steps: readonly QuantityStep[]; renewals: Date[] };
  /** The answer that counted last. */
  last: SaidEntitlements;
}

/** @param rows of the period's agreement: more than one where those turned out to be the same */
export function askedQuantityOf(period: Period, rows: readonly SaidRow[]): AskedQuantity | null {
  // Of an agreement that is over AWS lists nothing, or, under the same name, its successor; and by neither says anything
  // of the time before.
  const over = period.spans.at(-1)?.to ?? null;
  const said = ofPeriod(
    period,
    historyOf(rows).filter(({ fetchedAt }) => over === null || fetchedAt < over),
  );
  const last = said.at(-1);
  if (!last) return null;
  // The license of the purchase itself is told, too.
  const startsAt = period.spans[0]?.startsAt.getTime() ?? Number.NEGATIVE_INFINITY;
  const told = rows
    .flatMap((row) => row.told.map((text) => new Date(text)))
    .filter((at) => at.getTime() > startsAt)
    .sort((a, b) => a.getTime() - b.getTime());
  const asked = rows.flatMap(({ fetched_at: fetchedAt, empty_since: emptySince }) => [
    ...(fetchedAt ? [fetchedAt.getTime()] : []),
    ...(emptySince && over && emptySince >= over ? [emptySince.getTime()] : []),
  ]);
  const isFinal = rows.some(({ empty_since: emptySince }) => emptySince && over && emptySince >= over);
  return {
    of: (factors) => quantityStepsOf(said, told, factors),
    last,
    asOf: new Date(Math.max(...asked)),
    isFinal,
  };
}

/**
 * Without what AWS listed last before the period, or may have: of the trial that it was, of an agreement before it under
 * the same name. What it has said otherwise since counts from the beginning.
 */
function ofPeriod({ spans: [begun] }: Period, said: readonly SaidEntitlements[]): readonly SaidEntitlements[] {
  const settledFrom = begun && plusMs(begun.startsAt, ANSWER_SETTLES_AFTER_MS);
  const first = said.findLastIndex(
    ({ otherwiseAt }) => settledFrom && otherwiseAt !== null && otherwiseAt < settledFrom,
  );
  return said.slice(Math.max(0, first));
}

/** Of two rows that turned out to be one agreement, what was said of either. */
function historyOf(rows: readonly SaidRow[]): SaidEntitlements[] {
  const said = rows
    .flatMap((row) => row.said)
    .map(({ fetchedAt, otherwiseAt, entitlements }) => ({
      fetchedAt: new Date(fetchedAt),
      otherwiseAt: otherwiseAt === null ? null : new Date(otherwiseAt),
      entitlements,
    }))
    .sort((a, b) => a.fetchedAt.getTime() - b.fetchedAt.getTime());
  return said.map((one, index) => ({ ...one, otherwiseAt: one.otherwiseAt ?? said[index - 1]?.fetchedAt ?? null }));
}
