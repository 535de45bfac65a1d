/**
 * The oracle against figures worked out by hand (the cases say them), and the pure rules against the oracle: they share
 * no code.
 */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { fact } from './facts.js';
import { relationOf, spanAt, timelineFor } from './relation.js';
import { actionsOf, lifeOfSeed, type TrueAgreement, type TrueLife, type TrueUsage } from './true-lives.js';
import { differencesOf, payersOf, priceOfHour, verdictOf } from './due-bill.js';

const at = (text: string): Date => new Date(`2026-${text.replace(' ', 'T')}:00Z`);

function agreement(key: string, over: Partial<TrueAgreement> & { startsAt: Date }): TrueAgreement {
  const { startsAt } = over;
  return {
    ...{
      key,
      buyer: 'b',
      origin: 'purchase',
      signedAt: startsAt,
      endsAt: null,
      endsAs: null,
      previous: null,
      chain: key,
    },
    ...{ license: `l-${key}`, trialUntil: null, ...over },
  };
}

let keys = 0;
function used(occurredAt: string, quantity: string, over: Partial<TrueUsage> = {}): TrueUsage {
  return {
    ...{
      key: `u${(keys += 1)}`,
      buyer: 'b',
      dimension: 'd',
      quantity,
      occurredAt: at(occurredAt),
      recordedAt: at(occurredAt),
    },
    ...{ by: 'tenant', chain: null, retriedAt: [], ...over },
  };
}

function life(agreements: TrueAgreement[], usage: TrueUsage[], identity: 'license' | 'legacy' = 'license'): TrueLife {
  const troubles = {
    messagesLost: 0,
    messagesRepeated: 0,
    messagesDelayed: 0,
    delayMaxMs: 0,
    callsThrottled: 0,
    answersLost: 0,
  };
  const buyers = [{ key: 'b', identity, licenseFrom: null, tenant: 't' }];
  return { seed: 0, beginsAt: at('11-01 00:00'), until: at('12-31 00:00'), buyers, agreements, usage, troubles };
}

const billsOf = (of: TrueLife): string[] =>
  verdictOf(of).bills.map(
    ({ agreement: key, price, dimension, atLeast, atMost }) => `${key} ${price} ${dimension} ${atLeast}..${atMost}`,
  );

const l1 = agreement('l1', { startsAt: at('11-10 00:00'), endsAt: at('11-20 10:37'), endsAs: 'REPLACED' });
const l2 = agreement('l2', { startsAt: at('11-20 10:37'), previous: 'l1', chain: 'l1' });

describe('what AWS should bill', () => {
  it('M5, T3: a replacement within an hour bills each side its own', () => {
    const usage = [
      used('11-20 10:20', '4'),
      used('11-20 10:50', '5'),
      used('11-20 11:20', '7'),
      used('11-20 12:10', '8'),
    ];
    expect(billsOf(life([l1, l2], usage))).toEqual(['l1 paid d 4..4', 'l2 paid d 20..20']);
  });

  it('M19, T4: what was used in a trial is never paid, and its fraction neither', () => {
    const trial = agreement('l1', { startsAt: at('11-18 10:00'), trialUntil: at('11-18 14:20') });
    const usage = [used('11-18 12:00', '40.9'), used('11-18 14:05', '6'), used('11-18 14:40', '9.5')];
    expect(billsOf(life([trial], usage))).toEqual(['l1 trial d 46..46', 'l1 paid d 9..9']);
    expect([priceOfHour(trial, at('11-18 14:00')), priceOfHour(trial, at('11-18 15:00'))]).toEqual(['trial', 'paid']);
  });

  it('M20, M21: what no agreement has is held; the arrival goes along with the start', () => {
    const only = agreement('l1', { startsAt: at('11-03 10:05'), endsAt: at('11-20 12:05'), endsAs: 'CANCELLED' });
    const usage = [used('10-14 10:00', '1000'), used('11-03 09:50', '3'), used('11-20 12:45', '50')];
    expect(billsOf(life([only], usage))).toEqual(['l1 paid d 3..3']);
    expect(verdictOf(life([only], usage)).uncovered.map(({ reason }) => reason)).toEqual([
      'noAgreement',
      'noAgreement',
    ]);
  });

  it('M2: usage that two could pay waits, unless the payer is named', () => {
    const second = agreement('l2', { startsAt: at('11-12 00:00'), origin: 'concurrent' });
    const usage = [used('11-13 10:00', '12'), used('11-13 11:00', '5', { by: 'payer', chain: 'l2' })];
    expect(billsOf(life([{ ...l1, endsAt: null }, second], usage))).toEqual(['l2 paid d 5..5']);
  });

  it('late usage of an agreement that is over may find a free hour, or is held', () => {
    const usage = [used('11-20 09:00', '5', { recordedAt: at('11-21 00:00') })];
    expect(billsOf(life([l1], usage))).toEqual(['l1 paid d 0..5']);
  });

  it('an agreement that never had an hour of its own under a kept identity bills nothing', () => {
    const short = agreement('l2', {
      startsAt: at('11-20 10:37'),
      endsAt: at('11-20 10:55'),
      license: 'l-l1',
      previous: 'l1',
      chain: 'l1',
    });
    expect(billsOf(life([l1, short], [used('11-20 10:40', '9')]))).toEqual([]);
    expect(billsOf(life([l1, { ...short, license: 'l-l2' }], [used('11-20 10:40', '9')]))).toEqual(['l2 paid d 9..9']);
  });

  it('a bill that differs is told, unit by unit', () => {
    const of = life([l1, l2], [used('11-20 10:20', '4'), used('11-20 10:50', '5')]);
    const line = (key: string, quantity: number) => ({
      agreement: key,
      dimension: 'd',
      hour: at('11-20 10:00'),
      quantity,
    });
    expect(differencesOf(of, [line('l1', 4), line('l2', 5)])).toEqual([]);
    expect(differencesOf(of, [line('l1', 9)])).toEqual([
      'l1 paid d: 9 billed, due are 4',
      'l2 paid d: 0 billed, due are 5',
    ]);
  });
});

