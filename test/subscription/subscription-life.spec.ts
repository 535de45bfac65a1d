import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LifecycleEvent, type LifecycleEventType } from '../../src/subscription/inbox/lifecycle-event.js';
import { type HeardEvent, type LifeBasis, lifeOf } from '../../src/subscription/agreements/subscription-life.js';

const DAY = '2026-11-18T';
const at = (time: string): Date => new Date(`${DAY}${time}:00Z`);
const basis = (over: Partial<LifeBasis> = {}): LifeBasis => ({
  registeredAt: at('10:00'),
  arrivedOnTrial: false,
  wasMetered: false,
  ...over,
});

const PLAIN = { intent: 'NEW', status: 'ACTIVE', startTime: null, endTime: null, previousAgreementId: null, offerId: null };
const DETAILS: Record<LifecycleEventType, object> = {
  'agreement.created': PLAIN,
  'agreement.amended': { intent: 'AMEND', status: 'ACTIVE', endTime: null, offerId: null },
  'agreement.ended': { status: 'CANCELLED', endTime: null },
  'license.updated': { offerId: null },
  'license.deprovisioned': { offerId: null },
  'subscription.succeeded': { isFreeTrial: null, offerId: null },
  'subscription.failed': { offerId: null },
  'subscription.unsubscribePending': { offerId: null },
  'subscription.unsubscribed': { offerId: null },
  'entitlement.updated': {},
  'advisory.issued': { detailType: 'Purchase Agreement Advisory Issued' },
  'advisory.resolved': { detailType: 'Purchase Agreement Advisory Resolved' },
  'agreement.notice': { detailType: 'Spend Threshold Reached' },
  'host.ended': { endsAt: at('12:00').toISOString() },
  'successor.started': { successorId: 'other' },
  'agreement.found': { status: 'ACTIVE', startTime: null, endTime: null, isFreeTrial: null, entitled: null, previousAgreementId: null },
};

let ids = 0;
function heard(time: string, type: LifecycleEventType, details: object = {}, agreementId?: string, receivedAt = at(time)): HeardEvent {
  const about = agreementId === undefined ? {} : { agreementId };
  const event = { type, at: at(time), about, details: { ...DETAILS[type], ...details } } as LifecycleEvent;
  return { event, receivedAt, messageId: `m-${(ids += 1)}` };
}

const NOW = at('15:00');
const stateAfter = (...events: HeardEvent[]): string => lifeOf(basis(), events, NOW).state;

