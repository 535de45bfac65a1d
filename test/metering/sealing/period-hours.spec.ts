import { describe, expect, it } from '@jest/globals';
import { periodOf } from '../../../src/metering/sealing/period.js';
import { type PeriodHour, type PeriodHours } from '../../../src/metering/sealing/period-hours.js';
import { type Given, legacy, REPLACED, ruleOf, RUNNING, TRIAL_TO_PAID } from './given-rule.js';
import { at, license, type SpanGiven } from './given-timeline.js';

/** The hours of the live period to which a span of the subscription belongs. */
function hoursOf(given: Given, span = 0): PeriodHours {
  const rule = ruleOf(given);
  const [subscription] = rule.context.customer.subscriptions;
  return rule.hoursOf(periodOf(subscription!, subscription!.spans[span]!, 'live'));
}

const hourText = (found: PeriodHour | null | undefined): string | null =>
  found ? found.hour.toISOString().slice(8, 13).replace('T', ' ') : null;
const time = (instant: Date | null | undefined): string | null =>
  instant ? instant.toISOString().slice(8, 19).replace('T', ' ') : null;
/** All of an agreement that began at 08:20 of the day and ends so. */
const ending = (to: string, end: SpanGiven['end'] = {}): SpanGiven[] => [{ agreement: '1', from: '08:20', to, end }];

describe('a period goes on', () => {
  it.each<[string, SpanGiven[], boolean]>([
    ['without an end', RUNNING, true],
    ['until its end', ending('11:16'), true],
    ['not from its end on', ending('11:15'), false],
    [
      'where it was interrupted',
      [
        { agreement: '1', from: '08:20', to: '09:00' },
        { agreement: '1', from: '10:00' },
      ],
      true,
    ],
  ])('%s', (_, spans, runs) => {
    expect(hoursOf({ spans }).runs).toBe(runs);
  });
});

describe('an hour belongs to a period', () => {
  it('in which an instant of it lies that a record may show', () => {
    expect(hoursOf({ spans: [{ agreement: '1', from: '09:59:59' }] }).all.map(hourText)).toEqual(['11 11', '11 10']);
    expect(hoursOf({ spans: ending('10:00:01') }).all.map(hourText)).toEqual(['11 10', '11 09', '11 08']);
    expect(hoursOf({ spans: ending('10:00') }).all.map(hourText)).toEqual(['11 09', '11 08']);
  });

  it('of the earlier side, where both have one identity; of each, where they have two', () => {
    expect(hourText(hoursOf({ spans: REPLACED }, 0).at(at('10:00')))).toBe('11 10');
    expect(hourText(hoursOf({ spans: REPLACED }, 1).at(at('10:00')))).toBe('11 10');
    const kept = REPLACED.map((span) => ({ ...span, identity: legacy }));
    expect(hourText(hoursOf({ spans: kept }, 0).at(at('10:00')))).toBe('11 10');
    expect(hoursOf({ spans: kept }, 1).at(at('10:00'))).toBeNull();
    expect(hourText(hoursOf({ spans: kept }, 1).at(at('11:00')))).toBe('11 11');
  });

  it('of the same agreement on both sides of a change that prices nothing', () => {
    const spans = [
      { agreement: '1', from: '08:20', to: '10:37', end: null },
      { agreement: '1', from: '10:37' },
    ];
    expect(hourText(hoursOf({ spans }, 1).at(at('10:00')))).toBe('11 10');
  });

  it('never, where the purchase failed: it hides no other either', () => {
    const spans: SpanGiven[] = [
      { agreement: '1', from: '08:20', to: '10:30', seals: 'never', identity: legacy },
      { agreement: '2', from: '10:30', identity: legacy },
    ];
    expect(hoursOf({ spans }, 0).all).toEqual([]);
    expect(hourText(hoursOf({ spans }, 1).at(at('10:00')))).toBe('11 10');
  });

  it('also while AWS has not told its name', () => {
    expect(hoursOf({ spans: [{ ...RUNNING[0]!, identity: null }] }).at(at('10:00'))).toMatchObject({ identity: null });
    expect(hoursOf({ spans: RUNNING }).at(at('10:00'))).toMatchObject({ identity: license('1') });
  });

  it('is looked for as far back as AWS may still take it', () => {
    const all = hoursOf({ spans: RUNNING, now: '11:00' }).all.map(hourText);
    expect([all[0], all.at(-1)]).toEqual(['11 11', '10 03']);
  });
});

