import { describe, expect, it } from '@jest/globals';
import { durationMsOf, type FoundAgreement } from '../../src/aws/found-agreement.js';
import { agreementKeyOf, digestOf, licenseIdOf } from '../../src/subscription/chain/aws-names.js';
import { type AskedBuyer, type KnownAgreement } from '../../src/subscription/reconciliation/asked-buyer.js';
import {
  type BuyerAnswer,
  type Finding,
  findingsOf,
  wantsTerms,
  messageIdOf,
  ofProduct,
  previousOf,
  unheardOf,
} from '../../src/subscription/reconciliation/buyer-answer.js';

const at = (time: string): Date => new Date(`2026-11-${time}Z`);
const ASKED_AT = at('20T12:00:00');
const arnOf = (id: string): string => `arn:aws:license-manager::123456789012:license:${id}`;

function found(agreementId: string, more: Partial<FoundAgreement> = {}): FoundAgreement {
  return {
    ...{ agreementId, status: 'ACTIVE', startTime: at('01T00:00:00'), endTime: null, lastUpdateTime: null },
    ...{ initialAgreementId: agreementId, customerAwsAccountId: '111122223333', offerId: 'offer-1' },
    ...{ licenseArns: [arnOf(`l-${agreementId.slice(5)}`)], productIds: ['prod-1'] },
    ...more,
  };
}

function known(agreementId: string | null, more: Partial<KnownAgreement> & { license?: string } = {}): KnownAgreement {
  const { license, ...rest } = more;
  return {
    ...{
      id: `row ${agreementId}`,
      subscriptionId: 's-1',
      agreementId,
      found: null,
      terms: null,
      lastFactAt: null,
      lastHeardAt: null,
      announcedEnds: [],
    },
    agreementDigests: agreementId === null ? [] : [digestOf(agreementKeyOf(agreementId))],
    erasedLicenses: [],
    licenseArns: license === undefined ? [] : [arnOf(license)],
    licenseDigests: license === undefined ? [] : [digestOf(licenseIdOf(license))],
    ...rest,
  };
}

function buyer(agreements: readonly KnownAgreement[] = [], more: Partial<AskedBuyer> = {}): AskedBuyer {
  return {
    ...{ productCode: 'larkspur', customerAwsAccountId: '111122223333', customerIdentifier: null, productId: 'prod-1' },
    subscriptions: [{ id: 's-1', customerId: 'c-1', state: 'active' }],
    agreements,
    awaited: [],
    ...more,
  };
}

const answer = (agreements: readonly FoundAgreement[], more: Partial<BuyerAnswer> = {}): BuyerAnswer => ({
  ...{ askedAt: ASKED_AT, agreements, terms: new Map(), entitlements: [], mayNotAsk: false },
  ...more,
});

/** A row of which AWS said this before. */
function asFound(finding: Finding, foundAt: Date, more: Partial<KnownAgreement> = {}): KnownAgreement {
  const { previousAgreementId, initialAgreementId, ...details } = finding.details;
  const digest = (id: string | null): string | null => (id === null ? null : digestOf(agreementKeyOf(id)));
  return known(finding.about.agreementId ?? null, {
    license: licenseIdOf(finding.about.licenseArn ?? ''),
    terms: details.terms,
    found: {
      at: foundAt,
      details: { ...details, previousDigest: digest(previousAgreementId), initialDigest: digest(initialAgreementId) },
    },
    ...more,
  });
}

/** Entitlements told of it. */
const RESOLD: NonNullable<KnownAgreement['found']>['details'] = {
  ...{ status: null, startTime: null, endTime: null, terms: null, entitled: true, offerId: null, lastUpdateTime: null },
  ...{ previousDigest: null, initialDigest: null },
};

const ids = (findings: readonly Finding[]): (string | undefined)[] => findings.map(({ about }) => about.agreementId);