describe('random lives', () => {
  it('are the same for the same seed, and their actions lie in the order of time', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const one = lifeOfSeed(seed);
      expect(JSON.stringify(lifeOfSeed(seed))).toBe(JSON.stringify(one));
      const times = actionsOf(one).map((action) => action.at.getTime());
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it('hold every kind of agreement, identity and usage', () => {
    const lives = Array.from({ length: 120 }, (_, seed) => lifeOfSeed(seed));
    const origins = new Set(lives.flatMap(({ agreements }) => agreements.map(({ origin }) => origin)));
    expect([...origins].sort()).toEqual([
      'concurrent',
      'conversion',
      'earlyRenewal',
      'lateRenewal',
      'purchase',
      'replacement',
      'return',
    ]);
    const bills = lives.flatMap((of) => verdictOf(of).bills);
    expect(bills.filter(({ atLeast, atMost }) => atLeast === atMost).length).toBeGreaterThan(bills.length / 3);
    expect(
      new Set(lives.flatMap((of) => verdictOf(of).uncovered.map(({ reason }) => reason))).size,
    ).toBeGreaterThanOrEqual(2);
  });
});

/** All that AWS could tell of a life, heard in time. */
function factsOf({ agreements }: TrueLife, buyer: string): AgreementFact[] {
  const told = (key: string, instant: Date, type: Parameters<typeof fact>[2], details: object): AgreementFact => {
    const made = fact(key, '01-01 00:00', type, details);
    return { ...made, at: instant, heardAt: instant };
  };
  return agreements
    .filter((of) => of.buyer === buyer)
    .flatMap(({ key, signedAt, startsAt, endsAt, endsAs, previous, trialUntil }) => [
      told(key, signedAt, 'agreement.created', { startTime: startsAt.toISOString(), previousDigest: previous }),
      told(key, signedAt, 'license.updated', {}),
      told(key, startsAt, 'agreement.found', {
        ...{
          startTime: startsAt.toISOString(),
          terms: { trial: trialUntil === null ? null : { until: trialUntil.toISOString() } },
        },
      }),
      ...(endsAt === null ? [] : [told(key, endsAt, 'agreement.ended', { status: endsAs })]),
    ]);
}

describe('the rules, told everything, and the oracle', () => {
  it('give each usage to the same agreement at the same price', () => {
    let compared = 0;
    for (let seed = 0; seed < Number(process.env.RULE_LIVES ?? 120); seed += 1) {
      const of = lifeOfSeed(seed);
      for (const buyer of of.buyers) {
        const own = of.agreements.filter(({ buyer: key }) => key === buyer.key);
        const rows = Object.fromEntries(own.map(({ key, license }) => [key, { licenses: [license] }]));
        const asking = { askedAt: of.until, mayNotAsk: false };
        const relation = relationOf(rows, factsOf(of, buyer.key), asking, buyer.identity === 'legacy');
        const timelines = [...relation.chains.values()].map((chain) => timelineFor(chain, asking, of.until));
        for (const usage of of.usage.filter(({ buyer: key }) => key === buyer.key)) {
          const spans = timelines
            .filter(
              ({ spans }) =>
                usage.chain === null || spans.some(({ agreementId }) => chainKeyOf(of, agreementId) === usage.chain),
            )
            .map((timeline) => spanAt(timeline, usage.occurredAt))
            .filter((span) => span !== undefined);
          // What only the gap before a start covers gives way to what runs.
          const running = spans.filter(({ agreementId }) => startOf(of, agreementId) <= usage.occurredAt);
          const payers = running.length > 0 ? running : firstStarted(spans);
          const expected = payersOf(of, usage).map((payer) => `${payer.key} ${priceAt(payer, usage.occurredAt)}`);
          expect([seed, usage.key, payers.map(({ agreementId, price }) => `${agreementId} ${price}`).sort()]).toEqual([
            seed,
            usage.key,
            expected.sort(),
          ]);
          compared += 1;
        }
      }
    }
    expect(compared).toBeGreaterThan(5000);
  });
});

function chainKeyOf({ agreements }: TrueLife, key: string | undefined): string | undefined {
  return agreements.find((of) => of.key === key)?.chain;
}

function startOf({ agreements }: TrueLife, key: string): Date {
  return agreements.find((of) => of.key === key)?.startsAt ?? new Date(0);
}

function firstStarted<T extends { startsAt: Date }>(spans: readonly T[]): T[] {
  const first = Math.min(...spans.map(({ startsAt }) => startsAt.getTime()));
  return spans.filter(({ startsAt }) => startsAt.getTime() === first);
}

function priceAt({ trialUntil }: TrueAgreement, instant: Date): 'trial' | 'paid' {
  return trialUntil !== null && instant < trialUntil ? 'trial' : 'paid';
}
