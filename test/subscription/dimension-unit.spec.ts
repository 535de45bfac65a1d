import { describe, expect, it } from '@jest/globals';
import { dimensionsInDoubt, isOtherUnit, type OpenBook } from '../../src/subscription/dimension-unit.js';
import { type ResolvedIncludedUnits } from '../../src/options/included-options.schema.js';

const entry = (more: Partial<ResolvedIncludedUnits> = {}): ResolvedIncludedUnits => ({
  ...{ contractDimension: 'pack', covers: ['calls'], factor: 1, per: 'term', rollsOver: false },
  ...{ excessDimension: 'overage', block: 1000, ...more },
});
const alone = { ...entry({ block: 1 }), excessDimension: undefined };

describe('the unit in which a dimension is sold', () => {
  const packs: OpenBook = { dimension: 'overage', block: 1000, covers: ['calls', 'lookups'] };
  const single: OpenBook = { dimension: 'overage', block: 1, covers: null };

  it.each<[string, OpenBook, ResolvedIncludedUnits[], boolean]>([
    ['blocks of the same usage', packs, [entry()], false],
    ['blocks of another size', packs, [entry({ block: 10 })], false],
    ['no blocks of the same usage any more', packs, [entry({ block: 1 })], false],
    ['blocks of some of the usage', packs, [entry({ covers: ['lookups', 'rows'] })], false],
    ['blocks of other usage', packs, [entry({ covers: ['rows'] })], true],
    ['other usage, one by one', packs, [entry({ covers: ['rows'], block: 1 })], true],
    ['by itself, after blocks of other usage', packs, [], true],
    ['by itself, after blocks, where another is sold in blocks', packs, [entry({ excessDimension: 'more' })], true],
    ['by itself, after blocks of which no contract says what', { ...packs, covers: null }, [], true],
    ['blocks again, of which no contract says what', { ...packs, covers: null }, [entry()], false],
    ['by itself as before', single, [], false],
    ['blocks of other usage, after itself', single, [entry()], true],
    ['one by one, after itself', single, [entry({ block: 1 })], false],
    ['blocks of other usage, after itself in a contract', { ...single, covers: ['overage'] }, [entry()], true],
    ['one by one and in blocks of the same', { ...single, covers: ['calls'] }, [entry()], false],
    ['one by one and in blocks of other usage', { ...single, covers: ['rows'] }, [entry()], true],
    ['one by one, then by itself', { ...single, covers: ['calls'] }, [], false],
  ])('%s', (_case, book, included, expected) => {
    expect(isOtherUnit(book, included)).toBe(expected);
  });

  it('is asked of what was sold in blocks, or is now, and of nothing else', () => {
    const dimensions = ['calls', 'overage', 'storage'];
    const product = (...includedUnits: ResolvedIncludedUnits[]) => ({ dimensions, includedUnits });
    expect(dimensionsInDoubt(product(), [[], [entry()]])).toEqual(['overage']);
    expect(dimensionsInDoubt(product(), [[entry({ block: 1 }), alone]])).toEqual([]);
    expect(dimensionsInDoubt(product(entry({ excessDimension: 'more' })), [])).toEqual(['more']);
    expect(dimensionsInDoubt(product(alone), [[entry({ excessDimension: 'gone' })]])).toEqual([]);
  });
});
