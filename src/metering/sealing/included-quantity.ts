import { HOUR_MS, latest, plusMs } from '../../runtime/clock.js';
import { fromUnits, parseDecimal, type Scaled } from '../../runtime/decimal.js';
import { ANSWER_SETTLES_AFTER_MS } from '../../subscription/agreements/agreement-life.js';
import { hourFrom, type HourNumber, hourNumberOf } from './contract-terms.js';
import { type QuantityStep } from './quantity-steps.js';

/** What AWS said of an agreement, kept each time that it was another thing. */
export interface SaidEntitlements {
  fetchedAt: Date;
  /** When AWS last said otherwise; null for its first answer. */
  otherwiseAt: Date | null;
  entitlements: readonly { dimension: string; value: number | boolean | string | null; expiresAt: string | null }[];
}

/** More than anybody uses: what is beyond counts as so much. */
const QUANTITY_MAX = fromUnits(10n ** 18n);

/** A message that tells of fewer units counts by its own instant where AWS was asked this soon after it. */
const TOLD_WITHIN_MS = 2 * HOUR_MS;

/**
 * Which quantity of contract dimensions counts from which hour, and when its term was renewed: by the instants at
 * which AWS says that something changed. Where AWS does not say when, more units count from its last answer that said
 * fewer, which may be from some minutes before it was given, and fewer units from the first answer that says so: nothing
 * that was sealed as included is ever taken back.
 * @param said in the order of time
 * @param factors the contract dimensions, with what one unit of each stands for
 * @param told instants of messages that something was amended since the agreement began, in the order of time
 */
export function quantityStepsOf(
  said: readonly SaidEntitlements[],
  told: readonly Date[],
  factors: ReadonlyMap<string, number>,
): { steps: QuantityStep[]; renewals: Date[] } {
  const steps: QuantityStep[] = [];
  const renewals: Date[] = [];
  let expiry: Date | null = null;
  for (const [index, { fetchedAt, otherwiseAt, entitlements }] of said.entries()) {
    const held = entitlements.filter(({ dimension }) => factors.has(dimension));
    const quantity = held.reduce(
      (sum, { dimension, value }) => sum + quantityOf(value) * BigInt(factors.get(dimension) ?? 0),
      0n,
    );
    const before = steps.at(-1);
    const next = expiryOf(held);
    const renewal: Date | null = (next?.getTime() ?? 0) > (expiry?.getTime() ?? Infinity) ? expiry : null;
    if (renewal) renewals.push(renewal);
    // A later end that is signed ahead says nothing of when its quantity counts.
    const renewedAt = renewal && renewal <= fetchedAt ? renewal : null;
    expiry = next ?? expiry;
    if (before === undefined || otherwiseAt === null) {
      steps.push({ fromHour: Number.NEGATIVE_INFINITY, quantity });
      continue;
    }
    if (quantity === before.quantity) continue;
    // What was heard before AWS last said otherwise may not have been listed then; what changed its answer has been.
    const standsUntil = plusMs(otherwiseAt, -ANSWER_SETTLES_AFTER_MS);
    const listedUntil = index > 1 ? said[index - 1]?.fetchedAt : undefined;
    const heardAfter = latest(listedUntil ?? standsUntil, standsUntil);
    // Stryker disable next-line EqualityOperator: they differ.
    if (quantity > before.quantity) {
      // Nothing listed yet, right after the purchase: what comes first was bought from the beginning. Nothing listed
      // for a while around a renewal: it counts from the old end.
      if (steps.length === 1 && isSilentBefore(said, fetchedAt)) steps.length = 0;
      const renewed = renewedAt && hourFrom(renewedAt);
      while (renewed !== null && lastHourOf(steps) >= renewed) steps.pop();
      const from = renewed ?? hourNumberOf(toldIn(told, heardAfter, fetchedAt) ?? standsUntil);
      steps.push({ fromHour: steps.length === 0 ? lastHourOf(steps) : Math.max(lastHourOf(steps), from), quantity });
    } else {
      const toldAt = toldIn([...told, ...(renewedAt ? [renewedAt] : [])], heardAfter, fetchedAt);
      const isSoon = toldAt !== null && fetchedAt.getTime() - toldAt.getTime() <= TOLD_WITHIN_MS;
      steps.push({ fromHour: Math.max(lastHourOf(steps), hourFrom(isSoon ? toldAt : fetchedAt)), quantity });
    }
  }
  return { steps, renewals };
}

/** Whether AWS had listed nothing at all before. */
function isSilentBefore(said: readonly SaidEntitlements[], at: Date): boolean {
  return said.every(({ fetchedAt, entitlements }) => fetchedAt >= at || entitlements.length === 0);
}

function lastHourOf(steps: readonly QuantityStep[]): HourNumber {
  return steps.at(-1)?.fromHour ?? Number.NEGATIVE_INFINITY;
}

/** The latest message of a stretch of time: AWS's own word of when it changed. */
function toldIn(told: readonly Date[], after: Date, upTo: Date): Date | null {
  return told.findLast((at) => at > after && at <= upTo) ?? null;
}

/** Amounts count; "yes" is one; text is no amount. */
function quantityOf(value: number | boolean | string | null): Scaled {
  if (typeof value === 'boolean') return value ? quantityOf(1) : 0n;
  if (typeof value !== 'number') return 0n;
  // Stryker disable next-line EqualityOperator: nothing is nothing either way.
  if (!(value > 0)) return 0n;
  // A number stands for a range of values beyond 2^53, and what AWS says of it is as good as its shortest form.
  const amount = parseDecimal(value > Number.MAX_SAFE_INTEGER ? String(value) : value);
  return typeof amount === 'bigint' ? amount : QUANTITY_MAX;
}

function expiryOf(held: readonly { expiresAt: string | null }[]): Date | null {
  const times = held.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [new Date(expiresAt).getTime()]));
  return times.length === 0 ? null : new Date(Math.min(...times));
}
