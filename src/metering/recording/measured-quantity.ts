import { DECIMAL_SCALE, formatDecimal, parseDecimal } from '../../runtime/decimal.js';

const SCALE = 10n ** BigInt(DECIMAL_SCALE);

/** Nanoseconds in each unit of time. */
const TIME = {
  milliseconds: 1_000_000n,
  seconds: 1_000_000_000n,
  minutes: 60_000_000_000n,
  hours: 3_600_000_000_000n,
} as const;

/** Bytes in each unit of data: kB, MB, GB, TB in powers of 1,000, KiB to TiB in powers of 1,024. */
const DATA = {
  ...{ bytes: 1n, kB: 10n ** 3n, MB: 10n ** 6n, GB: 10n ** 9n, TB: 10n ** 12n },
  ...{ KiB: 1n << 10n, MiB: 1n << 20n, GiB: 1n << 30n, TiB: 1n << 40n },
} as const;

/** In which a duration is measured. */
export type TimeUnit = keyof typeof TIME;
/** In which a length is measured: kB to TB are powers of 1,000 bytes, KiB to TiB of 1,024. */
export type DataUnit = keyof typeof DATA;

export const isTimeUnit = (unit: string): unit is TimeUnit => Object.hasOwn(TIME, unit);
export const isDataUnit = (unit: string): unit is DataUnit => Object.hasOwn(DATA, unit);

/**
 * What was measured, in the unit: rounded half to even at 12 decimals or, where `roundUpTo` is given, up to the next
 * multiple of it.
 * @param amount nanoseconds, or bytes
 * @throws RangeError for a `roundUpTo` that is no positive decimal
 */
export function measuredQuantity(amount: bigint, unit: TimeUnit | DataUnit, roundUpTo?: unknown): string {
  const size = isTimeUnit(unit) ? TIME[unit] : DATA[unit];
  if (roundUpTo === undefined) return formatDecimal(dividedHalfEven(amount * SCALE, size));
  const step = parseDecimal(roundUpTo);
  if (typeof step === 'string' || step <= 0n)
    throw new RangeError(`roundUpTo ${typeof step === 'string' ? step : 'must be more than 0'}`);
  // Before any other rounding: what lies a hair above a multiple goes up.
  const steps = (amount * SCALE + size * step - 1n) / (size * step);
  return formatDecimal(steps * step);
}

function dividedHalfEven(dividend: bigint, divisor: bigint): bigint {
  const [quotient, twice] = [dividend / divisor, (dividend % divisor) * 2n];
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient;
}