describe('the state of a subscription', () => {
  it.each<[string, HeardEvent[], string]>([
    ['nothing was heard', [], 'registered'],
    ['an agreement was created', [heard('10:00', 'agreement.created', {}, 'a')], 'active'],
    ['a license was updated, nothing else', [heard('10:00', 'license.updated', {}, 'a')], 'active'],
    ['subscribe-success', [heard('10:00', 'subscription.succeeded')], 'active'],
    ['subscribe-success of a free trial', [heard('10:00', 'subscription.succeeded', { isFreeTrial: true })], 'trial'],
    [
      'the trial was converted',
      [heard('10:00', 'subscription.succeeded', { isFreeTrial: true }), heard('11:00', 'subscription.succeeded', { isFreeTrial: false })],
      'active',
    ],
    ['subscribe-fail', [heard('10:00', 'subscription.failed')], 'failed'],
    ['subscribe-fail, then success', [heard('10:00', 'subscription.failed'), heard('11:00', 'subscription.succeeded')], 'active'],
    [
      'the failure of a further offer on a running subscription',
      [heard('10:00', 'subscription.succeeded'), heard('11:00', 'subscription.failed')],
      'active',
    ],
    ['an agreement that starts tomorrow', [heard('10:00', 'agreement.created', { startTime: '2026-11-19T00:00:00Z' }, 'a')], 'registered'],
    [
      'an agreement that was cancelled before its start',
      [heard('10:00', 'agreement.created', { startTime: '2026-11-18T14:00:00Z' }, 'a'), heard('11:00', 'agreement.ended', {}, 'a')],
      'ending',
    ],
    [
      'an agreement that was amended',
      [heard('10:00', 'agreement.created', {}, 'a'), heard('11:00', 'agreement.amended', {}, 'a')],
      'active',
    ],
    ['Agreement Ended first', [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'agreement.ended', {}, 'a')], 'ending'],
    [
      'License Deprovisioned first',
      [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'license.deprovisioned', {}, 'a')],
      'ending',
    ],
    ['unsubscribe-pending', [heard('10:00', 'subscription.succeeded'), heard('12:00', 'subscription.unsubscribePending')], 'ending'],
    [
      'subscribe-success again before the end',
      [
        heard('10:00', 'subscription.succeeded'),
        heard('12:00', 'subscription.unsubscribePending'),
        heard('12:30', 'subscription.succeeded'),
      ],
      'active',
    ],
    [
      'the old agreement ended as renewed',
      [heard('10:00', 'agreement.created', {}, 'a'), heard('12:00', 'agreement.ended', { status: 'RENEWED' }, 'a')],
      'active',
    ],
    [
      'the old agreement ended as replaced',
      [heard('10:00', 'agreement.created', {}, 'a'), heard('12:00', 'agreement.ended', { status: 'REPLACED' }, 'a')],
      'active',
    ],
    [
      'the old agreement ended, a new one of the same license runs',
      [
        heard('10:00', 'agreement.created', {}, 'a'),
        heard('11:00', 'agreement.created', { intent: 'RENEW' }, 'b'),
        heard('12:00', 'agreement.ended', {}, 'a'),
      ],
      'active',
    ],
    [
      'a renewal under the same license that ended later',
      [
        heard('10:00', 'agreement.created', {}, 'a'),
        heard('11:00', 'agreement.ended', { status: 'RENEWED' }, 'a'),
        heard('11:01', 'agreement.created', { intent: 'RENEW' }, 'b'),
        heard('12:00', 'license.deprovisioned', {}, 'b'),
      ],
      'ending',
    ],
    [
      'both agreements ended',
      [
        heard('10:00', 'agreement.created', {}, 'a'),
        heard('11:00', 'agreement.created', {}, 'b'),
        heard('12:00', 'agreement.ended', {}, 'a'),
        heard('13:00', 'agreement.ended', {}, 'b'),
      ],
      'ending',
    ],
    ['an end of an agreement never seen', [heard('12:00', 'agreement.ended', {}, 'a')], 'ending'],
    ['an advisory', [heard('10:00', 'license.updated', {}, 'a'), heard('11:00', 'advisory.issued', {}, 'a')], 'suspended'],
    [
      'an advisory that was resolved',
      [
        heard('10:00', 'license.updated', {}, 'a'),
        heard('11:00', 'advisory.issued', {}, 'a'),
        heard('12:00', 'advisory.resolved', {}, 'a'),
      ],
      'active',
    ],
    ['the host ended it', [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'host.ended')], 'ending'],
    ['a successor has started', [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'successor.started')], 'ending'],
    ['AWS, asked, calls it active', [heard('12:00', 'agreement.found', {}, 'a')], 'active'],
    [
      'AWS, asked, calls it cancelled',
      [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'agreement.found', { status: 'CANCELLED' }, 'a')],
      'ending',
    ],
    [
      'AWS, asked, calls it renewed',
      [heard('10:00', 'license.updated', {}, 'a'), heard('12:00', 'agreement.found', { status: 'RENEWED' }, 'a')],
      'active',
    ],
    ['AWS, asked, lists entitlements', [heard('12:00', 'agreement.found', { status: null, entitled: true })], 'active'],
    ['AWS, asked, lists no entitlements', [heard('12:00', 'agreement.found', { status: null, entitled: false })], 'registered'],
    [
      'a start and an end at one instant',
      [heard('12:00', 'license.deprovisioned', {}, 'a'), heard('12:00', 'license.updated', {}, 'a')],
      'ending',
    ],
  ])('after %s', (_, events, state) => {
    expect(stateAfter(...events)).toBe(state);
  });

  it('D36: a terminal event that came first wins over the late word of the start', () => {
    const ended = heard('12:00', 'agreement.ended', {}, 'a', at('12:00'));
    const created = heard('10:00', 'agreement.created', {}, 'a', at('14:00'));
    expect(stateAfter(ended, created)).toBe('ending');
  });

  it('is active where AWS has taken usage, though nobody ever said so', () => {
    expect(lifeOf(basis({ wasMetered: true }), [], NOW).state).toBe('active');
    expect(lifeOf(basis({ wasMetered: true }), [heard('12:00', 'agreement.ended', {}, 'a')], NOW).state).toBe('ending');
  });

  it('is a trial for as long as nobody contradicts what the browser brought along', () => {
    const arrived = basis({ arrivedOnTrial: true });
    expect(lifeOf(arrived, [heard('10:05', 'license.updated', {}, 'a')], NOW).state).toBe('trial');
    const converted = heard('12:00', 'agreement.found', { isFreeTrial: false }, 'a');
    expect(lifeOf(arrived, [heard('10:05', 'license.updated', {}, 'a'), converted], NOW).state).toBe('active');
  });
});

