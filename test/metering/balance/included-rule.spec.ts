import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type IncludedBasis,
  type IncludedTerm,
  includedFrom,
  includedMismatch,
  includedOf,
  includedStep,
  leftBy,
} from '../../../src/metering/balance/included-rule.js';
import { balanceStep } from '../../../src/metering/sealing/balance-step.js';
import { formatDecimal, fromUnits, type Scaled, scaled } from '../../../src/runtime/decimal.js';

const term = (...stretches: (readonly [units: number | string, used: number | string])[]) => ({
  stretches: stretches.map(([units, used]) => ({ units: scaled(String(units)), used: scaled(String(used)) })),
});
const rolling = (all: readonly IncludedTerm[]) => all.map((one) => ({ ...one, rollsOver: true }));
const shown = (sums: readonly Scaled[]): string[] => sums.map(formatDecimal);

describe('what a term includes', () => {
  it.each([
    ['usage below it', term([1000, 700]), '700'],
    ['no more than the term has', term([1000, 1200]), '1000'],
    ['fractions', term(['10.5', '10.75']), '10.5'],
    ['nothing where nothing is bought', term([0, 5]), '0'],
    ['nothing of corrections alone', term([1000, -5]), '0'],
    ['what is left where corrections give some back', term([1000, 900]), '900'],
    ['K26 more for what is used after an amendment upwards', term([1000, 1200], [1500, 100]), '1100'],
    ['K26 no more than the new quantity', term([1000, 1200], [1500, 600]), '1500'],
    ['K26 what was included before an amendment downwards, and no more', term([1000, 800], [500, 100]), '800'],
    ['what the lower quantity still leaves', term([1000, 300], [500, 400]), '500'],
    ['up, down and up again', term([10, 12], [20, 4], [15, 5], [30, 100]), '30'],
    ['a correction of what exceeded, first', term([1000, 1200], [1500, -100]), '1000'],
    ['a correction of what was included, then', term([1000, 1200], [1500, -300]), '900'],
    ['nothing below nothing', term([1000, 100], [1500, -300]), '0'],
  ])('%s', (_, given, included) => {
    expect(shown(includedOf([given]))).toEqual([included]);
  });

  it('K27 stands alone, unless the options let it roll over', () => {
    const terms = [term([1000, 750]), term([1000, 1100]), term([1000, 900])];
    expect(shown(includedOf(terms))).toEqual(['750', '1000', '900']);
    expect(shown(includedOf(rolling(terms)))).toEqual(['750', '1100', '900']);
    expect(shown(includedOf(rolling([term([1000, 1300])]), fromUnits(200)))).toEqual(['1200']);
    expect(shown(includedOf(rolling([term([1000, 750]), term([1000, 1900])])))).toEqual(['750', '1250']);
  });

  it.each([
    ['what its last term did not use', [term([1000, 900]), term([1000, 700])], '0', '400'],
    ['nothing where all was used', [term([1000, 1300])], '200', '0'],
    ['what came to it, where it has no term', [], '200', '200'],
    ['what came to it as well', [term([1000, 900])], '200', '300'],
  ])('K27 leaves to an agreement after it %s', (_, terms, rolledOver, left) => {
    expect(formatDecimal(leftBy(rolling(terms), scaled(rolledOver)))).toBe(left);
  });
});

describe('a term that has nothing of the one before', () => {
  it('leaves its own', () => {
    const [first, second] = [term([1000, 900]), term([1000, 700])];
    expect(formatDecimal(leftBy([{ ...first, rollsOver: true }, second], fromUnits(50)))).toBe('300');
    expect(shown(includedOf([term([1000, 300]), { ...term([1000, 1900]), rollsOver: true }, term([10, 90])]))).toEqual([
      ...['300', '1700', '10'],
    ]);
  });
});

describe('included units of a record', () => {
  const step = (target: number, included: number, ownUsed: number, ownIncluded: number): string =>
    formatDecimal(
      includedStep({
        ...{ target: fromUnits(target), included: fromUnits(included) },
        ...{ ownUsed: fromUnits(ownUsed), ownIncluded: fromUnits(ownIncluded) },
      }),
    );

  it.each([
    ['are what is new', [900, 600, 900, 600], '300'],
    ['are none where all is used up', [1000, 1000, 1200, 1000], '0'],
    ['are given back by a correction', [900, 1000, 900, 1000], '-100'],
    ['are never more than the dimension used', [1000, 300, 200, 100], '100'],
    ['are never given back by a dimension that has none', [500, 800, 300, 0], '0'],
    ['are given back where a dimension holds more than it used', [1000, 900, 50, 100], '-50'],
  ] as const)('%s', (_, given, included) => {
    const [target, before, ownUsed, ownIncluded] = given;
    expect(step(target, before, ownUsed, ownIncluded)).toBe(included);
  });
});

/** Seals arrivals one by one as the ledger does: what is billed, and what is carried in the end. */
function play(
  stretches: readonly { units: Scaled }[],
  arrivals: readonly { stretch: number; quantity: Scaled }[],
  block = 1n,
): { billed: Scaled; carry: Scaled; included: Scaled; used: Scaled } {
  const used = stretches.map(() => 0n);
  const sum = (): Scaled => used.reduce((all, one) => all + one, 0n);
  let [carry, included, billed] = [0n, 0n, 0n];
  for (const { stretch, quantity } of arrivals) {
    used[stretch] = (used[stretch] ?? 0n) + quantity;
    const [target = 0n] = includedOf([
      { stretches: stretches.map(({ units }, index) => ({ units, used: used[index] ?? 0n })) },
    ]);
    const step = includedStep({ target, included, ownUsed: sum(), ownIncluded: included });
    const { quantity: sent, carryOut } = balanceStep(carry, quantity, step, block);
    billed += fromUnits(sent * block);
    included += step;
    carry = carryOut;
  }
  return { billed, carry, included, used: sum() };
}