describe('what of an answer is told', () => {
  it('is everything that a fact needs', () => {
    const [finding] = findingsOf(
      buyer(),
      answer([found('agmt-1', { endTime: at('30T00:00:00'), lastUpdateTime: at('02T10:00:00') })], {
        terms: new Map([['agmt-1', { trial: { until: '2026-11-15T00:00:00.000Z' } }]]),
      }),
      'license',
    );
    expect(finding).toStrictEqual({
      about: {
        ...{ productCode: 'larkspur', productId: 'prod-1', agreementId: 'agmt-1' },
        ...{ licenseArn: arnOf('l-1'), customerAwsAccountId: '111122223333' },
      },
      details: {
        ...{ status: 'ACTIVE', startTime: '2026-11-01T00:00:00.000Z', endTime: '2026-11-30T00:00:00.000Z' },
        ...{ terms: { trial: { until: '2026-11-15T00:00:00.000Z' } }, entitled: null },
        ...{ previousAgreementId: null, initialAgreementId: 'agmt-1', offerId: 'offer-1' },
        lastUpdateTime: '2026-11-02T10:00:00.000Z',
      },
    });
  });

  it('says nothing of what AWS did not name, and takes the buyer’s account where it named none', () => {
    const bare = found('agmt-1', { licenseArns: [], productIds: [], customerAwsAccountId: null });
    const aboutOf = (one: FoundAgreement, more: Partial<AskedBuyer> = {}) =>
      findingsOf(buyer([], more), answer([one]), 'license')[0]?.about;
    const about = { productCode: 'larkspur', agreementId: 'agmt-1' };
    expect(aboutOf(bare, { customerAwsAccountId: null })).toStrictEqual(about);
    expect(aboutOf(bare)).toStrictEqual({ ...about, customerAwsAccountId: '111122223333' });
    expect(aboutOf({ ...bare, customerAwsAccountId: '444455556666' })).toStrictEqual({
      ...about,
      customerAwsAccountId: '444455556666',
    });
  });

  it.each([
    ['the first of a chain has none before it, whatever its start', '20T00:00:00', '10T00:00:00', [null, null]],
    ['one that starts before the first has none', '20T00:00:00', '15T00:00:00', [null, null]],
    ['one that starts with the first has it', '10T00:00:00', '10T00:00:00', [null, 'agmt-1']],
  ])('of its chain: %s', (_, first, second, before) => {
    const chain = [
      found('agmt-1', { startTime: at(first) }),
      found('agmt-2', { initialAgreementId: 'agmt-1', startTime: at(second) }),
    ];
    expect(chain.map((one) => previousOf(one, chain))).toEqual(before);
  });

  it('is of the older agreements first, whatever AWS’s order, so that each finds the one before it', () => {
    const of = (...ids: string[]) => ids.map((id) => ({ about: expect.objectContaining({ agreementId: id }) }));
    const [a, b] = [found('agmt-a'), found('agmt-b', { startTime: at('02T00:00:00') })];
    const [c, d] = [found('agmt-c', { startTime: null }), found('agmt-d', { startTime: null })];
    for (const listed of [
      [a, b, c, d],
      [c, d, b, a],
    ])
      expect(findingsOf(buyer(), answer(listed), 'license')).toMatchObject(of('agmt-a', 'agmt-b', 'agmt-c', 'agmt-d'));
  });

  it('of its chain: of two that start at one instant neither is before the other', () => {
    const chain = [
      found('agmt-1'),
      found('agmt-2', { initialAgreementId: 'agmt-1', startTime: at('10T00:00:00') }),
      found('agmt-3', { initialAgreementId: 'agmt-1', startTime: at('10T00:00:00') }),
      found('agmt-4', { initialAgreementId: 'agmt-1', startTime: at('20T00:00:00') }),
      found('agmt-5', { initialAgreementId: 'agmt-1', startTime: null }),
    ];
    expect(chain.map((one) => previousOf(one, chain))).toEqual([null, 'agmt-1', 'agmt-1', 'agmt-2', null]);
  });

  it('M11: names the agreement before it, by the chain and the starts', () => {
    const chain = [
      found('agmt-1', { status: 'RENEWED' }),
      found('agmt-3', { initialAgreementId: 'agmt-1', startTime: at('20T00:00:00') }),
      found('agmt-2', { initialAgreementId: 'agmt-1', startTime: at('10T00:00:00'), status: 'REPLACED' }),
      found('agmt-9', { startTime: at('15T00:00:00') }),
    ];
    expect(chain.map((one) => previousOf(one, chain))).toEqual([null, 'agmt-2', 'agmt-1', null]);
    // Known is the first alone; the chain is told whole, so that it can be joined.
    expect(ids(findingsOf(buyer([known('agmt-1')]), answer(chain), 'license'))).toEqual([
      'agmt-1',
      'agmt-2',
      'agmt-9',
      'agmt-3',
    ]);
  });

  it('M5: names the one that was replaced at the very instant of its start as the one before', () => {
    const chain = [found('agmt-2', { initialAgreementId: 'agmt-1' }), found('agmt-1')];
    expect(chain.map((one) => previousOf(one, chain))).toEqual(['agmt-1', null]);
  });

  it('is nothing of ended agreements by license that nobody knows', () => {
    const past = [found('agmt-1', { status: 'CANCELLED' }), found('agmt-2', { status: 'EXPIRED' }), found('agmt-3')];
    expect(ids(findingsOf(buyer(), answer(past), 'license'))).toEqual(['agmt-3']);
    // Where nameless messages are assigned to agreements, all of them are needed (M6).
    expect(ids(findingsOf(buyer(), answer(past), 'legacy'))).toEqual(['agmt-1', 'agmt-2', 'agmt-3']);
  });

  it('M11: is of an ended one that nobody knows where a message of it waits, and of its chain', () => {
    const ended = { status: 'CANCELLED', initialAgreementId: 'agmt-2' };
    const past = [found('agmt-1', { status: 'CANCELLED' }), found('agmt-2', ended), found('agmt-3', ended)];
    const awaited = [digestOf(agreementKeyOf('agmt-3'))];
    expect(ids(findingsOf(buyer([], { awaited }), answer(past), 'license'))).toEqual(['agmt-2', 'agmt-3']);
  });

  it('M15: is the license of a resold agreement, by entitlements, and no word of what is expired or heard of already', () => {
    const held = {
      dimension: 'seats',
      value: 3,
      expiresAt: null,
      licenseArn: arnOf('l-7'),
      customerAwsAccountId: '111122223333',
    };
    const [finding, ...others] = findingsOf(
      buyer([known(null, { license: 'l-7' })]),
      answer([found('agmt-1')], {
        entitlements: [held, { ...held, dimension: 'gigabytes' }, { ...held, licenseArn: arnOf('l-1') }],
      }),
      'license',
    );
    expect([finding?.about.agreementId, others.length]).toEqual(['agmt-1', 1]);
    expect(others[0]).toMatchObject({ about: { licenseArn: arnOf('l-7') }, details: { entitled: true, status: null } });
  });

  it.each<[string, Partial<KnownAgreement>, string[]]>([
    ['says nothing of the one that was heard of minutes ago', { lastFactAt: at('20T11:50:00.001') }, []],
    ['speaks of that when AWS must know of it', { lastFactAt: at('20T11:50:00') }, ['agmt-2']],
    ['speaks of one of which nothing was ever heard', {}, ['agmt-2']],
    [
      'and of one that AWS has spoken of before',
      {
        found: { at: at('19T12:00:00'), details: RESOLD },
        lastFactAt: at('20T11:59:00'),
        lastHeardAt: at('20T12:00:01'),
      },
      ['agmt-2'],
    ],
  ])('an entitlement by a license that goes on with another agreement %s', (_, more, expected) => {
    const held = {
      dimension: 'seats',
      value: 3,
      expiresAt: null,
      licenseArn: arnOf('l-7'),
      customerAwsAccountId: null,
    };
    const rows = (license: string) => [known('agmt-1', { license }), known('agmt-2', { license: 'l-7', ...more })];
    const told = (license: string) =>
      ids(findingsOf(buyer(rows(license)), answer([], { entitlements: [held] }), 'license'));
    expect(told('l-7')).toEqual(expected);
    // By a license of its own it is its own.
    expect(told('l-6')).toEqual(['agmt-2']);
  });

  it('is of a buyer without a license named only where one agreement could be meant', () => {
    const held = { dimension: 'seats', value: 3, expiresAt: null, licenseArn: null, customerAwsAccountId: null };
    const told = (agreements: KnownAgreement[]) =>
      findingsOf(buyer(agreements), answer([], { entitlements: [held] }), 'legacy');
    expect(told([known('agmt-1')])).toMatchObject([{ about: { agreementId: 'agmt-1' }, details: { entitled: true } }]);
    expect(told([known('agmt-1'), known('agmt-2')])).toEqual([]);
    expect(told([])).toEqual([]);
  });

  describe('by entitlements', () => {
    const held = {
      ...{ dimension: 'seats', value: 3, expiresAt: null, licenseArn: null as string | null },
      customerAwsAccountId: null as string | null,
    };
    const told = (rows: KnownAgreement[], over: Partial<typeof held> = {}, more: Partial<AskedBuyer> = {}) =>
      findingsOf(buyer(rows, more), answer([], { entitlements: [{ ...held, ...over }] }), 'legacy');
    const nobody = { customerAwsAccountId: null, customerIdentifier: null };

    it('is that he is entitled, and nothing else', () => {
      expect(told([known(null)], {}, nobody)).toStrictEqual([
        {
          about: { productCode: 'larkspur' },
          details: {
            ...{ status: null, startTime: null, endTime: null, terms: null, entitled: true },
            ...{ previousAgreementId: null, initialAgreementId: null, offerId: null, lastUpdateTime: null },
          },
        },
      ]);
    });

    it.each<[string, Partial<typeof held>, Partial<AskedBuyer>, object]>([
      ['the buyer’s account', {}, {}, { customerAwsAccountId: '111122223333' }],
      [
        'the account that AWS names',
        { customerAwsAccountId: '444455556666' },
        {},
        { customerAwsAccountId: '444455556666' },
      ],
      ['the buyer’s identifier', {}, { ...nobody, customerIdentifier: 'C-1' }, { customerIdentifier: 'C-1' }],
      ['its license', { licenseArn: arnOf('l-1') }, nobody, { licenseArn: arnOf('l-1') }],
    ])('names %s', (_, over, more, about) => {
      const rows = over.licenseArn === undefined ? [known('agmt-1')] : [];
      const named = rows.length > 0 ? { agreementId: 'agmt-1' } : {};
      expect(told(rows, over, more).map((one) => one.about)).toStrictEqual([
        { productCode: 'larkspur', ...named, ...about },
      ]);
    });

    it('is of the agreement whose license is named, of several', () => {
      const rows = [known('agmt-1', { license: 'l-1' }), known('agmt-2', { license: 'l-2' })];
      expect(ids(told(rows, { licenseArn: arnOf('l-2') }))).toEqual(['agmt-2']);
    });

    it('is nothing again, and is told where something else was said before', () => {
      const row = known('agmt-1');
      const said = { ...told([row])[0]!.details, previousDigest: null, initialDigest: null };
      const before = (details: Partial<typeof said>) =>
        told([{ ...row, found: { at: at('19T12:00:00'), details: { ...said, ...details } } }]).length;
      expect(before({})).toBe(0);
      expect(before({ entitled: null })).toBe(1);
      expect(before({ entitled: false })).toBe(1);
    });

    it.each<[string, string, Partial<KnownAgreement>, number]>([
      ['while an announced end lies ahead', '19T12:00:00', { announcedEnds: [at('20T12:00:00.001')] }, 0],
      ['when one has passed: the agreement goes on', '19T12:00:00', { announcedEnds: [at('20T12:00:00')] }, 1],
      [
        'when the last word came so soon after it that it may be older',
        '20T10:09:59',
        { announcedEnds: [at('20T10:00:00')] },
        1,
      ],
      ['not once more', '20T10:10:00', { announcedEnds: [at('20T10:00:00')] }, 0],
      [
        'when the last word came so soon after an end that was told',
        '20T10:09:59',
        { lastFactAt: at('20T10:00:00') },
        1,
      ],
      ['nor of that once more', '20T10:10:00', { lastFactAt: at('20T10:00:00') }, 0],
    ])('M12: is told again %s', (_, foundAt, more, expected) => {
      const row = known('agmt-1', { found: { at: at(foundAt), details: RESOLD }, ...more });
      expect(told([row])).toHaveLength(expected);
    });
  });

  describe('again', () => {
    const [first] = findingsOf(buyer(), answer([found('agmt-1')]), 'license');
    const again = (row: KnownAgreement, now: FoundAgreement = found('agmt-1')) =>
      findingsOf(buyer([row]), answer([now]), 'license').length;
    const FOUND_AT = at('19T12:00:00');

    it('is nothing while it is the same and nothing else was heard', () => {
      expect(again(asFound(first!, FOUND_AT))).toBe(0);
      expect(again(asFound(first!, FOUND_AT, { lastHeardAt: at('19T11:00:00'), lastFactAt: at('19T11:00:00') }))).toBe(
        0,
      );
    });

    it('is nothing where only its names were erased since', () => {
      const erased = { agreementId: null, licenseArns: [], erasedLicenses: [digestOf('l-1')] };
      expect(again(asFound(first!, FOUND_AT, erased))).toBe(0);
      expect(again(asFound(first!, FOUND_AT, { ...erased, erasedLicenses: [] }))).toBe(1);
    });

    it.each<[string, Partial<FoundAgreement>]>([
      ['status', { status: 'CANCELLED' }],
      ['end', { endTime: at('25T00:00:00') }],
      ['start', { startTime: at('02T00:00:00') }],
      ['chain', { initialAgreementId: 'agmt-0' }],
      ['license', { licenseArns: [arnOf('l-2')] }],
    ])('is told when its %s is another', (_, change) => {
      expect(again(asFound(first!, FOUND_AT), found('agmt-1', change))).toBe(1);
    });

    it('M14: is told when the agreement has changed since, whatever changed: a trial that AWS still shows was not converted by that', () => {
      const changed = (day: string): FoundAgreement => found('agmt-1', { lastUpdateTime: at(`${day}T10:00:00`) });
      const [known] = findingsOf(buyer(), answer([changed('18')]), 'license');
      expect(again(asFound(known!, FOUND_AT), changed('18'))).toBe(0);
      expect(again(asFound(known!, FOUND_AT), changed('19'))).toBe(1);
      // By the agreement's own id it is not told.
      expect(again(asFound(known!, FOUND_AT), found('agmt-1'))).toBe(0);
    });

    it('is told with an agreement’s id that was not known', () => {
      expect(again(asFound(first!, FOUND_AT, { agreementId: null, agreementDigests: [] }))).toBe(1);
      // Erased is not unknown: its digest stays.
      expect(again(asFound(first!, FOUND_AT, { agreementId: null }))).toBe(0);
    });

    it('is nothing where neither then nor now a license is named', () => {
      const bare = found('agmt-1', { licenseArns: [] });
      const [said] = findingsOf(buyer(), answer([bare]), 'license');
      expect(again(asFound(said!, FOUND_AT), bare)).toBe(0);
    });

    it('is told when the agreement before it has become known, once', () => {
      const chain = [found('agmt-1'), found('agmt-2', { initialAgreementId: 'agmt-1', startTime: at('10T00:00:00') })];
      const [alone] = findingsOf(buyer(), answer(chain.slice(1)), 'license');
      const [, second] = findingsOf(buyer(), answer(chain), 'license');
      const told = (row: KnownAgreement): (string | undefined)[] =>
        ids(findingsOf(buyer([row]), answer(chain), 'license')).filter((id) => id === 'agmt-2');
      expect(told(asFound(alone!, FOUND_AT))).toEqual(['agmt-2']);
      expect(told(asFound(second!, FOUND_AT))).toEqual([]);
    });

    it('is told when it was heard later what had happened long before', () => {
      const late = { lastHeardAt: at('19T13:00:00'), lastFactAt: at('10T00:00:00') };
      expect(again(asFound(first!, FOUND_AT, late))).toBe(1);
    });

    it('is nothing of an end that is told again, however soon it came', () => {
      const ended = found('agmt-1', { status: 'CANCELLED' });
      const [said] = findingsOf(buyer(), answer([ended]), 'legacy');
      const soonAfter = { lastHeardAt: at('19T11:59:55'), lastFactAt: at('19T11:59:55') };
      expect(again(asFound(said!, FOUND_AT, soonAfter), ended)).toBe(0);
    });

    it('M13: is told when something was heard since, which it may contradict', () => {
      expect(again(asFound(first!, FOUND_AT, { lastHeardAt: at('19T13:00:00'), lastFactAt: at('19T13:00:00') }))).toBe(
        1,
      );
    });

    it('T11: is told again when the last word came so soon after an end that it may have been older', () => {
      const soonAfter = { lastHeardAt: at('19T11:59:55'), lastFactAt: at('19T11:59:55') };
      expect(again(asFound(first!, FOUND_AT, soonAfter))).toBe(1);
      expect(again(asFound(first!, FOUND_AT, { lastHeardAt: FOUND_AT, lastFactAt: at('19T11:50:00') }))).toBe(0);
    });

    it('M14: is told again when it came so soon after the change of which it told that the terms may have been older', () => {
      const [changed, before] = ['19T11:50:01', '19T11:50:00'].map((time) =>
        found('agmt-1', { lastUpdateTime: at(time) }),
      );
      const told = (one: FoundAgreement): number =>
        again(asFound(findingsOf(buyer(), answer([one]), 'license')[0]!, FOUND_AT), one);
      expect([told(changed!), told(before!)]).toEqual([1, 0]);
    });

    it('M14: is told when the terms are others, and not when they could not be read this time', () => {
      const trial = new Map([['agmt-1', { trial: { until: '2026-11-15T00:00:00.000Z' } }]]);
      const [withTerms] = findingsOf(buyer(), answer([found('agmt-1')], { terms: trial }), 'license');
      const row = asFound(withTerms!, FOUND_AT);
      const told = (terms: BuyerAnswer['terms']) =>
        findingsOf(buyer([row]), answer([found('agmt-1')], { terms }), 'license').length;
      expect([told(trial), told(new Map()), told(new Map([['agmt-1', { trial: null }]]))]).toEqual([0, 0, 1]);
      const other = new Map([['agmt-1', { trial: { until: '2026-11-16T00:00:00.000Z' } }]]);
      expect(told(other)).toBe(1);
      const unread = { ...row, terms: null };
      expect(findingsOf(buyer([unread]), answer([found('agmt-1')], { terms: trial }), 'license')).toHaveLength(1);
    });
  });

  it('has an id of its own for each word and instant, and the same in every replica', () => {
    const [one] = findingsOf(buyer(), answer([found('agmt-1')]), 'license');
    const [other] = findingsOf(buyer(), answer([found('agmt-1', { status: 'CANCELLED' })]), 'legacy');
    expect(messageIdOf(one!, ASKED_AT)).toBe(messageIdOf(structuredClone(one!), new Date(ASKED_AT)));
    expect(
      new Set([messageIdOf(one!, ASKED_AT), messageIdOf(other!, ASKED_AT), messageIdOf(one!, at('21T00:00:00'))]).size,
    ).toBe(3);
  });
});

