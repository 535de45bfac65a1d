import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  DECIMAL_SCALE,
  floorUnits,
  formatDecimal,
  fromUnits,
  parseDecimal,
  scaled,
} from '../../src/runtime/decimal.js';

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
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    // Numbers are computed things: rounded by their shortest form, half to even.
    [0.1 + 0.2, '0.3'],
    [1 / 3, '0.333333333333'],
    [-2 / 3, '-0.666666666667'],
    [1e-13, '0'],
    [5e-13, '0'],
    [5.1e-13, '0.000000000001'],
    [1.5e-12, '0.000000000002'],
    [2.5e-12, '0.000000000002'],
    [-1.5e-12, '-0.000000000002'],
    [-2.5e-12, '-0.000000000002'],
    [-2.51e-12, '-0.000000000003'],
    [-4.9e-13, '0'],
    [1.0000000000005, '1'],
    [1.0000000000015, '1.000000000002'],
    [{ toFixed: () => '1234.500000000001' }, '1234.500000000001'],
    ['1.5e3', '1500'],
    ['2500E-3', '2.5'],
    ['0e999', '0'],
    ['-1.25e-3', '-0.00125'],
    ['1E+2', '100'],
    ['12.345e1', '123.45'],
    [1.5e-7, '0.00000015'],
    [-1.25e-9, '-0.00000000125'],
    [-5e-13, '0'],
    [`${'0'.repeat(99)}7`, '7'],
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
    [{ toFixed: () => '0.0000000000001' }, /at most 12 decimals/],
    [{ toFixed: () => 'NaN' }, /plain decimal/],
    [{ toFixed: () => 1 }, /decimal object/],
    [
      {
        toFixed: () => {
          throw new Error('no');
        },
      },
      /decimal object/,
    ],
    [Object(1.5), /decimal object/],
    [runInNewContext('Object(1.5)'), /decimal object/],
    [2 ** 53, /2\^53/],
    [-(2 ** 53), /2\^53/],
    [1e17, /2\^53/],
    ['1000000000000000000', /below 10\^18/],
    ['-1000000000000000000', /below 10\^18/],
    [10n ** 18n, /below 10\^18/],
    ['1e999', /below 10\^18/],
    ['1e18', /below 10\^18/],
    ['1e1000', /plain decimal/],
    ['1e', /plain decimal/],
    ['x1e5', /plain decimal/],
    ['1e5x', /plain decimal/],
    [`${'0'.repeat(100)}7`, /at most 100 characters/],
    [{ toFixed: 'not a function' }, /decimal object/],
    [Object.assign(() => 1, { toFixed: () => '1' }), /decimal object/],
    [Number.MAX_VALUE, /2\^53/],
    [null, /string, number, bigint or decimal object/],
    [undefined, /string, number, bigint or decimal object/],
    [{}, /string, number, bigint or decimal object/],
    [true, /string, number, bigint or decimal object/],
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

  it.each(['0.0000000000001', '0.00000000000010', 'NaN', '1e5', '1E5', ''])('does not guess: %p', (text) => {
    expect(() => scaled(text)).toThrow(new RangeError(`not a decimal of ours: ${text}`));
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

  it('that came from a double lies within half a unit of the last decimal, or is refused', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e17, max: 1e17 }), (value) => {
        const read = parseDecimal(value);
        expect(typeof read === 'string').toBe(Math.abs(value) > Number.MAX_SAFE_INTEGER);
        if (typeof read === 'string') return;
        expect(Math.abs(Number(formatDecimal(read)) - value)).toBeLessThanOrEqual(
          5e-13 + Math.abs(value) * Number.EPSILON,
        );
      }),
    );
  });
});