const micro = (min: number, max: number) =>
  fc.integer({ min, max }).map((millionths) => (BigInt(millionths) * fromUnits(1)) / 1_000_000n);

describe('the bill of a term', () => {
  it('K24 is max(0, used − included), in whatever order usage arrives', () => {
    fc.assert(
      fc.property(
        micro(0, 50_000_000),
        fc.array(micro(0, 20_000_000), { minLength: 1, maxLength: 12 }),
        fc.constantFrom(1n, 7n),
        (units, quantities, block) => {
          const { billed, carry, included, used } = play(
            [{ units }],
            quantities.map((quantity) => ({ stretch: 0, quantity })),
            block,
          );
          const exceeding = used > units ? used - units : 0n;
          expect(billed + carry).toBe(exceeding);
          expect(carry >= 0n && carry < fromUnits(block)).toBe(true);
          expect(included + billed + carry).toBe(used);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('K26 is the same in every order of arrival, with amendments up and down', () => {
    const arrivals = fc.array(fc.record({ stretch: fc.integer({ min: 0, max: 2 }), quantity: micro(0, 20_000_000) }), {
      minLength: 1,
      maxLength: 10,
    });
    const units = fc.array(micro(0, 60_000_000), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(units, arrivals, fc.infiniteStream(fc.nat()), (bought, given, keys) => {
        const stretches = bought.map((one) => ({ units: one }));
        const shuffled = given
          .map((one) => ({ one, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        const inOrder = [...given].sort((a, b) => a.stretch - b.stretch);
        const first = play(stretches, shuffled);
        expect(first).toEqual(play(stretches, inOrder));
        expect(first.carry >= 0n).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('K25 with corrections: nothing is lost or made, and never less is billed than exceeds', () => {
    fc.assert(
      fc.property(
        micro(0, 50_000_000),
        fc.array(micro(-20_000_000, 20_000_000), { minLength: 1, maxLength: 12 }),
        (units, quantities) => {
          const { billed, carry, included, used } = play(
            [{ units }],
            quantities.map((quantity) => ({ stretch: 0, quantity })),
          );
          expect(included + billed + carry).toBe(used);
          const exceeding = used > units ? used - units : used < 0n ? used : 0n;
          expect(billed + carry).toBe(exceeding);
          expect(carry < fromUnits(1)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('what stands in a record of its included units', () => {
  const basis: IncludedBasis = {
    ...{ contractDimension: 'pack', covers: ['calls'], asOf: '2026-11-11T11:05:00.000Z' },
    said: { fetchedAt: '2026-11-11T10:05:00.000Z', quantity: '1', factor: '1000' },
    terms: [{ from: null, stretches: [{ from: null, units: '1000', used: '1150' }] }],
    included: '900',
    own: { used: '1150', included: '900' },
  };

  it('says how to reckon them again', () => {
    expect(formatDecimal(includedFrom(basis))).toBe('100');
    expect(includedMismatch({ included: '100', includedTotal: '1000', basis })).toBeNull();
    expect(includedMismatch({ included: '0', includedTotal: '0', basis: null })).toBeNull();
  });

  it('says what rolled over, and that it does', () => {
    const stretches = (units: string, used: string) => [{ from: null, units, used }];
    const alone: IncludedBasis = {
      ...basis,
      terms: [
        { from: null, stretches: stretches('1000', '900') },
        { from: null, stretches: stretches('1000', '2000') },
      ],
      own: { used: '2900', included: '900' },
    };
    const rolling = { ...alone, terms: alone.terms.map((one) => ({ ...one, rollsOver: true })), rolledOver: '50' };
    expect(formatDecimal(includedFrom(rolling))).toBe('1150');
    expect(formatDecimal(includedFrom({ ...rolling, rolledOver: '0' }))).toBe('1100');
    const [first, second] = rolling.terms;
    expect(formatDecimal(includedFrom({ ...rolling, terms: [{ ...first!, rollsOver: false }, second!] }))).toBe('1100');
    expect(formatDecimal(includedFrom({ ...rolling, terms: [first!, { ...second!, rollsOver: false }] }))).toBe('1000');
    expect(formatDecimal(includedFrom(alone))).toBe('1000');
  });

  it.each([
    ['other units', { included: '150', includedTotal: '1050', basis }, { says: '150', found: '100' }],
    ['another total', { included: '100', includedTotal: '950', basis }, { says: '950 in all', found: '1000 in all' }],
    [
      'units that nothing includes',
      { included: '1', includedTotal: '1', basis: null },
      { says: '1', found: 'nothing that includes it' },
    ],
    [
      'a basis of another term',
      { included: '100', includedTotal: '1000', basis: { ...basis, terms: [] } },
      { says: '100', found: '-900' },
    ],
    [
      'a basis that is none',
      { included: '100', includedTotal: '1000', basis: { ...basis, own: null as never } },
      { says: '100', found: 'nothing that can be reckoned' },
    ],
  ])('is found to differ: %s', (_, record, differs) => {
    expect(includedMismatch(record)).toEqual(differs);
  });
});
