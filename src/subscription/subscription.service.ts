import { Inject, Injectable } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors.js';
import { type ResolvedOptions } from '../marketplace-metering.options.js';
import { Waker } from '../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type Subscription, subscriptionIdOf, subscriptionOf } from './subscription.js';
import { LifeWriter } from './chain/projection.js';
import { LifecycleInbox } from './inbox/lifecycle-inbox.js';
import { fileHostMessages } from './chain/lifecycle.sql.js';
import { lockForEnd, selectSubscription, selectSubscriptionsOfTenant } from './chain/subscription.sql.js';

export type { Subscription } from './subscription.js';

/** Reads subscriptions and ends them. An id that was merged into another subscription stands for that one. */
@Injectable()
export class SubscriptionService {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly inbox: LifecycleInbox,
    private readonly life: LifeWriter,
    private readonly waker: Waker,
  ) {}

  async get(id: string): Promise<Subscription | null> {
    const canonical = subscriptionIdOf(id);
    if (canonical === null) return null;
    const row = await selectSubscription(this.database, this.options.sellerAccount, canonical);
    return row && subscriptionOf(row);
  }

  /** All agreements that a tenant ever linked, oldest first: agreements are concurrent, and ended ones stay listed. */
  async forTenant(tenantId: string, { productCode }: { productCode?: string } = {}): Promise<Subscription[]> {
    const rows = await selectSubscriptionsOfTenant(this.database, this.options.sellerAccount, tenantId, productCode ?? null);
    return rows.map(subscriptionOf);
  }

  /**
   * Enters that the subscription ends: usage up to `at` (default: now) is still sealed and sent while AWS takes it, then the subscription is
   * closed. May be called again: the same end changes nothing, an earlier one moves the end forward, a later one only prolongs the trying. An
   * `at` in the future announces an end.
   * @throws MarketplaceMeteringError `SUBSCRIPTION_UNKNOWN`, `INSTANT_INVALID`
   */
  async end(id: string, at?: Date): Promise<void> {
    if (at !== undefined && Number.isNaN(at.getTime())) {
      throw new MarketplaceMeteringError('INSTANT_INVALID', 'The end of a subscription must be a valid Date; leave it out for now.');
    }
    const canonical = subscriptionIdOf(id);
    const outcome = canonical === null ? 'unknown' : await this.database.transaction((tx) => this.enterEnd(tx, canonical, at));
    if (outcome === 'unknown') {
      throw new MarketplaceMeteringError(
        'SUBSCRIPTION_UNKNOWN',
        `There is no subscription ${JSON.stringify(id)}; give the id of a Subscription.`,
      );
    }
    if (outcome === 'entered') this.waker.wake('seal');
  }

  private async enterEnd(tx: SqlExecutor, id: string, at: Date | undefined): Promise<'unknown' | 'known' | 'entered'> {
    const { sellerAccount, clock } = this.options;
    const current = await selectSubscription(tx, sellerAccount, id);
    const row = current && (await lockForEnd(tx, sellerAccount, current.id));
    if (!row) return 'unknown';
    if (row.state === 'ended' || (row.ends_at !== null && (at === undefined || at.getTime() === row.ends_at.getTime()))) return 'known';

    const now = clock.now();
    const endsAt = at ?? now;
    const event = { type: 'host.ended' as const, at: now, about: { subscriptionId: row.id }, details: { endsAt: endsAt.toISOString() } };
    await this.inbox.enter([{ origin: 'host', messageId: uuidv7(), via: 'SubscriptionService.end', body: '', content: { event } }], tx);
    // Filed at once: the caller may rely on the end when the promise has resolved.
    await fileHostMessages(tx, sellerAccount, row.id, now);
    await this.life.rewrite(tx, row.id);
    return 'entered';
  }
}
