/** Which agreements are one subscription, and which follows which: a link decides, never a likeness. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AgreementEnd } from '../../../src/subscription/agreements/agreement-life.js';
import {
  joinAgreements,
  type Joining,
  type JoiningAgreement,
  type JoiningSubscription,
} from '../../../src/subscription/agreements/joining-rule.js';
import { instant } from './facts.js';

interface Given extends Partial<Omit<JoiningAgreement, 'life'>> {
  startsAt?: string | null;
  isTold?: boolean;
  endsAt?: string;
  lastSignAt?: string;
  /** Called RENEWED then, without an end. */
  renewedAt?: string;
}
/** A named agreement that starts on 11-01 unless said otherwise. */
function agreement(id: string, given: Given = {}): JoiningAgreement {
  const { startsAt = '11-01 00:00', isTold = true, endsAt, lastSignAt = endsAt, renewedAt, ...over } = given;
  const at = startsAt === null ? null : instant(startsAt);
  const end: AgreementEnd | null =
    endsAt === undefined || lastSignAt === undefined
      ? null
      : {
          ...{ at: instant(endsAt), firstSignAt: instant(endsAt), lastSignAt: instant(lastSignAt) },
          lastHeardAt: instant(lastSignAt),
          ...{
            announcesSuccessor: false,
            isByHost: false,
            calledRenewed: renewedAt === undefined ? null : { at: instant(renewedAt), otherEnd: null },
          },
        };
  return {
    ...{ id, subscriptionId: null, agreementName: id, licenses: [], previous: [], initial: null, isLegacy: false },
    life: {
      start: at && { at, isTold, confirmedAt: isTold ? at : null },
      ...{ end, plannedEndAt: null, trial: null, isSuspended: false, hasFailed: false, doubt: null, openTerms: null },
    },
    ...over,
  };
}
/** By id: the chain of those before it, the nearest first. */
function chainsOf(previousOf: Joining['previousOf'], bound: number): string[][] {
  return [...previousOf.keys()].map((id) => {
    const chain: string[] = [];
    for (let at = previousOf.get(id); at !== undefined && chain.length <= bound; at = previousOf.get(at))
      chain.push(at);
    return [id, ...chain];
  });
}
const join = (agreements: JoiningAgreement[], subscriptions: JoiningSubscription[] = []): Joining =>
  joinAgreements(agreements, subscriptions);
const links = (...agreements: JoiningAgreement[]): [string, string][] => [...join(agreements).previousOf];
const conflicts = (...agreements: JoiningAgreement[]) => join(agreements).conflicts;
/** Ids that are one subscription together, in order. */
function groups({ subscriptionOf }: Joining): string[] {
  const by = new Map<string, string[]>();
  for (const [id, home] of subscriptionOf) {
    const name = 'with' in home ? `with ${home.with}` : home.subscriptionId;
    by.set(name, [...(by.get(name) ?? []), id]);
  }
  return [...by].map(([name, ids]) => `${name}: ${ids.join(' ')}`);
}

