import { DECIMAL_SCALE, type Scaled } from '../../runtime/decimal.js';

/**
 * One-dimensional arrays in Postgres's binary form, which the server reads without parsing text. pg sends a Buffer as a
 * binary parameter.
 */

const OID = { int2: 21, int4: 23, text: 25, timestamptz: 1184, numeric: 1700, uuid: 2950, jsonb: 3802 };
/** Microseconds since 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const UNITS_PER_ONE = 10n ** BigInt(DECIMAL_SCALE);
const NUMERIC_BASE = 10_000;
const NUMERIC_NEGATIVE = 0x4000;

export function uuidArray(values: readonly string[]): Buffer {
  return fixedArray(OID.uuid, 16, values, (buffer, value, at) => buffer.write(value.replaceAll('-', ''), at, 'hex'));
}

export function timestamptzArray(values: readonly Date[]): Buffer {
  return fixedArray(OID.timestamptz, 8, values, (buffer, value, at) => {
    buffer.writeBigInt64BE(BigInt(value.getTime() - POSTGRES_EPOCH_MS) * 1000n, at);
  });
}

export function int4Array(values: readonly number[]): Buffer {
  return fixedArray(OID.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at));
}

export function int2Array(values: readonly number[]): Buffer {
  return fixedArray(OID.int2, 2, values, (buffer, value, at) => buffer.writeInt16BE(value, at));
}

export function numericArray(values: readonly Scaled[]): Buffer {
  return variableArray(OID.numeric, values.map(numericOf));
}

export function textArray(values: readonly (string | null)[]): Buffer {
  return variableArray(
    OID.text,
    values.map((value) => (value === null ? null : Buffer.from(value))),
  );
}

/** Texts of JSON values. */
export function jsonbArray(values: readonly (string | null)[]): Buffer {
  return variableArray(
    OID.jsonb,
    // A byte for the version of the format stands before the text.
    values.map((value) => (value === null ? null : Buffer.from(`\u0001${value}`))),
  );
}

const HEADER_BYTES = 20;

/** Dimensions, whether there is a NULL, element type, length, lower bound. */
function writeHeader(buffer: Buffer, elementType: number, length: number, hasNull: boolean): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(elementType, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}

function fixedArray<T>(
  elementType: number,
  bytes: number,
  values: readonly T[],
  write: (buffer: Buffer, value: T, at: number) => unknown,
): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + values.length * (4 + bytes));
  writeHeader(buffer, elementType, values.length, false);
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(bytes, at);
    write(buffer, value, at + 4);
    at += 4 + bytes;
  }
  return buffer;
}

function variableArray(elementType: number, values: readonly (Buffer | null)[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += 4 + (value?.length ?? 0);
  const buffer = Buffer.allocUnsafe(size);
  writeHeader(buffer, elementType, values.length, values.includes(null));
  let at = HEADER_BYTES;
  for (const value of values) {
    // -1 stands for NULL.
    at = buffer.writeInt32BE(value?.length ?? -1, at);
    if (value !== null) at += value.copy(buffer, at);
  }
  return buffer;
}

const ONE = numericFrom(UNITS_PER_ONE);

/** Digit count, weight of the first, sign, decimals shown; then digits to the base of 10,000. */
function numericOf(value: Scaled): Buffer {
  return value === UNITS_PER_ONE ? ONE : numericFrom(value);
}

function numericFrom(value: Scaled): Buffer {
  let rest = value < 0n ? -value : value;
  const base = BigInt(NUMERIC_BASE);
  // From the last digit to the first; three of them lie behind the point.
  const digits: number[] = [];
  for (; rest > 0n; rest /= base) digits.push(Number(rest % base));
  let weight = digits.length - 1 - DECIMAL_SCALE / 4;
  let trailing = 0;
  while (trailing < digits.length && digits[trailing] === 0) trailing += 1;
  const shown = digits.slice(trailing).reverse();
  if (shown.length === 0) weight = 0;

  const buffer = Buffer.allocUnsafe(8 + 2 * shown.length);
  buffer.writeInt16BE(shown.length, 0);
  buffer.writeInt16BE(weight, 2);
  buffer.writeUInt16BE(value < 0n ? NUMERIC_NEGATIVE : 0, 4);
  buffer.writeInt16BE(decimalsOf(value), 6);
  shown.forEach((digit, position) => buffer.writeInt16BE(digit, 8 + 2 * position));
  return buffer;
}

function decimalsOf(value: Scaled): number {
  if (value % UNITS_PER_ONE === 0n) return 0;
  let decimals = DECIMAL_SCALE;
  for (let rest = value; rest % 10n === 0n; rest /= 10n) decimals -= 1;
  return decimals;
}
