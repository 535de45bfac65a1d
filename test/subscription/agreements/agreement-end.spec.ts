/** When an agreement was over, by which signs: AWS's windows are counted from them. */
import { describe, expect, it } from '@jest/globals';
import { isPositive } from '../../../src/subscription/agreements/planned-end.js';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { type AgreementEnd, type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf } from '../../../src/subscription/agreements/agreement-state.js';
import { asked, fact, instant, iso, NOT_ASKED } from './facts.js';

const STARTED = fact('a', '11-01 00:00', 'agreement.created', { startTime: iso('11-01 00:00') });
const endOf = (facts: readonly AgreementFact[], asking: Asking = NOT_ASKED): AgreementEnd | null =>
  lifeOf([STARTED, ...facts], asking).end;
const plannedOf = (facts: readonly AgreementFact[], asking: Asking = NOT_ASKED): Date | null =>
  lifeOf(facts, asking).plannedEndAt;
const end = (at: string, over: Partial<AgreementEnd> = {}): AgreementEnd => ({
  ...{ at: instant(at), firstSignAt: instant(at), lastSignAt: instant(at), lastHeardAt: instant(at) },
  ...{ announcesSuccessor: false, isByHost: false, calledRenewed: null },
  ...over,
});

describe('a sign of an end', () => {
  it.each([
    ['CANCELLED', false],
    ['EXPIRED', false],
    ['TERMINATED', false],
    ['ARCHIVED', false],
    ['ROLLED_BACK', false],
    ['RENEWED', true],
    ['REPLACED', true],
    ['SUPERSEDED', true],
  ])('AWS, asked, says %s: it was over when AWS says; a successor is announced: %s', (status, announcesSuccessor) => {
    const found = fact('a', '11-20 12:00', 'agreement.found', { status, endTime: iso('11-20 10:00') });
    expect(endOf([found])).toEqual(end('11-20 10:00', { lastHeardAt: instant('11-20 12:00'), announcesSuccessor }));
  });

  it.each(['ACTIVE', 'PENDING', null])('AWS, asked, says %s: none', (status) => {
    expect(endOf([fact('a', '11-20 12:00', 'agreement.found', { status })])).toBeNull();
  });

  it('that AWS, asked, gives no time for, or one that lies ahead, was when it was asked', () => {
    const found = (endTime: string | null) =>
      fact('a', '11-20 12:00', 'agreement.found', { status: 'CANCELLED', endTime });
    expect(endOf([found(null)])).toEqual(end('11-20 12:00'));
    expect(endOf([found(iso('12-01 00:00'))])).toEqual(end('11-20 12:00'));
  });

  it('that AWS, asked, gives a time ahead for is then where it is renewed; in no other way does it go on until then', () => {
    const found = (status: string) =>
      fact('a', '11-20 12:00', 'agreement.found', { status, endTime: iso('12-01 00:00') });
    const heard = { lastHeardAt: instant('11-20 12:00'), announcesSuccessor: true };
    expect(endOf([found('RENEWED')])).toEqual(end('12-01 00:00', heard));
    expect(endOf([found('REPLACED')])).toEqual(end('11-20 12:00', heard));
    // A message tells when it was.
    const ended = fact('a', '11-25 10:00', 'agreement.ended', { status: 'RENEWED' });
    expect(endOf([found('RENEWED'), ended])?.at).toEqual(instant('11-25 10:00'));
  });

  describe('that a message calls RENEWED before the end that was signed', () => {
    const until = (endTime: string) => fact('a', '11-02 00:00', 'agreement.amended', { status: 'ACTIVE', endTime });
    const SIGNED = until(iso('12-01 00:00'));
    const ended = (status: string, endTime: string | null = null) =>
      fact('a', '11-20 10:00', 'agreement.ended', { status, endTime: endTime === null ? null : iso(endTime) });
    const found = (at: string, status: string, endTime: string | null = null) =>
      fact('a', at, 'agreement.found', { status, endTime: endTime === null ? null : iso(endTime) });
    const renewed = (at: string) => end(at, { announcesSuccessor: true });
    const withoutEnd = (at: string) =>
      end(at, { announcesSuccessor: true, calledRenewed: { at: instant(at), otherEnd: null } });

    it.each<[string, AgreementFact[], AgreementEnd]>([
      ['is the signed one', [SIGNED, ended('RENEWED')], renewed('12-01 00:00')],
      ['the one that it names itself', [SIGNED, ended('RENEWED', '12-05 00:00')], renewed('12-05 00:00')],
      ['not where that has passed', [until(iso('11-10 00:00')), ended('RENEWED')], renewed('11-20 10:00')],
      ['not of what has none', [ended('RENEWED')], withoutEnd('11-20 10:00')],
      [
        'not of what has none by the year',
        [until('9999-12-31T00:00:00.000Z'), ended('RENEWED')],
        withoutEnd('11-20 10:00'),
      ],
      ['not of what is replaced', [SIGNED, ended('REPLACED')], renewed('11-20 10:00')],
      ['not of what is cancelled', [SIGNED, ended('CANCELLED')], end('11-20 10:00')],
      [
        'not where AWS, asked, called it so long before',
        [SIGNED, found('11-20 09:50', 'RENEWED', '12-01 00:00'), ended('RENEWED')],
        end('11-20 10:00', { announcesSuccessor: true, lastSignAt: instant('11-20 10:00') }),
      ],
      [
        'also where AWS, asked, called it so just before',
        [SIGNED, found('11-20 09:50:01', 'RENEWED', '12-01 00:00'), ended('RENEWED')],
        renewed('12-01 00:00'),
      ],
      [
        'also where AWS, asked, said long before that it runs',
        [SIGNED, found('11-19 00:00', 'ACTIVE', '12-01 00:00'), ended('RENEWED')],
        renewed('12-01 00:00'),
      ],
    ])('%s', (_, facts, expected) => {
      expect(endOf(facts)).toEqual(expected);
    });

    it('is known by what else was told where nobody names one', () => {
      const gone = fact('a', '11-25 10:00', 'license.deprovisioned');
      const called = { at: instant('11-20 09:00'), otherEnd: end('11-25 10:00') };
      expect(endOf([gone, ended('RENEWED'), found('11-20 09:00', 'RENEWED')])?.calledRenewed).toEqual(called);
      expect(endOf([gone, ended('REPLACED')])?.calledRenewed).toBeNull();
      // Its end had passed when it was called so.
      expect(endOf([until(iso('11-10 00:00')), ended('RENEWED')])?.calledRenewed).toBeNull();
      expect(endOf([found('11-20 09:00', 'RENEWED', '11-19 00:00')])?.calledRenewed).toBeNull();
      // What an answer does not name has been taken away since.
      const taken = endOf([until(iso('11-10 00:00')), found('11-20 09:00', 'RENEWED')]);
      expect(taken?.calledRenewed?.at).toEqual(instant('11-20 09:00'));
    });

    it('ends sooner by an end that is told since, or by AWS’s word', () => {
      const cancelled = fact('a', '11-25 10:00', 'agreement.ended', { status: 'CANCELLED' });
      expect(endOf([SIGNED, ended('RENEWED'), cancelled])?.at).toEqual(instant('11-25 10:00'));
      expect(endOf([SIGNED, ended('RENEWED'), found('11-20 10:20', 'RENEWED', '11-20 10:00')])?.at).toEqual(
        instant('11-20 10:00'),
      );
    });

    it('is no word about when AWS, asked, says that it was cancelled', () => {
      const facts = (status: string) => [
        ...[SIGNED, ended(status)],
        fact('a', '11-25 12:00', 'agreement.found', { status: 'CANCELLED', lastUpdateTime: iso('11-25 09:00') }),
      ];
      expect(endOf(facts('RENEWED'))?.at).toEqual(instant('11-25 09:00'));
      expect(endOf(facts('CANCELLED'))?.at).toEqual(instant('11-20 10:00'));
    });

    it('is asked about at once, and again ten minutes after; its hours wait', () => {
      const facts = [
        STARTED,
        found('11-10 00:00', 'ACTIVE', '12-01 00:00'),
        fact('a', '11-20 10:00', 'agreement.ended', { status: 'RENEWED' }, { heardAt: '11-20 10:01' }),
      ];
      const read = (askedAt: string) => lifeOf(facts, asked(askedAt));
      const askFrom = (at: string) => ({ askFrom: instant(at), reason: 'endToBeAskedAgain' });
      const openFrom = { from: instant('11-20 10:00'), heardAt: instant('11-20 10:01') };
      expect(read('11-20 10:00')).toMatchObject({ doubt: askFrom('11-20 10:01'), openTerms: openFrom });
      expect(read('11-20 10:09')).toMatchObject({ doubt: askFrom('11-20 10:10'), openTerms: openFrom });
      expect(read('11-20 10:10')).toMatchObject({ doubt: null, openTerms: null });
    });
  });

  describe('that AWS, asked, gives no time for', () => {
    const found = (at: string, status: string, changed: string | null, endTime: string | null = null) =>
      fact('a', at, 'agreement.found', { status, endTime, lastUpdateTime: changed === null ? null : iso(changed) });
    const active = found('11-20 09:00', 'ACTIVE', '11-01 00:00');
    const signedAhead = (at: string, status: string, changed: string) =>
      fact('a', at, 'agreement.found', { status, startTime: iso('11-20 10:00'), lastUpdateTime: iso(changed) });

    it('is dated by the last change where AWS has said since a message of an end that it goes on', () => {
      const ended = fact('a', '11-20 10:00', 'agreement.ended', { status: 'CANCELLED' });
      const goesOn = found('11-20 11:00', 'ACTIVE', '11-01 00:00');
      expect(endOf([active, ended, goesOn, found('11-20 13:00', 'CANCELLED', '11-20 12:00')])?.at).toEqual(
        instant('11-20 12:00'),
      );
    });

    it.each<[string, AgreementFact[], string]>([
      ['was when it changed last', [active, found('11-20 12:00', 'CANCELLED', '11-20 10:05')], '11-20 10:05'],
      [
        'also where an end of later was planned',
        [active, found('11-20 12:00', 'CANCELLED', '11-20 10:05', iso('12-01 00:00'))],
        '11-20 10:05',
      ],
      [
        'though minutes later AWS still said that it is in force',
        [found('11-20 10:14', 'ACTIVE', '11-01 00:00'), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 10:05',
      ],
      [
        'not where AWS said so when it must have known',
        [found('11-20 10:15', 'ACTIVE', '11-01 00:00'), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'nor where it told of that very change then',
        [found('11-20 10:14', 'ACTIVE', '11-20 10:05'), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'nor of a change of before it, where it told of none then',
        [found('11-20 10:14', 'ACTIVE', null), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'nor where one of its words did',
        [...[active, found('11-20 10:15', 'ACTIVE', '11-01 00:00')], found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'also where AWS said that before it began',
        [signedAhead('11-20 09:00', 'ACTIVE', '11-01 00:00'), signedAhead('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 10:05',
      ],
      [
        'not where it has changed last as it began',
        [signedAhead('11-20 09:00', 'ACTIVE', '11-01 00:00'), signedAhead('11-20 12:00', 'CANCELLED', '11-20 10:00')],
        '11-20 12:00',
      ],
      [
        'also where it was called off before it began, by an answer that named that start',
        [
          signedAhead('11-20 09:00', 'ACTIVE', '11-01 00:00'),
          signedAhead('11-20 12:00', 'CANCELLED', '11-20 09:59:29'),
        ],
        '11-20 09:59:29',
      ],
      [
        'not where it has changed last about its start',
        [
          signedAhead('11-20 09:00', 'ACTIVE', '11-01 00:00'),
          signedAhead('11-20 12:00', 'CANCELLED', '11-20 09:59:30'),
        ],
        '11-20 12:00',
      ],
      [
        'nor before a start that AWS named only with the end: it may be that of a term by which it renewed itself',
        [active, signedAhead('11-20 12:00', 'CANCELLED', '11-20 09:30')],
        '11-20 12:00',
      ],
      [
        'nor before one that AWS named otherwise while it was in force',
        [
          fact('a', '11-20 09:00', 'agreement.found', { startTime: iso('11-01 00:00') }),
          signedAhead('11-20 12:00', 'CANCELLED', '11-20 09:30'),
        ],
        '11-20 12:00',
      ],
      [
        'nor where it called it otherwise before',
        [found('11-20 09:00', 'PENDING', '11-01 00:00'), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'nor where it said so only afterwards, from before',
        [found('11-20 12:05', 'ACTIVE', '11-01 00:00'), found('11-20 12:00', 'CANCELLED', '11-20 11:58')],
        '11-20 12:00',
      ],
      ...(['CANCELLED', 'TERMINATED'] as const).flatMap((status): [string, AgreementFact[], string][] => {
        const planned = iso('11-20 11:30');
        return [
          [
            `also where AWS names the end that was planned, which has passed: it was ${status} before`,
            [
              found('11-20 09:00', 'ACTIVE', '11-01 00:00', planned),
              found('11-20 12:00', status, '11-20 10:05', planned),
            ],
            '11-20 10:05',
          ],
          [
            `and where a message has named that end while it was in force (${status})`,
            [
              fact('a', '11-01 00:00', 'agreement.created', { status: 'ACTIVE', endTime: planned }),
              found('11-20 12:00', status, '11-20 10:05', planned),
            ],
            '11-20 10:05',
          ],
          [
            `and where that message cut its second off (${status})`,
            [
              fact('a', '11-01 00:00', 'agreement.created', { status: 'ACTIVE', endTime: planned }),
              found('11-20 12:00', status, '11-20 10:05', '2026-11-20T11:30:00.999Z'),
            ],
            '11-20 10:05',
          ],
          [
            `by an end of a second later (${status})`,
            [
              fact('a', '11-01 00:00', 'agreement.created', { status: 'ACTIVE', endTime: planned }),
              found('11-20 12:00', status, '11-20 10:05', iso('11-20 11:30:01')),
            ],
            '11-20 11:30:01',
          ],
          [
            `by that end where it has not changed since (${status})`,
            [
              found('11-20 09:00', 'ACTIVE', '11-01 00:00', planned),
              found('11-20 12:00', status, '11-01 00:00', planned),
            ],
            '11-20 11:30',
          ],
          [
            `and where it has changed last after it (${status})`,
            [
              found('11-20 09:00', 'ACTIVE', '11-01 00:00', planned),
              found('11-20 12:00', status, '11-20 11:45', planned),
            ],
            '11-20 11:30',
          ],
          [
            `by an end that was never planned (${status})`,
            [found('11-20 09:00', 'ACTIVE', '11-01 00:00'), found('11-20 12:00', status, '11-20 10:05', planned)],
            '11-20 11:30',
          ],
          [
            `nor is one planned that was named with its end (${status})`,
            [
              active,
              fact('a', '11-20 11:40', 'agreement.amended', { status: 'CANCELLED', endTime: planned }),
              found('11-20 12:00', status, '11-20 10:05', planned),
            ],
            '11-20 11:30',
          ],
        ];
      }),
      [
        'by its planned end where it has expired, whatever has changed before',
        [
          found('11-20 09:00', 'ACTIVE', '11-01 00:00', iso('11-20 11:30')),
          found('11-20 12:00', 'EXPIRED', '11-20 10:05', iso('11-20 11:30')),
        ],
        '11-20 11:30',
      ],
      [
        'nor where AWS’s own end is that instant',
        [active, found('11-20 12:00', 'CANCELLED', '11-20 10:05', iso('11-20 12:00'))],
        '11-20 12:00',
      ],
      ...(['agreement.ended', 'legacy.unsubscribePending'] as const).map((type): [string, AgreementFact[], string] => [
        `nor where a message dates it, of whose end AWS need not tell as a change (${type})`,
        [active, fact('a', '11-20 11:50', type), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 11:50',
      ]),
      [
        'but where that message may be an hour late',
        [
          ...[active, fact('a', '11-20 11:05', 'license.deprovisioned')],
          found('11-20 12:00', 'CANCELLED', '11-20 10:05'),
        ],
        '11-20 10:05',
      ],
      [
        'and where the message was of an end that was none',
        [...[fact('a', '11-20 08:50', 'agreement.ended'), active], found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 10:05',
      ],
      ['nor where nothing says that it ever was', [found('11-20 12:00', 'CANCELLED', '11-20 10:05')], '11-20 12:00'],
      ['but where it has a start', [signedAhead('11-20 12:00', 'CANCELLED', '11-20 10:01')], '11-20 10:01'],
      [
        'unless that is the change, which AWS need not list in that very second',
        [signedAhead('11-20 12:00', 'CANCELLED', '11-20 10:00:30')],
        '11-20 12:00',
      ],
      ...(
        [
          ['agreement.created', { status: 'ACTIVE' }],
          ['agreement.amended', { status: 'ACTIVE' }],
          ['license.updated', {}],
          ['legacy.subscribeSucceeded', {}],
          ['buyer.registered', {}],
        ] as const
      ).flatMap(([type, details]): [string, AgreementFact[], string][] => [
        [
          `also where only a message said so (${type})`,
          [fact('a', '11-20 09:00', type, details), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 10:05',
        ],
        [
          `unless it said so later (${type})`,
          [fact('a', '11-20 10:07', type, details), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 12:00',
        ],
        [
          `also just before the change, if not half a minute (${type})`,
          [fact('a', '11-20 10:03', type, details), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 10:05',
        ],
        [
          `and as little by one that comes after the answer (${type})`,
          [...[active, found('11-20 12:00', 'CANCELLED', '11-20 10:05')], fact('a', '11-25 08:00', type, details)],
          '11-20 10:05',
        ],
      ]),
      ...(['agreement.created', 'license.updated', 'legacy.subscribeSucceeded', 'buyer.registered'] as const).map(
        (type): [string, AgreementFact[], string] => [
          `where AWS, asked, had said so, also by what is told of the end itself (${type})`,
          [active, fact('a', '11-20 10:07', type), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 10:05',
        ],
      ),
      ...(
        [
          ['agreement.created', { status: 'ACTIVE' }],
          ['agreement.amended', { status: 'ACTIVE' }],
          ['license.updated', {}],
          ['legacy.subscribeSucceeded', {}],
        ] as const
      ).flatMap(([type, details]): [string, AgreementFact[], string][] => [
        ...['11-20 10:04:30', '11-20 10:05:30'].map((at): [string, AgreementFact[], string] => [
          `unless a message tells of the change, also where AWS had said so (${type}, ${at})`,
          [active, fact('a', at, type, details), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 12:00',
        ]),
        [
          `and one of which AWS had listed the change is not of another one (${type})`,
          [
            ...[fact('a', '11-20 10:04:30', type, details), found('11-20 10:04:40', 'ACTIVE', '11-20 10:04:30')],
            found('11-20 12:00', 'CANCELLED', '11-20 10:05'),
          ],
          '11-20 10:05',
        ],
        ...['11-20 10:04:29', '11-20 10:05:31'].map((at): [string, AgreementFact[], string] => [
          `which one of more than half a minute away does not (${type}, ${at})`,
          [active, fact('a', at, type, details), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
          '11-20 10:05',
        ]),
      ]),
      [
        'and at once after its start where AWS had said so since',
        [
          signedAhead('11-20 10:00:10', 'ACTIVE', '11-20 10:00'),
          signedAhead('11-20 12:00', 'CANCELLED', '11-20 10:00:20'),
        ],
        '11-20 10:00:20',
      ],
      ...(['license.deprovisioned', 'legacy.unsubscribed'] as const).flatMap(
        (type): [string, AgreementFact[], string][] => [
          [
            `not where the change lies more than two hours before what confirms an end (${type})`,
            [
              ...[fact('a', '11-01 00:00', 'agreement.created'), fact('a', '11-20 11:05', type)],
              found('11-20 12:00', 'CANCELLED', '11-20 09:05'),
            ],
            '11-20 11:05',
          ],
          [
            `but where it lies less (${type})`,
            [
              ...[fact('a', '11-01 00:00', 'agreement.created'), fact('a', '11-20 11:05', type)],
              found('11-20 12:00', 'CANCELLED', '11-20 09:06'),
            ],
            '11-20 09:06',
          ],
          [
            `and that confirms none which comes after the answer (${type})`,
            [active, found('11-20 12:00', 'CANCELLED', '11-20 10:05'), fact('a', '12-20 12:00', type)],
            '11-20 10:05',
          ],
        ],
      ),
      ...(['agreement.created', 'agreement.amended'] as const).map((type): [string, AgreementFact[], string] => [
        `nor where a message calls it otherwise (${type})`,
        [fact('a', '11-20 09:00', type, { status: 'PENDING' }), found('11-20 12:00', 'CANCELLED', '11-20 10:05')],
        '11-20 12:00',
      ]),
      ['nor of a change of later', [active, found('11-20 12:00', 'CANCELLED', '11-20 12:01')], '11-20 12:00'],
      [
        'nor where a successor may have been signed then',
        [active, found('11-20 12:00', 'RENEWED', '11-20 10:05')],
        '11-20 12:00',
      ],
      [
        'and AWS’s own end goes before it',
        [active, found('11-20 12:00', 'EXPIRED', '11-20 10:05', iso('11-20 10:00'))],
        '11-20 10:00',
      ],
    ])('%s', (_, facts, expected) => {
      expect(lifeOf(facts, NOT_ASKED).end?.at).toEqual(instant(expected));
    });
  });

  it.each(['license.deprovisioned', 'legacy.unsubscribePending', 'legacy.unsubscribed'] as const)(
    '%s ends it at its own instant',
    (type) => {
      expect(endOf([fact('a', '11-20 10:00', type)])).toEqual(end('11-20 10:00'));
    },
  );

  it('Purchase Agreement Created with the status of an end is one; with another status or none it is not', () => {
    const created = (status: string | null) => fact('a', '11-20 10:00', 'agreement.created', { status });
    expect(endOf([created('CANCELLED')])).toEqual(end('11-20 10:00'));
    expect([endOf([created('ACTIVE')]), endOf([created(null)])]).toEqual([null, null]);
  });

  it('Purchase Agreement Ended without a status announces no successor', () => {
    expect(endOf([fact('a', '11-20 10:00', 'agreement.ended', { status: null })])).toEqual(end('11-20 10:00'));
  });

  it.each([
    ['half an hour before', '11-20 11:30', '11-20 11:30'],
    ['an hour before, to the instant', '11-20 11:00', '11-20 11:00'],
    ['further back: the end that was planned', '11-20 10:59:59', '11-20 12:00'],
    ['that lies ahead', '11-20 12:30', '11-20 12:00'],
  ])('which names an end %s', (_, endTime, expected) => {
    const told = endOf([fact('a', '11-20 12:00', 'agreement.ended', { endTime: iso(endTime) })]);
    expect(told).toMatchObject({ at: instant(expected), lastSignAt: instant('11-20 12:00') });
  });

  it('is one of several: the first ends it, AWS’s windows are open from the first until after the last', () => {
    const signs = [
      fact('a', '11-20 10:00', 'legacy.unsubscribePending'),
      fact('a', '11-20 11:00', 'legacy.unsubscribed', {}, { heardAt: '11-20 13:00' }),
    ];
    const expected = end('11-20 10:00', { lastSignAt: instant('11-20 11:00'), lastHeardAt: instant('11-20 13:00') });
    expect(endOf(signs)).toEqual(expected);
    expect(endOf([...signs].reverse())).toEqual(expected);
  });

  describe('that AWS, asked, tells too', () => {
    const cancelled = fact('a', '11-20 06:22', 'agreement.ended', { status: 'CANCELLED' });
    const answer = (at: string, endTime: string | null = null) =>
      fact('a', at, 'agreement.found', { status: 'CANCELLED', endTime: endTime === null ? null : iso(endTime) });
    const byHost = fact('a', '11-20 10:30', 'host.ended', { endsAt: iso('11-20 10:30') });
    it.each<[string, AgreementFact[], string, string]>([
      ['opens no window where messages told it', [cancelled, answer('11-20 11:00')], '06:22', '06:22'],
      ['nor by the end that was signed', [cancelled, answer('11-20 11:00', '11-20 10:10')], '06:22', '06:22'],
      ['but is the end where it lies before them', [cancelled, answer('11-20 07:00', '11-20 06:00')], '06:00', '06:22'],
      ['nor by asking again', [answer('11-20 07:00'), answer('11-20 11:00')], '07:00', '07:00'],
      [
        'nor by asking after the end that was signed',
        [answer('11-20 07:00', '11-20 10:10'), answer('11-20 11:00', '11-20 10:10')],
        '07:00',
        '07:00',
      ],
      [
        'and is the first that it told',
        [answer('11-20 07:00'), answer('11-20 11:00', '11-20 06:00')],
        '06:00',
        '06:00',
      ],
      ['opens one beside the host’s word alone', [byHost, answer('11-20 11:00')], '10:30', '11:00'],
      ['though the host’s word came later', [answer('11-20 09:00'), byHost], '09:00', '10:30'],
    ])('%s', (_, signs, endsAt, lastSignAt) => {
      const expected = { at: instant(`11-20 ${endsAt}`), lastSignAt: instant(`11-20 ${lastSignAt}`) };
      expect(endOf(signs)).toMatchObject(expected);
      expect(endOf([...signs].reverse())).toMatchObject(expected);
    });
  });

  it('that announces a successor does so whatever the others say', () => {
    const signs = [
      fact('a', '11-20 10:00', 'agreement.ended', { status: 'RENEWED' }),
      fact('a', '11-20 10:01', 'license.deprovisioned'),
    ];
    expect(endOf(signs)?.announcesSuccessor).toBe(true);
  });
});

describe('the host’s own end', () => {
  const hostEnds = (endsAt: string) => fact('a', '11-20 10:00', 'host.ended', { endsAt: iso(endsAt) });

  it('ends it when the host says, and is the host’s alone until AWS says so, too', () => {
    expect(endOf([hostEnds('11-20 12:00')])).toEqual(
      end('11-20 12:00', { lastHeardAt: instant('11-20 10:00'), isByHost: true }),
    );
    expect(endOf([hostEnds('11-20 12:00'), fact('a', '11-20 13:00', 'legacy.unsubscribed')])?.isByHost).toBe(false);
  });

  it('does not mean an agreement that starts after it; one that starts at it is called off', () => {
    expect(endOf([hostEnds('10-31 23:59')])).toBeNull();
    expect(endOf([hostEnds('11-01 00:00')])?.at).toEqual(instant('11-01 00:00'));
  });

  it.each<[string, string, boolean]>([
    ['started at that end', '11-20 12:00', false],
    ['started within ten minutes before it', '11-20 11:50:01', false],
    ['ran before that', '11-20 11:50', true],
  ])('of an agreement of which it had not heard when it said so: one that %s', (_, startTime, isMeant) => {
    const started = fact(
      'a',
      startTime,
      'agreement.created',
      { startTime: iso(startTime) },
      { heardAt: '11-20 12:05' },
    );
    const isEndedBy = (heardAt: string): boolean =>
      lifeOf([started, fact('a', heardAt, 'host.ended', { endsAt: iso('11-20 12:00') })], NOT_ASKED).end !== null;
    expect([isEndedBy('11-20 12:04'), isEndedBy('11-20 12:05')]).toEqual([isMeant, true]);
  });

  it('stands, whatever AWS says later', () => {
    const active = fact('a', '11-25 10:00', 'agreement.found', { status: 'ACTIVE' });
    expect(endOf([hostEnds('11-20 12:00'), active])?.isByHost).toBe(true);
  });
});

describe('AWS, asked after an end, says that the agreement is in force', () => {
  const told = fact('a', '11-20 10:00', 'agreement.ended', { status: 'CANCELLED' });
  it('voids the end from ten minutes after it; its lists may be as late as that', () => {
    const active = (at: string) => fact('a', at, 'agreement.found', { status: 'ACTIVE' });
    expect(endOf([told, active('11-20 10:10')])).toBeNull();
    expect(endOf([told, active('11-20 10:09:59')])?.at).toEqual(instant('11-20 10:00'));
  });

  it.each<[boolean, string, Parameters<typeof fact<'agreement.found'>>[3]]>([
    [true, 'ACTIVE', { status: 'ACTIVE' }],
    [true, 'ACTIVE, begun at that instant', { status: 'ACTIVE', startTime: iso('11-20 12:00') }],
    [false, 'ACTIVE, to begin', { status: 'ACTIVE', startTime: iso('11-20 12:01') }],
    [true, 'ACTIVE, to end', { status: 'ACTIVE', endTime: iso('11-20 12:01') }],
    [false, 'ACTIVE, over at that instant', { status: 'ACTIVE', endTime: iso('11-20 12:00') }],
    [
      false,
      'ACTIVE, to begin and to end',
      { status: 'ACTIVE', startTime: iso('11-21 00:00'), endTime: iso('11-30 00:00') },
    ],
    [false, 'CANCELLED, though entitled', { status: 'CANCELLED', entitled: true }],
    [true, 'RENEWED, whose end lies ahead', { status: 'RENEWED', endTime: iso('12-01 00:00') }],
    [false, 'RENEWED, whose end has passed', { status: 'RENEWED', endTime: iso('11-10 00:00') }],
    [false, 'RENEWED, over at that instant', { status: 'RENEWED', endTime: iso('11-20 12:00') }],
    [false, 'RENEWED, begun', { status: 'RENEWED', startTime: iso('11-01 00:00') }],
    [true, 'entitled, by the only API that answers', { status: null, entitled: true }],
    [false, 'not entitled', { status: null, entitled: false }],
    [false, 'nothing of entitlements', { status: null, entitled: null }],
  ])('%s: %s', (expected, _, details) => {
    expect(isPositive(fact('a', '11-20 12:00', 'agreement.found', details))).toBe(expected);
  });

  it('no message says so by itself', () => {
    expect(isPositive(fact('a', '11-20 12:00', 'agreement.created', { status: 'ACTIVE' }))).toBe(false);
  });
});

describe('an end that is only announced', () => {
  it.each([1, 2, 3, 4, 5, 6])('is the amended one, where it was amended in the very second of Created (%d)', () => {
    const started = fact('a', '11-01 00:00', 'agreement.created', { startTime: iso('11-01 00:00') });
    const amended = fact('a', '11-01 00:00', 'agreement.amended', { endTime: iso('12-01 00:00') });
    expect(plannedOf([started, amended])).toEqual(instant('12-01 00:00'));
    expect(plannedOf([amended, started])).toEqual(instant('12-01 00:00'));
  });

  const created = (endTime: string | null, at = '11-01 00:00') =>
    fact('a', at, 'agreement.created', { startTime: iso('11-01 00:00'), endTime });
  const DECEMBER = iso('12-01 00:00');
  const JANUARY = iso('12-31 00:00');

  it.each<[string, AgreementFact[], string | null]>([
    ['is what Created says', [created(DECEMBER)], DECEMBER],
    ['is what the last Created says, none included', [created(DECEMBER), created(null, '11-02 00:00')], null],
    [
      'is moved by an amendment',
      [created(DECEMBER), fact('a', '11-10 00:00', 'agreement.amended', { endTime: JANUARY })],
      JANUARY,
    ],
    [
      'stays where the amendment tells none, which Manufacturer’s never do',
      [created(DECEMBER), fact('a', '11-10 00:00', 'agreement.amended')],
      DECEMBER,
    ],
    [
      'is moved by AWS’s answer',
      [created(DECEMBER), fact('a', '11-10 00:00', 'agreement.found', { endTime: JANUARY })],
      JANUARY,
    ],
    [
      'is given up by an answer that names none',
      [created(DECEMBER), fact('a', '11-10 00:00', 'agreement.found', { status: 'ACTIVE' })],
      null,
    ],
    [
      'stays where only entitlements could be asked, which name none',
      [created(DECEMBER), fact('a', '11-10 00:00', 'agreement.found', { status: null, entitled: true })],
      DECEMBER,
    ],
    [
      'is what a message says, where an answer from within ten minutes after it names another',
      [
        ...[created(DECEMBER), fact('a', '11-10 00:00', 'agreement.amended', { endTime: JANUARY })],
        fact('a', '11-10 00:09:59', 'agreement.found', { endTime: DECEMBER }),
      ],
      JANUARY,
    ],
    [
      'is what a later answer says',
      [
        ...[created(DECEMBER), fact('a', '11-10 00:00', 'agreement.amended', { endTime: JANUARY })],
        fact('a', '11-10 00:10', 'agreement.found', { endTime: DECEMBER }),
      ],
      DECEMBER,
    ],
    [
      'is what an answer says at once, where the messages named none',
      [
        ...[created(null), fact('a', '11-01 00:00', 'agreement.amended')],
        // Not of their very instant, at which ids would tell which came last.
        fact('a', '11-01 00:00:01', 'agreement.found', { endTime: DECEMBER }),
      ],
      DECEMBER,
    ],
    ['is no end in the year 9999', [created('9999-12-31T23:59:59.000Z')], null],
    ['is no end from the year 9000 on', [created('9000-06-01T00:00:00.000Z')], null],
    [
      'is no more announced once an end was told',
      [created(DECEMBER), fact('a', '11-20 10:00', 'agreement.ended')],
      null,
    ],
    [
      'is not spoken of by a message of another kind',
      [created(DECEMBER), fact('a', '11-10 00:00', 'license.updated')],
      DECEMBER,
    ],
  ])('%s', (_, facts, expected) => {
    expect(plannedOf(facts)?.toISOString() ?? null).toBe(expected);
  });

  it('has come where AWS, asked ten minutes after it, does not say that the agreement goes on', () => {
    expect(lifeOf([created(DECEMBER)], asked('12-01 00:10'))).toMatchObject({
      end: end('12-01 00:00', { lastHeardAt: instant('12-01 00:10') }),
      plannedEndAt: null,
    });
    const tooEarly = lifeOf([created(DECEMBER)], asked('12-01 00:09:59'));
    expect(tooEarly).toMatchObject({ end: null, plannedEndAt: instant('12-01 00:00') });
    const mayNot = lifeOf([created(DECEMBER)], { askedAt: instant('12-02 00:00'), mayNotAsk: true });
    expect(mayNot).toMatchObject({ end: null, plannedEndAt: instant('12-01 00:00') });
  });

  it('has not come where AWS then says that it goes on', () => {
    const entitled = (at: string) => fact('a', at, 'agreement.found', { status: null, entitled: true });
    expect(lifeOf([created(DECEMBER), entitled('12-01 00:10')], asked('12-01 00:10'))).toMatchObject({
      end: null,
      plannedEndAt: null,
    });
    expect(plannedOf([created(DECEMBER), entitled('12-01 00:09:59')])).toEqual(instant('12-01 00:00'));
  });
});
