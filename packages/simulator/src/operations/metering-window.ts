import { type Switches } from '../switches.js';

export const hourMs = 3_600_000;

type WindowSwitches = Pick<
  Switches,
  'lateWindowHours' | 'lateWindowFrom' | 'recordAge' | 'monthEndGrace' | 'futureSkewMs'
>;

/** The start of the UTC hour that contains the moment. AWS deduplicates by it. All values in epoch milliseconds. */
export function hourOf(timestamp: number): number {
  return Math.floor(timestamp / hourMs) * hourMs;
}

/**
 * Why BatchMeterUsage would refuse this timestamp at this moment, or undefined if it lies in the window [SDK-M;
 * switches for the edges]. Both arguments in epoch milliseconds.
 */
export function outOfWindow(timestamp: number, now: number, switches: WindowSwitches): string | undefined {
  if (timestamp > now + switches.futureSkewMs) return 'lies in the future';
  const monthEnd = monthEndCutoff(timestamp);
  if (now >= monthEnd) return 'belongs to a billing month that closed at 06:00 UTC on the 1st';
  const month = (time: number): string => new Date(time).toISOString().slice(0, 7);
  if (switches.monthEndGrace === 'extends' && month(timestamp) < month(now)) return undefined;
  const windowMs = switches.lateWindowHours * hourMs;
  const aged = switches.recordAge === 'hourStart' ? hourOf(timestamp) : timestamp;
  if (switches.lateWindowFrom === 'currentHour') {
    return aged < hourOf(now) - windowMs ? `is older than ${switches.lateWindowHours} hours` : undefined;
  }
  return now - aged >= windowMs ? `is ${switches.lateWindowHours} hours old or more` : undefined;
}

/**
 * Why MeterUsage would refuse this timestamp, or undefined if it lies in the window: "more than six hours after events
 * occur" are refused, and so is what comes before the start of the software [SDK-M]; `from` is that start. All times in epoch
 * milliseconds.
 */
export function outOfMeterUsageWindow(
  timestamp: number,
  now: number,
  from: number,
  switches: Pick<Switches, 'meterUsageWindowHours' | 'futureSkewMs'>,
): string | undefined {
  if (timestamp > now + switches.futureSkewMs) return 'lies in the future';
  if (timestamp < from) return 'lies before the start of the software';
  return now - timestamp > switches.meterUsageWindowHours * hourMs
    ? `is more than ${switches.meterUsageWindowHours} hours old`
    : undefined;
}

/** 06:00 UTC on the 1st of the month after the timestamp's, in epoch milliseconds. */
function monthEndCutoff(timestamp: number): number {
  const date = new Date(timestamp);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1, 6);
}
