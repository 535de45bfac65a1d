// From all facts of a buyer to rows of subscriptions, and to what the host hears of them.
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { earliest } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type AgreementFact } from '../agreements/agreement-fact.js';
import {
  endedToldAfter,
  stateOf,
  tellingsOf,
  withEndKept,
  withTermsAwaited,
} from '../agreements/subscription-state.js';
import { ProductCatalog } from '../product-catalog.js';
import {
  type AgreementRecord,
  amongOf,
  type BuyerChains,
  loadBuyerChains,
  lockBuyers,
  lockSubscriptionsOf,
  selectBuyersOf,
} from './buyer-chains.js';
import { askingOf, chainOf, type ChainReading, livingOf, readChains } from './chain-reading.js';
import { conflictsOf, CONFLICT_KINDS } from './chain-conflict.js';
import { markCustomersChanged } from './customer-changed.sql.js';
import { insertFacts, type NewFact } from './fact.sql.js';
import { insertAgreementNames } from './agreement.sql.js';
import { askAbout } from './next-ask.sql.js';
import { noteHeard, selectBuyersToChange, writeAgreements, writeState } from './projection.sql.js';
import { eventOf } from './subscription-event.js';
import { SubscriptionPlacement } from './subscription-placement.js';

/** What has just been heard of a buyer: facts, and rows of agreements that were never named before. */
export interface News {
  agreements: readonly AgreementRecord[];
  facts: readonly NewFact[];
}

/** What the news made of the buyer. */
export interface Projected {
  chains: BuyerChains;
  reading: ChainReading;
  /** Whether anything changed that sealing must act on. */
  changed: boolean;
}

const NO_NEWS: News = { agreements: [], facts: [] };
/** Of these ways in silence means something: AWS speaks by them, of its own accord. */
const HEARD_BY: ReadonlySet<string> = new Set(['eventBridge', 'sns', 'sqs', 'http']);

/**
 * Writes what the facts make of a buyer's subscriptions, and tells of what has changed, in the caller's transaction.
 * All of it is computed anew each time from all facts of the buyer: a nameless fact may concern any of its agreements,
 * and a link may be learned late.
 */