describe('whose an agreement is', () => {
  const all = [
    found('agmt-1'),
    found('agmt-2', { productIds: ['prod-2'] }),
    found('agmt-3', { productIds: ['prod-2'] }),
  ];
  const of = (about: AskedBuyer, productId: string | null, licenses: string[] = []): string[] =>
    ofProduct(about, [...all, ...all], productId, licenses).map(({ agreementId }) => agreementId);

  it('is told by the listing, by a name that the ledger knows, by a license of the product; and by nothing else', () => {
    expect(of(buyer(), 'prod-2')).toEqual(['agmt-2', 'agmt-3']);
    // A known agreement tells the entity id of its listing.
    expect(of(buyer([known('agmt-2')]), null)).toEqual(['agmt-2', 'agmt-3']);
    expect(of(buyer([known(null, { license: 'l-1' })]), null)).toEqual(['agmt-1']);
    expect(of(buyer(), null, [arnOf('l-3')])).toEqual(['agmt-2', 'agmt-3']);
    expect(of(buyer(), null)).toEqual([]);
  });

  it('is told by one of several licenses, or of several listings', () => {
    const one = found('agmt-5', { licenseArns: [arnOf('l-8'), arnOf('l-5')], productIds: ['prod-8', 'prod-5'] });
    const ours = (about: AskedBuyer, productId: string | null, licenses: string[] = []): number =>
      ofProduct(about, [one], productId, licenses).length;
    expect(ours(buyer(), null, [arnOf('l-5')])).toBe(1);
    expect(ours(buyer(), 'prod-5')).toBe(1);
    expect(ours(buyer(), 'prod-9')).toBe(0);
  });

  it('leaves over what nobody spoke of, whatever form of a name was printed', () => {
    const rows = [known('agmnt-1'), known(null, { license: 'l-2' }), known('agmt-8'), known(null)];
    expect(unheardOf(buyer(rows), all).map(({ id }) => id)).toEqual(['row agmt-8', 'row null']);
  });
});

