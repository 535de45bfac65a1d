/** Which agreement, at which price and under which name, has which instants: what sealing bills by. */
import { describe, expect, it } from '@jest/globals';
import {
  type AgreementEnd,
  type AgreementLife,
  type Asking,
} from '../../../src/subscription/agreements/agreement-life.js';
import { type MeteringIdentityName, type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';
import {
  type AgreementIdentity,
  type TimelineAgreement,
  type TimelineBasis,
  timelineOf,
} from '../../../src/subscription/agreements/timeline-rule.js';
import { asked, instant, MAY_NOT_ASK, NOT_ASKED } from './facts.js';

const HOUR_MS = 3_600_000;
const NOW = '11-20 12:00';

function life(startsAt: string | null, over: Partial<AgreementLife> = {}): AgreementLife {
  const at = startsAt === null ? null : instant(startsAt);
  return {
    start: at && { at, isTold: true, confirmedAt: at },
    ...{ end: null, plannedEndAt: null, trial: null, isSuspended: false, hasFailed: false, doubt: null },
    openTerms: null,
    ...over,
  };
}
const provisional = (at: string, confirmedAt: string | null): Partial<AgreementLife> => ({
  start: { at: instant(at), isTold: false, confirmedAt: confirmedAt === null ? null : instant(confirmedAt) },
});
const ended = (at: string, over: Partial<AgreementEnd> = {}): Partial<AgreementLife> => ({
  end: {
    ...{ at: instant(at), firstSignAt: instant(at), lastSignAt: instant(at), lastHeardAt: instant(at) },
    ...{ announcesSuccessor: false, isByHost: false, calledRenewed: null },
    ...over,
  },
});
const named = (id: string): AgreementIdentity => ({
  license: { licenseId: `l-${id}`, licenseArn: `arn:l-${id}` },
  ...{ customerAwsAccountId: '111122223333', customerIdentifier: null },
});
const agreement = (id: string, of: AgreementLife, over: Partial<TimelineAgreement> = {}): TimelineAgreement => ({
  ...{ id, aliasIds: [], life: of, previousId: null, identity: named(id) },
  ...over,
});
interface Given {
  basis?: Partial<TimelineBasis>;
  asking?: Asking;
  now?: string;
}
const timeline = (agreements: readonly TimelineAgreement[], { basis, asking = NOT_ASKED, now = NOW }: Given = {}) =>
  timelineOf(
    {
      ...{ subscriptionId: 'S', agreements, identity: 'license', licenseFrom: null, billedFrom: null },
      ...{ followsLifecycle: true, arrivalGapMs: HOUR_MS },
      ...basis,
    },
    asking,
    instant(now),
  );
const spansOf = (agreements: readonly TimelineAgreement[], given: Given = {}): readonly TimelineSpan[] =>
  timeline(agreements, given).spans;
const clock = (at: Date | null): string => (at === null ? '…' : at.toISOString().slice(5, 16).replace('T', ' '));
/** `a paid 11-01 00:00 to …` */
const drawn = (agreements: readonly TimelineAgreement[], given: Given = {}): string[] =>
  spansOf(agreements, given).map(
    ({ agreementId, price, from, to }) => `${agreementId} ${price} ${clock(from)} to ${clock(to)}`,
  );

describe('whose instant it is', () => {
  it('an agreement has its time from up to an hour before its start, where nothing else covers that', () => {
    const [span] = spansOf([agreement('a', life('11-01 00:00'), { aliasIds: ['a2'] })]);
    expect(span).toEqual({
      ...{ subscriptionId: 'S', agreementId: 'a', aliasAgreementIds: ['a2'], price: 'paid' },
      ...{ from: instant('10-31 23:00'), to: null, startsAt: instant('11-01 00:00'), isProvisional: false },
      ...{ seals: 'whenSettled', zeroRecords: true, termsUnknownFrom: null, end: null },
      identities: [
        {
          fromHour: null,
          identity: {
            ...{ kind: 'license', licenseId: 'l-a', licenseArn: 'arn:l-a', customerAwsAccountId: '111122223333' },
          },
          alsoKnownAs: [],
        },
      ],
    });
  });

  it.each<[string, TimelineAgreement[], string[]]>([
    [
      'of two side by side the one that started last has it; the other has it again afterwards',
      [agreement('a', life('11-01 00:00')), agreement('b', life('11-05 00:00', ended('11-10 00:00')))],
      ['a paid 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
    ],
    [
      'whatever their order',
      [agreement('b', life('11-05 00:00', ended('11-10 00:00'))), agreement('a', life('11-01 00:00'))],
      ['a paid 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
    ],
    [
      'of two that start at one instant the one with the greater id has it',
      [agreement('b', life('11-01 00:00', ended('11-10 00:00'))), agreement('a', life('11-01 00:00'))],
      ['b paid 10-31 23:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
    ],
    [
      'what has not proven to be a start gives way to what has, though it is later',
      [
        agreement('a', life('11-01 00:00', ended('11-10 00:00'))),
        agreement('b', life(null, provisional('11-05 00:00', null))),
      ],
      ['a paid 10-31 23:00 to 11-10 00:00', 'b paid 11-10 00:00 to …'],
    ],
    [
      'and so it does where it is the earlier one',
      [
        agreement('a', life(null, provisional('11-01 00:00', null))),
        agreement('b', life('11-05 00:00', ended('11-10 00:00'))),
      ],
      ['a paid 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
    ],
    [
      'what is confirmed by now has proven to be one',
      [
        agreement('a', life('11-01 00:00')),
        agreement('b', life(null, provisional('11-05 00:00', NOW)), { previousId: null }),
      ],
      ['a paid 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to …'],
    ],
    [
      'a start that begins or ends elsewhere cuts nothing of the one that has it',
      [
        agreement('a', life('11-05 00:00')),
        agreement('b', life('11-01 00:00', ended('11-10 00:00'))),
        agreement('c', life('11-02 00:00', ended('11-03 00:00'))),
      ],
      [
        ...['b paid 10-31 23:00 to 11-02 00:00', 'c paid 11-02 00:00 to 11-03 00:00'],
        ...['b paid 11-03 00:00 to 11-05 00:00', 'a paid 11-05 00:00 to …'],
      ],
    ],
    [
      'the hour before a start is its predecessor’s as far as that lasted',
      [agreement('a', life('11-01 00:00', ended('11-05 11:30'))), agreement('b', life('11-05 12:00'))],
      ['a paid 10-31 23:00 to 11-05 11:30', 'b paid 11-05 11:30 to …'],
    ],
    [
      'what takes its time back does not reach before that instant',
      [
        agreement('a', life('11-01 00:00')),
        agreement('b', life('11-05 00:00', ended('11-10 00:00'))),
        agreement('c', life('10-01 00:00', ended('10-02 00:00'))),
      ],
      [
        ...['c paid 09-30 23:00 to 10-02 00:00', 'a paid 10-31 23:00 to 11-05 00:00'],
        ...['b paid 11-05 00:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
      ],
    ],
    ['what was called off before it began has none', [agreement('a', life('11-05 00:00', ended('11-04 00:00')))], []],
    ['nor what was called off for that instant', [agreement('a', life('11-05 00:00', ended('11-05 00:00')))], []],
    ['nor that of which nothing tells when it runs', [agreement('a', life(null))], []],
  ])('%s', (_, agreements, expected) => {
    expect(drawn(agreements)).toEqual(expected);
  });

  it('an announced end that has passed ends its time while AWS can be asked', () => {
    const planned = [agreement('a', life('11-01 00:00', { plannedEndAt: instant('11-20 10:00') }))];
    expect(drawn(planned)).toEqual(['a paid 10-31 23:00 to 11-20 10:00']);
    expect(drawn(planned, { now: '11-20 09:00' })).toEqual(['a paid 10-31 23:00 to …']);
    expect(drawn(planned, { asking: MAY_NOT_ASK })).toEqual(['a paid 10-31 23:00 to …']);
  });

  it('nothing reaches before the instant from which we bill by decision', () => {
    const two = [agreement('a', life('11-01 00:00', ended('11-05 00:00'))), agreement('b', life('11-06 00:00'))];
    const from = (billedFrom: string) => drawn(two, { basis: { billedFrom: instant(billedFrom) } });
    expect(from('10-01 00:00')).toEqual(['a paid 10-31 23:00 to 11-05 00:00', 'b paid 11-05 23:00 to …']);
    expect(from('11-02 00:00')).toEqual(['a paid 11-02 00:00 to 11-05 00:00', 'b paid 11-05 23:00 to …']);
    expect(from('11-05 00:00')).toEqual(['b paid 11-05 23:00 to …']);
    expect(from('11-07 00:00')).toEqual(['b paid 11-07 00:00 to …']);
  });
});

describe('how a span is sealed', () => {
  const sealed = (of: AgreementLife, given: Given = {}) => {
    const [span] = spansOf([agreement('a', of)], given);
    return span && `${span.seals}${span.zeroRecords ? ' with zeros' : ''}${span.isProvisional ? ', provisional' : ''}`;
  };
  const noWayIn: Given = { basis: { followsLifecycle: false } };
  const doubtful = { doubt: { askFrom: instant('11-01 00:00'), reason: 'unknownStart' } } as const;
  it.each<[string, AgreementLife, Given, string]>([
    ['as its hours settle, with zero records while it runs', life('11-01 00:00'), {}, 'whenSettled with zeros'],
    ['without zeros before its start', life('11-25 00:00'), {}, 'whenSettled'],
    ['also where no message could ever come', life('11-25 00:00'), noWayIn, 'whenSettled'],
    ['without zeros while it is suspended', life('11-01 00:00', { isSuspended: true }), {}, 'whenSettled'],
    ['without zeros once it is over', life('11-01 00:00', ended(NOW)), {}, 'whenSettled'],
    ['with zeros until then', life('11-01 00:00', ended('11-20 12:01')), {}, 'whenSettled with zeros'],
    [
      'without zeros past its announced end, as AWS may know that it is over',
      life('11-01 00:00', { plannedEndAt: instant('11-20 10:00') }),
      {},
      'whenSettled',
    ],
    ['never, where the purchase failed', life('11-01 00:00', { hasFailed: true }), {}, 'never'],
    [
      'at the last moment, where only the buyer’s arrival stands for its start',
      life(null, provisional('11-01 00:00', null)),
      {},
      'lastMoment, provisional',
    ],
    [
      'as who is active, where no message could ever come',
      life(null, provisional('11-01 00:00', null)),
      noWayIn,
      'whenSettled with zeros, provisional',
    ],
    [
      'as its hours settle, where AWS has said that it is in force though not since when',
      life(null, provisional('11-01 00:00', '11-01 00:05')),
      {},
      'whenSettled with zeros, provisional',
    ],
    [
      'at the last moment, while AWS may still tell the start',
      life(null, { ...provisional('11-01 00:00', '11-01 00:05'), ...doubtful }),
      {},
      'lastMoment with zeros, provisional',
    ],
    [
      'as its hours settle, whatever else is in doubt',
      life(null, {
        ...provisional('11-01 00:00', '11-01 00:05'),
        doubt: { askFrom: instant('11-01 00:00'), reason: 'unknownTerms' },
      }),
      {},
      'whenSettled with zeros, provisional',
    ],
    ['as its hours settle, where the start was told', life('11-01 00:00', doubtful), {}, 'whenSettled with zeros'],
    [
      'at the last moment until it is confirmed',
      life(null, provisional('11-01 00:00', '11-20 12:01')),
      {},
      'lastMoment, provisional',
    ],
    [
      'as its hours settle from that instant on',
      life(null, provisional('11-01 00:00', NOW)),
      {},
      'whenSettled with zeros, provisional',
    ],
  ])('%s', (_, of, given, expected) => {
    expect(sealed(of, given)).toBe(expected);
  });

  it('its price may still change from where the terms are open', () => {
    const open = (from: string | null) =>
      spansOf([
        agreement(
          'a',
          life('11-01 00:00', {
            openTerms: { from: from === null ? null : instant(from), heardAt: instant('11-01 00:00') },
          }),
        ),
      ])[0]?.termsUnknownFrom;
    expect(open('11-15 00:00')).toEqual(instant('11-15 00:00'));
    expect(open(null)).toEqual(instant('10-31 23:00'));
  });
});

describe('a trial', () => {
  const trial = (until: string | null, over: Partial<AgreementLife> = {}): TimelineAgreement[] => [
    agreement('a', life('11-01 00:00', { trial: { until: until === null ? null : instant(until) }, ...over })),
  ];
  it.each<[string, TimelineAgreement[], string[]]>([
    ['lasts as long as the agreement', trial(null), ['a trial 10-31 23:00 to …']],
    [
      'is followed by paid time',
      trial('11-10 00:00'),
      ['a trial 10-31 23:00 to 11-10 00:00', 'a paid 11-10 00:00 to …'],
    ],
    [
      'has no paid time where the agreement ends first',
      trial('11-10 00:00', ended('11-05 00:00')),
      ['a trial 10-31 23:00 to 11-05 00:00'],
    ],
    ['nor where it ends with it', trial('11-10 00:00', ended('11-10 00:00')), ['a trial 10-31 23:00 to 11-10 00:00']],
    [
      'has paid time before an end that comes later',
      trial('11-10 00:00', ended('11-15 00:00')),
      ['a trial 10-31 23:00 to 11-10 00:00', 'a paid 11-10 00:00 to 11-15 00:00'],
    ],
    [
      'that was over when another gave the time back is paid',
      [...trial('11-07 00:00'), agreement('b', life('11-05 00:00', ended('11-08 00:00')))],
      ['a trial 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to 11-08 00:00', 'a paid 11-08 00:00 to …'],
    ],
    [
      'likewise where it is over at that very instant',
      [...trial('11-08 00:00'), agreement('b', life('11-05 00:00', ended('11-08 00:00')))],
      ['a trial 10-31 23:00 to 11-05 00:00', 'b paid 11-05 00:00 to 11-08 00:00', 'a paid 11-08 00:00 to …'],
    ],
  ])('%s', (_, agreements, expected) => {
    expect(drawn(agreements)).toEqual(expected);
  });

  it('paid time starts with the price: no record of it lies before; only its last span has the agreement’s end', () => {
    const spans = spansOf(trial('11-10 00:00', ended('11-15 00:00')));
    expect(spans.map(({ startsAt, end }) => [clock(startsAt), end && clock(end.at)])).toEqual([
      ['11-01 00:00', null],
      ['11-10 00:00', '11-15 00:00'],
    ]);
    const back = spansOf([...trial('11-07 00:00'), agreement('b', life('11-05 00:00', ended('11-08 00:00')))]);
    expect(back.map(({ startsAt, end }) => [clock(startsAt), end && clock(end.at)])).toEqual([
      ['11-01 00:00', null],
      ['11-05 00:00', '11-08 00:00'],
      ['11-07 00:00', null],
    ]);
  });

  it('that was over when another gave the time back leaves paid time with the agreement’s end', () => {
    const spans = spansOf([
      ...trial('11-07 00:00', ended('11-15 00:00')),
      agreement('b', life('11-05 00:00', ended('11-08 00:00'))),
    ]);
    expect(spans.at(-1)?.end?.at).toEqual(instant('11-15 00:00'));
  });

  it('that ends at its very end has that end', () => {
    const [only] = spansOf(trial(null, ended('11-15 00:00')));
    expect(only?.end?.at).toEqual(instant('11-15 00:00'));
  });
});

describe('the end of a span', () => {
  const endOf = (of: AgreementLife, given: Given = {}, more: TimelineAgreement[] = []) =>
    spansOf([agreement('a', of), ...more], given)[0]?.end;

  it('carries the signs of the agreement’s end', () => {
    const signs = {
      ...{ firstSignAt: instant('11-10 00:00'), lastSignAt: instant('11-10 01:00') },
      lastHeardAt: instant('11-10 02:00'),
    };
    expect(endOf(life('11-01 00:00', ended('11-10 00:00', signs)))).toEqual({
      ...{ at: instant('11-10 00:00'), ...signs, awaitsSuccessor: false, identityGoesOn: false },
    });
  });

  it('waits for a successor that was announced, until AWS was asked', () => {
    const renewed = life('11-01 00:00', ended('11-10 00:00', { announcesSuccessor: true }));
    expect(endOf(renewed)?.awaitsSuccessor).toBe(true);
    expect(endOf(renewed, { asking: asked('11-10 00:10') })?.awaitsSuccessor).toBe(false);
  });

  it('waits for none that has come, and counts from its start, though AWS reports the end later', () => {
    const renewed = life('11-01 00:00', ended('11-10 00:00', { announcesSuccessor: true }));
    const next = agreement('b', life('11-09 00:00'), { previousId: 'a' });
    expect(endOf(renewed, {}, [next])).toEqual({
      ...{ at: instant('11-09 00:00'), firstSignAt: instant('11-09 00:00'), lastSignAt: instant('11-10 00:00') },
      ...{ lastHeardAt: instant('11-10 00:00'), awaitsSuccessor: false, identityGoesOn: false },
    });
  });

  it('that AWS has not reported may still be reported, for a day at most', () => {
    const planned = life('11-01 00:00', { plannedEndAt: instant('11-20 10:00') });
    const unreported = (lastHeardAt: string) => ({
      ...{ at: instant('11-20 10:00'), firstSignAt: instant('11-20 10:00'), lastSignAt: instant('11-20 10:00') },
      ...{ lastHeardAt: instant(lastHeardAt), awaitsSuccessor: true, identityGoesOn: false },
    });
    expect(endOf(planned)).toEqual(unreported(NOW));
    expect(endOf(planned, { now: '11-25 00:00' })).toEqual(unreported('11-21 10:00'));
    const next = agreement('b', life('11-20 10:00'), { previousId: 'a' });
    expect(endOf(life('11-01 00:00'), {}, [next])?.awaitsSuccessor).toBe(false);
  });

  describe('whose name goes on', () => {
    const kept = (of: AgreementLife, over: Partial<TimelineAgreement> = {}) =>
      agreement('b', of, { identity: named('a'), ...over });
    it.each<[string, AgreementLife, TimelineAgreement[], boolean]>([
      [
        'under a successor with the license',
        life('11-01 00:00', ended('11-10 00:00')),
        [kept(life('11-10 00:00'))],
        true,
      ],
      [
        'within AWS’s hour after the last sign',
        life('11-01 00:00', ended('11-10 00:00', { lastSignAt: instant('11-10 01:00') })),
        [kept(life('11-10 02:00'))],
        true,
      ],
      [
        'not later',
        life('11-01 00:00', ended('11-10 00:00', { lastSignAt: instant('11-10 01:00') })),
        [kept(life('11-10 02:00:01'))],
        false,
      ],
      [
        'not under another license',
        life('11-01 00:00', ended('11-10 00:00')),
        [agreement('b', life('11-10 00:00'))],
        false,
      ],
      [
        'under any later one',
        life('11-01 00:00', ended('11-10 00:00')),
        [agreement('b', life('11-10 00:00', ended('11-10 00:30'))), { ...kept(life('11-10 00:30')), id: 'c' }],
        true,
      ],
    ])('%s', (_, of, more, expected) => {
      expect(endOf(of, {}, more)?.identityGoesOn).toBe(expected);
    });

    it('not by a span of its own, nor by an earlier one', () => {
      const split = [
        agreement('a', life('11-01 00:00', ended('11-15 00:00'))),
        kept(life('11-05 00:00', ended('11-10 00:00'))),
      ];
      expect(spansOf(split).map(({ end }) => end?.identityGoesOn)).toEqual([undefined, true, false]);
      const trial = agreement(
        'a',
        life('11-01 00:00', { trial: { until: instant('11-05 00:00') }, ...ended('11-10 00:00') }),
      );
      expect(spansOf([trial]).map(({ end }) => end?.identityGoesOn)).toEqual([undefined, false]);
    });
  });
});

describe('the name under which a span is metered', () => {
  const IDENTITY: AgreementIdentity = { ...named('a'), customerIdentifier: 'C1' };
  const license: MeteringIdentityName = {
    ...{ kind: 'license', licenseId: 'l-a', licenseArn: 'arn:l-a', customerAwsAccountId: '111122223333' },
  };
  const customer: MeteringIdentityName = { kind: 'customerIdentifier', customerIdentifier: 'C1' };
  const account: MeteringIdentityName = { kind: 'account', customerAwsAccountId: '111122223333' };
  const identities = (identity: AgreementIdentity, basis: Partial<TimelineBasis>, over: Partial<AgreementLife> = {}) =>
    spansOf([agreement('a', life('11-01 00:00', over), { identity })], { basis }).map((span) => span.identities);
  const whole = (identity: MeteringIdentityName | null, alsoKnownAs: MeteringIdentityName[] = []) => [
    [{ fromHour: null, identity, alsoKnownAs }],
  ];

  it('is its license, where AWS has told license and account', () => {
    expect(identities(IDENTITY, {})).toEqual(whole(license));
    expect(identities({ ...IDENTITY, license: null }, {})).toEqual(whole(null));
    expect(identities({ ...IDENTITY, customerAwsAccountId: null }, {})).toEqual(whole(null));
  });

  it('of a legacy listing is the name that the buyer came with first, and the hours of the other count as taken', () => {
    const legacy = { identity: 'legacy' } as const;
    expect(identities(IDENTITY, legacy)).toEqual(whole(customer, [account]));
    expect(identities({ ...IDENTITY, customerIdentifier: null }, legacy)).toEqual(whole(account));
    expect(identities({ ...IDENTITY, customerAwsAccountId: null }, legacy)).toEqual(whole(customer));
    expect(identities({ license: null, customerAwsAccountId: null, customerIdentifier: null }, legacy)).toEqual(
      whole(null),
    );
  });

  it('of a product in its buyer’s account is nobody’s', () => {
    expect(identities(IDENTITY, { identity: 'installation' })).toEqual(whole({ kind: 'installation' }));
  });

  it('of a legacy buyer who was moved to licenses changes with an hour', () => {
    const moved = (licenseFrom: string, over: Partial<AgreementLife> = {}) =>
      identities(IDENTITY, { identity: 'legacy', licenseFrom: instant(licenseFrom) }, over);
    const both = (at: string) => [
      [
        { fromHour: null, identity: customer, alsoKnownAs: [account] },
        { fromHour: instant(at), identity: license, alsoKnownAs: [] },
      ],
    ];
    expect(moved('11-10 00:00')).toEqual(both('11-10 00:00'));
    expect(moved('11-10 00:00', ended('11-10 00:30'))).toEqual(both('11-10 00:00'));
    expect(moved('11-10 00:00', ended('11-10 00:00'))).toEqual(whole(customer, [account]));
    expect(moved('10-31 23:00')).toEqual(whole(license));
    expect(moved('10-01 00:00')).toEqual(whole(license));
    expect(moved('11-01 00:00')).toEqual(both('11-01 00:00'));
  });

  it('goes on where the buyer’s name does, whichever of the two was used first', () => {
    const legacyOf = (customerIdentifier: string | null, customerAwsAccountId: string | null) => ({
      ...{ license: null, customerIdentifier, customerAwsAccountId },
    });
    const goesOn = (first: AgreementIdentity, second: AgreementIdentity) =>
      spansOf(
        [
          agreement('a', life('11-01 00:00', ended('11-10 00:00')), { identity: first }),
          agreement('b', life('11-10 00:00'), { identity: second }),
        ],
        { basis: { identity: 'legacy' } },
      )[0]?.end?.identityGoesOn;
    expect(goesOn(legacyOf('C1', 'A1'), legacyOf(null, 'A1'))).toBe(true);
    expect(goesOn(legacyOf('C1', null), legacyOf('C1', 'A1'))).toBe(true);
    expect(goesOn(legacyOf('C1', 'A1'), legacyOf('C2', 'A2'))).toBe(false);
    expect(goesOn(legacyOf(null, 'A1'), legacyOf(null, 'A2'))).toBe(false);
    expect(goesOn(legacyOf(null, null), legacyOf(null, null))).toBe(false);
  });
});

describe('when a timeline may read otherwise', () => {
  it('at the next turn of any agreement that lies ahead, also where a successor takes over', () => {
    const next = (agreements: TimelineAgreement[], now = NOW) => timeline(agreements, { now }).nextChangeAt;
    const running = agreement('a', life('11-01 00:00', { plannedEndAt: instant('12-01 00:00') }));
    expect(next([running])).toEqual(instant('12-01 00:00'));
    expect(next([running, agreement('b', life('11-25 00:00'), { previousId: 'a' })])).toEqual(instant('11-25 00:00'));
    expect(next([agreement('a', life('11-01 00:00'))])).toBeNull();
    expect(next([agreement('a', life('12-05 00:00', ended('12-04 00:00')))])).toBeNull();
    expect(next([agreement('a', life('12-05 00:00', ended('12-05 00:00')))])).toBeNull();
    expect(next([agreement('a', life('11-01 00:00', { plannedEndAt: instant(NOW) }))])).toBeNull();
  });

  it('says what AWS was asked', () => {
    expect(timeline([], { asking: asked('11-19 00:00') })).toEqual({
      ...{ subscriptionId: 'S', spans: [], askedAt: instant('11-19 00:00'), mayNotAsk: false, nextChangeAt: null },
    });
  });
});
