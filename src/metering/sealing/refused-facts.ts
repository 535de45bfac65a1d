import { type LedgerSql } from '../../database/ledger-database.js';
import { latestOf } from '../../runtime/clock.js';
import { REFUSED_CONTENTS } from '../settlement/record-outcome.js';
import { causesAgainst } from '../submission/quarantine.sql.js';
import { loadBilledHours } from './refused-load.sql.js';
import { isStillRefused, type Refusal } from './refused-usage.js';

/** What AWS refuses by what is known now: the causes that stand, and what it has taken lately. */
export class RefusedFacts {
  private constructor(
    private readonly identityIds: ReadonlyMap<string, string>,
    private readonly causes: ReadonlySet<string>,
    /** By the identity's row id and dimension. */
    private readonly billedHours: ReadonlyMap<string, ReadonlyMap<string, Date>>,
  ) {}

  /** @param identityIds row ids by product and name: see `productIdentityKey` */
  static async load(
    tx: LedgerSql,
    sellerAccount: string,
    productCodes: readonly string[],
    identityIds: ReadonlyMap<string, string>,
    dimensions: readonly string[],
    since: Date,
  ): Promise<RefusedFacts> {
    const ids = [...identityIds.values()];
    const billed = await loadBilledHours(tx, ids, dimensions, since);
    const causes = new Set<string>();
    for (const productCode of productCodes) {
      for (const { scope, key } of await causesAgainst(
        tx,
        sellerAccount,
        productCode,
        ids,
        dimensions,
        REFUSED_CONTENTS,
      )) {
        causes.add(`${productCode} ${scope} ${key}`);
      }
    }
    const billedHours = new Map<string, Map<string, Date>>();
    for (const { identity_id: id, dimension, hour } of billed)
      billedHours.set(id, (billedHours.get(id) ?? new Map<string, Date>()).set(dimension, hour));
    return new RefusedFacts(identityIds, causes, billedHours);
  }

  isRefused(productCode: string, identity: string | null, dimension: string): boolean {
    const id = this.idOf(productCode, identity);
    return (
      this.causes.has(`${productCode} product ${productCode}`) ||
      this.causes.has(`${productCode} dimension ${dimension}`) ||
      (id !== undefined && this.causes.has(`${productCode} identity ${id}`))
    );
  }

  isStillRefused(productCode: string, refusal: Refusal, identity: string | null, dimension: string): boolean {
    const hours = this.billedHours.get(this.idOf(productCode, identity) ?? '') ?? new Map<string, Date>();
    return isStillRefused(refusal, (reason) => this.causes.has(`${productCode} reason ${reason}`), {
      ofBuyer: latestOf([...hours.values()]),
      ofDimension: hours.get(dimension) ?? null,
    });
  }

  private idOf(productCode: string, identity: string | null): string | undefined {
    return identity === null ? undefined : this.identityIds.get(`${productCode} ${identity}`);
  }
}
