/**
 * What AWS should bill for a life, by what really happened: written from AWS's rules and the promise alone, sharing no
 * code with the module. It says what is billed where every fact is known before its hours' cutoff; what may be billed
 * or be held in the ledger, depending on free hours, lies between two bounds.
 */
import { type TrueAgreement, type TrueBuyer, type TrueLife, type TrueUsage } from './true-lives.js';

export type Price = 'trial' | 'paid';

/** Whole units of one dimension that one agreement is to be billed at one price. */
export interface DueBill {
  agreement: string;
  price: Price;
  dimension: string;
  atLeast: bigint;
  /** More than this would be units of another price or agreement, or units twice. */
  atMost: bigint;
}

/** Usage that is not billed by itself: it stands in the ledger, with this reason. */
export interface Uncovered {
  usage: TrueUsage;
  reason: 'noAgreement' | 'severalAgreements' | 'noHour';
}

export interface Verdict {
  bills: DueBill[];
  uncovered: Uncovered[];
}

/** A line of AWS's bill, its agreement by the life's own key. */
export interface BilledLine {
  agreement: string;
  dimension: string;
  hour: Date;
  quantity: number;
}

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
/** Before AWS's start, where nothing else covers it, usage of this long goes along with the start. */
const ARRIVAL_MS = HOUR_MS;
const SCALE = 12;

/** A stretch of an agreement at one price. */
interface Period {
  agreement: TrueAgreement;
  price: Price;
  from: number;
  to: number;
}

export function verdictOf(life: TrueLife): Verdict {
  const uncovered: Uncovered[] = [];
  const entries: { period: Period; usage: TrueUsage; isSure: boolean }[] = [];
  for (const usage of life.usage) {
    const payers = payersOf(life, usage);
    const [payer] = payers;
    if (!payer || payers.length > 1) {
      uncovered.push({ usage, reason: payer ? 'severalAgreements' : 'noAgreement' });
      continue;
    }
    const period = periodAt(payer, usage.occurredAt.getTime());
    const hours = ownHoursOf(life, period);
    if (hours === null) uncovered.push({ usage, reason: 'noHour' });
    else entries.push({ period, usage, isSure: usage.recordedAt.getTime() <= hours.closesAt });
  }
  const bills = new Map<string, typeof entries>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.period.agreement.key, entry.period.price, entry.usage.dimension]);
    bills.set(key, [...(bills.get(key) ?? []), entry]);
  }
  return { bills: [...bills.values()].flatMap(billOf), uncovered };
}

/** Which agreement has the instant of a usage: none, one, or several that nothing tells apart. */
export function payersOf(life: TrueLife, { buyer, by, chain, occurredAt }: TrueUsage): TrueAgreement[] {
  const at = occurredAt.getTime();
  const meant = life.agreements.filter(
    (agreement) => agreement.buyer === buyer && (by === 'tenant' || agreement.chain === chain),
  );
  const running = meant.filter((agreement) => agreement.startsAt.getTime() <= at && at < endOf(agreement));
  if (running.length > 0) return running;
  const coming = meant.filter(({ startsAt }) => at < startsAt.getTime() && startsAt.getTime() - at <= ARRIVAL_MS);
  const first = Math.min(...coming.map(({ startsAt }) => startsAt.getTime()));
  return coming.filter(({ startsAt }) => startsAt.getTime() === first);
}

/** Of an hour that is cut by a conversion under one identity, the whole is the trial's. */
export function priceOfHour({ trialUntil }: TrueAgreement, hour: Date): Price {
  return trialUntil !== null && hour < trialUntil ? 'trial' : 'paid';
}

/** Where a bill and the verdict differ, in words; none where they agree. */
export function differencesOf(life: TrueLife, lines: readonly BilledLine[]): string[] {
  const billed = new Map<string, bigint>();
  const byKey = new Map(life.agreements.map((agreement) => [agreement.key, agreement]));
  for (const { agreement, dimension, hour, quantity } of lines) {
    const known = byKey.get(agreement);
    const key = nameOf(agreement, known ? priceOfHour(known, hour) : 'paid', dimension);
    billed.set(key, (billed.get(key) ?? 0n) + BigInt(quantity));
  }
  const due = new Map(verdictOf(life).bills.map((bill) => [nameOf(bill.agreement, bill.price, bill.dimension), bill]));
  return [...new Set([...billed.keys(), ...due.keys()])].flatMap((key) => {
    const { atLeast, atMost } = due.get(key) ?? { atLeast: 0n, atMost: 0n };
    const units = billed.get(key) ?? 0n;
    return units < atLeast || units > atMost
      ? [`${key}: ${units} billed, due are ${atLeast === atMost ? atLeast : `${atLeast} to ${atMost}`}`]
      : [];
  });
}