describe('of which agreements the terms are asked', () => {
  const told = {
    at: at('20T11:00:00'),
    details: { status: 'ACTIVE' } as NonNullable<KnownAgreement['found']>['details'],
  };
  const row = (more: Partial<KnownAgreement>): KnownAgreement =>
    known('agmt-1', { found: told, terms: { trial: null }, lastFactAt: null, lastHeardAt: null, ...more });

  it.each<[boolean, string, string, Partial<KnownAgreement> | null]>([
    [true, 'that runs, though they are known', 'ACTIVE', {}],
    [false, 'that is over, and of which they are known', 'CANCELLED', {}],
    [true, 'that is over, of which they are not', 'CANCELLED', { terms: null }],
    [true, 'that is over, of which AWS has not spoken', 'CANCELLED', { found: null }],
    [true, 'that nobody knows', 'CANCELLED', null],
    [true, 'that is over, of which something was heard since', 'CANCELLED', { lastHeardAt: at('20T11:00:00.001') }],
    [false, 'that is over, of which all was heard by then', 'CANCELLED', { lastHeardAt: at('20T11:00:00') }],
    [
      true,
      'that is over, whose last answer may be from before a change',
      'EXPIRED',
      { lastFactAt: at('20T10:50:00.001') },
    ],
    [false, 'that is over, whose last answer knows of it', 'EXPIRED', { lastFactAt: at('20T10:50:00') }],
  ])('%s: of one %s', (expected, _, status, more) => {
    const agreements = more === null ? [known('agmt-2', { found: told })] : [row(more)];
    expect(wantsTerms(buyer(agreements), found('agmt-1', { status }), ASKED_AT)).toBe(expected);
  });

  // A legacy trial whose conversion no message tells, called RENEWED since: the list alone says that it changed.
  it.each([
    [true, 'was not known of', '20T10:00:00', '20T09:00:00'],
    [true, 'is the first one that it tells', '20T10:00:00', null],
    [false, 'was known of', '20T10:00:00', '20T10:00:00'],
    [false, 'it does not tell any more', null, '20T10:00:00'],
  ])('%s: of one that is over, whose last change %s', (expected, _, listed, known) => {
    const details = { ...told.details, lastUpdateTime: known === null ? null : at(known).toISOString() };
    const over = found('agmt-1', { status: 'RENEWED', lastUpdateTime: listed === null ? null : at(listed) });
    expect(wantsTerms(buyer([row({ found: { ...told, details } })]), over, ASKED_AT)).toBe(expected);
  });

  it.each([
    [true, 'ahead', '20T12:00:00.001'],
    [false, 'past', '20T12:00:00'],
  ])('%s: of one that AWS calls RENEWED, whose end lies %s', (expected, _, end) => {
    const renewed = found('agmt-1', { status: 'RENEWED', endTime: at(end) });
    expect(wantsTerms(buyer([row({})]), renewed, ASKED_AT)).toBe(expected);
    // It runs: nobody knew of it, and it is ours.
    expect(findingsOf(buyer(), answer([renewed]), 'license')).toHaveLength(expected ? 1 : 0);
    // What runs is told again where the last word may be from before a change.
    const [said] = findingsOf(buyer([row({})]), answer([renewed]), 'license');
    const soonAfter = asFound(said!, at('20T11:59:00'), { lastFactAt: at('20T11:50:00') });
    expect(findingsOf(buyer([soonAfter]), answer([renewed]), 'license')).toHaveLength(expected ? 1 : 0);
  });
});

describe('how long a trial lasts', () => {
  const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000];

  it.each([
    ['P14D', 14 * DAY_MS],
    ['P1M', 30 * DAY_MS],
    ['P2W', 14 * DAY_MS],
    ['P1Y', 365 * DAY_MS],
    ['P0DT19860S', 19_860_000],
    ['P1DT2H3M4.5S', DAY_MS + 2 * HOUR_MS + 184_500],
    ['PT5H', 5 * HOUR_MS],
    ['P0D', null],
    ['PT0S', null],
    ['14 days', null],
    ['P14D and more', null],
    ['P', null],
    ['', null],
    [undefined, null],
  ])('%s', (duration, ms) => {
    expect(durationMsOf(duration)).toBe(ms);
  });
});
