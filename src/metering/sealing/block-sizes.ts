// How many units of usage one unit of a record stands for.
import { type LedgerSql } from '../../database/ledger-database.js';
import { billedDimensionsOf, includedUnitsOf } from '../../options/included-pairing.js';
import { type ResolvedProduct } from '../../options/resolved-options.js';
import { loadSealedBlocks } from './included-load.sql.js';
import { type Period } from './period.js';

/** What the ledger has of periods: their rows, and by the row's id the dimensions that were sealed. */
export interface SealedBooks {
  rowsOf: (period: Period) => readonly { id: string }[];
  dimensionsOf: ReadonlyMap<string, readonly string[]>;
}

/**
 * The options say in which blocks a dimension is sold. Of one that they do not name the ledger knows: a contract was
 * taken out of them, or the product, here or in another service of the same ledger. What its period carries is units of
 * usage still; taken for blocks, 400 calls that fill no pack of 1,000 would be billed as 400 packs.
 */
export class BlockSizes {
  private constructor(
    private readonly named: ReadonlyMap<string, bigint>,
    private readonly sealed: ReadonlyMap<string, bigint>,
  ) {}

  static async load(
    tx: LedgerSql,
    sellerAccount: string,
    options: readonly ResolvedProduct[],
    periods: readonly { productCode: string; period: Period }[],
    { rowsOf, dimensionsOf }: SealedBooks,
  ): Promise<BlockSizes> {
    const named = new Map(
      options.flatMap((product) =>
        billedDimensionsOf(product).map((dimension) => [
          `${product.productCode} ${dimension}`,
          BigInt(includedUnitsOf(product, dimension)?.block ?? 1),
        ]),
      ),
    );
    const unnamed = periods.flatMap(({ productCode, period }) =>
      rowsOf(period).flatMap(({ id: periodId }) =>
        (dimensionsOf.get(periodId) ?? [])
          .filter((dimension) => !named.has(`${productCode} ${dimension}`))
          .map((dimension) => ({ periodId, dimension })),
      ),
    );
    const rows = unnamed.length === 0 ? [] : await loadSealedBlocks(tx, sellerAccount, unnamed);
    return new BlockSizes(
      named,
      new Map(rows.map(({ period_id: id, dimension, block }) => [`${id} ${dimension}`, BigInt(block)])),
    );
  }

  /** @param rows of the period that the record is for; at least 1 */
  of(productCode: string, rows: readonly { id: string }[], dimension: string): bigint {
    const [sealed] = rows.flatMap(({ id }) => this.sealed.get(`${id} ${dimension}`) ?? []);
    return this.named.get(`${productCode} ${dimension}`) ?? sealed ?? 1n;
  }
}
