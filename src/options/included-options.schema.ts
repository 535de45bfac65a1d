import { z } from 'zod';
import { wholeNumber } from './option-values.schema.js';

/** A dimension, by the name that the API has for it. */
export const dimensionName = z
  .string({ error: 'give the API name of a dimension' })
  .min(1, { error: 'a dimension name must not be empty' })
  .max(255, { error: 'a dimension name has at most 255 characters' });

const FACTOR_MAX = 1_000_000_000;

/** One entry of `products[].includedUnits`. */
export const includedUnitsSchema = z.strictObject({
  contractDimension: dimensionName,
  covers: z
    .array(dimensionName, { error: 'list the dimensions of usage that share the units' })
    .min(1, { error: 'name at least one dimension of usage' })
    .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' }),
  units: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  factor: wholeNumber(1, FACTOR_MAX).default(1),
  excessDimension: dimensionName.optional(),
  block: wholeNumber(1, FACTOR_MAX).default(1),
  per: z.enum(['term', 'month'], { error: 'give "term" or "month"' }).default('term'),
  rollsOver: z.boolean({ error: 'give true or false' }).default(false),
});

export type ResolvedIncludedUnits = z.output<typeof includedUnitsSchema>;

/** The parts of a product that its included units are checked against. */
interface ListedProduct {
  type: string;
  dimensions: readonly string[];
  contractDimensions: readonly string[];
  included?: 'aws' | 'module' | undefined;
  includedUnits: readonly ResolvedIncludedUnits[];
}

interface Problem {
  path: (string | number)[];
  fix: string;
}

/** What of a product's pairing does not hold: both lists, the names between them, and who subtracts. */
export function pairingProblems(product: ListedProduct): Problem[] {
  const { type, dimensions, contractDimensions, included, includedUnits } = product;
  const hasContract = contractDimensions.length > 0 || includedUnits.length > 0;
  const problems: Problem[] = [];
  const add = (fix: string, ...path: (string | number)[]): void => {
    problems.push({ path, fix });
  };
  for (const name of contractDimensions) {
    if (!dimensions.includes(name)) continue;
    add(
      `"${name}" cannot be both bought in advance and recorded as usage: AWS names the two differently`,
      'contractDimensions',
    );
  }
  if (type !== 'saas' && hasContract && included === undefined)
    add(
      'say who subtracts the units of the contract: "aws" (all usage is sent; AWS tracks prepaid units of AMI and ' +
        'container products itself) or "module" (only what exceeds includedUnits is sent); nothing is guessed, because ' +
        'subtracted twice units are given away, and not at all they are charged twice',
      'included',
    );
  if (type === 'saas' && included === 'aws')
    add('give "module": AWS never subtracts the units of a SaaS contract', 'included');
  if (included === 'aws' && includedUnits.length > 0)
    add('remove includedUnits, or give included: "module": with "aws" the module subtracts nothing', 'includedUnits');
  if (included === 'module' && includedUnits.length === 0)
    add('list which units the contract includes: with "module" only what exceeds them is sent', 'includedUnits');

  includedUnits.forEach((units, index) => {
    const { contractDimension, covers, excessDimension, block } = units;
    const at = (fix: string, field: string): void => {
      add(fix, 'includedUnits', index, field);
    };
    if (!contractDimensions.includes(contractDimension))
      at(`add "${contractDimension}" to contractDimensions, or correct it`, 'contractDimension');
    const others = includedUnits.slice(0, index);
    if (others.some((other) => other.contractDimension === contractDimension))
      at(`"${contractDimension}" has an entry already: list what shares its units in its covers`, 'contractDimension');
    for (const name of covers) {
      if (!dimensions.includes(name)) at(`add "${name}" to dimensions, or correct it`, 'covers');
      if (others.some((other) => other.covers.includes(name))) at(`"${name}" is covered by another entry`, 'covers');
    }
    if (excessDimension === undefined) {
      if (block !== 1) at('give excessDimension, too: a block is sold under a name of its own', 'block');
    } else {
      if (dimensions.includes(excessDimension) || contractDimensions.includes(excessDimension))
        at(
          `"${excessDimension}" stands in a list of dimensions: usage of it would be billed in two units`,
          'excessDimension',
        );
      if (others.some((other) => other.excessDimension === excessDimension))
        at(`"${excessDimension}" is the excess dimension of another entry`, 'excessDimension');
    }
    if (type !== 'saas' && units.units === undefined)
      at(
        'give the units: entitlements of AMI and container products cannot be asked for, because GetEntitlements wants ' +
          'the seller’s credentials',
        'units',
      );
  });
  return problems;
}
