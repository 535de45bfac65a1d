import { types } from 'node:util';

/**
 * Exact decimals as scaled bigints. Usage has at most 12 decimals; AWS takes whole numbers; nothing in between may pass
 * through a float.
 */
export type Decimal = string | number | bigint | { toFixed(): string };

export const DECIMAL_SCALE = 12;
const ONE = 10n ** BigInt(DECIMAL_SCALE);
const INTEGER_DIGITS_MAX = 18;
const LIMIT = 10n ** BigInt(INTEGER_DIGITS_MAX) * ONE;
/** Longer text is no quantity, and reading it would cost more than a refusal. */
const TEXT_LENGTH_MAX = 100;
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** A quantity in units of 10^-12. */
export type Scaled = bigint;

/**
 * Reads a decimal. Text, bigints and decimal objects (decimal.js, big.js, bignumber.js) are exact and never rounded. A
 * number is a computed thing: it is rounded to 12 decimals by its shortest form, half to even, and refused
 * beyond 2^53, where it stands for a range of values.
 * @returns the scaled value, or a sentence that says why it is refused.
 */
export function parseDecimal(value: unknown): Scaled | string {
  if (typeof value === 'bigint') return bounded(value * ONE);
  if (typeof value === 'number') return parseNumber(value);
  if (typeof value === 'string') return parseText(value.trim());
  return parseObject(value);
}

function parseNumber(value: number): Scaled | string {
  const parts = partsOf(String(value));
  if (parts === null) return `must be a finite number, not ${value}; look at what it was computed from`;
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
    return 'must not lie beyond 2^53 as a number, which is not exact there; give it as text or bigint';
  const { digits, shift } = parts;
  const exact = shiftExactly(parts);
  if (exact !== null) return exact;
  return roundedHalfToEven(digits, 10n ** BigInt(-shift));
}

function roundedHalfToEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = 2n * (dividend % divisor);
  const isAway = rest === divisor || rest === -divisor ? quotient % 2n !== 0n : rest > divisor || rest < -divisor;
  if (!isAway) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}

/** Decimal objects print themselves in full by `toFixed()`. What does not say so is no decimal. */
function parseObject(value: unknown): Scaled | string {
  const fault = 'must be a string, number, bigint or decimal object';
  // A Number object, of whatever realm, would round to an integer here.
  if (typeof value !== 'object' || value === null || types.isNumberObject(value)) return fault;
  try {
    const text: unknown = (value as { toFixed(): unknown }).toFixed();
    return typeof text === 'string' ? parseText(text) : fault;
  } catch {
    return fault;
  }
}

function parseText(text: string): Scaled | string {
  if (text.length > TEXT_LENGTH_MAX) return `must have at most ${TEXT_LENGTH_MAX} characters`;
  const parts = partsOf(text);
  if (parts === null) return 'must be a plain decimal such as "12.5"';
  const exact = shiftExactly(parts);
  return exact === null
    ? `must have at most ${DECIMAL_SCALE} decimals; round it yourself, so that the rounding is yours`
    : bounded(exact);
}

function bounded(value: Scaled): Scaled | string {
  return value > -LIMIT && value < LIMIT ? value : `must be below 10^${INTEGER_DIGITS_MAX}`;
}

/** A decimal as its digits, and how many places they are to be moved to be a scaled value. */
interface DecimalParts {
  digits: bigint;
  shift: number;
}

function partsOf(text: string): DecimalParts | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, integer, fraction = '', exponent = '0'] = match;
  const digits = BigInt(`${integer}${fraction}`);
  return { digits: sign === '-' ? -digits : digits, shift: DECIMAL_SCALE - fraction.length + Number(exponent) };
}

/** Null: there are more than 12 decimals that say something. */
function shiftExactly({ digits, shift }: DecimalParts): Scaled | null {
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return digits % divisor === 0n ? digits / divisor : null;
}

/**
 * Scaled value of a decimal that the database printed. No bound: a sum of accepted quantities may pass the bound of a
 * single one.
 */
export function scaled(text: string): Scaled {
  const parts = partsOf(text);
  const exact = parts === null || /e/i.test(text) ? null : shiftExactly(parts);
  if (exact === null) throw new RangeError(`not a decimal of ours: ${text}`);
  return exact;
}

/** Shortest plain form: no exponent, no trailing zeros. */
export function formatDecimal(value: Scaled): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(DECIMAL_SCALE + 1, '0');
  const integer = digits.slice(0, -DECIMAL_SCALE);
  const fraction = digits.slice(-DECIMAL_SCALE).replace(/0+$/, '');
  return `${negative ? '-' : ''}${integer}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Largest whole number not above the value; towards minus infinity, as the balance equation needs it. */
export function floorUnits(value: Scaled): bigint {
  const quotient = value / ONE;
  return value < 0n && value % ONE !== 0n ? quotient - 1n : quotient;
}

export function fromUnits(units: bigint | number): Scaled {
  return BigInt(units) * ONE;
}