describe('an hour settles', () => {
  const settles = (spans: SpanGiven[], hour = '10:00', span = 0): string | null =>
    time(hoursOf({ spans }, span).at(at(hour))?.settlesAt);

  it.each<[string, SpanGiven[], string]>([
    ['ten minutes after its end', RUNNING, '11 11:10:00'],
    ['ten minutes after the end of its agreement inside it', ending('10:37'), '11 10:47:00'],
    ['with the whole hour, where the agreement ends with it', ending('11:00'), '11 11:10:00'],
    ['with the whole hour, where nobody told an end', ending('10:37', null), '11 11:10:00'],
    ['with the whole hour, where the identity goes on', ending('10:37', { identityGoesOn: true }), '11 11:10:00'],
    ['with the whole hour, where its agreement ends later', ending('11:05'), '11 11:10:00'],
    [
      'with the whole hour, where the identity goes on in a stretch that ends in it',
      [
        { agreement: '1', from: '08:20', to: '10:37', end: null },
        { agreement: '1', from: '10:37', to: '10:50', end: {} },
      ],
      '11 11:10:00',
    ],
    ['ten minutes before it would be lost', ending('10:37', { firstSignAt: at('09:50') }), '11 10:40:00'],
    ['but never before the end of its agreement', ending('10:37', { firstSignAt: at('09:40') }), '11 10:37:00'],
    ['at the last moment, where the start is provisional', [{ ...RUNNING[0]!, seals: 'lastMoment' }], '12 07:00:00'],
    ['at the last moment, where its price may change', [{ ...RUNNING[0]!, termsUnknownFrom: '10:59' }], '12 07:00:00'],
    ['as ever, where the price may change later', [{ ...RUNNING[0]!, termsUnknownFrom: '11:00' }], '11 11:10:00'],
    ['no sooner at the last moment', [{ ...ending('10:37')[0]!, seals: 'lastMoment' }], '11 10:47:00'],
  ])('%s', (_, spans, expected) => {
    expect(settles(spans)).toBe(expected);
  });

  const settlesOf = (given: Given, hour = '10:00'): string | null => time(hoursOf(given).at(at(hour))?.settlesAt);

  it('later by the spread of a ledger in its buyer’s account, also after an end', () => {
    expect(settlesOf({ spans: RUNNING, spreadMs: 240_000 })).toBe('11 11:14:00');
    expect(settlesOf({ spans: ending('10:37'), spreadMs: 240_000 })).toBe('11 10:51:00');
  });

  it('at once in the last pass of a ledger, as far as it has begun', () => {
    const last = (hour: string, now: string): string | null =>
      settlesOf({ spans: RUNNING, isLastPass: true, now }, hour);
    expect(last('10:00', '10:20')).toBe('11 10:20:00');
    expect(last('10:00', '10:00')).toBe('11 10:00:00');
    expect(last('10:00', '11:05')).toBe('11 11:00:00');
    expect(last('11:00', '10:20')).toBe('11 12:10:00');
  });

  it('at the instant itself', () => {
    const isSettled = (now: string): boolean => {
      const hours = hoursOf({ spans: RUNNING, now });
      return hours.isSettled(hours.at(at('10:00'))!);
    };
    expect([isSettled('11:09:59'), isSettled('11:10')]).toEqual([false, true]);
  });
});

