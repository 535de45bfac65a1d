import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DECIMAL_SCALE, floorUnits, formatDecimal, fromUnits, parseDecimal, scaled } from '../../src/runtime/decimal.js';

const ONE = 10n ** BigInt(DECIMAL_SCALE);

describe('parseDecimal', () => {
  it.each<[unknown, string]>([
    ['0', '0'],
    ['-0', '0'],
    [-0, '0'],
    ['12.5', '12.5'],
    ['+12.50', '12.5'],
    [' 7 ', '7'],
    ['007.100', '7.1'],
    ['-0.000000000001', '-0.000000000001'],
    ['0.0000000000010000', '0.000000000001'],
    [0.1, '0.1'],
    [1e-12, '0.000000000001'],
    [1e17, '100000000000000000'],
    ['1.5e3', '1500'],
    ['2500E-3', '2.5'],
    ['0e999', '0'],
    [123456789012345678n, '123456789012345678'],
    ['999999999999999999.999999999999', '999999999999999999.999999999999'],
    ['-999999999999999999.999999999999', '-999999999999999999.999999999999'],
  ])('reads %p as %s', (given, expected) => {
    const value = parseDecimal(given);
    expect(typeof value === 'bigint' ? formatDecimal(value) : value).toBe(expected);
  });

  it.each<[unknown, RegExp]>([
    [Number.NaN, /finite/],
    [Number.POSITIVE_INFINITY, /finite/],
    ['', /plain decimal/],
    ['.5', /plain decimal/],
    ['5.', /plain decimal/],
    ['1,5', /plain decimal/],
    ['0x10', /plain decimal/],
    ['1 000', /plain decimal/],
    ['NaN', /plain decimal/],
    ['0.0000000000001', /at most 12 decimals/],
    [0.1 + 0.2, /at most 12 decimals/],
    [1e-13, /at most 12 decimals/],
    ['1000000000000000000', /below 10\^18/],
    ['-1000000000000000000', /below 10\^18/],
    [10n ** 18n, /below 10\^18/],
    ['1e999', /below 10\^18/],
    [Number.MAX_VALUE, /below 10\^18/],
    [null, /string, number or bigint/],
    [undefined, /string, number or bigint/],
    [{}, /string, number or bigint/],
    [true, /string, number or bigint/],
  ])('refuses %p', (given, why) => {
    expect(parseDecimal(given)).toMatch(why);
  });
});

describe('scaled', () => {
  it.each([
    ['3.140000000000000000', 3_140_000_000_000n],
    ['-0.5', -500_000_000_000n],
    ['123456789012345678901234567890', 123456789012345678901234567890n * ONE],
  ])('reads what the database prints: %s', (text, expected) => {
    expect(scaled(text)).toBe(expected);
  });

  it.each(['0.0000000000001', 'NaN', '1e5', ''])('does not guess: %p', (text) => {
    expect(() => scaled(text)).toThrow(RangeError);
  });
});

describe('floorUnits', () => {
  it.each([
    ['1.999999999999', 1n],
    ['0.000000000001', 0n],
    ['-0.000000000001', -1n],
    ['-1', -1n],
    ['-1.5', -2n],
    ['0', 0n],
  ])('%s lies on or above %s', (text, units) => {
    expect(floorUnits(scaled(text))).toBe(units);
  });
});

describe('any decimal', () => {
  const anyScaled = fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n });

  it('survives being printed and read, by both readers', () => {
    fc.assert(
      fc.property(anyScaled, (value) => {
        expect(parseDecimal(formatDecimal(value))).toBe(value);
        expect(scaled(formatDecimal(value))).toBe(value);
      }),
    );
  });

  it('lies less than one unit above its floor', () => {
    fc.assert(
      fc.property(anyScaled, (value) => {
        const rest = value - fromUnits(floorUnits(value));
        expect(rest >= 0n && rest < ONE).toBe(true);
      }),
    );
  });

  it('that came from a double is that double, or is refused', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const read = parseDecimal(value);
        expect(typeof read === 'string' ? value : Number(formatDecimal(read))).toBe(value === 0 && typeof read === 'bigint' ? 0 : value);
      }),
    );
  });
});
