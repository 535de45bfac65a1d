import { HOUR_MS, hourOf, latest, plusMs } from '../runtime/clock.js';
import { floorUnits, fromUnits, type Scaled } from '../runtime/decimal.js';
import { deadlinesOf, type EndSigns, endWindowClosesAt, type MeteringOperation } from './deadlines.js';

/** AWS takes a 32-bit quantity; what is above stays in the balance and goes with the next hour. */
export const QUANTITY_MAX = 2_147_483_647n;

export type ProductMode = 'live' | 'dry-run' | 'off';
export type ZeroRecordPolicy = 'atWindowEdge' | 'atSeal' | 'off';

/** What planning must know of a subscription. */
export interface SealableSubscription {
  startsAt: Date;
  /** Null while it lives. */
  end: (EndSigns & { endsAt: Date }) | null;
  operation: MeteringOperation;
  mode: ProductMode;
  /** First hour that is billed when the product went live after a time of `modeBeforeLive`; null when it was live from the start or is not live. */
  liveFrom: Date | null;
  modeBeforeLive: ProductMode | null;
  zeroRecords: ZeroRecordPolicy;
}

/** What planning must know of one dimension of a subscription, read under the subscription's seal cursor. */
export interface DimensionLedger {
  dimension: string;
  carry: Scaled;
  /** The part of the carry that a record left which was not live; units handed back since are not in it: a person decided to bill those. */
  carryNotLive: Scaled;
  /** Hours in which unassigned events occurred. */
  originHours: readonly Date[];
  /** Hours of the window that have a record. */
  sealedHours: readonly Date[];
}

/** A record to be written, and the hours of origin whose unassigned events it takes: its own always, also where none was seen yet. */
export interface PlannedRecord {
  kind: 'hour' | 'closing';
  dimension: string;
  hour: Date;
  timestamp: Date;
  mode: ProductMode;
  originHours: Date[];
  /** Written even when nothing is in it. */
  zero: boolean;
  /** Of a closing record: why it is never sent. */
  reason: 'ended' | 'dryRun' | 'off' | null;
  /** Of a closing record: the part of the carry that goes into it. A record of an hour takes all of it. */
  setsApart: Scaled;
}

export interface SealPlan {
  /** In the order in which the carry runs through them. */
  records: PlannedRecord[];
  /** The subscription's last deadline has passed: nothing of it is sealed for sending any more. */
  closes: boolean;
}

export interface SealTiming {
  now: Date;
  settleDelayMs: number;
  zeroRecordLeadMs: number;
}

/** The newest hour that has ended and settled. */
export function newestSettledHour({ now, settleDelayMs }: SealTiming): Date {
  return plusMs(hourOf(plusMs(now, -settleDelayMs)), -HOUR_MS);
}

/**
 * The newest hour whose zero record is due to be sealed: at the edge of its window, so that a zero never locks out usage that comes late
 * (first write wins), or as soon as it has settled.
 */
export function newestZeroHour(timing: SealTiming, policy: ZeroRecordPolicy, operation: MeteringOperation): Date | null {
  const newest = newestSettledHour(timing);
  if (policy === 'off') return null;
  if (policy === 'atSeal') return newest;
  const edge = plusMs(timing.now, timing.zeroRecordLeadMs).getTime();
  let hour = newest;
  while (deadlinesOf(hour, operation, null).dueAt.getTime() > edge) hour = plusMs(hour, -HOUR_MS);
  return hour;
}

/**
 * Which records to write for a subscription now, and which events each takes. Pure: the sums come later, from the stamp itself.
 *
 * An event counts in its own hour while that hour has no record and AWS would still take it; else it is late and counts in the hour being sealed.
 * After the end the running hour is sealed at once, and late usage takes the newest free hour of the window.
 */
export function planSeal(
  subscription: SealableSubscription,
  ledgers: readonly DimensionLedger[],
  declaredDimensions: readonly string[],
  timing: SealTiming,
): SealPlan {
  const { end } = subscription;
  if (end && timing.now >= endWindowClosesAt(end)) {
    return { closes: true, records: ledgers.flatMap((ledger) => closingRecord(ledger, end.endsAt)) };
  }
  const known = new Map(ledgers.map((ledger) => [ledger.dimension, ledger]));
  for (const dimension of declaredDimensions) {
    if (!known.has(dimension)) known.set(dimension, { dimension, carry: 0n, carryNotLive: 0n, originHours: [], sealedHours: [] });
  }
  return {
    closes: false,
    records: [...known.values()].flatMap((ledger) => planDimension(subscription, ledger, declaredDimensions, timing)),
  };
}

function closingRecord(ledger: DimensionLedger, endsAt: Date): PlannedRecord[] {
  if (ledger.originHours.length === 0 && ledger.carry === 0n) return [];
  const hour = hourOf(endsAt);
  return [
    {
      kind: 'closing',
      dimension: ledger.dimension,
      hour,
      timestamp: hour,
      mode: 'off',
      originHours: [...ledger.originHours],
      zero: false,
      reason: 'ended',
      setsApart: ledger.carry,
    },
  ];
}