function billOf(entries: { period: Period; usage: TrueUsage; isSure: boolean }[]): DueBill[] {
  const [first] = entries;
  if (!first) return [];
  const sum = (of: typeof entries): bigint => of.reduce((total, { usage }) => total + scaled(usage.quantity), 0n);
  const isCorrection = ({ usage }: (typeof entries)[number]): boolean => usage.quantity.startsWith('-');
  // A correction may come before or after the units that it takes back were sealed: then it is owed instead.
  const least = sum(entries.filter((entry) => entry.isSure || isCorrection(entry)));
  const most = sum(entries.filter((entry) => !isCorrection(entry)));
  const { agreement, price } = first.period;
  return [
    {
      agreement: agreement.key,
      price,
      dimension: first.usage.dimension,
      atLeast: wholeUnits(least),
      atMost: wholeUnits(most),
    },
  ];
}

function periodAt(agreement: TrueAgreement, at: number): Period {
  const starts = agreement.startsAt.getTime();
  const trialUntil = agreement.trialUntil?.getTime() ?? starts;
  return Math.max(at, starts) < trialUntil
    ? { agreement, price: 'trial', from: starts, to: Math.min(trialUntil, endOf(agreement)) }
    : { agreement, price: 'paid', from: Math.max(starts, trialUntil), to: endOf(agreement) };
}

/**
 * The hours under which AWS can take usage of a period: in which an instant at least a second after its start lies, and
 * which no earlier period of the same metering identity has begun. Null: there is none. `closesAt`: what is recorded
 * until then finds its last hour unsealed.
 */
function ownHoursOf(life: TrueLife, period: Period): { closesAt: number } | null {
  const { from, to } = period;
  const firstInstant = period.from === period.agreement.startsAt.getTime() ? from + SECOND_MS : from;
  let first = hourOf(firstInstant);
  if (earlierInHour(life, period, first)) first += HOUR_MS;
  const last = hourOf(Math.max(from, to - 1));
  if (to !== Infinity && (first > last || firstInstant >= to)) return null;
  if (to === Infinity) return { closesAt: Infinity };
  // Where only the price changes, the last hour is whole.
  const isEnd = to === endOf(period.agreement);
  return { closesAt: isEnd ? to : last + HOUR_MS };
}

/** Whether a period of the same identity that began earlier has an instant of this hour. */
function earlierInHour(life: TrueLife, period: Period, hour: number): boolean {
  const { agreement } = period;
  return life.agreements
    .filter(({ buyer }) => buyer === agreement.buyer)
    .flatMap((other) => periodsOf(other))
    .some(
      (other) =>
        other.from < period.from &&
        other.to > hour &&
        identityAt(life, other.agreement, hour) === identityAt(life, agreement, hour),
    );
}

function periodsOf(agreement: TrueAgreement): Period[] {
  const starts = agreement.startsAt.getTime();
  const periods = [periodAt(agreement, starts)];
  const trialUntil = agreement.trialUntil?.getTime();
  if (trialUntil !== undefined && trialUntil > starts && trialUntil < endOf(agreement))
    periods.push(periodAt(agreement, trialUntil));
  return periods;
}

/** What AWS tells hours apart by. */
function identityAt(life: TrueLife, agreement: TrueAgreement, hour: number): string {
  const buyer = life.buyers.find(({ key }) => key === agreement.buyer);
  return isLegacyAt(buyer, hour) ? `buyer ${agreement.buyer}` : `license ${agreement.license}`;
}

function isLegacyAt(buyer: TrueBuyer | undefined, hour: number): boolean {
  if (buyer?.identity === 'moved') return buyer.licenseFrom !== null && hour < buyer.licenseFrom.getTime();
  return buyer?.identity === 'legacy';
}

function endOf({ endsAt }: TrueAgreement): number {
  return endsAt?.getTime() ?? Infinity;
}

function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS) * HOUR_MS;
}

function nameOf(agreement: string, price: Price, dimension: string): string {
  return `${agreement} ${price} ${dimension}`;
}

function scaled(quantity: string): bigint {
  const [, sign, whole, fraction] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(quantity) ?? [];
  if (whole === undefined) throw new RangeError(`"${quantity}" is no decimal number`);
  const digits = BigInt(whole + (fraction ?? '').padEnd(SCALE, '0'));
  return sign === '-' ? -digits : digits;
}

/** Fractions stay with the period; what it owes is not billed. */
function wholeUnits(sum: bigint): bigint {
  return sum <= 0n ? 0n : sum / 10n ** BigInt(SCALE);
}
