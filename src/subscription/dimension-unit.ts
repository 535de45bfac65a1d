// What one unit of a dimension is sold for, which stays so as long as something of it is not sold. Pure.
import { billedDimensionsOf } from '../options/included-pairing.js';
import { type ResolvedIncludedUnits } from '../options/included-options.schema.js';
import { type ResolvedProduct } from '../options/resolved-options.js';

/** How a dimension was sold in a period that carries something of it, or has records of it under way. */
export interface OpenBook {
  dimension: string;
  /** Units of usage that were sold as one. */
  block: number;
  /** Usage that shared a contract's units; null where no contract included anything. */
  covers: readonly string[] | null;
}

type Units = Pick<ResolvedIncludedUnits, 'covers' | 'excessDimension' | 'block'>;

/** Dimensions of records that may be sold in another unit than before: of these the ledger is asked. */
export function dimensionsInDoubt(
  product: Pick<ResolvedProduct, 'dimensions' | 'includedUnits'>,
  earlier: readonly (readonly Units[])[],
): string[] {
  const blocks = [product.includedUnits, ...earlier].flat().filter(({ block }) => block > 1);
  const sold = new Set(blocks.map(({ excessDimension }) => excessDimension));
  return billedDimensionsOf(product).filter((dimension) => sold.has(dimension));
}

/**
 * Whether a dimension is sold in another unit now: by itself and in blocks of other usage, or in blocks of usage of
 * another kind. What is carried would be sold together with it: 400 calls that fill no pack of 1,000 as 400 packs.
 */
export function isOtherUnit({ dimension, block, covers }: OpenBook, includedUnits: readonly Units[]): boolean {
  const now = includedUnits.find(({ excessDimension }) => excessDimension === dimension);
  if (block === 1 && (now?.block ?? 1) === 1) return false;
  const wasOwn = covers === null ? block === 1 : covers.includes(dimension);
  if (wasOwn || !now) return !(wasOwn && !now);
  return covers !== null && !covers.some((name) => now.covers.includes(name));
}