function planDimension(
  subscription: SealableSubscription,
  ledger: DimensionLedger,
  declaredDimensions: readonly string[],
  timing: SealTiming,
): PlannedRecord[] {
  const { operation, startsAt, end, liveFrom } = subscription;
  const ended = end !== null && end.endsAt <= timing.now;
  // After the end no hour waits to settle: AWS's hour of grace is shorter than any delay is worth. An hour that begins with the end is not part of it.
  const newest = ended ? latest(hourOf(plusMs(end.endsAt, -1)), hourOf(startsAt)) : newestSettledHour(timing);
  const mode = modeAt(newest, subscription);
  const billedFrom = mode === 'live' ? liveFrom : null;
  const oldest = latest(hourOf(startsAt), billedFrom);
  const taken = new Set(ledger.sealedHours.map((hour) => hour.getTime()));
  const isFree = (hour: Date): boolean =>
    hour >= oldest &&
    hour <= newest &&
    !taken.has(hour.getTime()) &&
    timing.now < deadlinesOf(hour, operation, null).dueAt &&
    recordTimestamp(hour, startsAt) <= timing.now;

  const planned = new Map<number, PlannedRecord>();
  const recordOf = (hour: Date): PlannedRecord => {
    const record = planned.get(hour.getTime()) ?? {
      kind: 'hour' as const,
      dimension: ledger.dimension,
      hour,
      timestamp: recordTimestamp(hour, startsAt),
      mode,
      originHours: [hour],
      zero: false,
      reason: null,
      setsApart: 0n,
    };
    planned.set(hour.getTime(), record);
    return record;
  };

  const before: Date[] = [];
  const late: Date[] = [];
  for (const origin of ledger.originHours) {
    if (billedFrom && origin < billedFrom) before.push(origin);
    else if (isFree(origin)) recordOf(origin);
    else if (origin <= newest || ended) late.push(origin);
  }

  const lateHour = ended ? newestFreeHour(newest, oldest, isFree) : isFree(newest) ? newest : null;
  if (lateHour && (late.length > 0 || (planned.size === 0 && floorUnits(ledger.carry) >= 1n))) recordOf(lateHour).originHours.push(...late);

  const zeroHour = end ? null : newestZeroHour(timing, subscription.zeroRecords, operation);
  if (zeroHour && mode !== 'off' && declaredDimensions.includes(ledger.dimension)) {
    for (let hour = zeroHour; hour >= oldest && timing.now < deadlinesOf(hour, operation, null).dueAt; hour = plusMs(hour, -HOUR_MS)) {
      if (isFree(hour)) recordOf(hour).zero = true;
    }
  }
  const records = [...planned.values()].sort((a, b) => a.hour.getTime() - b.hour.getTime());
  return [...(billedFrom ? beforeLive(subscription, ledger, billedFrom, before) : []), ...records];
}

/** A product that goes live at a later hour goes on as it was until that hour has come and settled. */
function modeAt(newest: Date, { mode, liveFrom, modeBeforeLive }: SealableSubscription): ProductMode {
  return mode === 'live' && liveFrom && modeBeforeLive && newest < liveFrom ? modeBeforeLive : mode;
}

/** What is left of the time before the product went live is set apart, with its balance: billing it needs a person's decision. */
function beforeLive(
  { modeBeforeLive }: SealableSubscription,
  ledger: DimensionLedger,
  liveFrom: Date,
  originHours: Date[],
): PlannedRecord[] {
  if (!modeBeforeLive || (originHours.length === 0 && ledger.carryNotLive === 0n)) return [];
  const hour = plusMs(liveFrom, -HOUR_MS);
  return [
    {
      kind: 'closing',
      dimension: ledger.dimension,
      hour,
      timestamp: hour,
      mode: modeBeforeLive,
      originHours,
      zero: false,
      reason: modeBeforeLive === 'off' ? 'off' : 'dryRun',
      setsApart: ledger.carryNotLive,
    },
  ];
}

function newestFreeHour(newest: Date, oldest: Date, isFree: (hour: Date) => boolean): Date | null {
  const windowMs = 26 * HOUR_MS;
  for (let hour = newest; hour >= oldest && newest.getTime() - hour.getTime() <= windowMs; hour = plusMs(hour, -HOUR_MS)) {
    if (isFree(hour)) return hour;
  }
  return null;
}

/** A record must not lie before the start of the buyer's use [SDK-M], so the first hour's record carries the start itself. */
export function recordTimestamp(hour: Date, startsAt: Date): Date {
  return latest(hour, startsAt);
}

/** One step of the balance: carryIn + eventSum = quantity + carryOut. */
export function balanceStep(carryIn: Scaled, eventSum: Scaled): { quantity: bigint; carryOut: Scaled } {
  const whole = floorUnits(carryIn + eventSum);
  const quantity = whole < 0n ? 0n : whole > QUANTITY_MAX ? QUANTITY_MAX : whole;
  return { quantity, carryOut: carryIn + eventSum - fromUnits(quantity) };
}
