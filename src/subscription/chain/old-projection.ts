import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type SqlExecutor } from '../../database/ledger-database.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { earliest } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { lockSealCursors } from './subscription.sql.js';
import { LifecycleInbox } from '../inbox/lifecycle-inbox.js';
import {
  insertSuccessor,
  type Kin,
  type LifeRow,
  linkSuccessor,
  loadHeard,
  lockLife,
  moveAliases,
  selectByAgreements,
  selectHeirs,
  writeLife,
} from './lifecycle.sql.js';
import { type HeardEvent, lifeOf, type SubscriptionLife } from '../agreements/subscription-life.js';

/** Writes what everything heard makes of a subscription, and tells of what has changed, in the caller's transaction. */
@Injectable()
export class LifeWriter {
  private readonly logger = new Logger('MarketplaceLifecycle');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly outbox: Outbox,
    private readonly inbox: LifecycleInbox,
  ) {}

  /**
   * Folds everything heard about a subscription into its state. What has ended stays ended: a new agreement is a subscription of its own.
   * @returns whether anything changed that metering must act on
   */
  async rewrite(tx: SqlExecutor, subscriptionId: string): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    const row = await lockLife(tx, sellerAccount, subscriptionId);
    if (!row) return false;
    const heard = await loadHeard(tx, sellerAccount, row.id);
    await this.linkLineage(tx, row, heard);
    if (row.state === 'ended') return false;

    const now = clock.now();
    const life = lifeOf(
      { registeredAt: row.registered_at, arrivedOnTrial: row.offer_type === 'free-trial', wasMetered: row.first_metered_at !== null },
      heard,
      now,
    );
    const changes = differs(row, life);
    // A start that moves to later must not cross a seal: it would leave a record from before the new start behind.
    if (life.startsAt !== null && life.startsAt > row.starts_at) await lockSealCursors(tx, sellerAccount, [row.id]);
    const written = await writeLife(tx, sellerAccount, row.id, { ...life, heardAt: latestOf(heard), changes });
    if (changes) {
      await this.outbox.append(tx, eventsOf(row, life, written.starts_at, now));
      if (row.state !== life.state) this.logger.log(`subscription ${row.id} goes from ${row.state} to ${life.state}`);
    }
    return changes;
  }

  /** A subscription that takes over from one that has ended: the names of the old one, and its tenant, are the new one's from now on. */
  async succeed(tx: SqlExecutor, ended: { id: string; productCode: string }, kinds: readonly string[]): Promise<string> {
    const { sellerAccount, clock } = this.options;
    const id = uuidv7();
    const now = clock.now();
    await insertSuccessor(tx, sellerAccount, { id, predecessorId: ended.id, now, copyIdentity: kinds.includes('license') });
    await moveAliases(tx, sellerAccount, ended.id, id, kinds);
    await this.outbox.append(tx, [this.succession(id, ended.productCode, ended.id)]);
    return id;
  }

  /**
   * Renewals and replacements name the agreement before them. Linked from both sides, since either may be heard of first. The one taken over ends with the
   * start of its successor: its license is not used any more, whether or not AWS says so.
   */
  private async linkLineage(tx: SqlExecutor, row: LifeRow, heard: readonly HeardEvent[]): Promise<void> {
    const { sellerAccount } = this.options;
    const previous = heard.flatMap(({ event }) =>
      (event.type === 'agreement.created' || event.type === 'agreement.found') && event.details.previousAgreementId !== null
        ? [event.details.previousAgreementId]
        : [],
    );
    if (row.predecessor_id === null && previous.length > 0) {
      const predecessor = await selectByAgreements(tx, sellerAccount, previous);
      if (predecessor && predecessor.id !== row.id) await this.link(tx, row, predecessor);
    }
    for (const heir of await selectHeirs(tx, sellerAccount, row.id)) {
      if (heir.predecessor_id === null) await this.link(tx, heir, row);
    }
  }

  private async link(tx: SqlExecutor, successor: Kin, predecessor: Kin): Promise<void> {
    const strangers =
      successor.product_code !== predecessor.product_code ||
      (successor.customer_aws_account_id !== null &&
        predecessor.customer_aws_account_id !== null &&
        successor.customer_aws_account_id !== predecessor.customer_aws_account_id);
    if (strangers || !(await linkSuccessor(tx, this.options.sellerAccount, successor.id, predecessor.id))) return;
    const at = earliest(this.options.clock.now(), successor.starts_at);
    await this.outbox.append(tx, [this.succession(successor.id, successor.product_code, predecessor.id)]);
    await this.inbox.enter(
      [
        {
          origin: 'lineage',
          messageId: `${successor.id} succeeds ${predecessor.id}`,
          via: 'lineage',
          body: '',
          content: {
            event: { type: 'successor.started', at, about: { subscriptionId: predecessor.id }, details: { successorId: successor.id } },
          },
        },
      ],
      tx,
    );
  }

  private succession(id: string, productCode: string, predecessorId: string): NewMarketplaceEvent<'subscription.succeeded'> {
    return {
      type: 'subscription.succeeded',
      subscriptionId: id,
      payload: { productCode, predecessorId },
      occurredAt: this.options.clock.now(),
    };
  }
}

function latestOf(heard: readonly HeardEvent[]): Date | null {
  return heard.reduce<Date | null>((latest, { receivedAt }) => (latest === null || receivedAt > latest ? receivedAt : latest), null);
}

function differs(row: LifeRow, { state, isTrial, startsAt, activatedAt, end }: SubscriptionLife): boolean {
  const moved = (before: Date | null, after: Date | null | undefined): boolean => before?.getTime() !== after?.getTime();
  return (
    row.state !== state ||
    row.is_trial !== isTrial ||
    (activatedAt !== null && moved(row.activated_at, activatedAt)) ||
    (startsAt !== null && row.activated_at === null && moved(row.starts_at, startsAt)) ||
    moved(row.ends_at, end?.endsAt) ||
    moved(row.first_end_sign_at, end?.firstSignAt) ||
    moved(row.last_end_sign_at, end?.lastSignAt)
  );
}

function eventsOf(row: LifeRow, life: SubscriptionLife, startsAt: Date, now: Date): NewMarketplaceEvent[] {
  const about = { subscriptionId: row.id, occurredAt: now };
  const productCode = row.product_code;
  const { state, end } = life;
  const wasUsable = row.state === 'active' || row.state === 'trial';
  switch (state) {
    case 'active':
    case 'trial': {
      if (!wasUsable) {
        const payload = { productCode, startsAt: startsAt.toISOString(), isTrial: life.isTrial, previousState: row.state };
        return [{ type: 'subscription.activated', ...about, payload }];
      }
      return row.state === 'trial' && state === 'active' ? [{ type: 'subscription.converted', ...about, payload: { productCode } }] : [];
    }
    case 'suspended':
      return row.state === 'suspended'
        ? []
        : [{ type: 'subscription.suspended', ...about, payload: { productCode, notice: 'advisory issued' } }];
    case 'failed':
      return row.state === 'failed' ? [] : [{ type: 'subscription.failed', ...about, payload: { productCode } }];
    case 'ending': {
      if (!end || end.endsAt.getTime() === row.ends_at?.getTime()) return [];
      return [{ type: 'subscription.ending', ...about, payload: { productCode, endsAt: end.endsAt.toISOString() } }];
    }
    case 'registered':
      return [];
  }
}
