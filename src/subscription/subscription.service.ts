import { Inject, Injectable } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { isStorable } from '../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { Waker } from '../runtime/waker.js';
import { insertClaim, insertPayerChoice, selectCustomerOfTenant, selectTenantFrom } from './chain/claim.sql.js';
import { adoptClaims } from './chain/claim-adoption.js';
import { markCustomersChanged } from './chain/customer-changed.sql.js';
import { FactEntry } from './chain/fact-entry.js';
import { insertSubjects } from './chain/subject.sql.js';
import { selectLivingOf, selectSubscriptionsOfTenant } from './chain/subscription.sql.js';
import { LifecycleInbox } from './inbox/lifecycle-inbox.js';
import { settleMessage } from './inbox/message.sql.js';
import { type KnownCustomer, type KnownCustomerResult } from './known-customer.js';
import { KnownCustomers } from './known-customers.js';
import {
  loadSubscription,
  loadSubscriptions,
  type Subscription,
  subscriptionIdOf,
  type SubscriptionState,
} from './subscription.js';
import { SubscriptionChoiceError } from './subscription-choice-error.js';
import { isTenantId, TENANT_ID_FIX } from './tenant-id.js';

export type { Subscription } from './subscription.js';
import { byText } from '../runtime/order.js';

/** In force first; what may yet be, before what is over. */
const ORDER: readonly SubscriptionState[] = [
  'active',
  'trial',
  'suspended',
  'ending',
  'upcoming',
  'registered',
  'failed',
  'ended',
];
const IN_FORCE: ReadonlySet<SubscriptionState> = new Set(['active', 'trial', 'suspended']);

/** Whether AWS takes its usage and says what its buyer holds. */
export function isInForce({ state }: Pick<Subscription, 'state'>): boolean {
  return IN_FORCE.has(state);
}

/**
 * Reads subscriptions, and takes the host's word about them. An id that was folded into another subscription stands for
 * that one.
 */