describe('an hour is free', () => {
  const isFree = (given: Given, hour = '10:00'): boolean => {
    const hours = hoursOf({ spans: RUNNING, ...given });
    return hours.isFree(hours.at(at(hour))!, 'requests');
  };

  it('until the earliest reading of its deadline, settled, named and not taken', () => {
    expect(isFree({})).toBe(true);
    expect(isFree({ now: '11:09' })).toBe(false);
    expect(isFree({ taken: ['l-1 10:00'] })).toBe(false);
    expect(isFree({ spans: [{ ...RUNNING[0]!, identity: null }] })).toBe(false);
    expect(isFree({ now: '2026-11-12T09:59:59Z' })).toBe(true);
    expect(isFree({ now: '2026-11-12T10:00:00Z' })).toBe(false);
  });

  it('where a record can still be dated in it by the resource that sends', () => {
    expect(isFree({ reachableSince: '10:59:59' })).toBe(true);
    expect(isFree({ reachableSince: '11:00' })).toBe(false);
    expect(isFree({ reachableSince: '09:00' })).toBe(true);
  });

  it('for a period only where it is settled, named, reachable and not taken', () => {
    const free = (given: Given): (string | null)[] =>
      hoursOf({ spans: ending('2026-11-13T00:00:00Z'), now: '11:15', ...given })
        .free('requests')
        .map(hourText);
    expect(free({})).toEqual(['11 10', '11 09', '11 08']);
    expect(free({ taken: ['l-1 09:00'] })).toEqual(['11 10', '11 08']);
    expect(free({ reachableSince: '09:30' })).toEqual(['11 10', '11 09']);
    expect(free({ spans: [{ agreement: '1', from: '08:20', identity: null }] })).toEqual([]);
  });

  it('under none of its names where another of them is taken', () => {
    const spans: SpanGiven[] = [{ ...RUNNING[0]!, alsoKnownAs: [legacy] }];
    expect(isFree({ spans })).toBe(true);
    expect(isFree({ spans, taken: ['C1 10:00'] })).toBe(false);
  });

  it('by the latest reading, where there is no other', () => {
    const free = (now: string): (string | null)[] =>
      hoursOf({ spans: ending('11:00'), now })
        .free('requests')
        .map(hourText);
    // 10:00 is due at 12:00, an hour after the end.
    expect(free('11:59:59')).toEqual(['11 10', '11 09', '11 08']);
    const late = ending('11:00', { lastSignAt: at('11:30') });
    const freeLate = (now: string): (string | null)[] => hoursOf({ spans: late, now }).free('requests').map(hourText);
    expect(freeLate('11:59:59')).toHaveLength(3);
    expect(freeLate('12:00')).toEqual(['11 10', '11 09', '11 08']);
    expect(freeLate('12:29:59')).toHaveLength(3);
    expect(freeLate('12:30')).toEqual([]);
  });

  it('before all that only the latest reading allows', () => {
    // Of a running agreement each hour is due a day after its start, and lost an hour later.
    const hours = hoursOf({ spans: RUNNING, now: '2026-11-12T10:00:00Z' });
    expect(hours.free('requests').map(hourText).at(-1)).toBe('11 11');
  });
});

