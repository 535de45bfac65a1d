import { describe, expect, it } from '@jest/globals';
import { daysOf, type FoundAgreement } from '../../src/aws/found-agreement.js';
import { agreementKeyOf, digestOf, licenseIdOf } from '../../src/subscription/chain/aws-names.js';
import { type AskedBuyer, type KnownAgreement } from '../../src/subscription/reconciliation/asked-buyer.js';
import {
  type BuyerAnswer,
  type Finding,
  findingsOf,
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

const ids = (findings: readonly Finding[]): (string | undefined)[] => findings.map(({ about }) => about.agreementId);

describe('what of an answer is told', () => {
  it('is everything that a fact needs', () => {
    const [finding] = findingsOf(
      buyer(),
      answer([found('agmt-1', { endTime: at('30T00:00:00') })], {
        terms: new Map([['agmt-1', { trial: { until: '2026-11-15T00:00:00.000Z' } }]]),
      }),
      'license',
    );
    expect(finding).toEqual({
      about: {
        ...{ productCode: 'larkspur', productId: 'prod-1', agreementId: 'agmt-1' },
        ...{ licenseArn: arnOf('l-1'), customerAwsAccountId: '111122223333' },
      },
      details: {
        ...{ status: 'ACTIVE', startTime: '2026-11-01T00:00:00.000Z', endTime: '2026-11-30T00:00:00.000Z' },
        ...{ terms: { trial: { until: '2026-11-15T00:00:00.000Z' } }, entitled: null },
        ...{ previousAgreementId: null, initialAgreementId: 'agmt-1', offerId: 'offer-1' },
      },
    });
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
      'agmt-3',
      'agmt-2',
      'agmt-9',
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

  it('is of a buyer without a license named only where one agreement could be meant', () => {
    const held = { dimension: 'seats', value: 3, expiresAt: null, licenseArn: null, customerAwsAccountId: null };
    const told = (agreements: KnownAgreement[]) =>
      findingsOf(buyer(agreements), answer([], { entitlements: [held] }), 'legacy');
    expect(told([known('agmt-1')])).toMatchObject([{ about: { agreementId: 'agmt-1' }, details: { entitled: true } }]);
    expect(told([known('agmt-1'), known('agmt-2')])).toEqual([]);
    expect(told([])).toEqual([]);
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

    it('M14: is told when the terms are others, and not when they could not be read this time', () => {
      const trial = new Map([['agmt-1', { trial: { until: '2026-11-15T00:00:00.000Z' } }]]);
      const [withTerms] = findingsOf(buyer(), answer([found('agmt-1')], { terms: trial }), 'license');
      const row = asFound(withTerms!, FOUND_AT);
      const told = (terms: BuyerAnswer['terms']) =>
        findingsOf(buyer([row]), answer([found('agmt-1')], { terms }), 'license').length;
      expect([told(trial), told(new Map()), told(new Map([['agmt-1', { trial: null }]]))]).toEqual([0, 0, 1]);
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

  it('leaves over what nobody spoke of, whatever form of a name was printed', () => {
    const rows = [known('agmnt-1'), known(null, { license: 'l-2' }), known('agmt-8'), known(null)];
    expect(unheardOf(buyer(rows), all).map(({ id }) => id)).toEqual(['row agmt-8', 'row null']);
  });
});

describe('days of a trial', () => {
  it.each([
    ['P14D', 14],
    ['P1M', 30],
    ['P2W', 14],
    ['P1Y', 365],
    ['PT5H', null],
    ['P', null],
    ['', null],
    [undefined, null],
  ])('%s', (duration, days) => {
    expect(daysOf(duration)).toBe(days);
  });
});
