import { describe, expect, it } from '@jest/globals';
import { guaranteeAt } from '../../src/container/metering-guarantee.js';

const at = (text: string): Date => new Date(`2026-${text}Z`);
const shown = (launched: string, now: string): string => {
  const { kind, hours, until } = guaranteeAt(at(launched), at(now));
  const short = (instant: Date): string => instant.toISOString().slice(5, 16);
  return `${kind}: ${short(hours.from)} to ${short(hours.to)}, until ${short(until)}`;
};

describe('what AWS still bills of a container that has not registered', () => {
  it.each([
    ['at once', '11-15T10:00', '11-15T10:00', 'running: 11-15T10:00 to 12-01T00:00, until 12-01T00:00'],
    ['before six hours', '11-15T10:00', '11-15T15:59', 'running: 11-15T10:00 to 12-01T00:00, until 12-01T00:00'],
    ['at six hours', '11-15T10:00', '11-15T16:00', 'endangered: 11-15T10:00 to 12-01T00:00, until 12-01T00:00'],
    [
      'before the month’s end',
      '11-15T10:00',
      '11-30T23:59',
      'endangered: 11-15T10:00 to 12-01T00:00, until 12-01T00:00',
    ],
    ['after the month’s end', '11-15T10:00', '12-01T00:00', 'lost: 11-15T10:00 to 12-01T00:00, until 2027'],
    [
      'launched in the last hours, at once',
      '10-31T19:00',
      '10-31T19:00',
      'running: 10-31T19:00 to 11-01T00:00, until 11-01T01:00',
    ],
    [
      'two hours before the end',
      '10-31T19:00',
      '10-31T22:00',
      'endangered: 10-31T19:00 to 11-01T00:00, until 11-01T01:00',
    ],
    [
      'in the next month, within six hours',
      '10-31T19:00',
      '11-01T00:59',
      'endangered: 10-31T19:00 to 11-01T00:00, until 11-01T01:00',
    ],
    ['and after them', '10-31T19:00', '11-01T01:00', 'lost: 10-31T19:00 to 11-01T00:00, until 12-01T00:00'],
    ['two months later', '10-31T19:00', '12-05T00:00', 'lost: 10-31T19:00 to 12-01T00:00, until 2027'],
  ])('%s', (_, launched, now, expected) => {
    // The year is cut off by the form, but for the one that comes.
    const text = shown(launched, now);
    expect(expected.endsWith('2027') ? text.replace(/until .*/, 'until 2027') : text).toBe(expected);
  });
});