describe('what one agreement follows', () => {
  const later = { startsAt: '12-01 00:00' };
  it.each<[string, JoiningAgreement[], [string, string][]]>([
    [
      'the one with its license',
      [agreement('a', { licenses: ['l-1'] }), agreement('b', { ...later, licenses: ['l-2', 'l-1'] })],
      [['b', 'a']],
    ],
    [
      'the last one that started before it with its license',
      [
        agreement('a', { licenses: ['l-1'] }),
        agreement('b', { startsAt: '11-15 00:00', licenses: ['l-1'] }),
        agreement('c', { ...later, licenses: ['l-1'] }),
      ],
      [
        ['b', 'a'],
        ['c', 'b'],
      ],
    ],
    [
      'the one that it names, though the license of that one is not known, and an earlier one of its chain has it',
      [
        agreement('a', { licenses: ['l-1'] }),
        agreement('b', { startsAt: '11-15 00:00', previous: ['a'] }),
        agreement('c', { ...later, licenses: ['l-1'], previous: ['b'] }),
      ],
      [
        ['b', 'a'],
        ['c', 'b'],
      ],
    ],
    [
      'the one that it names as the one before',
      [agreement('a'), agreement('b', { ...later, previous: ['a'] })],
      [['b', 'a']],
    ],
    [
      'also where both start at one instant, whichever row is the older',
      [agreement('a', { previous: ['b'] }), agreement('b')],
      [['a', 'b']],
    ],
    [
      'also where only the name of that one is known',
      [agreement('a', { startsAt: null }), agreement('b', { ...later, previous: ['a'] })],
      [['b', 'a']],
    ],
    ['not one that starts later', [agreement('a', later), agreement('b', { previous: ['a'] })], []],
    ['the first of its chain', [agreement('a'), agreement('b', { ...later, initial: 'a' })], [['b', 'a']]],
    [
      'the last known of its chain',
      [agreement('b', { initial: 'a' }), agreement('c', { ...later, initial: 'a' })],
      [['c', 'b']],
    ],
    [
      'the first of its chain, where both start at one instant',
      [agreement('a', { initial: 'b' }), agreement('b')],
      [['a', 'b']],
    ],
    [
      'the first of its chain, not what began between the two',
      [agreement('a'), agreement('x', { startsAt: '11-15 00:00' }), agreement('b', { ...later, initial: 'a' })],
      [['b', 'a']],
    ],
    [
      'the first of its chain, not another of that instant',
      [agreement('a', { initial: 'b' }), agreement('b'), agreement('c')],
      [['a', 'b']],
    ],
    [
      'nothing, where it is the first itself, also of one that started before it',
      [agreement('a', { initial: 'b' }), agreement('b', { ...later, initial: 'b' })],
      [],
    ],
    [
      'nothing, where each names the other as the one before',
      [agreement('a', { previous: ['b'] }), agreement('b', { ...later, previous: ['a'] })],
      [],
    ],
    ['nothing, where it is the first itself', [agreement('a'), agreement('b', { ...later, initial: 'b' })], []],
    [
      'nothing without a link, though one ends as the other starts',
      [agreement('a', { endsAt: '12-01 00:00' }), agreement('b', later)],
      [],
    ],
    ['no other license', [agreement('a', { licenses: ['l-1'] }), agreement('b', { ...later, licenses: ['l-2'] })], []],
    [
      'a buyer’s arrival, which gives way to any start',
      [agreement('r', { agreementName: null, isTold: false }), agreement('b', later)],
      [['b', 'r']],
    ],
    [
      'a nameless start, where it is nameless, too',
      [agreement('n', { agreementName: null }), agreement('m', { ...later, agreementName: null })],
      [['m', 'n']],
    ],
    [
      'no nameless one that nothing tells to have begun',
      [agreement('n', { agreementName: null, startsAt: null }), agreement('m', { ...later, agreementName: null })],
      [],
    ],
    [
      'nothing, where it is nameless and nothing tells that it has begun',
      [agreement('n', { agreementName: null }), agreement('m', { agreementName: null, startsAt: null })],
      [],
    ],
    ['no nameless start, where it has a name', [agreement('n', { agreementName: null }), agreement('b', later)], []],
    [
      'no arrival that was over before it',
      [agreement('r', { agreementName: null, isTold: false, endsAt: '11-30 23:59' }), agreement('b', later)],
      [],
    ],
    [
      'an arrival that was over as it started',
      [agreement('r', { agreementName: null, isTold: false, endsAt: '12-01 00:00' }), agreement('b', later)],
      [['b', 'r']],
    ],
    [
      'no arrival that has a license of its own',
      [agreement('r', { agreementName: null, licenses: ['l-9'], isTold: false }), agreement('b', later)],
      [],
    ],
  ])('%s', (_, agreements, expected) => {
    expect(links(...agreements)).toEqual(expected);
    expect(links(...[...agreements].reverse())).toEqual(expected);
  });
});