describe('the next hour of a period', () => {
  const next = (given: Given, span = 0): string | null => hourText(hoursOf(given, span).next('requests'));

  it('is the newest that has settled if it is free, else the next to settle', () => {
    expect(next({ spans: RUNNING })).toBe('11 10');
    expect(next({ spans: RUNNING, taken: ['l-1 10:00'] })).toBe('11 11');
    expect(next({ spans: RUNNING, taken: ['l-1 10:00'], now: '12:05' })).toBe('11 11');
  });

  it('is the first that it will have, where it has yet to begin', () => {
    expect(next({ spans: [{ agreement: '1', from: '12:30' }] })).toBe('11 12');
    expect(next({ spans: [{ agreement: '1', from: '13:59:59' }] })).toBe('11 14');
    expect(next({ spans: TRIAL_TO_PAID }, 1)).toBe('11 15');
    expect(next({ spans: ending('11:00'), taken: ['l-1 10:00'] })).toBeNull();
    expect(next({ spans: [{ agreement: '1', from: '12:30', seals: 'never' }] })).toBeNull();
  });

  it('is not one of a stretch that is over', () => {
    const spans = [
      { agreement: '1', from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' },
      { agreement: '1', from: '13:30' },
    ];
    expect(next({ spans })).toBe('11 13');
    expect(next({ spans: [spans[0]!, { agreement: '1', from: '15:30' }] })).toBe('11 15');
    expect(
      hoursOf({ spans: [{ agreement: '1', from: '2026-11-01T00:00:00Z', to: '11:15' }] }).nextToSettle,
    ).toMatchObject({
      hour: at('11:00'),
    });
  });

  it('is not one of a purchase that failed, nor of a stretch that is over now', () => {
    const failed: SpanGiven = { agreement: '1', from: '12:30', to: '13:30', seals: 'never' };
    expect(next({ spans: [failed, { agreement: '1', from: '13:30' }] })).toBe('11 13');
    const over: SpanGiven = { agreement: '1', from: '08:20', to: '11:15', end: null };
    expect(hourText(hoursOf({ spans: [over], now: '11:15', taken: [] }).nextToSettle)).toBe('11 11');
    expect(hoursOf({ spans: ending('11:00'), now: '11:15' }).nextToSettle).toBeNull();
  });

  it('is that after the boundary’s, which the other side has', () => {
    const spans: SpanGiven[] = [
      { agreement: '1', from: '2026-10-05T08:20:00Z', to: '12:30', identity: legacy },
      { agreement: '2', from: '12:30', identity: legacy },
    ];
    expect(next({ spans }, 1)).toBe('11 13');
  });

  it('is, where the product only returns to the mode, the first hour of its return', () => {
    const modes = [
      { from: null, mode: 'live' as const },
      { from: at('10:30'), mode: 'dry-run' as const },
      { from: at('15:00'), mode: 'live' as const },
    ];
    expect(hourText(hoursOf({ spans: RUNNING, modes }).resumesWith)).toBe('11 15');
    expect(hourText(hoursOf({ spans: RUNNING, modes, now: '15:00' }).resumesWith)).toBeNull();
    expect(hoursOf({ spans: ending('11:00'), modes }).resumesWith).toBeNull();
    expect(hoursOf({ spans: RUNNING }).resumesWith).toBeNull();
    // From inside an hour: the boundary's own hour has live time.
    const inside = modes.map((change) =>
      change.mode === 'live' && change.from ? { ...change, from: at('15:30') } : change,
    );
    expect(hourText(hoursOf({ spans: RUNNING, modes: inside }).resumesWith)).toBe('11 15');
    // The boundary's own hour has no time of the agreement: the one after it has.
    const later: SpanGiven[] = [{ agreement: '1', from: '15:59:59' }];
    expect(hourText(hoursOf({ spans: later, modes: inside }).resumesWith)).toBe('11 16');
    // Over before the product returns.
    const before = ending('2026-11-11T14:00:00Z');
    expect(hoursOf({ spans: before, modes }).resumesWith).toBeNull();
  });
});

describe('the cutoff of a period', () => {
  it('is none of a period without time', () => {
    const hours = hoursOf({ spans: RUNNING });
    const { subscription } = hours.period;
    const none = ruleOf({ spans: RUNNING }).hoursOf({ ...hours.period, subscription, spans: [] });
    expect(none.cutoffAt).toBeNull();
  });

  it('is that of its last hour, once it is over', () => {
    expect(hoursOf({ spans: RUNNING }).cutoffAt).toBeNull();
    expect(hoursOf({ spans: ending('11:16') }).cutoffAt).toBeNull();
    // The end's own window, an hour, is shorter than a day.
    expect(time(hoursOf({ spans: ending('11:00') }).cutoffAt)).toBe('11 12:00:00');
    // Nobody told an end: by the age of the hour that the last instant lies in, 10:00.
    expect(time(hoursOf({ spans: ending('11:00', null) }).cutoffAt)).toBe('12 11:00:00');
    const twice = [...ending('09:00', null), { agreement: '1', from: '10:00', to: '11:00', end: null }];
    expect(time(hoursOf({ spans: twice }).cutoffAt)).toBe('12 11:00:00');
  });
});
