/** What keeps the license of the agreement before and tells no start of its own. What hosts hear of it: cases.spec.ts. */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf } from '../../../src/subscription/agreements/agreement-state.js';
import { startingInTurn } from '../../../src/subscription/agreements/kept-license.js';
import { type ChainAgreement } from '../../../src/subscription/agreements/subscription-state.js';
import { asked, fact, instant, iso, MAY_NOT_ASK } from './facts.js';

const STARTS = { startTime: iso('10-11 00:00') };
const RUNS = fact('a', '10-11 00:00', 'agreement.created', STARTS);
const PLANNED = fact('a', '10-11 00:00', 'agreement.created', { ...STARTS, endTime: iso('12-11 00:00') });
const LICENSE = fact('b', '11-11 09:00', 'license.updated');
const ended = (at: string): AgreementFact => fact('a', at, 'agreement.ended', { status: 'REPLACED' });

const agreement = (
  id: string,
  facts: readonly AgreementFact[],
  asking: Asking,
  more: Partial<ChainAgreement> = {},
) => ({
  ...{ id, aliasIds: [], previousId: null, life: lifeOf(facts, asking), ...more },
});

/** When b starts, and from when on that counts. */
function startAfter(
  before: readonly AgreementFact[],
  own: readonly AgreementFact[],
  { asking = asked('11-11 09:10'), ...more }: Partial<ChainAgreement> & { asking?: Asking } = {},
): (string | null)[] {
  const chain = [
    agreement('a', before, asking, { aliasIds: ['x'] }),
    agreement('b', own, asking, { previousId: 'a', ...more }),
  ];
  const start = startingInTurn(chain).find(({ id }) => id === 'b')?.life.start ?? null;
  return [start?.at ?? null, start?.confirmedAt ?? null].map(
    (at) => at?.toISOString().slice(5, 16).replace('T', ' ') ?? null,
  );
}

describe('what keeps the license of the agreement before, and tells no start', () => {
  it.each<[string, AgreementFact[], string, string]>([
    ['at the planned end of that one', [PLANNED], '12-11 00:00', '12-11 00:00'],
    ['when it was told, a day later, where that one has no end', [RUNS], '11-11 09:00', '11-12 09:00'],
    ['at the end of that one, which was told', [PLANNED, ended('11-11 09:30')], '11-11 09:30', '11-11 09:30'],
    ['when it was told, where that one was over', [PLANNED, ended('11-11 08:00')], '11-11 09:00', '11-11 09:10'],
    [
      'when it was told, a day later, where that one is called RENEWED and has no end',
      [RUNS, fact('a', '11-11 08:00', 'agreement.ended', { status: 'RENEWED' })],
      '11-11 09:00',
      '11-12 09:00',
    ],
    [
      'at the end of that one, where it is called RENEWED, too',
      [RUNS, fact('a', '11-11 08:00', 'agreement.ended', { status: 'RENEWED' }), ended('11-11 09:30')],
      '11-11 09:30',
      '11-11 09:30',
    ],
    ['likewise of one that nobody has told a start of', [], '11-11 09:00', '11-12 09:00'],
  ])('starts %s', (_, before, at, confirmedAt) => {
    expect(startAfter(before, [LICENSE])).toEqual([at, confirmedAt]);
  });

  it('is judged by the row that the one before turned out to be', () => {
    expect(startAfter([PLANNED], [LICENSE], { previousId: 'x' })).toEqual(['12-11 00:00', '12-11 00:00']);
  });

  it.each(['abc', 'cba', 'bca'])('starts not before that one, which may start in its turn itself (%s)', (order) => {
    const asking = asked('11-11 09:20');
    const chain = [
      agreement('a', [PLANNED], asking),
      agreement('b', [LICENSE], asking, { previousId: 'a' }),
      agreement('c', [fact('c', '11-11 09:05', 'license.updated')], asking, { previousId: 'b' }),
    ].sort((one, other) => order.indexOf(one.id) - order.indexOf(other.id));
    const starts = startingInTurn(chain).flatMap(({ id, life: { start } }) => (id === 'a' ? [] : [start]));
    expect(starts).toEqual(
      [1, 2].map(() => ({ at: instant('12-11 00:00'), isTold: false, confirmedAt: instant('12-11 00:00') })),
    );
  });

  it('is read, too, where two are said to follow each other', () => {
    const chain = ['a', 'b'].map((id) =>
      agreement(id, [], asked('11-11 09:20'), { previousId: id === 'a' ? 'b' : 'a' }),
    );
    expect(startingInTurn(chain)).toEqual(chain);
  });

  it('waits a day, too, where AWS may not be asked', () => {
    expect(startAfter([RUNS], [LICENSE], { asking: MAY_NOT_ASK })).toEqual(['11-11 09:00', '11-12 09:00']);
  });
});

describe('a start stays', () => {
  const created = fact('b', '11-11 09:00', 'agreement.created', { startTime: iso('11-20 00:00') });

  it.each<[string, AgreementFact[], Partial<ChainAgreement>, (string | null)[]]>([
    ['that was told', [LICENSE, created], {}, ['11-20 00:00', '11-20 00:00']],
    ['of what follows none', [LICENSE], { previousId: null }, ['11-11 09:00', '11-11 09:10']],
    ['of what follows another that is not there', [LICENSE], { previousId: 'c' }, ['11-11 09:00', '11-11 09:10']],
    ['of a buyer who has only arrived', [fact('b', '11-11 09:00', 'buyer.registered')], {}, ['11-11 09:00', null]],
    ['unknown', [fact('b', '11-11 09:00', 'agreement.notice')], {}, [null, null]],
  ])('%s', (_, own, more, expected) => {
    expect(startAfter([PLANNED], own, more)).toEqual(expected);
  });

  it('of the agreement before', () => {
    const chain = [agreement('a', [PLANNED], asked('11-11 09:10'))];
    expect(startingInTurn(chain)).toEqual(chain);
    expect(startingInTurn(chain)[0]?.life.start?.at).toEqual(instant('10-11 00:00'));
  });
});