describe('what is for a person', () => {
  it.each<[string, string, string]>([
    ['starts before it', '11-15 00:00', '12-01 00:00'],
    ['would have started after it', '12-15 00:00', '12-01 00:00'],
  ])('another follows it beside one that was called off, which %s: that is no fork', (_, off, startsAt) => {
    const chain = [
      agreement('a'),
      agreement('off', { startsAt: off, endsAt: '11-10 00:00', previous: ['a'] }),
      agreement('c', { startsAt, previous: ['a'] }),
    ];
    expect(conflicts(...chain)).toEqual([]);
    expect(new Map(links(...chain))).toEqual(
      new Map([
        ['off', 'a'],
        ['c', 'a'],
      ]),
    );
    expect(join(chain).subscriptionOf.get('c')).toEqual({ with: 'a' });
    expect(join(chain).subscriptionOf.get('off')).toEqual({ with: 'a' });
  });

  // AWS names the first of a chain, so the one before may be one that never ran.
  it.each<[string, Given, string]>([
    ['would have started with it', { startsAt: '12-01 00:00' }, 'a'],
    ['would have started before it', { startsAt: '11-15 00:00' }, 'a'],
    ['ran for an instant', { startsAt: '11-09 23:59:59' }, 'z-off'],
  ])('what follows one that was called off, which %s, follows who runs', (_, off, previous) => {
    const chain = [
      agreement('a'),
      agreement('z-off', { endsAt: '11-10 00:00', previous: ['a'], ...off }),
      agreement('z-too', { startsAt: '12-01 00:00', endsAt: '11-11 00:00', previous: ['z-off'] }),
      agreement('c', { startsAt: '12-01 00:00', previous: ['z-too'] }),
    ];
    expect(conflicts(...chain)).toEqual([]);
    expect(new Map(links(...chain)).get('c')).toBe(previous);
  });

  it('what follows one that was called off, of which nothing tells what that followed, follows that', () => {
    const off = agreement('off', { startsAt: '12-01 00:00', endsAt: '11-10 00:00' });
    expect(links(off, agreement('c', { startsAt: '12-02 00:00', previous: ['off'] }))).toEqual([['c', 'off']]);
  });

  it('of two that were called off, each of which seems to follow the other, none follows itself', () => {
    const off = { startsAt: '12-01 00:00', endsAt: '11-10 00:00', licenses: ['l-1'] };
    const chain = [
      agreement('a', { ...off, initial: 'b' }),
      agreement('b', off),
      agreement('c', { previous: ['a'], startsAt: '12-02 00:00' }),
    ];
    expect(links(...chain).filter(([one, before]) => one === before)).toEqual([]);
    expect(new Map(links(...chain)).get('c')).toBe('b');
  });

  it('what only a called-off one would have followed runs on, beside another', () => {
    const off = agreement('off', { startsAt: '12-01 00:00', endsAt: '11-10 00:00', previous: ['a'] });
    const beside = agreement('c', { startsAt: '11-05 00:00' });
    expect(conflicts(agreement('a'), off, beside)).toEqual([{ kind: 'concurrent', agreementIds: ['a', 'c'] }]);
  });

  it('two that follow one: the second is a subscription of its own', () => {
    const fork = [
      agreement('a', { endsAt: '12-01 00:00' }),
      agreement('b', { startsAt: '12-01 00:00', previous: ['a'], endsAt: '12-20 00:00' }),
      agreement('c', { startsAt: '12-05 00:00', previous: ['a'] }),
    ];
    expect(conflicts(...fork)).toEqual([{ kind: 'fork', agreementIds: ['a', 'b', 'c'] }]);
    expect(groups(join(fork))).toEqual(['with a: a b', 'with c: c']);
  });

  it('one that follows two chains: by its license one, by its name another', () => {
    const merge = [
      agreement('a', { licenses: ['l-1'], endsAt: '11-20 00:00' }),
      agreement('b', { startsAt: '11-02 00:00', endsAt: '11-20 00:00' }),
      agreement('c', { startsAt: '12-01 00:00', licenses: ['l-1'], previous: ['b'] }),
    ];
    expect(conflicts(...merge)).toEqual([{ kind: 'merge', agreementIds: ['c', 'a', 'b'] }]);
    expect(links(...merge)).toEqual([['c', 'a']]);
  });

  it('not one that follows two of one chain', () => {
    const chain = [
      agreement('a', { licenses: ['l-1'], endsAt: '11-20 00:00' }),
      agreement('b', { startsAt: '11-20 00:00', previous: ['a'], endsAt: '12-01 00:00' }),
      agreement('c', { startsAt: '12-01 00:00', previous: ['b'], initial: 'a' }),
    ];
    expect(conflicts(...chain)).toEqual([]);
  });

  it('a later agreement of a chain that follows another chain', () => {
    const two = [
      agreement('a', { endsAt: '11-20 00:00' }),
      agreement('b', { startsAt: '11-02 00:00', subscriptionId: 'S', endsAt: '11-20 00:00' }),
      agreement('c', { startsAt: '12-01 00:00', subscriptionId: 'S', previous: ['a'] }),
    ];
    expect(join(two, [{ id: 'S', tenants: [] }]).conflicts).toEqual([{ kind: 'merge', agreementIds: ['c', 'a'] }]);
    expect(links(...two)).toEqual([]);
  });

  it('what two tenants have claimed', () => {
    const two = [
      agreement('a', { subscriptionId: 'S', endsAt: '11-20 00:00' }),
      agreement('b', { startsAt: '11-20 00:00', subscriptionId: 'T', previous: ['a'] }),
    ];
    const claimed = (s: string[], t: string[]) =>
      join(two, [
        { id: 'S', tenants: s },
        { id: 'T', tenants: t },
      ]);
    expect(claimed(['x'], ['y']).conflicts).toEqual([{ kind: 'twoTenants', agreementIds: ['b', 'a'] }]);
    expect([...claimed(['x'], ['y']).folds]).toEqual([]);
    for (const [s, t] of [
      [['x'], ['x']],
      [['x'], []],
      [[], ['y']],
      [[], []],
      [['x', 'y'], []],
      [[], ['x', 'y']],
    ] as [string[], string[]][]) {
      expect(claimed(s, t).conflicts).toEqual([]);
      expect([...claimed(s, t).folds]).toEqual([['T', 'S']]);
    }
  });

  it.each([
    ['y', [{ kind: 'twoTenants', agreementIds: ['c', 'b'] }]],
    ['x', []],
  ])('what two tenants have claimed, with one between them that is new (%s)', (tenant, expected) => {
    const three = [
      agreement('a', { subscriptionId: 'S', endsAt: '11-10 00:00' }),
      agreement('b', { startsAt: '11-10 00:00', previous: ['a'], endsAt: '11-20 00:00' }),
      agreement('c', { startsAt: '11-20 00:00', subscriptionId: 'T', previous: ['b'] }),
    ];
    const subscriptions = [
      { id: 'S', tenants: ['x'] },
      { id: 'T', tenants: [tenant] },
    ];
    expect(join(three, subscriptions).conflicts).toEqual(expected);
  });

  it('several that run side by side', () => {
    const b = { startsAt: '11-05 00:00' };
    expect(conflicts(agreement('b'), agreement('a'))).toEqual([{ kind: 'concurrent', agreementIds: ['a', 'b'] }]);
    expect(conflicts(agreement('a'), agreement('b', b))).toEqual([{ kind: 'concurrent', agreementIds: ['a', 'b'] }]);
    expect(conflicts(agreement('a', { endsAt: '11-20 00:00' }), agreement('b', b))).toEqual([]);
    expect(conflicts(agreement('a'), agreement('b', { ...b, isTold: false }))).toEqual([]);
    expect(conflicts(agreement('a'), agreement('b', { ...b, previous: ['a'] }))).toEqual([]);
    expect(conflicts(agreement('a'), agreement('b', { startsAt: null }))).toEqual([]);
  });
});