@Injectable()
export class SubscriptionService {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly inbox: LifecycleInbox,
    private readonly entry: FactEntry,
    private readonly knownCustomers: KnownCustomers,
    private readonly waker: Waker,
  ) {}

  /**
   * The subscription of an id; an id that was folded into another gives that one. Null where there is none.
   */
  async get(id: string): Promise<Subscription | null> {
    const canonical = subscriptionIdOf(id);
    if (canonical === null) return null;
    return loadSubscription(this.database, this.options.sellerAccount, canonical, this.options.clock.now());
  }

  /** All subscriptions that a tenant has, what is in force first; ended ones stay listed. */
  async forTenant(tenantId: string, { productCode }: { productCode?: string } = {}): Promise<Subscription[]> {
    // A name that Postgres does not take is nobody's; it may come out of a request.
    if ([tenantId, productCode].some((name) => typeof name === 'string' && !isStorable(name))) return [];
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const ids = await selectSubscriptionsOfTenant(this.database, sellerAccount, {
      tenantId,
      productCode: productCode ?? null,
      now,
    });
    const subscriptions = await loadSubscriptions(this.database, sellerAccount, ids, now);
    return subscriptions.sort(
      (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || startOf(b) - startOf(a) || byText(a.id, b.id),
    );
  }

  /**
   * The one subscription of a tenant that is in force. Recording does not need it: what a tenant records is priced when
   * its hour is sealed.
   * @throws SubscriptionChoiceError `NO_SUBSCRIPTION` where none is, `SEVERAL_SUBSCRIPTIONS` where several are;
   * `subscriptions` lists them
   */
  async current(tenantId: string, o: { productCode?: string } = {}): Promise<Subscription> {
    const all = await this.forTenant(tenantId, o);
    const [first, ...others] = all.filter(isInForce);
    if (first && others.length === 0) return first;
    throw first
      ? SubscriptionChoiceError.several(tenantId, [first, ...others])
      : SubscriptionChoiceError.none(tenantId, all);
  }

  /**
   * Says which subscription pays for usage of a tenant that several could pay, from an instant on: also for usage that
   * is recorded already and waits. A later choice counts from its own instant; what is billed stays.
   * @throws MarketplaceMeteringError `SUBSCRIPTION_UNKNOWN` where the tenant has no such subscription of the product,
   * `INSTANT_INVALID`
   */
  async choosePayer(choice: {
    tenantId: string;
    productCode: string;
    subscriptionId: string;
    from: Date;
  }): Promise<void> {
    const { sellerAccount, clock } = this.options;
    refuseInvalidInstant(choice.from, 'from');
    const id = subscriptionIdOf(choice.subscriptionId);
    const { tenantId, productCode, from } = choice;
    await this.database.transaction(async (tx) => {
      const living = id === null ? null : await selectLivingOf(tx, sellerAccount, id);
      const own = await selectSubscriptionsOfTenant(tx, sellerAccount, { tenantId, productCode, now: clock.now() });
      if (!living || !own.includes(living.id)) {
        throw unknown(
          choice.subscriptionId,
          `Give one that tenant ${JSON.stringify(tenantId)} has claimed of product ${productCode}.`,
        );
      }
      await insertPayerChoice(tx, sellerAccount, {
        tenantId,
        productCode,
        subscriptionId: living.id,
        from,
        at: clock.now(),
      });
      const customerId = await selectCustomerOfTenant(tx, sellerAccount, productCode, tenantId);
      await markCustomersChanged(tx, sellerAccount, customerId === null ? [] : [customerId]);
    });
    this.waker.wake('seal');
  }

  /**
   * Hands a subscription over to another tenant, from an instant on: usage from then is the other's, what was before
   * stays. The tenant who has it keeps its records and its past usage.
   * @param o `tenantId`: 1 to 255 characters. `from`: the first instant of the other's usage
   * @throws MarketplaceMeteringError `SUBSCRIPTION_UNKNOWN`, `INSTANT_INVALID`, `TENANT_INVALID`; `TRANSITION_REFUSED`
   * where it goes to another tenant at that very instant already
   */
  async handOver(id: string, { tenantId, from }: { tenantId: string; from: Date }): Promise<void> {
    const { sellerAccount, clock } = this.options;
    refuseInvalidInstant(from, 'from');
    if (!isTenantId(tenantId)) throw new MarketplaceMeteringError('TENANT_INVALID', `${TENANT_ID_FIX}.`);
    const canonical = subscriptionIdOf(id);
    await this.database.transaction(async (tx) => {
      const living = canonical === null ? null : await selectLivingOf(tx, sellerAccount, canonical);
      if (!living) throw unknown(id);
      const { id: subscriptionId, product_code: productCode } = living;
      const claim = { subscriptionId, productCode, tenantId, since: from, at: clock.now() };
      if (!(await insertClaim(tx, sellerAccount, claim))) await this.refuseOtherTenant(tx, claim);
      await insertSubjects(tx, sellerAccount, [
        { productCode, customerId: null, tenantId, subscriptionId: null },
        { productCode, customerId: null, tenantId, subscriptionId },
      ]);
    });
    await this.database.transaction((tx) => adoptClaims(tx, sellerAccount, clock.now()));
    this.waker.wake('seal');
  }

  /** Said twice, it is one hand-over; of two tenants from one instant on the second would be passed over. */
  private async refuseOtherTenant(
    tx: LedgerSql,
    { subscriptionId, tenantId, since }: { subscriptionId: string; tenantId: string; since: Date },
  ): Promise<void> {
    const other = await selectTenantFrom(tx, this.options.sellerAccount, { subscriptionId, since });
    if (other === null || other === tenantId) return;
    throw new MarketplaceMeteringError(
      'TRANSITION_REFUSED',
      `Subscription ${subscriptionId} goes to tenant ${JSON.stringify(other)} at ${since.toISOString()} already. Undo ` +
        'that first (LinkCorrection.undo, npx marketplace-ledger unlink), or give another instant.',
    );
  }

  /**
   * Enters customers from before the module: with the hour from which this module bills, and their tenant. Each is a
   * transaction of its own; entered again it changes nothing. With `dryRun` nothing is written, and the answer is what
   * would be.
   */
  register(customers: readonly KnownCustomer[], o: { dryRun?: boolean } = {}): Promise<KnownCustomerResult[]> {
    return this.knownCustomers.register(customers, o);
  }

  /**
   * Enters that the subscription ends: all its agreements that are in force at `at` (default: now). Usage up to then is
   * still sealed and sent while AWS takes it. An earlier end moves it forward, and an `at` in the future announces one.
   * It stands until an agreement starts after it; one that starts within ten minutes before it, and of which nothing was
   * heard yet, is not meant either.
   * @throws MarketplaceMeteringError `SUBSCRIPTION_UNKNOWN`, `INSTANT_INVALID`
   */
  async end(id: string, at?: Date): Promise<void> {
    if (at !== undefined) refuseInvalidInstant(at, 'at');
    const canonical = subscriptionIdOf(id);
    const isKnown = canonical !== null && (await this.database.transaction((tx) => this.enterEnd(tx, canonical, at)));
    if (!isKnown) throw unknown(id);
    this.waker.wake('seal');
  }

  private async enterEnd(tx: LedgerSql, id: string, at: Date | undefined): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    const living = await selectLivingOf(tx, sellerAccount, id);
    if (!living) return false;
    const now = clock.now();
    const endsAt = (at ?? now).toISOString();
    const event = { type: 'host.ended' as const, at: now, about: { subscriptionId: living.id }, details: { endsAt } };
    const message = { origin: 'host' as const, messageId: uuidv7() };
    await this.inbox.enter([{ ...message, via: 'SubscriptionService.end', body: '', content: { event } }], tx);
    // Applied at once: the caller may rely on the end when the promise has resolved.
    await this.entry.enter(tx, { ...message, event, heardAt: now });
    await settleMessage(tx, sellerAccount, message, { state: 'applied', subscriptionId: living.id }, now);
    return true;
  }
}

function startOf({ current, agreements }: Subscription): number {
  return (current ?? agreements.at(-1))?.startsAt?.getTime() ?? 0;
}

function refuseInvalidInstant(instant: unknown, field: string): void {
  if (instant instanceof Date && !Number.isNaN(instant.getTime())) return;
  throw new MarketplaceMeteringError(
    'INSTANT_INVALID',
    `Give ${field} as a valid Date, for example new Date("2026-12-01T00:00:00Z").`,
  );
}

function unknown(id: string, fix = 'Give the id of a Subscription.'): MarketplaceMeteringError {
  return new MarketplaceMeteringError('SUBSCRIPTION_UNKNOWN', `There is no subscription ${JSON.stringify(id)}. ${fix}`);
}