describe('the instants of a life', () => {
  it('start with the agreement, though the license came later', () => {
    const life = lifeOf(
      basis(),
      [heard('10:07', 'license.updated', {}, 'a'), heard('10:05', 'agreement.created', { startTime: '2026-11-18T10:04:00Z' }, 'a')],
      NOW,
    );
    expect(life).toMatchObject({ startsAt: new Date(`${DAY}10:04:01Z`), activatedAt: at('10:04') });
  });

  it('are no earlier than AWS can mean, which tells them in whole seconds', () => {
    const startOf = (time: string) => {
      const details = { ...PLAIN, startTime: `${DAY}${time}Z` };
      return lifeOf(basis(), [heard('10:07', 'agreement.created', details, 'a')], NOW).startsAt?.toISOString();
    };
    expect(startOf('10:04:07')).toBe(`${DAY}10:04:08.000Z`);
    expect(startOf('10:04:07.250')).toBe(`${DAY}10:04:07.250Z`);
  });

  it('count the earliest sign for what is due, and the last, or when we heard of it, for how long trying goes on', () => {
    const events = [
      heard('10:00', 'license.updated', {}, 'a'),
      heard('12:00', 'agreement.ended', {}, 'a'),
      heard('12:02', 'license.deprovisioned', {}, 'a', at('12:40')),
    ];
    expect(lifeOf(basis(), events, NOW).end).toEqual({ endsAt: at('12:00'), firstSignAt: at('12:00'), lastSignAt: at('12:40') });
  });

  it('forget the signs of an end that was taken back', () => {
    const events = [
      heard('10:00', 'subscription.succeeded'),
      heard('11:00', 'subscription.unsubscribePending'),
      heard('11:30', 'subscription.succeeded'),
      heard('14:00', 'subscription.unsubscribePending'),
    ];
    expect(lifeOf(basis(), events.slice(0, 3), NOW)).toMatchObject({
      state: 'active',
      end: null,
      activatedAt: at('11:30'),
      startsAt: new Date(`${DAY}10:00:01Z`),
    });
    expect(lifeOf(basis(), events, NOW).end).toMatchObject({ endsAt: at('14:00'), firstSignAt: at('14:00') });
  });

  it('take the end that the message names, unless it lies far from the message', () => {
    const ended = (endTime: string) => lifeOf(basis(), [heard('12:00', 'agreement.ended', { endTime }, 'a')], NOW).end?.endsAt;
    expect(ended(at('11:58').toISOString())).toEqual(at('11:58'));
    expect(ended('2027-01-01T00:00:00Z')).toEqual(at('12:00'));
    expect(ended('2026-10-01T00:00:00Z')).toEqual(at('12:00'));
  });

  it('announce an end that the host sets for later', () => {
    const life = lifeOf(
      basis(),
      [heard('10:00', 'license.updated', {}, 'a'), heard('11:00', 'host.ended', { endsAt: '2026-11-20T00:00:00.000Z' })],
      NOW,
    );
    expect(life.state).toBe('ending');
    expect(life.end?.endsAt).toEqual(new Date('2026-11-20T00:00:00Z'));
  });
});

const minutes = fc.integer({ min: 0, max: 300 });
const someEvent = fc
  .record({
    minute: minutes,
    type: fc.constantFrom(...(Object.keys(DETAILS) as LifecycleEventType[])),
    agreement: fc.constantFrom('a', 'b', undefined),
    status: fc.constantFrom('ACTIVE', 'CANCELLED', 'RENEWED', null),
    isFreeTrial: fc.constantFrom(true, false, null),
    delay: minutes,
  })
  .map(({ minute, type, agreement, status, isFreeTrial, delay }): HeardEvent => {
    const instant = new Date(at('10:00').getTime() + minute * 60_000);
    const details = {
      ...DETAILS[type],
      ...('status' in DETAILS[type] ? { status } : {}),
      ...('isFreeTrial' in DETAILS[type] ? { isFreeTrial } : {}),
    };
    const about = agreement === undefined ? {} : { agreementId: agreement };
    const event = { type, at: instant, about, details } as LifecycleEvent;
    return { event, receivedAt: new Date(instant.getTime() + delay * 60_000), messageId: `p-${(ids += 1)}` };
  });

describe('whatever the order in which a life is heard', () => {
  it('D36: any permutation gives the same life', () => {
    fc.assert(
      fc.property(
        fc
          .array(someEvent, { maxLength: 12 })
          .chain((events) =>
            fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length })),
          ),
        ([told, shuffled]) => {
          expect(lifeOf(basis(), shuffled, NOW)).toEqual(lifeOf(basis(), told, NOW));
        },
      ),
    );
  });

  it('a message twice is the message once', () => {
    fc.assert(
      fc.property(fc.array(someEvent, { maxLength: 8 }), (events) => {
        expect(lifeOf(basis(), [...events, ...events], NOW)).toEqual(lifeOf(basis(), events, NOW));
      }),
    );
  });

  it('an end that nothing contradicts later is an end, whatever was lost before it', () => {
    fc.assert(
      fc.property(
        fc.array(someEvent, { maxLength: 8 }),
        fc.constantFrom<LifecycleEventType>('subscription.unsubscribed', 'successor.started'),
        (events, type) => {
          const last = heard('15:00', type);
          expect(lifeOf(basis(), [...events, last], at('15:30')).state).toBe('ending');
        },
      ),
    );
  });

  it('has an end exactly when it is ending, and its signs are in order', () => {
    fc.assert(
      fc.property(fc.array(someEvent, { maxLength: 12 }), (events) => {
        const { state, end } = lifeOf(basis(), events, NOW);
        expect(end !== null).toBe(state === 'ending');
        if (end) expect(end.lastSignAt >= end.firstSignAt).toBe(true);
      }),
    );
  });
});