describe('a legacy buyer, of whom AWS cannot tell two agreements apart', () => {
  const legacy = (id: string, given: Given) => agreement(id, { ...given, isLegacy: true });

  it('is open until its renewal where it is called RENEWED without an end, and no longer', () => {
    const first = legacy('a', { endsAt: '11-05 00:00', renewedAt: '11-05 00:00' });
    const renewal = (startsAt: string) => legacy('b', { startsAt, endsAt: '11-10 00:00' });
    const back = legacy('c', { startsAt: '12-20 00:00' });
    expect(groups(join([first, renewal('11-08 00:00'), back]))).toEqual(['with a: a b', 'with c: c']);
    expect(groups(join([first, renewal('11-04 23:59:30'), back]))).toEqual(['with a: a b', 'with c: c']);
    // One that was called off before it began renews nothing.
    const off = legacy('off', { startsAt: '11-08 00:00', endsAt: '11-06 00:00' });
    expect(groups(join([first, off, legacy('b', { startsAt: '11-08 00:01' })]))).toEqual(['with a: a off b']);
  });
  const returns = (at: string, end: Given, second: Given = {}) =>
    groups(join([legacy('a', end), legacy('b', { startsAt: at, ...second })]));
  const ONE = ['with a: a b'];
  const TWO = ['with a: a', 'with b: b'];
  it.each<[string, string, Given, string[]]>([
    ['has one subscription while one runs', '12-01 00:00', {}, ONE],
    [
      'until an hour after the last sign of its end',
      '11-20 12:00',
      { endsAt: '11-20 10:00', lastSignAt: '11-20 11:00' },
      ONE,
    ],
    ['not later', '11-20 12:00:01', { endsAt: '11-20 10:00', lastSignAt: '11-20 11:00' }, TWO],
    ['however late that sign: a day counts', '11-21 11:00', { endsAt: '11-20 10:00', lastSignAt: '12-10 00:00' }, ONE],
    ['and no more', '11-21 11:00:01', { endsAt: '11-20 10:00', lastSignAt: '12-10 00:00' }, TWO],
    ['also with one of which only the name is known', '12-01 00:00', { startsAt: null }, ['with b: b a']],
  ])('%s', (_, at, end, expected) => {
    expect(returns(at, end).sort()).toEqual(expected);
  });

  it('not while nothing tells that any has begun', () => {
    expect(groups(join([legacy('a', { startsAt: null }), legacy('b', { startsAt: null })]))).toEqual(TWO);
  });

  it('but one of which only the name is known does not reopen what has ended', () => {
    const over = legacy('b', { endsAt: '11-20 00:00' });
    expect(groups(join([legacy('a', { startsAt: null }), over])).sort()).toEqual(TWO);
  });

  it('only among what is metered by the buyer’s name', () => {
    expect(groups(join([legacy('a', {}), agreement('b', { startsAt: '12-01 00:00' })]))).toEqual(TWO);
    expect(groups(join([agreement('a'), legacy('b', { startsAt: '12-01 00:00' })]))).toEqual(TWO);
  });

  it('whom two tenants have claimed is for a person', () => {
    const two = [legacy('a', { subscriptionId: 'S' }), legacy('b', { startsAt: '12-01 00:00', subscriptionId: 'T' })];
    const joined = join(two, [
      { id: 'S', tenants: ['x'] },
      { id: 'T', tenants: ['y'] },
    ]);
    expect(joined.conflicts).toContainEqual({ kind: 'twoTenants', agreementIds: ['b', 'a'] });
    expect(join(two).conflicts).toEqual([]);
  });
});

