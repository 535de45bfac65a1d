import { type ResolvedProduct } from './resolved-options.js';
import { type ResolvedIncludedUnits } from './included-options.schema.js';

type Pairing = Pick<ResolvedProduct, 'dimensions' | 'includedUnits'>;

/** The dimension under which AWS is sent what a dimension of usage exceeds; without a contract, its own. */
export function billedDimensionOf({ includedUnits }: Pick<Pairing, 'includedUnits'>, dimension: string): string {
  return includedUnits.find(({ covers }) => covers.includes(dimension))?.excessDimension ?? dimension;
}

/** Dimensions that records are written for, each once. */
export function billedDimensionsOf(product: Pairing): string[] {
  return [...new Set(product.dimensions.map((dimension) => billedDimensionOf(product, dimension)))];
}

/** What a contract includes of what a record's dimension bills; undefined where it includes nothing. */
export function includedUnitsOf(
  { includedUnits }: Pick<Pairing, 'includedUnits'>,
  billed: string,
): ResolvedIncludedUnits | undefined {
  return includedUnits.find(({ covers, excessDimension }) =>
    excessDimension === undefined ? covers.includes(billed) : excessDimension === billed,
  );
}

/** Dimensions of records that share the units. */
export function billedTogether({ covers, excessDimension }: ResolvedIncludedUnits): readonly string[] {
  return excessDimension === undefined ? covers : [excessDimension];
}