@Injectable()
export class Projection {
  private readonly logger = new Logger('MarketplaceLifecycle');
  private readonly placement: SubscriptionPlacement;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly products: ProductCatalog,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
  ) {
    this.placement = new SubscriptionPlacement(options, outbox);
  }

  /**
   * Of the buyers of these subscriptions, where something beside the facts has changed: AWS was asked, a subscription
   * was moved to licenses.
   * @returns whether anything changed that sealing must act on
   */
  async project(tx: LedgerSql, subscriptionIds: readonly string[]): Promise<boolean> {
    let changed = false;
    for (const buyerId of await selectBuyersOf(tx, this.options.sellerAccount, subscriptionIds)) {
      changed = (await this.enter(tx, buyerId, NO_NEWS)).changed || changed;
    }
    return changed;
  }

  /** A buyer of whom something changes by time alone. */
  async projectBuyer(tx: LedgerSql, buyerId: string): Promise<boolean> {
    return (await this.enter(tx, buyerId, NO_NEWS)).changed;
  }

  /** Buyers of whom something changes by time alone. */
  selectDue(sql: LedgerSql, limit: number): Promise<string[]> {
    return selectBuyersToChange(sql, this.options.sellerAccount, this.options.clock.now(), limit);
  }

  /**
   * Enters what was heard of a buyer, and projects.
   * @param tx a READ COMMITTED transaction
   * @param isPart more follows in this transaction that belongs to it: states are written and told by the caller's
   * `projectBuyer` after the last part
   */
  async enter(tx: LedgerSql, buyerId: string, news: News, isPart = false): Promise<Projected> {
    const { sellerAccount } = this.options;
    // Statements after the locks see what the holder before has written.
    await lockBuyers(tx, sellerAccount, [buyerId]);
    await lockSubscriptionsOf(tx, sellerAccount, [buyerId]);
    const [loaded] = await loadBuyerChains(tx, sellerAccount, [buyerId]);
    if (!loaded) throw new Error(`buyer ${buyerId} has gone`);
    const known = withNews(loaded, news);
    const reading = readChains(known);
    const placed = await this.placement.place(tx, known, reading);
    await this.writeRows(tx, placed, loaded, news);
    const changed = !isPart && (await this.writeStates(tx, placed, reading));
    if (!isPart) await this.raiseConflicts(tx, placed, reading);
    const hasNews =
      news.facts.length > 0 ||
      placed.subscriptions.length !== loaded.subscriptions.length ||
      reading.joining.folds.size > 0;
    if (changed || hasNews) await this.markChanged(tx, placed, loaded);
    crashPoint('projection.written');
    return { chains: placed, reading, changed: changed || hasNews };
  }

  private async writeRows(tx: LedgerSql, placed: BuyerChains, loaded: BuyerChains, news: News): Promise<void> {
    const { sellerAccount } = this.options;
    const stored = new Map(loaded.agreements.map((row) => [row.id, row]));
    const homeless = placed.agreements.filter(({ subscriptionId }) => subscriptionId === null);
    if (homeless.length > 0) throw new Error('an agreement was joined to no subscription');
    const rows = placed.agreements.filter((row) => {
      const before = stored.get(row.id);
      return before?.subscriptionId !== row.subscriptionId || before.aliasOf !== row.aliasOf;
    });
    await writeAgreements(tx, sellerAccount, placed, rows);
    for (const { id, names } of news.agreements) await insertAgreementNames(tx, sellerAccount, id, names);
    await insertFacts(tx, sellerAccount, placed.buyerId, news.facts);
    const heard = news.facts.filter(({ origin }) => HEARD_BY.has(origin));
    if (heard.length === 0) return;
    const living = livingOf(placed).map(({ id }) => id);
    await noteHeard(tx, sellerAccount, living, this.options.clock.now());
  }

  private async writeStates(tx: LedgerSql, placed: BuyerChains, reading: ChainReading): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    let changed = false;
    for (const row of livingOf(placed)) {
      const chain = chainOf(row.id, placed, reading);
      const state = withTermsAwaited(row, withEndKept(row, stateOf(chain, askingOf(row), now), chain), chain, now);
      const projected = { ...state, endedTold: endedToldAfter(row, state) };
      const tellings = tellingsOf(row, projected, chain);
      if (!(await writeState(tx, sellerAccount, row.id, row, projected)))
        throw new Error(`subscription ${row.id} changed under its lock`);
      await this.outbox.append(
        tx,
        tellings.map((telling) =>
          eventOf(telling, { subscriptionId: row.id, productCode: row.productCode, chain, now }),
        ),
      );
      if (row.state !== projected.state)
        this.logger.log(`subscription ${row.id} goes from ${row.state} to ${projected.state}`);
      changed ||=
        row.state !== projected.state || row.currentAgreementId !== projected.currentAgreementId || tellings.length > 0;
    }
    const living = livingOf(placed);
    const [first, ...doubts] = reading.assignment.doubts.map(({ askFrom }) => askFrom);
    // Any of a buyer's subscriptions will do: AWS is asked for all agreements of the buyer.
    const asked = living.findLast(({ state }) => state !== 'ended') ?? living.at(-1);
    if (first && asked) await askAbout(tx, sellerAccount, [asked.id], earliest(first, ...doubts));
    return changed;
  }

  /**
   * One alert for each kind and buyer, held open as long as the rules see it. About a product that is not listed here
   * nothing is said: another process may list it.
   */
  private async raiseConflicts(tx: LedgerSql, placed: BuyerChains, reading: ChainReading): Promise<void> {
    if (this.products.get(placed.productCode) === undefined) return;
    const conflicts = conflictsOf(placed, reading);
    for (const conflict of conflicts) await this.alerts.raise(tx, conflict);
    const subject = `${placed.productCode} ${placed.buyerId}`;
    const over = CONFLICT_KINDS.filter((kind) => !conflicts.some((alert) => alert.kind === kind));
    await this.alerts.resolve(tx, over, subject);
  }

  private async markChanged(tx: LedgerSql, placed: BuyerChains, loaded: BuyerChains): Promise<void> {
    const ids = [...loaded.subscriptions, ...placed.subscriptions].map(({ customerId }) => customerId);
    const past = await this.customersOfTenants(tx, placed);
    await markCustomersChanged(tx, this.options.sellerAccount, [...ids, ...past]);
  }

  /** Tenants who once had a subscription that another has now: their usage is planned by the same facts. */
  private async customersOfTenants(tx: LedgerSql, { productCode, claims }: BuyerChains): Promise<string[]> {
    const tenants = [...new Set(claims.map(({ tenantId }) => tenantId))];
    if (tenants.length === 0) return [];
    const rows = await tx.query<{ id: string }>(
      `SELECT id::text AS id FROM marketplace.customer WHERE seller_account = $1 AND product_code = $2
        AND tenant_id = ANY ($3)`,
      [this.options.sellerAccount, productCode, tenants],
    );
    return rows.map(({ id }) => id);
  }
}

function withNews(chains: BuyerChains, news: News): BuyerChains {
  const agreements = [...chains.agreements, ...news.agreements];
  const facts = news.facts.map((fact) => {
    const { id, type, agreementId, at, heardAt, subscriptionId } = fact;
    const { licenseDigest = null, ...details } = fact.details as { licenseDigest?: string | null };
    const among = amongOf({ type, licenseDigest, subscriptionId }, agreements, chains.subscriptions);
    return {
      ...({ id, type, agreementId, among, at, heardAt, details } as AgreementFact),
      subscriptionId,
      licenseDigest,
    };
  });
  const heard = new Set(chains.facts.map(({ id }) => id));
  return { ...chains, agreements, facts: [...chains.facts, ...facts.filter(({ id }) => !heard.has(id))] };
}
