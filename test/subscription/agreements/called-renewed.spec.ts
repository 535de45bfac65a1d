/** What is called RENEWED and names no end, beside its renewal. Whole lives: told-relation. */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { lifeOf } from '../../../src/subscription/agreements/agreement-state.js';
import { endingWithRenewals } from '../../../src/subscription/agreements/called-renewed.js';
import { type ChainAgreement } from '../../../src/subscription/agreements/subscription-state.js';
import { asked, fact, instant, iso } from './facts.js';

const RUNS = fact('a', '11-01 00:00', 'agreement.created', { startTime: iso('11-01 00:00') });
const RENEWED = fact('a', '11-20 10:00', 'agreement.ended', { status: 'RENEWED' });
const begins = (at: string): AgreementFact => fact('b', '11-20 10:00', 'agreement.created', { startTime: iso(at) });
const ended = (id: string, at: string): AgreementFact => fact(id, at, 'agreement.ended', { status: 'CANCELLED' });
const agreement = (id: string, facts: readonly AgreementFact[], previousId: string | null = null): ChainAgreement => ({
  ...{ id, aliasIds: id === 'a' ? ['x'] : [], previousId, life: lifeOf(facts, asked('11-20 10:10')) },
});

const beginsAlone = (at: string): ChainAgreement => agreement(at, [begins(`11-20 ${at}`)]);

/** When a ends, with what is in its chain. */
const endOf = (before: readonly AgreementFact[], ...after: ChainAgreement[]): Date | undefined =>
  endingWithRenewals([...after, agreement('a', before)]).find(({ id }) => id === 'a')?.life.end?.at;

describe('what runs without an end and is called RENEWED', () => {
  it.each<[string, AgreementFact[], ChainAgreement[], string | undefined]>([
    [
      'ends with the start of its renewal, where that is later',
      [],
      [agreement('b', [begins('11-20 11:00')], 'a')],
      '11-20 11:00',
    ],
    ['likewise by the name it had before', [], [agreement('b', [begins('11-20 11:00')], 'x')], '11-20 11:00'],
    [
      'was over where that begins in the same minute',
      [],
      [agreement('b', [begins('11-20 10:00:30')], 'a')],
      '11-20 10:00',
    ],
    ['was over where nothing follows', [], [], '11-20 10:00'],
    [
      'was over where what begins later follows another',
      [],
      [agreement('b', [begins('11-20 11:00')], 'c')],
      '11-20 10:00',
    ],
    ['ends with the first that names none', [], ['12:00', '11:00'].map(beginsAlone), '11-20 11:00'],
    ['was over where that begins in the same minute', [], ['12:00', '09:59:30'].map(beginsAlone), '11-20 10:00'],
    [
      'ends with what follows it, not with what names none',
      [],
      [...['10:30'].map(beginsAlone), agreement('b', [begins('11-20 11:00')], 'a')],
      '11-20 11:00',
    ],
    ['ends with the next where another had begun before', [], ['12:00', '09:59:29'].map(beginsAlone), '11-20 12:00'],
    [
      'ends by what else was told',
      [ended('a', '11-20 10:30')],
      [agreement('b', [begins('11-20 11:00')], 'a')],
      '11-20 10:30',
    ],
    [
      'ends with a renewal that was cancelled since',
      [],
      [agreement('b', [begins('11-20 11:00'), ended('b', '11-20 12:00')], 'a')],
      '11-20 11:00',
    ],
    [
      'was over where what would follow is called off as it begins',
      [],
      [agreement('b', [begins('11-20 11:00'), ended('b', '11-20 11:00')], 'a')],
      '11-20 10:00',
    ],
    ['was over where nothing is known of what follows but its name', [], [agreement('b', [], 'a')], '11-20 10:00'],
    [
      'was over where what would follow is called off',
      [],
      [agreement('b', [begins('11-20 11:00'), ended('b', '11-20 10:30')], 'a')],
      '11-20 10:00',
    ],
    [
      'ends with what follows beside what was called off',
      [],
      [
        agreement('b', [begins('11-20 11:00'), ended('b', '11-20 10:30')], 'a'),
        agreement('c', [begins('11-20 12:00')], 'a'),
      ],
      '11-20 12:00',
    ],
    [
      'was over where only a license tells of what follows',
      [],
      [agreement('b', [fact('b', '11-20 11:00', 'license.updated')], 'a')],
      '11-20 10:00',
    ],
  ])('%s', (_, more, after, at) => {
    expect(endOf([RUNS, RENEWED, ...more], ...after)).toEqual(at === undefined ? undefined : instant(at));
  });

  it('has the signs of both ends', () => {
    const gone = fact('a', '11-20 11:30', 'license.deprovisioned', {}, { heardAt: '11-20 11:40' });
    const read = (...facts: AgreementFact[]) =>
      endingWithRenewals([agreement('a', [RUNS, RENEWED, ...facts]), agreement('b', [begins('11-20 11:00')], 'a')])[0]
        ?.life.end;
    const signs = (first: string, last: string, heard: string) => ({
      ...{ at: instant(first), firstSignAt: instant(first), lastSignAt: instant(last), lastHeardAt: instant(heard) },
      ...{ announcesSuccessor: false, isByHost: false, calledRenewed: null },
    });
    expect(read()).toEqual(signs('11-20 11:00', '11-20 11:00', '11-20 11:00'));
    expect(read(gone)).toEqual(signs('11-20 11:00', '11-20 11:30', '11-20 11:40'));
    expect(read(ended('a', '11-20 10:30'))).toEqual(signs('11-20 10:30', '11-20 11:00', '11-20 11:00'));
  });

  it('leaves the end of all others', () => {
    expect(endOf([RUNS, ended('a', '11-20 10:00')], agreement('b', [begins('11-20 11:00')], 'a'))).toEqual(
      instant('11-20 10:00'),
    );
    expect(endOf([RUNS], agreement('b', [begins('11-20 11:00')], 'a'))).toBeUndefined();
  });
});
