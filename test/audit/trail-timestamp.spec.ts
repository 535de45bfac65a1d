import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { readTrailTimestamp } from '../../src/audit/trail-timestamp.js';

const MIDNIGHT = '2026-11-05T00:00:00.000Z';

describe('K38: a timestamp of CloudTrail', () => {
  it.each<[unknown, string]>([
    ['Nov 5, 2026 12:00:00 AM', MIDNIGHT],
    ['Nov 5, 2026 12:00:00\u202fAM', MIDNIGHT],
    ['Nov 5, 2026 12:00:00\u00a0am', MIDNIGHT],
    ['Nov 5, 2026, 12:00:00 AM', MIDNIGHT],
    ['Nov 5, 2026, 12:00:00\u202fAM', MIDNIGHT],
    ['November 5, 2026 12:00 a.m.', MIDNIGHT],
    ['Nov 05, 2026 00:00:00', MIDNIGHT],
    ['Nov 5, 2026 12:00:00 AM UTC', MIDNIGHT],
    [' Nov  5, 2026 12:00:00 AM ', MIDNIGHT],
    ['2026-11-05T00:00:00Z', MIDNIGHT],
    ['2026-11-05T00:00:00.250Z', MIDNIGHT],
    ['2026-11-05T00:00:00', MIDNIGHT],
    ['2026-11-05 00:00:00', MIDNIGHT],
    ['2026-11-05', MIDNIGHT],
    ['2026-11-05T01:00:00+01:00', MIDNIGHT],
    ['2026-11-04T19:00:00-0500', MIDNIGHT],
    [1793836800, MIDNIGHT],
    [1793836800.25, MIDNIGHT],
    ['1793836800', MIDNIGHT],
    [1793836800000, MIDNIGHT],
    ['Nov 5 2026 12:00:00AM', MIDNIGHT],
    ['2026-11-05T00:00Z', MIDNIGHT],
    ['2026-11-05T00:00', MIDNIGHT],
    ['1793836800.25', MIDNIGHT],
    ['2026-11-05T05:30:00+0530', MIDNIGHT],
    [100_000_000_000, '1973-03-03T09:46:40.000Z'],
    [99_999_999_999, '5138-11-16T09:46:39.000Z'],
    ['Nov 5, 2026 13:00:00', '2026-11-05T13:00:00.000Z'],
    ['Nov 5, 2026 12:30:00 PM', '2026-11-05T12:30:00.000Z'],
    ['Nov 5, 2026 11:59:59 PM', '2026-11-05T23:59:59.000Z'],
    ['Nov 5, 2026 1:05:09 AM', '2026-11-05T01:05:09.000Z'],
    ['Apr 19, 2018 4:32:50 PM', '2018-04-19T16:32:50.000Z'],
    // An hour that New York does not have, and one that it has twice.
    ['Mar 8, 2026 2:30:00 AM', '2026-03-08T02:30:00.000Z'],
    ['Nov 1, 2026 1:30:00 AM', '2026-11-01T01:30:00.000Z'],
    ['Feb 29, 2028 11:00:00 AM', '2028-02-29T11:00:00.000Z'],
  ])('reads %p as UTC', (value, expected) => {
    expect(readTrailTimestamp(value)?.toISOString()).toBe(expected);
  });

  it.each(['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'])(
    'reads the months as they are written in English: %s',
    (month) => {
      const read = readTrailTimestamp(`${month} 5, 2026 1:00:00 AM`);
      expect(read?.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' })).toBe(month);
    },
  );

  it.each([
    '',
    'on Nov 5, 2026 12:00:00 AM',
    'Nov 5, 2026 12:00:00 AM sharp',
    'on 2026-11-05T00:00:00Z',
    '2026-11-05T00:00:00Z sharp',
    'n1793836800',
    '1793836800s',
    '1793836800.',
    '2026-11-05T00:00:00+05:30x',
    'yesterday',
    'Nov 31, 2026 12:00:00 AM',
    'Feb 29, 2026 11:00:00 AM',
    'Foo 5, 2026 12:00:00 AM',
    'Nov 5, 2026 13:00:00 PM',
    'Nov 5, 2026 12:61:00 AM',
    '2026-13-05T00:00:00Z',
    '2026-11-05T24:30:00Z',
    '12345',
    -5,
    0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    {},
  ])('takes %p for none', (value) => {
    expect(readTrailTimestamp(value)).toBeNull();
  });

  it.each(['America/New_York', 'Asia/Kolkata', 'Pacific/Auckland'])('reads the same in %s', (zone) => {
    const script = `import { readTrailTimestamp } from './src/audit/trail-timestamp.ts';
      console.log(['Nov 5, 2026 12:00:00 AM', '2026-11-05T00:00:00', 'Mar 8, 2026 2:30:00 AM']
        .map((text) => readTrailTimestamp(text).toISOString()).join());`;
    const { stdout } = spawnSync(
      process.execPath,
      ['--import', './test/support/typescript.mjs', '--input-type=module', '--eval', script],
      { env: { ...process.env, TZ: zone }, encoding: 'utf8' },
    );
    expect(stdout.trim()).toBe([MIDNIGHT, MIDNIGHT, '2026-03-08T02:30:00.000Z'].join());
  });
});
