import { describe, expect, it } from '@jest/globals';
import { type AgreementFact, type FactType } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { type AgreementRow, assignFacts } from '../../../src/subscription/agreements/fact-assignment.js';
import { asked, fact, instant, iso, MAY_NOT_ASK, NOT_ASKED } from './facts.js';

// The rule by itself. What follows from where a fact lies, up to the bill, is in cases.spec.ts.

const row = (id: string, over: Partial<AgreementRow> = {}): AgreementRow => ({
  ...{ id, isNamed: true, licenses: [`l-${id}`] },
  ...over,
});
const licensed = (id: string, ...licenses: string[]): AgreementRow => row(id, { isNamed: false, licenses });
/** AWS tells that an agreement starts, and when; `until` when it ended. */
const told = (id: string, at: string): AgreementFact => fact(id, at, 'agreement.created', { startTime: iso(at) });
const ended = (id: string, at: string): AgreementFact => fact(id, at, 'agreement.ended', { endTime: iso(at) });
const found = (id: string, at: string, status = 'ACTIVE'): AgreementFact => fact(id, at, 'agreement.found', { status });
const started = (at: string, among?: string[]): AgreementFact =>
  fact(null, at, 'legacy.subscribeSucceeded', {}, among ? { among } : {});
const arrived = (at: string, among?: string[]): AgreementFact =>
  fact(null, at, 'buyer.registered', {}, among ? { among } : {});
const entered = (at: string, since: string): AgreementFact => fact(null, at, 'buyer.registered', { since: iso(since) });
const unsubscribed = (at: string, more: { heardAt?: string; among?: string[] } = {}): AgreementFact =>
  fact(null, at, 'legacy.unsubscribed', {}, more);

