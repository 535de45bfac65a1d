import { type ResolvedIncludedUnits } from '../../options/included-options.schema.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { formatDecimal, type Scaled } from '../../runtime/decimal.js';
import { type IncludedBasis, includedOf, includedStep, leftBy } from '../balance/included-rule.js';
import { type AnswerWait, answerWaitOf, type KnownAnswer, knowsHour } from './answer-wait.js';
import { type HourNumber, hourNumberOf, termStarts } from './contract-terms.js';
import { type PeriodHour } from './period-hours.js';
import { quantityAt, type QuantityStep } from './quantity-steps.js';

interface Stretch {
  fromHour: HourNumber;
  units: Scaled;
  used: Scaled;
}

/** Terms of a period, with the quantity that counts in each of their stretches. */
export interface PoolTerms {
  /** In order; the first begins with the period. */
  terms: {
    fromHour: HourNumber;
    /** Whether it has what the term before left, too. */
    rollsOver: boolean;
    stretches: { fromHour: HourNumber; units: Scaled }[];
  }[];
  /** First hours of all stretches but the first: usage is summed between them. */
  boundaries: HourNumber[];
}

/** What is known of how many units a contract includes. */
export interface KnownQuantity extends KnownAnswer {
  /** AWS's answer that counted last; null where the options say the units. */
  said: { fetchedAt: Date; quantity: Scaled; factor: number; formerly: readonly string[] } | null;
}

/** Included units of a record. */
export interface IncludedShare {
  included: Scaled;
  basis: IncludedBasis;
}

export interface UsedHour {
  hour: Date;
  sum: Scaled;
}

/**
 * @param optionsAt what the options say at an instant: a term begins, and what was left rolls over, as they say then
 * @param steps in units of usage
 */
export function poolTermsOf(
  optionsAt: (instant: Date) => Pick<ResolvedIncludedUnits, 'per' | 'rollsOver'>,
  { steps, renewals }: { steps: readonly QuantityStep[]; renewals: readonly Date[] },
  startsAt: Date,
  now: Date,
): PoolTerms {
  const perAt = (month: Date): 'term' | 'month' => optionsAt(month).per;
  const starts = termStarts(startsAt, { renewals, perAt, until: plusMs(now, HOUR_MS) });
  const terms = starts.map((fromHour, index) => {
    const next = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    const inside = steps.filter((step) => step.fromHour > fromHour && step.fromHour < next);
    const hours = [fromHour, ...new Set(inside.map((step) => step.fromHour))];
    const { rollsOver } = optionsAt(new Date(fromHour * HOUR_MS));
    return {
      fromHour,
      rollsOver,
      stretches: hours.map((hour) => ({ fromHour: hour, units: quantityAt(steps, hour) })),
    };
  });
  const boundaries = terms.flatMap(({ stretches }) => stretches.map(({ fromHour }) => fromHour)).slice(1);
  return { terms, boundaries };
}

/** The units that a contract includes in a period, as they are used up; shared by the dimensions that it covers. */
export class IncludedPool {
  private readonly terms: { fromHour: HourNumber; rollsOver: boolean; stretches: Stretch[] }[];

  constructor(
    private readonly units: ResolvedIncludedUnits,
    private readonly known: KnownQuantity | null,
    { terms }: PoolTerms,
    /** Of the agreement before, where units roll over: it is asked each time, for its last hours are sealed beside these. */
    private readonly before: IncludedPool | null,
    used: readonly Scaled[],
    /** By the dimension of the records. */
    private readonly usedBy: Map<string, Scaled>,
    private readonly includedBy: Map<string, Scaled>,
  ) {
    let stretch = 0;
    this.terms = terms.map(({ fromHour, rollsOver, stretches }) => ({
      fromHour,
      rollsOver,
      stretches: stretches.map((one) => ({ ...one, used: used[stretch++] ?? 0n })),
    }));
  }

  private get rolledOver(): Scaled {
    return this.before?.left ?? 0n;
  }

  get isKnown(): boolean {
    return this.known !== null;
  }

  /** What the period leaves to the next agreement, where units roll over. */
  get left(): Scaled {
    return this.known ? leftBy(this.terms, this.rolledOver) : 0n;
  }

  /** Whether AWS's answer knows what the hour includes. */
  isFresh(hour: Date, planned: PeriodHour): boolean {
    return this.known !== null && knowsHour(this.known, hour, planned);
  }

  /** How usage of an hour waits for AWS's answer; null where it does not (any longer). */
  heldUntil(usage: { hour: Date; waitingSince: Date | null }, planned: PeriodHour, now: Date): AnswerWait | null {
    return answerWaitOf(this.known, usage, planned, now);
  }

  /** Counts usage of a record, and says what of it is included. */
  take(dimension: string, usage: readonly UsedHour[], isStale: boolean): IncludedShare | null {
    if (!this.known) return null;
    for (const { hour, sum } of usage) {
      const stretch = this.stretchOf(hourNumberOf(hour));
      if (stretch) stretch.used += sum;
      this.usedBy.set(dimension, (this.usedBy.get(dimension) ?? 0n) + sum);
    }
    const own = { used: this.usedBy.get(dimension) ?? 0n, included: this.includedBy.get(dimension) ?? 0n };
    const before = this.included;
    const included = this.stepOf(dimension);
    this.includedBy.set(dimension, own.included + included);
    return { included, basis: this.basisOf(before, own, isStale) };
  }

  /** What is included by now, and stands in no record yet: an amendment that was heard of late, a record taken back. */
  stepOf(dimension: string): Scaled {
    const sums = includedOf(this.terms, this.rolledOver);
    return includedStep({
      target: sums.reduce((sum, one) => sum + one, 0n),
      included: this.included,
      ownUsed: this.usedBy.get(dimension) ?? 0n,
      ownIncluded: this.includedBy.get(dimension) ?? 0n,
    });
  }

  private get included(): Scaled {
    return [...this.includedBy.values()].reduce((sum, one) => sum + one, 0n);
  }

  private stretchOf(hour: HourNumber): Stretch | undefined {
    const all = this.terms.flatMap(({ stretches }) => stretches);
    return all.findLast(({ fromHour }) => fromHour <= hour) ?? all[0];
  }

  private basisOf(included: Scaled, own: { used: Scaled; included: Scaled }, isStale: boolean): IncludedBasis {
    const { units, known, rolledOver } = this;
    return {
      contractDimension: units.contractDimension,
      covers: units.covers,
      said: known?.said ? saidOf(known.said) : null,
      asOf: known?.asOf?.toISOString() ?? null,
      ...(isStale && { isStale }),
      ...(rolledOver !== 0n && { rolledOver: formatDecimal(rolledOver) }),
      terms: this.terms.map(({ fromHour, rollsOver, stretches }) => ({
        from: textOf(fromHour),
        ...(rollsOver && { rollsOver }),
        stretches: stretches.map((stretch) => ({
          from: textOf(stretch.fromHour),
          units: formatDecimal(stretch.units),
          used: formatDecimal(stretch.used),
        })),
      })),
      included: formatDecimal(included),
      own: { used: formatDecimal(own.used), included: formatDecimal(own.included) },
    };
  }
}

function saidOf({
  fetchedAt,
  quantity,
  factor,
  formerly,
}: NonNullable<KnownQuantity['said']>): NonNullable<IncludedBasis['said']> {
  return {
    fetchedAt: fetchedAt.toISOString(),
    quantity: formatDecimal(quantity),
    factor: String(factor),
    ...(formerly.length > 0 && { formerly }),
  };
}

const textOf = (hour: HourNumber): string => new Date(hour * HOUR_MS).toISOString();
