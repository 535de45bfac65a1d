import { describe, expect, it } from '@jest/globals';
import { OptionsInvalidError, type ProductOptions } from '../../src/index.js';
import { pairingProblems } from '../../src/options/included-options.schema.js';
import {
  billedDimensionOf,
  billedDimensionsOf,
  billedTogether,
  includedUnitsOf,
} from '../../src/options/included-pairing.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

const PACK = { contractDimension: 'pack', covers: ['calls'] };

function resolved(product: Partial<ProductOptions>) {
  const products = [{ productCode: 'abc', dimensions: ['calls', 'lookups', 'storage'], ...product }];
  return resolveOptions(
    { database: { url: 'postgres://localhost/app' }, signUpUrl: 'https://app.example.com/sign-up', products },
    {},
  ).products[0]!;
}

function problems(product: Partial<ProductOptions>): string[] {
  try {
    resolved(product);
    return [];
  } catch (error) {
    if (!(error instanceof OptionsInvalidError)) throw error;
    return error.problems.map(({ option, fix }) => `${option}: ${fix}`);
  }
}

describe('K30 the pairing of a contract is checked at start against both lists', () => {
  it('takes one that holds', () => {
    const units = { ...PACK, covers: ['calls', 'lookups'], factor: 1000, excessDimension: 'overage_pack', block: 1000 };
    const product = resolved({ contractDimensions: ['pack', 'seats'], includedUnits: [units] });
    expect(billedDimensionsOf(product)).toEqual(['overage_pack', 'storage']);
    expect(['calls', 'storage'].map((name) => billedDimensionOf(product, name))).toEqual(['overage_pack', 'storage']);
    expect(includedUnitsOf(product, 'overage_pack')).toMatchObject({ factor: 1000, per: 'term', rollsOver: false });
    expect([includedUnitsOf(product, 'calls'), includedUnitsOf(product, 'storage')]).toEqual([undefined, undefined]);
    expect(billedTogether(product.includedUnits[0]!)).toEqual(['overage_pack']);
  });

  it.each<[string, Partial<ProductOptions>, RegExp]>([
    [
      'a contract dimension that is not listed',
      { includedUnits: [PACK] },
      /contractDimension: add "pack" to contractDimensions/,
    ],
    [
      'usage that is not listed',
      { includedUnits: [{ ...PACK, covers: ['runs'] }] },
      /covers: add "runs" to dimensions/,
    ],
    ['no usage', { includedUnits: [{ ...PACK, covers: [] }] }, /covers: name at least one/],
    ['usage twice', { includedUnits: [{ ...PACK, covers: ['calls', 'calls'] }] }, /covers: name each dimension once/],
    [
      'usage of two entries',
      { contractDimensions: ['pack', 'bundle'], includedUnits: [PACK, { ...PACK, contractDimension: 'bundle' }] },
      /"calls" is covered by another entry/,
    ],
    [
      'one contract dimension twice',
      { includedUnits: [PACK, { ...PACK, covers: ['lookups'] }] },
      /"pack" has an entry already/,
    ],
    ['one name for both', { contractDimensions: ['calls'], includedUnits: [] }, /AWS names the two differently/],
    [
      'an excess dimension that is recorded',
      { includedUnits: [{ ...PACK, excessDimension: 'storage' }] },
      /billed in two units/,
    ],
    ['a block without a name', { includedUnits: [{ ...PACK, block: 1000 }] }, /block: give excessDimension, too/],
    ['a factor of a half', { includedUnits: [{ ...PACK, factor: 0.5 }] }, /factor: give/],
    ['a block of nothing', { includedUnits: [{ ...PACK, excessDimension: 'x', block: 0 }] }, /block: give at least 1/],
    ['another spelling', { includedUnits: [{ ...PACK, cover: [] } as never] }, /no such option/],
  ])('refuses %s', (what, product, expected) => {
    const contractDimensions = what === 'a contract dimension that is not listed' ? [] : ['pack'];
    expect(problems({ contractDimensions, ...product }).join('\n')).toMatch(expected);
  });
});

describe('K31 who subtracts', () => {
  const listed = { dimensions: ['calls'], contractDimensions: ['pack'] };
  const units = { ...PACK, factor: 1, block: 1, per: 'term' as const, rollsOver: false };
  const fixes = (product: Parameters<typeof pairingProblems>[0]): string[] =>
    pairingProblems(product).map(({ path, fix }) => `${path.join('.')}: ${fix}`);

  it.each(['container', 'ami'])('must be written for type %s with a contract', (type) => {
    const [problem] = fixes({ type, ...listed, includedUnits: [] });
    expect(problem).toMatch(/^included: say who subtracts.*"aws".*"module"/);
    expect(fixes({ type, ...listed, included: 'aws', includedUnits: [] })).toEqual([]);
    expect(fixes({ type, ...listed, contractDimensions: [], includedUnits: [] })).toEqual([]);
  });

  it.each(['container', 'ami'])('is the module for type %s only with units that the options say', (type) => {
    expect(fixes({ type, ...listed, included: 'module', includedUnits: [units] })).toEqual([
      expect.stringMatching(/^includedUnits.0.units: give the units.*seller’s credentials/),
    ]);
    expect(fixes({ type, ...listed, included: 'module', includedUnits: [{ ...units, units: 1000 }] })).toEqual([]);
    expect(fixes({ type, ...listed, included: 'module', includedUnits: [] })).toEqual([
      expect.stringMatching(/^includedUnits: list which units/),
    ]);
  });

  it('is never both', () => {
    expect(fixes({ type: 'container', ...listed, included: 'aws', includedUnits: [{ ...units, units: 1 }] })).toEqual([
      expect.stringMatching(/^includedUnits: remove includedUnits/),
    ]);
  });

  it('is never AWS for a SaaS product, and the module by itself where units are listed', () => {
    expect(problems({ contractDimensions: ['pack'], included: 'aws' }).join()).toMatch(/AWS never subtracts/);
    expect(problems({ contractDimensions: ['pack'], includedUnits: [PACK] })).toEqual([]);
    expect(problems({ contractDimensions: ['pack'], includedUnits: [PACK], included: 'module' })).toEqual([]);
  });
});

describe('under which dimension the excess is billed', () => {
  const own = { ...PACK, covers: ['calls', 'lookups'], factor: 1n, block: 1n } as never as Parameters<
    typeof billedTogether
  >[0];
  const packed = { ...own, covers: ['storage'], excessDimension: 'storage-packs' };
  const product = { includedUnits: [own, packed] };

  it('is each dimension’s own where the contract names no other', () => {
    expect(includedUnitsOf(product, 'lookups')).toBe(own);
    expect(billedTogether(own)).toEqual(['calls', 'lookups']);
  });

  it('is the one that the contract names', () => {
    expect(includedUnitsOf(product, 'storage-packs')).toBe(packed);
    expect(billedTogether(packed)).toEqual(['storage-packs']);
  });

  it('is under no contract where none covers it', () => {
    expect(includedUnitsOf(product, 'storage')).toBeUndefined();
    expect(includedUnitsOf(product, 'seats')).toBeUndefined();
  });
});
