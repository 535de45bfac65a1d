/**
 * Exact decimals as scaled bigints. Usage has at most 12 decimals; AWS takes whole numbers; nothing in between may pass
 * through a float.
 */
export type Decimal = string | number | bigint | { toFixed(): string };

export const DECIMAL_SCALE = 12;
const ONE = 10n ** BigInt(DECIMAL_SCALE);
const INTEGER_DIGITS_MAX = 18;
const PLAIN = /^([+-]?)(\d+)(?:\.(\d+))?$/;
const SCIENTIFIC = /^([+-]?)(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/;

/** A quantity in units of 10^-12. */
export type Scaled = bigint;

/**
 * Reads a decimal. Text, bigints and decimal objects (decimal.js, big.js, bignumber.js) are exact and never rounded. A
 * number is a computed thing: it is rounded to 12 decimals by its shortest form, half away from zero, and refused
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
  if (!Number.isFinite(value)) return 'must be a finite number';
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
    return 'must not lie beyond 2^53 as a number, which is not exact there; give it as text';
  const [, sign = '', integer = '', fraction = '', exponent = '0'] =
    SCIENTIFIC.exec(String(value)) ?? PLAIN.exec(String(value)) ?? [];
  const digits = BigInt(integer + fraction);
  const shift = DECIMAL_SCALE - fraction.length + Number(exponent);
  const rounded =
    shift >= 0 ? digits * 10n ** BigInt(shift) : (digits * 2n + 10n ** BigInt(-shift)) / (2n * 10n ** BigInt(-shift));
  return sign === '-' ? -rounded : rounded;
}

/** Decimal objects print themselves in full by `toFixed()`. What does not say so is no decimal. */
function parseObject(value: unknown): Scaled | string {
  const fault = 'must be a string, number, bigint or decimal object';
  if (typeof value !== 'object' || value === null || !('toFixed' in value) || typeof value.toFixed !== 'function')
    return fault;
  // A Number object would round to an integer here.
  if (value instanceof Number) return fault;
  let text: unknown;
  try {
    text = (value as { toFixed(): unknown }).toFixed();
  } catch {
    return fault;
  }
  return typeof text === 'string' ? parseText(text) : fault;
}

function parseText(text: string): Scaled | string {
  const scientific = SCIENTIFIC.exec(text);
  if (scientific)
    return fromParts(scientific[1] ?? '', scientific[2] ?? '', scientific[3] ?? '', Number(scientific[4]));
  const plain = PLAIN.exec(text);
  if (!plain) return 'must be a plain decimal such as "12.5"';
  return fromParts(plain[1] ?? '', plain[2] ?? '', plain[3] ?? '', 0);
}

function fromParts(sign: string, integer: string, fraction: string, exponent: number): Scaled | string {
  const digits = BigInt(integer + fraction);
  const shift = DECIMAL_SCALE - fraction.length + exponent;
  if (digits === 0n) return 0n;
  if (shift > DECIMAL_SCALE + INTEGER_DIGITS_MAX) return `must be below 10^${INTEGER_DIGITS_MAX}`;
  if (shift >= 0) return bounded((sign === '-' ? -digits : digits) * 10n ** BigInt(shift));
  const divisor = 10n ** BigInt(-shift);
  if (digits % divisor !== 0n)
    return `must have at most ${DECIMAL_SCALE} decimals; round it yourself, so that the rounding is yours`;
  return bounded((sign === '-' ? -digits : digits) / divisor);
}

function bounded(scaled: Scaled): Scaled | string {
  const limit = 10n ** BigInt(INTEGER_DIGITS_MAX) * ONE;
  return scaled > -limit && scaled < limit ? scaled : `must be below 10^${INTEGER_DIGITS_MAX}`;
}

/**
 * Scaled value of a decimal that the database printed. No bound: a sum of accepted quantities may pass the bound of a
 * single one.
 */
export function scaled(text: string): Scaled {
  const plain = PLAIN.exec(text);
  const [, sign = '', integer = '', fraction = ''] = plain ?? [];
  if (!plain || fraction.slice(DECIMAL_SCALE).replace(/0+$/, '') !== '')
    throw new RangeError(`not a decimal of ours: ${text}`);
  const digits = BigInt(integer + fraction.slice(0, DECIMAL_SCALE).padEnd(DECIMAL_SCALE, '0'));
  return sign === '-' ? -digits : digits;
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
