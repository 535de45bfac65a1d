import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import Big from 'big.js';
import { BigNumber } from 'bignumber.js';
import { Decimal } from 'decimal.js';
import { Temporal } from 'temporal-polyfill';
import { type CheckedUsage, readUsage } from '../../../src/metering/recording/usage-reading.js';
import { type CodedProblem } from '../../../src/metering/recording/usage-refusal.js';
import { formatDecimal } from '../../../src/runtime/decimal.js';

// Quantities and instants as JavaScript programs have them in their hands.

const NOW = new Date('2026-11-10T10:30:00.000Z');
const WINDOW = { now: NOW, futureSkewMs: 300_000, idempotencyHorizonMs: 35 * 24 * 3_600_000 };
const HOUR_AGO = NOW.getTime() - 3_600_000;

function read(over: object): { usage: CheckedUsage | null; problems: CodedProblem[] } {
  const problems: CodedProblem[] = [];
  return {
    usage: readUsage({ tenantId: 'acme', dimension: 'requests', quantity: 1, ...over }, 0, WINDOW, problems),
    problems,
  };
}

describe('H15 a quantity that was computed', () => {
  it.each<[string, number, string]>([
    ['0.1 + 0.2', 0.1 + 0.2, '0.3'],
    ['1 / 3', 1 / 3, '0.333333333333'],
    ['GB-hours: 7 GB for 100 seconds', (7 * 100) / 3600, '0.194444444444'],
    ['a tie, to even', 0.0000000000025, '0.000000000002'],
    ['a tie, to even, upwards', 0.0000000000015, '0.000000000002'],
  ])('%s is taken at 12 decimals', (_, quantity, expected) => {
    expect(formatDecimal(read({ quantity }).usage!.quantity)).toBe(expected);
  });

  it.each([
    ['text', '0.3333333333333'],
    ['a decimal object', new Decimal(1).div(3)],
  ])('%s beyond 12 decimals is refused: whoever is exact rounds by himself', (_, quantity) => {
    expect(read({ quantity }).problems).toMatchObject([
      { field: 'quantity', message: expect.stringContaining('round it yourself') },
    ]);
  });
});

describe('H16 a number beyond 2^53', () => {
  it('is refused with the fix; text and bigint of the same value are exact', () => {
    const beyond = Number('9007199254740993');
    expect(read({ quantity: beyond }).problems).toMatchObject([
      { message: expect.stringContaining('as text or bigint') },
    ]);
    for (const quantity of ['9007199254740993', 9007199254740993n])
      expect(formatDecimal(read({ quantity }).usage!.quantity)).toBe('9007199254740993');
  });
});

describe('H17 a decimal object', () => {
  const EXACT = '123456789012345678.123456789012';

  it.each<[string, { toFixed(): string }]>([
    ['decimal.js, which Prisma.Decimal is', new Decimal(EXACT)],
    ['big.js', new Big(EXACT)],
    ['bignumber.js', new BigNumber(EXACT)],
  ])('of %s is taken through its exact text', (_, quantity) => {
    expect(formatDecimal(read({ quantity }).usage!.quantity)).toBe(EXACT);
  });

  it.each<[string, { toFixed(): string; toString(): string }]>([
    ['decimal.js', new Decimal('1e-9')],
    ['big.js', new Big('1e-9')],
    ['bignumber.js', new BigNumber('1e-9')],
  ])('of %s that prints itself with an exponent is taken all the same', (_, quantity) => {
    expect(`${quantity.toString()} ${formatDecimal(read({ quantity }).usage!.quantity)}`).toBe('1e-9 0.000000001');
  });

  it.each([new Decimal(Number.NaN), new BigNumber(Number.NaN), new Decimal(Infinity)])(
    'that is no number is refused',
    (quantity) => {
      expect(read({ quantity }).problems).toMatchObject([{ field: 'quantity' }]);
    },
  );
});

describe('H18 an instant', () => {
  it.each<[string, unknown]>([
    ['a Date', new Date(HOUR_AGO)],
    ['a Date of another realm', runInNewContext(`new Date(${HOUR_AGO})`)],
    ['a Date of a class of its own', new (class Moment extends Date {})(HOUR_AGO)],
    ['a Temporal.Instant', Temporal.Instant.fromEpochMilliseconds(HOUR_AGO)],
    ['ISO 8601 text in UTC', new Date(HOUR_AGO).toISOString()],
    ['ISO 8601 text with an offset', '2026-11-10T11:30:00+02:00'],
    ['the text of a Temporal.Instant', Temporal.Instant.fromEpochMilliseconds(HOUR_AGO).toString()],
  ])('as %s is taken', (_, occurredAt) => {
    const { usage, problems } = read({ occurredAt });
    expect(problems).toEqual([]);
    expect(usage!.occurredAt.toISOString()).toBe(new Date(HOUR_AGO).toISOString());
  });

  it.each<[string, unknown, RegExp]>([
    ['milliseconds', HOUR_AGO, /give new Date\(milliseconds\)/],
    ['seconds', HOUR_AGO / 1000, /give new Date\(milliseconds\)/],
    ['a bigint', BigInt(HOUR_AGO), /give new Date\(milliseconds\)/],
    ['dayjs or moment', { toDate: () => new Date(HOUR_AGO) }, /give its toDate\(\)/],
    ['luxon', { toJSDate: () => new Date(HOUR_AGO) }, /give its toJSDate\(\)/],
    [
      'a Temporal.ZonedDateTime',
      Temporal.Instant.fromEpochMilliseconds(HOUR_AGO).toZonedDateTimeISO('UTC'),
      /give its toInstant\(\)/,
    ],
    ['an invalid Date of another realm', runInNewContext(`new Date('soon')`), /must be a valid Date/],
    [
      'something that only calls itself a Date',
      { [Symbol.toStringTag]: 'Date', getTime: () => HOUR_AGO },
      /must be a valid Date/,
    ],
    ['text without a zone', '2026-11-10T09:30:00', /with a zone/],
  ])('as %s is refused with the fix', (_, occurredAt, fix) => {
    expect(read({ occurredAt }).problems).toMatchObject([{ field: 'occurredAt', message: expect.stringMatching(fix) }]);
  });
});
