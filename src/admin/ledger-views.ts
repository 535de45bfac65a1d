import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { EventDeliveries } from '../events/event-deliveries.service.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { type BalanceTotal, type BalanceView, LedgerBalance } from '../metering/balance/ledger-balance.js';
import { eventIdOf, isMinted, type KeyScope } from '../metering/recording/event-id.js';
import { selectSenders } from '../metering/settlement/metering-sender.sql.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { subscriptionIdOf } from '../subscription/subscription.js';
import { loadCustomerTimelines } from '../subscription/chain/customer-timelines.js';
import { type ActionView, actionViewOf } from './action.view.js';
import { selectActions } from './actions.sql.js';
import { type AlertView, alertViewOf } from './alert.view.js';
import { selectAlerts } from './alerts.sql.js';
import { type DeliveryView, deliveryViewOf } from './delivery.view.js';
import {
  type ActionFilter,
  type AlertFilter,
  type BalanceListFilter,
  type DeliveryFilter,
  type EventFilter,
  type ListQuery,
  type MessageFilter,
  type RecordFilter,
  type SubscriptionFilter,
  type WaitingFilter,
} from './list-query.js';
import { type MessageView, messageViewOf } from './message.view.js';
import { selectMessages } from './messages.sql.js';
import { type Page } from './page.js';
import { type RecordDetailView, recordDetailViewOf, type RecordView, recordViewOf } from './record.view.js';
import { type AttemptRow, selectAttempts, selectRecord, selectRecords } from './records.sql.js';
import { type SenderView, senderViewOf } from './sender.view.js';
import {
  type SubscriptionDetailView,
  subscriptionDetailViewOf,
  type SubscriptionView,
  subscriptionViewOf,
} from './subscription.view.js';
import {
  selectAgreements,
  selectFacts,
  selectSubscription,
  selectSubscriptions,
  selectWork,
} from './subscriptions.sql.js';
import {
  type UsageEventView,
  usageEventViewOf,
  type WaitingUsageView,
  waitingUsageViewOf,
} from './usage-event.view.js';
import { lookUpByIndex, selectEvents, selectSubjects, selectWaiting, type SubjectRow } from './usage-events.sql.js';

const ATTEMPTS_IN_LIST = 10;
const ATTEMPTS_IN_DETAIL = 1000;
const BALANCES_IN_DETAIL = 200;
const FACTS_IN_DETAIL = 1000;

/**
 * A page of balances and, on the first page, the sum over everything that the filters match, from the same snapshot.
 */
export interface BalancePage extends Page<BalanceView> {
  /**
   * Invariant I1 over all of it: `conserved` is true when it holds for every row. Null on later pages, because it costs
   * a pass over the events.
   */
  total: BalanceTotal | null;
}