/** Where each of the facts lies that are given by a name: `of` agreements (nameless ones by their fact's name). */
function assigned(
  rows: readonly AgreementRow[],
  others: readonly AgreementFact[],
  named: Readonly<Record<string, AgreementFact>>,
  asking: Asking = NOT_ASKED,
) {
  const names = new Map(Object.entries(named).map(([name, { id }]) => [id, name]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const { byAgreement, wanted, aliases, doubts, ofOthers } = assignFacts(
    rows,
    [...others, ...Object.values(named)],
    asking,
  );
  const of: Record<string, string[]> = {};
  for (const [id, facts] of byAgreement) {
    for (const { id: factId } of facts) {
      const name = names.get(factId);
      if (name !== undefined) (of[name] ??= []).push(nameOf(id));
    }
  }
  return {
    of,
    agreements: [...byAgreement.keys()].map(nameOf),
    wanted: wanted.map(nameOf),
    aliases: Object.fromEntries([...aliases].map(([alias, standing]) => [nameOf(alias), nameOf(standing)])),
    doubts: doubts.map(
      ({ factId, reason, askFrom }) => `${nameOf(factId)} ${reason} ${askFrom.toISOString().slice(5, 16)}`,
    ),
    ofOthers: ofOthers.map(nameOf),
  };
}

describe('rows and facts that name them', () => {
  it('a fact is of the agreement that it names, and agreements stand in the order of their starts', () => {
    const seen = assigned([row('a'), row('b')], [], {
      later: told('a', '11-10 00:00'),
      sooner: told('b', '11-01 00:00'),
    });
    expect(seen).toMatchObject({ of: { later: ['a'], sooner: ['b'] }, agreements: ['b', 'a'], wanted: [] });
  });

  it('of one instant they stand in the order of their ids', () => {
    const facts = [told('b', '11-01 00:00'), told('a', '11-01 00:00')];
    expect(assigned([row('b'), row('a')], facts, {}).agreements).toEqual(['a', 'b']);
  });

  it('a row stands that is named or has a license; one made by a start is made anew by it', () => {
    const rows = [row('a', { licenses: [] }), licensed('b', 'l-x'), licensed('c')];
    expect(assigned(rows, [], {}).agreements).toEqual(['a', 'b']);
  });
});

describe('a row that only a license names', () => {
  const heard = (at: string): AgreementFact => fact('x', at, 'license.updated');

  it('is the agreement of that license, and its facts are its', () => {
    const seen = assigned([row('a'), licensed('x', 'l-a')], [told('a', '11-01 00:00')], {
      heard: heard('11-02 00:00'),
    });
    expect(seen).toMatchObject({ of: { heard: ['a'] }, aliases: { x: 'a' }, agreements: ['a'] });
  });

  it('stands for itself where no other has the license', () => {
    const seen = assigned([row('a'), licensed('x', 'l-x')], [told('a', '11-01 00:00')], {
      heard: heard('11-02 00:00'),
    });
    expect(seen).toMatchObject({ of: { heard: ['x'] }, aliases: {} });
  });

  it('is the first of several that only the license names', () => {
    const seen = assigned([licensed('y', 'l-1'), licensed('x', 'l-1'), licensed('z', 'l-2')], [], {});
    expect(seen).toMatchObject({ aliases: { y: 'x' }, agreements: ['x', 'z'] });
  });

  it.each([
    ['11-05 00:00', 'a'],
    ['11-10 00:00', 'b'],
    ['11-25 00:00', 'b'],
    ['10-01 00:00', 'a'],
  ])(
    'is, of several agreements of the license, the one that ran when it was heard of (%s), else the next',
    (at, of) => {
      const rows = [row('a', { licenses: ['l'] }), row('b', { licenses: ['l'] }), licensed('x', 'l')];
      const starts = [told('a', '11-01 00:00'), told('b', '11-10 00:00')];
      expect(assigned(rows, starts, { heard: heard(at) }).of).toEqual({ heard: [of] });
    },
  );

  it('is the first of them where nothing was heard of it', () => {
    const rows = [row('a', { licenses: ['l'] }), row('b', { licenses: ['l'] }), licensed('x', 'l')];
    expect(assigned(rows, [told('b', '11-01 00:00'), told('a', '11-10 00:00')], {}).aliases).toEqual({ x: 'b' });
  });
});

describe('a License event of a license that serves several agreements', () => {
  const starts = [told('a', '11-01 00:00'), told('b', '11-10 00:00')];
  const updated = (at: string, among?: string[]): AgreementFact =>
    fact(null, at, 'license.updated', {}, among ? { among } : {});

  it.each([
    ['11-05 00:00', ['a', 'b'], ['a']],
    ['11-12 00:00', ['a', 'b'], ['b']],
    ['10-05 00:00', ['a', 'b'], ['a']],
    ['11-12 00:00', ['a'], ['a']],
    ['11-12 00:00', ['z'], undefined],
    ['11-12 00:00', undefined, undefined],
  ])('of %s, among %j, is of %j', (at, among, of) => {
    expect(assigned([row('a'), row('b')], starts, { updated: updated(at, among) }).of.updated).toEqual(of);
  });
});

describe('a start that names no agreement', () => {
  const NEW = ['start'];
  const provisional = (at: string): AgreementFact => fact('a', at, 'license.updated');
  it.each<[string, AgreementFact[], AgreementFact, string[]]>([
    ['is one of its own where there is none', [], started('11-10 00:00'), NEW],
    ['is the agreement that starts then', [told('a', '11-10 00:00')], started('11-10 00:00'), ['a']],
    ['is it up to an hour later', [told('a', '11-10 00:00')], started('11-10 01:00'), ['a']],
    ['is it up to an hour before', [told('a', '11-10 00:00')], started('11-09 23:00'), ['a']],
    ['is another after more than that', [told('a', '11-10 00:00')], started('11-10 01:01'), NEW],
    [
      'is it up to four hours from a start that nobody has told',
      [provisional('11-10 00:00')],
      started('11-10 04:00'),
      ['a'],
    ],
    ['is another beyond those', [provisional('11-10 00:00')], started('11-10 04:01'), NEW],
    ['is the nearer of two', [told('a', '11-10 00:00'), told('b', '11-10 00:50')], started('11-10 00:30'), ['b']],
    [
      'is the earlier of two that are as near',
      [told('a', '11-10 00:00'), told('b', '11-10 01:00')],
      started('11-10 00:30'),
      ['a'],
    ],
    ['is not one that was over', [told('a', '11-10 00:00'), ended('a', '11-10 00:29')], started('11-10 00:30'), NEW],
    [
      'is one that was over at that instant',
      [told('a', '11-10 00:00'), ended('a', '11-10 00:30')],
      started('11-10 00:30'),
      ['a'],
    ],
    ['is not one of which it does not speak', [told('a', '11-10 00:00')], started('11-10 00:00', ['b']), NEW],
    [
      'is told anew of one that ran already, where AWS knows of no other',
      [told('a', '10-01 00:00'), found('a', '11-10 00:10')],
      started('11-10 00:00'),
      ['a'],
    ],
    [
      'is one of its own where AWS was asked too soon after it',
      [told('a', '10-01 00:00'), found('a', '11-10 00:09')],
      started('11-10 00:00'),
      NEW,
    ],
    [
      'is one of its own where AWS says that the other does not go on',
      [told('a', '10-01 00:00'), found('a', '11-10 00:10', 'CANCELLED')],
      started('11-10 00:00'),
      NEW,
    ],
    [
      'is not told anew of one that starts later',
      [told('a', '11-11 00:00'), found('a', '11-12 00:00')],
      started('11-10 00:00'),
      NEW,
    ],
    [
      'is told anew of the later of two',
      [...['a', 'b'].flatMap((id, n) => [told(id, `10-0${n + 1} 00:00`), found(id, '11-11 00:00')])],
      started('11-10 00:00'),
      ['b'],
    ],
  ])('%s', (_, others, start, of) => {
    const seen = assigned([row('a'), row('b')], others, { start });
    expect(seen.of.start).toEqual(of);
    expect(seen.wanted).toEqual(of === NEW ? ['start'] : []);
  });

  describe('hours after another', () => {
    const arrival = provisional('11-10 02:30');
    it.each<[string, AgreementFact[], Record<'first' | 'second', AgreementFact>, Record<'first' | 'second', string>]>([
      [
        'is another: the first is that of the buyer who arrived',
        [arrival],
        { first: started('11-10 02:16'), second: started('11-10 06:12') },
        { first: 'a', second: 'second' },
      ],
      [
        'is that of the buyer who arrived shortly before it',
        [provisional('11-10 06:00')],
        { first: started('11-10 02:16'), second: started('11-10 06:12') },
        { first: 'first', second: 'a' },
      ],
      [
        'of two as near to it the buyer’s is the one before and the one after, as nobody can tell',
        [provisional('11-10 04:00')],
        { first: started('11-10 02:00'), second: started('11-10 06:00') },
        { first: 'a', second: 'a' },
      ],
      [
        'is the same, told twice, up to an hour later',
        [arrival],
        { first: started('11-10 02:16'), second: started('11-10 03:16') },
        { first: 'a', second: 'a' },
      ],
      [
        'is another after more than that',
        [arrival],
        { first: started('11-10 02:16'), second: started('11-10 03:17') },
        { first: 'a', second: 'second' },
      ],
      [
        'is that of the buyer who arrived, where the first is one that AWS tells',
        [arrival, told('b', '11-10 02:16')],
        { first: started('11-10 02:16'), second: started('11-10 06:12') },
        { first: 'b', second: 'a' },
      ],
      [
        'is that of what follows, where it is nearer to that: the first is that of the buyer who arrived late',
        [provisional('11-10 05:00'), fact('b', '11-10 05:25', 'license.updated')],
        { first: started('11-10 02:00'), second: started('11-10 05:30') },
        { first: 'a', second: 'b' },
      ],
      [
        'is that of the buyer who arrived, where the first does not speak of it',
        [arrival],
        { first: started('11-10 02:16', ['b']), second: started('11-10 06:12') },
        { first: 'first', second: 'a' },
      ],
    ])('%s', (_, others, named, of) => {
      const seen = assigned([row('a'), row('b')], others, named);
      expect(seen.of).toEqual({ first: [of.first], second: [of.second] });
    });
  });

  it('leaves its row as an alias of the agreement that it turns out to be', () => {
    const start = started('11-10 00:00');
    const rows = [row('a'), row(start.id, { isNamed: false, licenses: [] })];
    expect(assigned(rows, [told('a', '11-10 00:00')], { start })).toMatchObject({
      aliases: { start: 'a' },
      agreements: ['a'],
    });
    expect(assigned([row('a')], [told('a', '11-10 00:00')], { start }).aliases).toEqual({});
  });

  it('takes the place of no other that names none', () => {
    const seen = assigned([], [], { first: started('11-10 00:00'), second: started('11-10 00:30') });
    expect(seen.wanted).toEqual(['first', 'second']);
  });
});

describe('the arrival of a buyer', () => {
  it('by the host’s word of later is no beginning of before: what is older than his coming is of others', () => {
    const named = { arrival: entered('11-10 00:00', '11-01 00:00'), end: unsubscribed('11-05 00:00') };
    expect(assigned([], [], named, asked('11-20 00:00')).ofOthers).toEqual(['end']);
    const seen = assigned([], [], { ...named, end: unsubscribed('11-11 00:00') }, asked('11-20 00:00'));
    expect(seen.of.end).toEqual(['arrival']);
  });

  it.each<[string, AgreementFact[], AgreementFact, string[]]>([
    ['stands for a start where there is none', [], arrived('11-10 00:00'), ['arrival']],
    ['is of the agreement that runs', [told('a', '11-01 00:00')], arrived('11-10 00:00'), ['a']],
    ['is of one that starts at that instant', [told('a', '11-10 00:00')], arrived('11-10 00:00'), ['a']],
    [
      'is of the later of two that run',
      [told('a', '11-01 00:00'), told('b', '11-05 00:00')],
      arrived('11-10 00:00'),
      ['b'],
    ],
    ['is of one that starts within four hours', [told('a', '11-10 04:00')], arrived('11-10 00:00'), ['a']],
    ['is of none that starts later', [told('a', '11-10 04:01')], arrived('11-10 00:00'), ['arrival']],
    [
      'nor of one that starts so long after he bought first, by the host’s word',
      [told('a', '11-10 01:00')],
      entered('11-10 00:00', '11-09 20:59'),
      ['arrival'],
    ],
    ['but within four hours of that', [told('a', '11-10 01:00')], entered('11-10 00:00', '11-09 21:00'), ['a']],
    [
      'or of his coming, where that was before',
      [told('a', '11-10 04:00')],
      entered('11-10 00:00', '11-20 00:00'),
      ['a'],
    ],
    [
      'is of the first of two that start within four hours',
      [told('b', '11-10 03:00'), told('a', '11-10 02:00')],
      arrived('11-10 00:00'),
      ['a'],
    ],
    [
      'is of the one that runs, rather than of one about to start',
      [told('a', '11-01 00:00'), told('b', '11-10 01:00')],
      arrived('11-10 00:00'),
      ['a'],
    ],
    [
      'is not of one that is over',
      [told('a', '11-01 00:00'), ended('a', '11-09 23:59')],
      arrived('11-10 00:00'),
      ['arrival'],
    ],
    [
      'is of one that is over just then',
      [told('a', '11-01 00:00'), ended('a', '11-10 00:00')],
      arrived('11-10 00:00'),
      ['a'],
    ],
    ['is not of one of another license', [told('a', '11-01 00:00')], arrived('11-10 00:00', ['b']), ['arrival']],
  ])('%s', (_, others, arrival, of) => {
    expect(assigned([row('a'), row('b')], others, { arrival }).of.arrival).toEqual(of);
  });

  // AWS may call it RENEWED when the renewal is signed: without an end it goes on until something starts.
  const renewed = fact('a', '11-10 00:00:00', 'agreement.ended', { status: 'RENEWED' });
  it.each<[string, AgreementFact[], string]>([
    ['of what was called RENEWED, as long as nothing has started', [], 'a'],
    ['of that until its renewal starts', [told('b', '11-10 10:00:01')], 'a'],
    ['of the renewal from then on', [told('b', '11-10 10:00')], 'b'],
    ['of what was called RENEWED just before it started', [told('b', '11-10 00:00:30')], 'b'],
    [
      'of none where the renewal had just started, and is over',
      [told('b', '11-09 23:59:30'), ended('b', '11-10 05:00')],
      'arrival',
    ],
    [
      'of it where what started before the word was none',
      [told('b', '11-09 23:59:29'), ended('b', '11-10 05:00')],
      'a',
    ],
    [
      'of it where the renewal is called off before it starts',
      [told('b', '11-10 09:00'), ended('b', '11-10 08:00')],
      'a',
    ],
    ['of none where its end was told, too', [fact('a', '11-10 09:00', 'license.deprovisioned')], 'arrival'],
    ['of it until that end', [fact('a', '11-10 10:00', 'license.deprovisioned')], 'a'],
  ])('is %s', (_, others, of) => {
    const facts = [told('a', '11-01 00:00'), renewed, ...others];
    expect(assigned([row('a'), row('b')], facts, { arrival: arrived('11-10 10:00') }).of.arrival).toEqual([of]);
  });

  it('leaves its row as an alias of the agreement that it is of', () => {
    const arrival = arrived('11-10 00:00');
    const rows = [row('a'), row(arrival.id, { isNamed: false, licenses: [] })];
    expect(assigned(rows, [told('a', '11-10 01:00')], { arrival }).aliases).toEqual({ arrival: 'a' });
  });
});

describe('a purchase that failed', () => {
  const failure = (at: string, among?: string[]): AgreementFact =>
    fact(null, at, 'legacy.subscribeFailed', {}, among ? { among } : {});
  it.each<[string, AgreementFact[], AgreementFact, string[] | undefined]>([
    ['is of the buyer who has arrived', [arrived('11-10 00:00')], failure('11-10 01:00'), ['a row']],
    ['also where he arrives up to four hours after it', [arrived('11-10 04:00')], failure('11-10 00:00'), ['a row']],
    ['not where he arrives later', [arrived('11-10 04:01')], failure('11-10 00:00'), undefined],
    ['not of an agreement that has started', [told('a', '11-01 00:00')], failure('11-10 00:00'), undefined],
    ['of nobody where nobody is known', [], failure('11-10 00:00'), undefined],
    [
      'not of one who was followed by another before it',
      [arrived('11-08 00:00'), told('a', '11-09 00:00')],
      failure('11-10 00:00'),
      undefined,
    ],
    [
      'of the last of two',
      [fact('a', '11-01 00:00', 'license.updated'), fact('b', '11-05 00:00', 'license.updated')],
      failure('11-10 00:00'),
      ['b'],
    ],
    [
      'not of one that only a name tells of',
      [fact('a', '11-01 00:00', 'agreement.notice')],
      failure('11-10 00:00'),
      undefined,
    ],
    [
      'not of one of another license',
      [fact('a', '11-01 00:00', 'license.updated')],
      failure('11-10 00:00', ['b']),
      undefined,
    ],
  ])('%s', (_, others, failed, of) => {
    const seen = assigned([row('a'), row('b')], others, { failed });
    expect(seen.of.failed?.map((id) => (id.length > 1 ? 'a row' : id))).toEqual(of);
    expect(seen.ofOthers).toEqual(of ? [] : ['failed']);
  });
});

describe('the host’s word', () => {
  const word = (among?: string[]): AgreementFact =>
    fact(null, '11-10 00:00', 'host.ended', { endsAt: iso('11-10 00:00') }, among ? { among } : {});
  const starts = [told('a', '11-01 00:00'), told('b', '11-02 00:00'), told('c', '11-03 00:00')];

  it('is of every agreement of its subscription, and of no other', () => {
    const rows = [row('a'), row('b'), row('c')];
    expect(assigned(rows, starts, { word: word(['b', 'a']) }).of).toEqual({ word: ['a', 'b'] });
    expect(assigned(rows, starts, { word: word() }).of).toEqual({});
  });

  it('is of the agreement that stands for a row', () => {
    const rows = [row('a', { licenses: ['l'] }), licensed('x', 'l')];
    expect(assigned(rows, starts.slice(0, 1), { word: word(['x', 'a']) }).of).toEqual({ word: ['a'] });
  });
});

describe('an end that names no agreement', () => {
  const one = [told('a', '11-01 00:00')];
  const two = [told('a', '11-01 00:00'), told('b', '11-05 00:00')];
  const rows = [row('a'), row('b')];

  it.each<FactType>([
    'legacy.unsubscribePending',
    'legacy.unsubscribed',
    'license.deprovisioned',
    'agreement.ended',
    'advisory.issued',
    'advisory.resolved',
  ])('(%s) is of the one that runs, and in doubt where two do', (type) => {
    expect(assigned(rows, one, { end: fact(null, '11-10 00:00', type) }).of).toEqual({ end: ['a'] });
    expect(assigned(rows, two, { end: fact(null, '11-10 00:00', type) }).doubts).toEqual([
      'end severalAgreements 11-10T00:10',
    ]);
  });

  it.each<FactType>(['agreement.notice', 'entitlement.updated'])('is not a %s, which is of none', (type) => {
    const seen = assigned(rows, one, { other: fact(null, '11-10 00:00', type) });
    expect([seen.of, seen.ofOthers]).toEqual([{}, []]);
  });

  it.each<[string, AgreementFact[], AgreementFact, string[] | undefined]>([
    [
      'is of the one that had begun',
      [told('a', '11-01 00:00'), told('b', '11-15 00:00')],
      unsubscribed('11-10 00:00'),
      ['a'],
    ],
    ['is of the one that was not over', [...two, ended('a', '11-04 00:00')], unsubscribed('11-10 00:00'), ['b']],
    [
      'is of one that was over at that instant',
      [...one, ended('a', '11-10 00:00')],
      unsubscribed('11-10 00:00'),
      ['a'],
    ],
    ['confirms an end of just before', [...one, ended('a', '11-09 22:00')], unsubscribed('11-10 00:00'), ['a']],
    ['confirms none of long before', [...one, ended('a', '11-09 21:59')], unsubscribed('11-10 00:00'), undefined],
    ['counts where it is of one instant with the start', one, unsubscribed('11-01 00:00'), ['a']],
    ['is of one from before those known', one, unsubscribed('10-30 00:00'), undefined],
    ['is of one of its license alone', two, unsubscribed('11-10 00:00', { among: ['a'] }), ['a']],
    [
      'is of the later of two that name none: a start ends the one before it',
      [started('11-01 00:00'), started('11-05 00:00')],
      unsubscribed('11-10 00:00'),
      ['nameless'],
    ],
    [
      'is of the agreement before which the buyer had only arrived',
      [arrived('11-01 00:00'), told('b', '11-05 00:00')],
      unsubscribed('11-10 00:00'),
      ['b'],
    ],
  ])('%s', (_, others, end, of) => {
    const seen = assigned(rows, others, { end });
    expect(seen.of.end?.map((id) => (id.length > 1 ? 'nameless' : id))).toEqual(of);
    expect(seen.ofOthers).toEqual(of ? [] : ['end']);
    expect(seen.doubts).toEqual([]);
  });

  it('of one instant with a start is of the one that began before, where there is one', () => {
    const seen = assigned(rows, [told('a', '11-01 00:00'), told('b', '11-10 00:00')], {
      end: unsubscribed('11-10 00:00'),
    });
    expect(seen.of).toEqual({ end: ['a'] });
  });

  it('of several nameless is of the one that ran then', () => {
    const starts = { first: started('11-01 00:00'), second: started('11-05 00:00'), third: started('11-09 00:00') };
    const at = (text: string): string[] | undefined => assigned([], [], { ...starts, end: unsubscribed(text) }).of.end;
    expect(at('11-03 00:00')).toEqual(['first']);
    expect(at('11-06 00:00')).toEqual(['second']);
    expect(at('11-10 00:00')).toEqual(['third']);
  });

  it('is in doubt where one named and one nameless run, told both', () => {
    const seen = assigned(rows, [told('a', '11-01 00:00'), started('11-05 00:00')], {
      end: unsubscribed('11-10 00:00'),
    });
    expect(seen.doubts).toEqual(['end severalAgreements 11-10T00:10']);
  });

  it('is in doubt from when it was heard, where that was later', () => {
    const end = unsubscribed('11-10 00:00', { heardAt: '11-10 02:00' });
    expect(assigned(rows, two, { end }).doubts).toEqual(['end severalAgreements 11-10T02:00']);
  });

  it.each<[string, Asking, string[]]>([
    ['stays so while AWS was not asked since', asked('11-10 00:09'), ['end severalAgreements 11-10T00:10']],
    ['not any more when it was', asked('11-10 00:10'), []],
    ['never, where it may not be asked', MAY_NOT_ASK, []],
  ])('in doubt: %s', (_, asking, doubts) => {
    expect(assigned(rows, two, { end: unsubscribed('11-10 00:00') }, asking).doubts).toEqual(doubts);
  });

  it('is of the one that AWS, asked since, did not say goes on', () => {
    const end = unsubscribed('11-10 00:00');
    expect(assigned(rows, [...two, found('a', '11-10 00:10')], { end }).of).toEqual({ end: ['b'] });
    expect(assigned(rows, [...two, found('b', '11-10 00:10')], { end }).of).toEqual({ end: ['a'] });
    expect(assigned(rows, [...two, found('b', '11-10 00:09')], { end }).of).toEqual({});
  });

  it('is of none where AWS says of each that it goes on', () => {
    const seen = assigned(rows, [...two, found('a', '11-11 00:00'), found('b', '11-11 00:00')], {
      end: unsubscribed('11-10 00:00'),
    });
    expect(seen).toMatchObject({ doubts: [], ofOthers: [] });
    expect(seen.of).toEqual({});
  });

  it('is of the only one that runs, whatever AWS says of it: what follows is its life’s to say', () => {
    expect(assigned(rows, [...one, found('a', '11-10 00:10')], { end: unsubscribed('11-10 00:00') }).of).toEqual({
      end: ['a'],
    });
  });

  it('is of others where the only one was over long before, though nobody told its start', () => {
    const seen = assigned(rows, [fact('a', '11-01 00:00', 'license.updated'), ended('a', '11-02 00:00')], {
      end: unsubscribed('11-10 00:00'),
    });
    expect(seen).toMatchObject({ doubts: [], ofOthers: ['end'] });
  });

  it('where AWS may not be asked: confirms an end of just before, else is of the last', () => {
    const ending = [told('a', '11-01 00:00'), ended('a', '11-09 23:00'), told('b', '11-05 00:00')];
    const of = (others: AgreementFact[], end: AgreementFact): string[] | undefined =>
      assigned(rows, others, { end }, MAY_NOT_ASK).of.end;
    expect(of(ending, unsubscribed('11-10 00:00'))).toEqual(['a']);
    expect(of(ending, fact(null, '11-10 00:00', 'legacy.unsubscribePending'))).toEqual(['b']);
    expect(of(two, unsubscribed('11-10 00:00'))).toEqual(['b']);
    expect(of([...two, told('c', '11-07 00:00')], unsubscribed('11-10 00:00'))).toEqual(['c']);
    const both = [...two, ended('a', '11-09 23:00'), ended('b', '11-09 23:30')];
    expect(of(both, fact(null, '11-10 00:00', 'legacy.unsubscribePending'))).toEqual(['a']);
    expect(of(both, unsubscribed('11-10 00:00'))).toEqual(['b']);
  });
});

describe('an end of shortly before a start that nobody has told', () => {
  it.each([
    ['11-10 04:00', ['end noneBegunYet 11-10T00:00'], []],
    ['11-10 04:01', [], ['end']],
  ])('(the buyer arrives at %s) may be of it', (at, doubts, ofOthers) => {
    const seen = assigned([], [arrived(at)], { end: unsubscribed('11-10 00:00') });
    expect(seen).toMatchObject({ doubts, ofOthers });
  });

  it('also where another starts later', () => {
    const seen = assigned([row('a')], [arrived('11-10 02:00'), told('a', '11-15 00:00')], {
      end: unsubscribed('11-10 00:00'),
    });
    expect(seen.doubts).toEqual(['end noneBegunYet 11-10T00:00']);
  });

  it('not where the start is told', () => {
    expect(assigned([row('a')], [told('a', '11-10 01:00')], { end: unsubscribed('11-10 00:00') })).toMatchObject({
      doubts: [],
      ofOthers: ['end'],
    });
  });
});

describe('an end from before a start that is not told', () => {
  const arrival = arrived('11-10 01:00');
  const asking = (at: string): string[] =>
    assigned([], [], { arrival, end: unsubscribed('11-10 00:00') }, asked(at)).doubts;

  it('is asked about again when AWS must know of the start', () => {
    expect(asking('11-09 23:59')).toEqual(['end noneBegunYet 11-10T00:00']);
    expect(asking('11-10 00:00')).toEqual(['end noneBegunYet 11-10T00:10']);
    expect(asking('11-10 00:10')).toEqual([]);
  });
});

describe('a message that tells no time', () => {
  const untimed = fact(null, '11-10 00:00', 'message.untimed', {}, { heardAt: '11-10 03:00' });

  it.each<[Asking, string[]]>([
    [NOT_ASKED, ['untimed untimedMessage 11-10T03:00']],
    [asked('11-10 02:59'), ['untimed untimedMessage 11-10T03:00']],
    // The answer may be from before what it tells of.
    [asked('11-10 03:00'), ['untimed untimedMessage 11-10T03:10']],
    [asked('11-10 03:09:59'), ['untimed untimedMessage 11-10T03:10']],
    [asked('11-10 03:10'), []],
    [MAY_NOT_ASK, []],
  ])('is a reason to ask, and no more: %j', (asking, doubts) => {
    const seen = assigned([row('a')], [told('a', '11-01 00:00')], { untimed }, asking);
    expect([seen.of, seen.doubts, seen.ofOthers]).toEqual([{}, doubts, []]);
  });
});

describe('facts in any order', () => {
  it('lie where they would in order', () => {
    const facts = { a: arrived('11-01 00:00'), s: started('11-01 01:00'), e: unsubscribed('11-10 00:00') };
    const forth = assigned([], [], facts);
    const { a, s, e } = facts;
    const back = assigned([], [], { e, s, a });
    expect({ ...back, of: Object.entries(back.of).sort() }).toEqual({ ...forth, of: Object.entries(forth.of).sort() });
    expect(instant('11-01 00:00')).toEqual(a.at);
  });
});