describe('which subscription goes on', () => {
  const chain = (a: string | null, b: string | null, c: string | null = null) => [
    agreement('a', { subscriptionId: a, endsAt: '11-20 00:00' }),
    agreement('b', { startsAt: '11-20 00:00', subscriptionId: b, previous: ['a'], endsAt: '12-01 00:00' }),
    agreement('c', { startsAt: '12-01 00:00', subscriptionId: c, previous: ['b'] }),
  ];
  it('that of the agreement that started first has one; the others are folded into it', () => {
    expect(groups(join(chain('S', null)))).toEqual(['S: a b c']);
    expect(groups(join(chain(null, 'T')))).toEqual(['T: a b c']);
    const folded = join(chain('S', 'T', 'U'));
    expect(groups(folded)).toEqual(['S: a b c']);
    expect([...folded.folds]).toEqual([
      ['T', 'S'],
      ['U', 'S'],
    ]);
    expect([...join(chain('S', 'S')).folds]).toEqual([]);
  });

  it('that of the one that is known to have begun, rather than of one of which only the name is known', () => {
    const two = [
      agreement('a', { startsAt: null, subscriptionId: 'S' }),
      agreement('b', { subscriptionId: 'T', previous: ['a'] }),
    ];
    expect(groups(join(two))).toEqual(['T: b a']);
    expect([...join(two).folds]).toEqual([['S', 'T']]);
  });

  it('a new one, shared by all of a chain that has none', () => {
    expect(groups(join(chain(null, null)))).toEqual(['with a: a b c']);
  });

  it('two of one subscription stay in it without a link', () => {
    const two = [
      agreement('a', { subscriptionId: 'S', endsAt: '11-20 00:00' }),
      agreement('b', { startsAt: '12-01 00:00', subscriptionId: 'S' }),
    ];
    expect(groups(join(two))).toEqual(['S: a b']);
    expect([...join(two).previousOf]).toEqual([]);
  });
});

describe('links lead in no circle', () => {
  it('of two with one license, of one of which only the name is known', () => {
    const two = [agreement('a', { licenses: ['l-1'] }), agreement('b', { startsAt: null, licenses: ['l-1'] })];
    expect(links(...two)).toEqual([['a', 'b']]);
    expect(groups(join(two))).toEqual(['with a: a b']);
  });

  it('whatever the names and licenses', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const drawn = fc.record(
      {
        startsAt: fc.constantFrom(null, '11-01 00:00', '11-01 00:00', '11-05 00:00', '11-09 00:00'),
        endsAt: fc.constant('11-05 00:00'),
        licenses: fc.uniqueArray(fc.constantFrom('l-1', 'l-2'), { maxLength: 2 }),
        previous: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 2 }),
        initial: fc.constantFrom(null, ...ids),
      },
      { requiredKeys: ['startsAt', 'licenses', 'previous', 'initial'] },
    );
    fc.assert(
      fc.property(fc.tuple(...ids.map(() => drawn)), (given) => {
        const { previousOf } = join(ids.map((id, index) => agreement(id, given[index])));
        for (const chain of chainsOf(previousOf, ids.length)) expect(new Set(chain).size).toBe(chain.length);
      }),
      { numRuns: 2000 },
    );
  });
});