/** What operators read of the ledger. What one answer holds comes from one snapshot. */
@Injectable()
export class LedgerViews {
  constructor(
    @Inject(LedgerDatabase) private readonly database: LedgerDatabase,
    @Inject(LedgerBalance) private readonly balances: LedgerBalance,
    @Inject(EventDeliveries) private readonly eventDeliveries: EventDeliveries,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** Metering records, newest first. */
  records(query: ListQuery<RecordFilter, [string]>): Promise<Page<RecordView>> {
    return this.snapshot(async (tx) => {
      const rows = await selectRecords(tx, this.seller, query.filter, query.after, query.limit + 1);
      const { shown, nextCursor } = cut(rows, query, (row) => [row.id]);
      const attempts = new Map<string, AttemptRow[]>(shown.map(({ id }) => [id, []]));
      for (const attempt of await selectAttempts(tx, this.seller, [...attempts.keys()], ATTEMPTS_IN_LIST)) {
        attempts.get(attempt.record_id)?.push(attempt);
      }
      return { items: shown.map((row) => recordViewOf(row, attempts.get(row.id) ?? [])), nextCursor };
    });
  }

  /** @throws MarketplaceMeteringError `NOT_FOUND` */
  record(id: string): Promise<RecordDetailView> {
    return this.snapshot(async (tx) => {
      const recordId = subscriptionIdOf(id);
      const row = recordId === null ? null : await selectRecord(tx, this.seller, recordId);
      if (!row) throw notFound('metering record', 'records');
      return recordDetailViewOf(row, await selectAttempts(tx, this.seller, [row.id], ATTEMPTS_IN_DETAIL));
    });
  }

  /** Usage events, newest hour first. */
  events(query: ListQuery<EventFilter, [string, string]>): Promise<Page<UsageEventView>> {
    return this.snapshot(async (tx) => {
      await lookUpByIndex(tx);
      const subjects = await this.subjectsOf(tx, query.filter);
      const search = {
        subjects: subjects?.map(({ id }) => id) ?? null,
        eventIds: this.eventIdsOf(query.filter, subjects),
      };
      const rows = await selectEvents(tx, this.seller, query.filter, search, query.after, query.limit + 1);
      const { shown, nextCursor } = cut(rows, query, (row) => [String(row.hour), row.id]);
      return { items: shown.map(usageEventViewOf), nextCursor };
    });
  }

  /** Usage that no record has taken yet, with the reason: newest first. */
  waiting(query: ListQuery<WaitingFilter, [string]>): Promise<Page<WaitingUsageView>> {
    return this.snapshot(async (tx) => {
      await lookUpByIndex(tx);
      const subjects = (await this.subjectsOf(tx, query.filter))?.map(({ id }) => id) ?? null;
      const rows = await selectWaiting(tx, this.seller, query.filter, subjects, query.after, query.limit + 1);
      const { shown, nextCursor } = cut(rows, query, (row) => [row.rollup_id]);
      return { items: shown.map(waitingUsageViewOf), nextCursor };
    });
  }

  /** Subscriptions, newest first; those that were folded into another stand beside it. */
  async subscriptions(query: ListQuery<SubscriptionFilter, [string]>): Promise<Page<SubscriptionView>> {
    const rows = await selectSubscriptions(this.database, this.seller, query.filter, query.after, query.limit + 1);
    const { shown, nextCursor } = cut(rows, query, (row) => [row.id]);
    return { items: shown.map(subscriptionViewOf), nextCursor };
  }

  /** @throws MarketplaceMeteringError `NOT_FOUND` */
  subscription(id: string): Promise<SubscriptionDetailView> {
    return this.snapshot(async (tx) => {
      const subscriptionId = subscriptionIdOf(id);
      const row = subscriptionId === null ? null : await selectSubscription(tx, this.seller, subscriptionId);
      if (!row) throw notFound('subscription', 'subscriptions');
      const now = this.options.clock.now();
      const [customer] = await loadCustomerTimelines(tx, this.seller, [row.customer_id], now);
      return subscriptionDetailViewOf(row, {
        agreements: await selectAgreements(tx, this.seller, row.id),
        facts: await selectFacts(tx, this.seller, row.id, FACTS_IN_DETAIL),
        timeline: customer?.subscriptions.find(({ subscriptionId }) => subscriptionId === row.id) ?? null,
        work: await selectWork(tx, this.seller, row.id),
        balance: await this.balances.read({ customerId: row.customer_id, limit: BALANCES_IN_DETAIL }, tx),
        now,
      });
    });
  }

  /** Where every recorded unit stands, by customer and dimension: invariant I1. */
  balance(query: ListQuery<BalanceListFilter, [string, string]>): Promise<BalancePage> {
    return this.snapshot(async (tx) => {
      const after = query.after ? { customerId: query.after[0], dimension: query.after[1] } : undefined;
      const rows = await this.balances.read({ ...query.filter, after, limit: query.limit + 1 }, tx);
      const { shown, nextCursor } = cut(rows, query, (row) => [row.customerId, row.dimension]);
      return { items: shown, nextCursor, total: after ? null : await this.balances.total(query.filter, tx) };
    });
  }

  /** Lifecycle messages, newest first. */
  async messages(query: ListQuery<MessageFilter, [string, string, string]>): Promise<Page<MessageView>> {
    const rows = await selectMessages(this.database, this.seller, query.filter, query.after, query.limit + 1);
    const { shown, nextCursor } = cut(rows, query, (row) => [row.received, row.origin, row.message_id]);
    return { items: shown.map(messageViewOf), nextCursor };
  }

  /** Events on their way to the host's handlers: newest event first. */
  async deliveries(query: ListQuery<DeliveryFilter, [string, string]>): Promise<Page<DeliveryView>> {
    const rows = await this.eventDeliveries.page(query.filter, query.after, query.limit + 1);
    const { shown, nextCursor } = cut(rows, query, ({ keys }) => keys);
    return { items: shown.map(({ delivery }) => deliveryViewOf(delivery)), nextCursor };
  }

  /** Alerts: open ones first, each part newest first. */
  async alerts(query: ListQuery<AlertFilter, [string, string, string, string]>): Promise<Page<AlertView>> {
    const rows = await selectAlerts(this.database, this.seller, query.filter, query.after, query.limit + 1);
    const { shown, nextCursor } = cut(rows, query, (row) => [
      String(row.resolved_at === null),
      row.first_raised,
      row.kind,
      row.subject,
    ]);
    return { items: shown.map(alertViewOf), nextCursor };
  }

  /** What people have decided: newest first. */
  async actions(query: ListQuery<ActionFilter, [string]>): Promise<Page<ActionView>> {
    const rows = await selectActions(this.database, this.seller, query.filter, query.after, query.limit + 1);
    const { shown, nextCursor } = cut(rows, query, (row) => [row.id]);
    return { items: shown.map(actionViewOf), nextCursor };
  }

  /** Which replica sends for each product in its buyer's account. */
  async senders(): Promise<{ items: SenderView[] }> {
    return { items: (await selectSenders(this.database, this.seller)).map(senderViewOf) };
  }

  private get seller(): string {
    return this.options.sellerAccount;
  }

  /** Null where the filter names neither tenant nor subscription. */
  private async subjectsOf(tx: LedgerSql, { tenantId, subscriptionId }: WaitingFilter): Promise<SubjectRow[] | null> {
    if (tenantId === undefined && subscriptionId === undefined) return null;
    return selectSubjects(tx, this.seller, { tenantId, subscriptionId });
  }

  /**
   * A key is the id within its scope, so it is looked up where its scope is known; one that was minted is known
   * everywhere.
   */
  private eventIdsOf({ idempotencyKey: key }: EventFilter, subjects: readonly SubjectRow[] | null): string[] | null {
    if (key === undefined || (subjects === null && !isMinted(key))) return null;
    const scopes = (subjects ?? [{ tenant_id: null, subscription_id: null }]).map(
      ({ tenant_id, subscription_id }): KeyScope =>
        tenant_id === null
          ? { kind: 'subscription', name: subscription_id ?? '' }
          : { kind: 'tenant', name: tenant_id },
    );
    return [...new Set(scopes.map((scope) => eventIdOf({ sellerAccount: this.seller, scope, key })))];
  }

  private snapshot<T>(read: (tx: LedgerSql) => Promise<T>): Promise<T> {
    return this.database.transaction(read, { isolation: 'REPEATABLE READ' });
  }
}

/** Rows of a page out of one row more than it holds; that one tells whether another page follows. */
function cut<Row, Keys extends readonly string[]>(
  rows: readonly Row[],
  { limit, cursorAfter }: Pick<ListQuery<unknown, Keys>, 'limit' | 'cursorAfter'>,
  keysOf: (row: Row) => Keys,
): { shown: Row[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { shown, nextCursor: rows.length > limit && last !== undefined ? cursorAfter(keysOf(last)) : null };
}

function notFound(what: string, list: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'NOT_FOUND',
    `There is no ${what} with this id. Take the id from the list at ${list}.`,
  );
}
