import { describe, expect, it } from '@jest/globals';
import { type Period } from '../../../src/metering/sealing/period.js';
import { periodsOf, type ZeroRecords, zeroHoursOf } from '../../../src/metering/sealing/zero-records.js';
import { type Given, REPLACED, ruleOf, RUNNING } from './given-rule.js';
import { at } from './given-timeline.js';

const hourText = (hour: Date): string => hour.toISOString().slice(8, 13).replace('T', ' ');

function zeros(
  given: Given,
  zeroRecords: ZeroRecords = 'atSeal',
  isWritten: (period: Period, dimension: string, hour: Date) => boolean = () => false,
  dimensions = ['requests'],
): { due: string[]; lookAt: string | null } {
  const { due, lookAt } = zeroHoursOf(ruleOf(given), zeroRecords, dimensions, isWritten);
  return {
    due: due.map(({ period, dimension, hour }) => `${period.agreementId} ${dimension} ${hourText(hour.hour)}`),
    lookAt: lookAt?.toISOString().slice(8, 16).replace('T', ' ') ?? null,
  };
}

/** An agreement that began at 08:20 of the day. */
const YOUNG = [{ agreement: '1', from: '08:20' }];
const requests = (...hours: string[]): string[] => hours.map((hour) => `1 requests ${hour}`);

describe('idle hours whose record of zero units is due', () => {
  it('are all that have settled, as soon as they have, where that is asked', () => {
    // 11:00 is open until 12:10; the hour that has not begun settles after it.
    expect(zeros({ spans: YOUNG })).toEqual({ due: requests('11 10', '11 09', '11 08'), lookAt: '11 12:10' });
  });

  it('settle at the instant of the settle delay', () => {
    expect(zeros({ spans: YOUNG, now: '11:10' }).due).toContain('1 requests 11 10');
    expect(zeros({ spans: YOUNG, now: '11:09' })).toEqual({ due: requests('11 09', '11 08'), lookAt: '11 11:10' });
  });

  it('wait for the edge of their window, so that late usage finds its own hour free', () => {
    // 08:00 is due on the 12th at 08:00, and at its edge three hours before.
    expect(zeros({ spans: YOUNG }, 'atWindowEdge')).toEqual({ due: [], lookAt: '11 12:00' });
    expect(zeros({ spans: YOUNG, now: '2026-11-12T04:59:59Z' }, 'atWindowEdge')).toEqual({
      due: [],
      lookAt: '12 05:00',
    });
    expect(zeros({ spans: YOUNG, now: '2026-11-12T05:00:00Z' }, 'atWindowEdge').due).toEqual(requests('11 08'));
  });

  it('are none where they are off, or the product is not listed', () => {
    expect(zeros({ spans: YOUNG }, 'off')).toEqual({ due: [], lookAt: null });
    expect(zeros({ spans: YOUNG, isListed: false })).toEqual({ due: [], lookAt: null });
  });

  it('are none where the product is off, or the agreement asks for none', () => {
    expect(zeros({ spans: YOUNG, modes: [{ from: null, mode: 'off' }] })).toEqual({ due: [], lookAt: null });
    expect(zeros({ spans: [{ ...YOUNG[0]!, zeroRecords: false }] })).toEqual({ due: [], lookAt: null });
  });

  it('are only those of the stretches that ask for one', () => {
    const spans = [
      { agreement: '1', from: '08:20', to: '10:00', zeroRecords: false, end: null },
      { agreement: '1', from: '10:00' },
    ];
    expect(zeros({ spans }).due).toEqual(requests('11 10'));
  });

  it('are none of an agreement that AWS has told no name of', () => {
    expect(zeros({ spans: [{ ...YOUNG[0]!, identity: null }] }).due).toEqual([]);
  });

  it('are none that the earliest reading of their deadline has passed', () => {
    const { due } = zeros({ spans: RUNNING, now: '11:00' });
    expect(due.at(-1)).toBe('1 requests 10 12');
    expect(due).toHaveLength(22);
  });

  it('are none that are taken, or written in this pass or annulled before', () => {
    const spans = YOUNG;
    expect(zeros({ spans, taken: ['l-1 09:00'] }).due).toEqual(requests('11 10', '11 08'));
    const isWritten = ({ agreementId }: Period, dimension: string, hour: Date): boolean =>
      agreementId === '1' && dimension === 'requests' && hour.getTime() === at('10:00').getTime();
    expect(zeros({ spans }, 'atSeal', isWritten).due).toEqual(requests('11 09', '11 08'));
  });

  it('are one of each dimension', () => {
    const spans = [{ agreement: '1', from: '10:00' }];
    expect(zeros({ spans }, 'atSeal', () => false, ['requests', 'storage']).due).toEqual([
      ...['1 requests 11 10', '1 storage 11 10'],
    ]);
  });

  it('are told for both agreements of an hour with a boundary, and of none to come once the last is over', () => {
    expect(zeros({ spans: REPLACED, now: '11:15' }).due.slice(-24)).toContain('1 requests 11 10');
    expect(zeros({ spans: REPLACED, now: '11:15' }).due).toContain('2 requests 11 10');
    const over = [{ agreement: '1', from: '08:20', to: '10:30', end: null }];
    expect(zeros({ spans: over })).toEqual({ due: requests('11 10', '11 09', '11 08'), lookAt: null });
  });
});

describe('the periods whose hours AWS still takes', () => {
  const periods = (given: Given): string[] => {
    const rule = ruleOf(given);
    return periodsOf(rule.context.customer, rule).map(({ key }) => key);
  };
  it.each<[string, Given, string[]]>([
    ['has one that runs', { spans: RUNNING }, ['1/paid/live']],
    ['has one that begins now', { spans: [{ agreement: '1', from: '11:15' }] }, ['1/paid/live']],
    ['has none that is to begin', { spans: [{ agreement: '1', from: '11:16' }] }, []],
    ['has none of a purchase that failed', { spans: [{ ...RUNNING[0]!, seals: 'never' }] }, []],
    ['has none that ended 36 hours ago', { spans: [{ ...RUNNING[0]!, to: '2026-11-09T23:15:00Z' }] }, []],
    ['has one that ended a moment later', { spans: [{ ...RUNNING[0]!, to: '2026-11-09T23:15:01Z' }] }, ['1/paid/live']],
    [
      'has one for each mode of the last 36 hours',
      {
        spans: RUNNING,
        modes: [
          { from: null, mode: 'off' },
          { from: at('2026-11-09T00:00:00Z'), mode: 'dry-run' },
          { from: at('2026-11-11T11:15:00Z'), mode: 'live' },
        ],
      },
      ['1/paid/dry-run', '1/paid/live'],
    ],
    [
      'has none for a mode that is to come, nor for one that was over',
      {
        spans: RUNNING,
        modes: [
          { from: null, mode: 'off' },
          { from: at('2026-11-09T23:15:00Z'), mode: 'dry-run' },
          { from: at('2026-11-11T12:00:00Z'), mode: 'live' },
        ],
      },
      ['1/paid/dry-run'],
    ],
    [
      'has each once',
      {
        spans: [
          { agreement: '1', from: '08:20', to: '09:00', end: null },
          { agreement: '1', from: '10:00' },
        ],
      },
      ['1/paid/live'],
    ],
  ])('%s', (_, given, expected) => {
    expect(periods(given)).toEqual(expected);
  });
});
