import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { ProductCatalog } from '../product-catalog.js';
import { subscriptionIdOf } from '../subscription.js';
import { selectProductOf } from './subscription.sql.js';

export interface KnownSubscription {
  id: string;
  productCode: string;
  /** Dimensions that the options list for its product; empty if the product is listed no more. */
  dimensions: ReadonlySet<string>;
}

const CACHE_SIZE_MAX = 100_000;

/**
 * Which subscriptions exist, answered from memory: recording asks at every event. Only what never changes is remembered, and only that it is
 * there; what was not found is asked for again, because a buyer may register the next moment.
 */
@Injectable()
export class SubscriptionDirectory {
  private readonly known = new Map<string, KnownSubscription>();
  private readonly asked = new Map<string, Promise<KnownSubscription | null>>();
  private readonly dimensions: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    products: ProductCatalog,
  ) {
    this.dimensions = new Map(products.all.map((product) => [product.productCode, new Set(product.dimensions)]));
  }

  /** A miss asks the ledger's own DataSource, outside any transaction of the host. */
  async find(id: string): Promise<KnownSubscription | null> {
    const known = this.known.get(id);
    if (known) return known;
    const canonical = subscriptionIdOf(id);
    if (canonical === null) return null;
    const question = this.known.get(canonical) ?? this.asked.get(canonical) ?? this.ask(canonical);
    return question;
  }

  private ask(id: string): Promise<KnownSubscription | null> {
    const answer = this.read(id).finally(() => this.asked.delete(id));
    this.asked.set(id, answer);
    return answer;
  }

  private async read(id: string): Promise<KnownSubscription | null> {
    const productCode = await selectProductOf(this.database, this.options.sellerAccount, id);
    if (productCode === null) return null;
    const found = { id, productCode, dimensions: this.dimensions.get(productCode) ?? new Set<string>() };
    // The oldest goes: a subscription that is used is asked for again at the cost of one read.
    const [oldest] = this.known.size >= CACHE_SIZE_MAX ? this.known.keys() : [];
    if (oldest !== undefined) this.known.delete(oldest);
    this.known.set(id, found);
    return found;
  }
}
