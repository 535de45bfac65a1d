const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** `Nov 5, 2026 12:00:00 AM` [SG23]; newer Java puts a comma behind the year, and U+202F before AM. */
const ENGLISH =
  /^([a-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4}),? (\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([ap])\.?m\.?)?(?: (?:utc|gmt))?$/;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?(?: ?(z|utc|gmt|[+-]\d{2}:?\d{2}))?$/;
const NUMBER = /^\d{9,13}(?:\.\d+)?$/;
/** Above this a number counts milliseconds: as seconds it would lie in the year 5138. */
const MILLISECONDS_FROM = 1e11;

/**
 * An instant as CloudTrail writes the metering service's: English text without a zone, ISO 8601, or epoch seconds.
 * What names no zone is UTC, whatever zone this process runs in.
 * @returns null where it is none of these, or no day of the calendar; whole seconds
 */
export function readTrailTimestamp(value: unknown): Date | null {
  if (typeof value === 'number') return ofNumber(value);
  if (typeof value !== 'string') return null;
  const text = value.replace(/\s+/g, ' ').trim().toLowerCase();
  if (NUMBER.test(text)) return ofNumber(Number(text));
  return ofEnglish(text) ?? ofIso(text);
}

function ofNumber(value: number): Date | null {
  if (!Number.isFinite(value) || value <= 0) return null;
  const date = new Date(Math.floor(value >= MILLISECONDS_FROM ? value / 1000 : value) * 1000);
  return Number.isNaN(date.getTime()) ? null : date;
}

function ofEnglish(text: string): Date | null {
  const [, month, day, year, hourText, minute, second = 0, half] = ENGLISH.exec(text) ?? [];
  const hour = Number(hourText);
  if (half !== undefined && hour > 12) return null;
  // Midnight is 12 AM and noon 12 PM.
  const hour24 = half === undefined ? hour : (hour % 12) + (half === 'p' ? 12 : 0);
  return ofParts(Number(year), MONTHS.indexOf(String(month)), Number(day), hour24, Number(minute), Number(second));
}

function ofIso(text: string): Date | null {
  const [, year, month, day, hour = 0, minute = 0, second = 0, zone = 'z'] = ISO.exec(text) ?? [];
  const local = ofParts(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return local && new Date(local.getTime() - offsetMsOf(zone));
}

function offsetMsOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
}

/** Null where the parts are none, or overflow: there is no 30 February and no 25 o'clock. */
function ofParts(year: number, month: number, day: number, hour: number, minute: number, second: number): Date | null {
  const date = new Date(Date.UTC(year, month, day, hour, minute, second));
  const kept = [date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  return String(kept) === String([month, day, hour, minute, second]) ? date : null;
}
