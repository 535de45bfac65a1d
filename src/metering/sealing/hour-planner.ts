import { earliest, HOUR_MS, hourOf, latest, plusMs } from '../../runtime/clock.js';
import { floorUnits, fromUnits, type Scaled } from '../../runtime/decimal.js';
import { type Standing } from '../../subscription/agreements/state-policy.js';
import { deadlinesOf, type EndSigns, endWindowClosesAt, type MeteringOperation } from '../settlement/deadlines.js';

/** AWS takes a 32-bit quantity; what is above stays in the balance and goes with the next hour. */
export const QUANTITY_MAX = 2_147_483_647n;

export type ProductMode = 'live' | 'dry-run' | 'off';
export type ZeroRecordPolicy = 'atWindowEdge' | 'atSeal' | 'off';
export type FinalHourPolicy = 'atOnce' | 'atHourEnd';

/** What planning must know of a subscription. */
export interface SealableSubscription {
  /** What its state lets be sealed. */
  standing: Pick<Standing, 'seals' | 'zeroRecords'>;
  startsAt: Date;
  /** Null while it lives. */
  end: (EndSigns & { endsAt: Date }) | null;
  operation: MeteringOperation;
  mode: ProductMode;
  /** First hour that is billed when the product went live after a time of `modeBeforeLive`; null when it was live from the start or is not live. */
  liveFrom: Date | null;
  modeBeforeLive: ProductMode | null;
  /** First hour metered under the license; null where one identity was metered from the start. */
  licenseFrom: Date | null;
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
  /** When the hour in which a subscription ends is sealed. */
  finalHour: FinalHourPolicy;
}

/** The last hour is sealed this long before it is due, if it has not ended by then: time to send it. */
const FINAL_LEAD_MS = 10 * 60_000;

/** The newest hour that has ended and settled. */
export function newestSettledHour({ now, settleDelayMs }: Pick<SealTiming, 'now' | 'settleDelayMs'>): Date {
  return plusMs(hourOf(plusMs(now, -settleDelayMs)), -HOUR_MS);
}

/**
 * The newest hour whose zero record is due to be sealed: at the edge of its window, so that a zero never locks out usage that comes late
 * (first write wins), or as soon as it has settled.
 */
export function newestZeroHour(timing: Omit<SealTiming, 'finalHour'>, policy: ZeroRecordPolicy, operation: MeteringOperation): Date | null {
  if (policy === 'off') return null;
  return policy === 'atSeal' ? newestSettledHour(timing) : newestEdgeHour(timing, operation);
}

/** The newest settled hour at the edge of its window: `zeroRecordLeadMs` before it is due, or later. Nothing that would be lost waits longer. */
export function newestEdgeHour(timing: Omit<SealTiming, 'finalHour'>, operation: MeteringOperation): Date {
  const edge = plusMs(timing.now, timing.zeroRecordLeadMs).getTime();
  let hour = newestSettledHour(timing);
  while (deadlinesOf(hour, operation, null).dueAt.getTime() > edge) hour = plusMs(hour, -HOUR_MS);
  return hour;
}

/**
 * Which records to write for a subscription now, and which events each takes. Pure: the sums come later, from the stamp itself.
 *
 * An event counts in its own hour while that hour has no record and AWS would still take it; else it is late and counts in the hour being sealed.
 * After the end the running hour is sealed at once (or when it is over), and late usage takes the newest free hour of the window. What waits for the
 * activation is sealed only when its hour would be lost, and then as if that hour had just settled. A purchase that failed has nothing sealed.
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
  if (subscription.standing.seals === 'never') return { closes: false, records: [] };
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
  const { operation, startsAt, liveFrom } = subscription;
  const { newest, isFinal, waitsFrom } = reachOf(subscription, timing);
  const mode = modeAt(newest, subscription);
  const billedFrom = mode === 'live' ? liveFrom : null;
  const oldest = latest(hourOf(startsAt), billedFrom, cutOverOf(subscription, newest, timing));
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
    else if (waitsFrom === null || origin < waitsFrom) late.push(origin);
  }

  const lateHour = isFinal ? newestFreeHour(newest, oldest, isFree) : isFree(newest) ? newest : null;
  if (lateHour && (late.length > 0 || (planned.size === 0 && floorUnits(ledger.carry) >= 1n))) recordOf(lateHour).originHours.push(...late);

  const zeroHour = subscription.standing.zeroRecords ? newestZeroHour(timing, subscription.zeroRecords, operation) : null;
  if (zeroHour && mode !== 'off' && declaredDimensions.includes(ledger.dimension)) {
    for (let hour = zeroHour; hour >= oldest && timing.now < deadlinesOf(hour, operation, null).dueAt; hour = plusMs(hour, -HOUR_MS)) {
      if (isFree(hour)) recordOf(hour).zero = true;
    }
  }
  const records = [...planned.values()].sort((a, b) => a.hour.getTime() - b.hour.getTime());
  return [...(billedFrom ? beforeLive(subscription, ledger, billedFrom, before) : []), ...records];
}

/** How far sealing reaches: the newest hour, and the hour from which usage waits for a later pass; null where nothing does. */
function reachOf(
  { standing, startsAt, end, operation }: SealableSubscription,
  timing: SealTiming,
): { newest: Date; isFinal: boolean; waitsFrom: Date | null } {
  if (end !== null && end.endsAt <= timing.now) {
    // No hour waits to settle: AWS's hour of grace is shorter than any delay is worth. An hour that begins with the end is not part of it.
    const last = latest(hourOf(plusMs(end.endsAt, -1)), hourOf(startsAt));
    if (timing.finalHour === 'atOnce' || timing.now >= finalSealAt(last, operation, end))
      return { newest: last, isFinal: true, waitsFrom: null };
    return { newest: plusMs(last, -HOUR_MS), isFinal: true, waitsFrom: last };
  }
  const newest = standing.seals === 'lastMoment' ? newestEdgeHour(timing, operation) : newestSettledHour(timing);
  return { newest, isFinal: false, waitsFrom: plusMs(newest, HOUR_MS) };
}

/** When the hour of the end is sealed where it need not be sealed at once: at its own end, but in time to be sent. */
function finalSealAt(last: Date, operation: MeteringOperation, end: EndSigns): Date {
  return earliest(plusMs(last, HOUR_MS), plusMs(deadlinesOf(last, operation, end).dueAt, -FINAL_LEAD_MS));
}

/**
 * Once an hour can be sealed under the license, none is sealed under the old identity any more: usage of older hours is late usage of license hours.
 * AWS bills both identities for the same usage, so the old one must have stopped before the new one begins [SDK-M].
 */
function cutOverOf({ licenseFrom }: SealableSubscription, newest: Date, timing: SealTiming): Date | null {
  return licenseFrom && latest(newest, newestSettledHour(timing)) >= licenseFrom ? licenseFrom : null;
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
