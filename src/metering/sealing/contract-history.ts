// What the options said of a contract, start by start, and from when each of it counts. Pure.
import { isDeepStrictEqual } from 'node:util';
import { type ResolvedIncludedUnits } from '../../options/included-options.schema.js';
import { fromUnits } from '../../runtime/decimal.js';
import { FROM_THE_BEGINNING, type QuantityStep } from './quantity-steps.js';

/** What the options of a start said is included. */
export interface GivenOptions {
  from: Date;
  included: readonly ResolvedIncludedUnits[];
}

/** What a contract was by the options of a start. */
export interface ContractOptions {
  from: Date;
  /** Of its own name first; then those whose place it took since. At least one. */
  entries: readonly ResolvedIncludedUnits[];
}

const NO_ENTRIES: readonly ResolvedIncludedUnits[] = [];

/**
 * By entry, what it was before: the entry of the same name, or, where the options have that name no more, the one that
 * covers some of the same usage. A contract that was taken out of the options and put in again goes on.
 * @param given in the order of starts; the last says what is in force
 */
export function contractHistories(
  entries: readonly ResolvedIncludedUnits[],
  given: readonly GivenOptions[],
): Map<ResolvedIncludedUnits, ContractOptions[]> {
  const histories = new Map(entries.map((entry) => [entry, [] as ContractOptions[]]));
  let later = new Map(entries.map((entry) => [entry, [entry] as readonly ResolvedIncludedUnits[]]));
  for (const { from, included } of [...given].reverse()) {
    const known = later;
    const continuedBy = (isSame: (own: ResolvedIncludedUnits) => boolean): ResolvedIncludedUnits | undefined =>
      entries.find((entry) => known.get(entry)?.some(isSame));
    const continued = included.map((one) => {
      const named = continuedBy(({ contractDimension }) => contractDimension === one.contractDimension);
      return { one, named, by: named ?? continuedBy(({ covers }) => covers.some((name) => one.covers.includes(name))) };
    });
    later = new Map(
      entries.map((entry) => {
        const own = continued.filter(({ by }) => by === entry);
        const ordered = [...own.filter(({ named }) => named), ...own.filter(({ named }) => !named)];
        const were = ordered.map(({ one }) => one);
        if (were.length > 0) histories.get(entry)?.unshift({ from, entries: were });
        return [entry, were.length > 0 ? were : (known.get(entry) ?? NO_ENTRIES)];
      }),
    );
  }
  for (const [entry, history] of histories) {
    // Those in force are these: who has others seals nothing. As they are kept: without members that are not given.
    if (!isDeepStrictEqual(history.at(-1)?.entries[0], JSON.parse(JSON.stringify(entry))))
      histories.set(entry, [{ from: new Date(0), entries: [entry] }]);
  }
  return histories;
}

/** Whether AWS is asked how many units there are. */
export function isAsked({ entries }: ContractOptions): boolean {
  return entries.some(({ units }) => units === undefined);
}

const lastsBy = ({ entries }: ContractOptions, per: 'term' | 'month'): boolean => entries[0]?.per === per;

/**
 * From when on what each start says counts for one agreement: from that start, but units by the month from the first
 * month that begins after it, where they were by the term; until then the term goes on. What is changed again before it
 * counts never does.
 * @param nextStart the next instant, that one included, at which a month of the agreement begins
 */
export function countedOptions(
  history: readonly ContractOptions[],
  nextStart: (from: Date) => Date,
): ContractOptions[] {
  const counted: ContractOptions[] = [];
  for (const [index, one] of history.entries()) {
    const before = counted.at(-1);
    const waits = before !== undefined && lastsBy(before, 'term') && lastsBy(one, 'month');
    const from = waits ? nextStart(one.from) : one.from;
    const next = history[index + 1];
    if (next === undefined || from <= next.from) counted.push({ ...one, from });
  }
  return counted;
}

/** What counts at an instant; before the first of them, that one. */
export function optionsAt(counted: readonly ContractOptions[], instant: Date): ResolvedIncludedUnits | undefined {
  return (counted.findLast(({ from }) => from <= instant) ?? counted[0])?.entries[0];
}

/** Names under which AWS is asked how many units a contract has, with what one of them stands for; newest first. */
export function askedNames(counted: readonly ContractOptions[]): Map<string, number> {
  const names = new Map<string, number>();
  if (counted.slice(-1).every((last) => !isAsked(last))) return names;
  for (const { entries } of [...counted].reverse()) {
    for (const { contractDimension, units, factor } of entries)
      if (units === undefined && !names.has(contractDimension)) names.set(contractDimension, factor);
  }
  return names;
}

/**
 * What is included, in units of usage, from which hour, by what was counted last.
 * @param saidOf what AWS says of contract dimensions, given with what one unit of each stands for
 */
export function unitsOf(
  counted: readonly ContractOptions[],
  saidOf: (factors: ReadonlyMap<string, number>) => readonly QuantityStep[],
): QuantityStep[] {
  const given = (counted.at(-1)?.entries ?? NO_ENTRIES).reduce(
    (sum, { units, factor }) => sum + (units === undefined ? 0n : fromUnits(units) * BigInt(factor)),
    0n,
  );
  const asked = askedNames(counted);
  if (asked.size === 0) return [{ fromHour: FROM_THE_BEGINNING, quantity: given }];
  return saidOf(asked).map(({ fromHour, quantity }) => ({ fromHour, quantity: quantity + given }));
}
