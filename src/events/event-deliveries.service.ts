import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { Waker } from '../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AlertBoard } from './alert-board.js';
import {
  type DeliveryRow,
  type DeliveryState,
  handlerOfDelivery,
  hasDeadLettered,
  lockDelivery,
  retryDelivery,
  selectDeliveries,
  skipDelivery,
} from './event-delivery.sql.js';
import { lockHandler, retireHandler, selectHandlers, selectPresence } from './event-handler.sql.js';
import { awaySubjectsOf } from './event-handlers.js';
import { type MarketplaceEventType } from './marketplace-event.js';
import { insertAction, type OperatorAction } from './operator-action.sql.js';
import { type Decider, requireDecider, requireSigned } from './signed-decision.js';

/** One event on its way to one handler. */
export interface EventDelivery {
  id: string;
  handlerId: string;
  eventId: string;
  type: string;
  subscriptionId: string | null;
  /** When the event happened, by the business clock. */
  occurredAt: Date;
  state: DeliveryState;
  /** Attempts since the delivery was made, or since it was last retried by hand. */
  attempts: number;
  /** Machine time; null unless it waits. */
  nextAttemptAt: Date | null;
  /** Why the latest attempt that failed did. */
  lastError: string | null;
  deliveredAt: Date | null;
  /** Who retried or skipped it. */
  decidedBy: string | null;
  /** `retry`, or why it was skipped. */
  decision: string | null;
}

/** A handler as the database knows it, from any process. */
export interface KnownHandler {
  id: string;
  type: string;
  firstSeenAt: Date;
  /** When a process last showed that it has it; about a minute is normal. Machine time. */
  lastSeenAt: Date;
  /** Since then nothing is kept for it. */
  retiredAt: Date | null;
  open: number;
  deadLettered: number;
}

/** Which deliveries are wanted: all, where nothing is given. */
export interface EventDeliveryFilter {
  state?: DeliveryState | undefined;
  handlerId?: string | undefined;
  subscriptionId?: string | undefined;
}

const LIST_MAX = 1000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A process that has a handler shows it every minute. */
const PRESENT_MS = 5 * 60_000;

/**
 * What became of events on their way to the host's handlers, and what a person decides about those that handlers keep
 * failing on.
 */
@Injectable()
export class EventDeliveries {
  private readonly logger = new Logger('MarketplaceHandlers');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** Newest first, at most `limit` (default 100, up to 1,000). */
  async list({ limit = 100, ...filter }: EventDeliveryFilter & { limit?: number } = {}): Promise<EventDelivery[]> {
    if (filter.subscriptionId !== undefined && !UUID.test(filter.subscriptionId)) return [];
    const rows = await selectDeliveries(
      this.database,
      this.seller,
      filter,
      null,
      Math.min(Math.max(1, limit), LIST_MAX),
    );
    return rows.map(deliveryOf);
  }

  /** A page of the operators' list; keys are those of the last row of the page before. */
  async page(
    filter: EventDeliveryFilter,
    after: readonly [string, string] | null,
    limit: number,
  ): Promise<{ delivery: EventDelivery; keys: [string, string] }[]> {
    const rows = await selectDeliveries(this.database, this.seller, filter, after, limit);
    return rows.map((row) => ({ delivery: deliveryOf(row), keys: [row.position, row.handler_id] }));
  }

  /** Every handler that ever was, by type of event. */
  async handlers(): Promise<KnownHandler[]> {
    return (await selectHandlers(this.database, this.seller)).map((row) => ({
      id: row.id,
      type: row.type,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
      retiredAt: row.retired_at,
      open: row.open,
      deadLettered: row.dead_lettered,
    }));
  }

  /**
   * Delivers again, at once, what was dead-lettered or waits for its next attempt.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async retry(deliveryId: string, decider: Decider): Promise<void> {
    requireDecider(decider);
    const { by } = decider;
    await this.decide(deliveryId, 'retried', decider, (tx) => retryDelivery(tx, this.seller, deliveryId, by));
    this.logger.log('delivery retried by hand', { delivery: deliveryId, by });
    this.waker.wake('deliver');
  }

  /**
   * Gives up a delivery that is dead-lettered or waits for its next attempt: the handler never gets the event.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async skip(deliveryId: string, { by, reason }: { by: string; reason: string }): Promise<void> {
    requireSigned({ by, reason });
    const signed = { by, reason };
    await this.decide(deliveryId, 'skipped', signed, (tx) => skipDelivery(tx, this.seller, deliveryId, by, reason));
    this.logger.log('delivery skipped by hand', { delivery: deliveryId, by, reason });
    this.waker.wake('deliver');
  }

  /**
   * For a handler, or types of it, that no version of the application has any more: nothing is kept for it from now on,
   * and what waits is skipped. A process that starts with it again makes it a new one.
   * @returns how many deliveries were skipped
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` while a process has it
   */
  async retire(
    handlerId: string,
    { by, reason, types }: Decider & { types?: readonly MarketplaceEventType[] },
  ): Promise<number> {
    requireDecider({ by, reason });
    const skipped = await this.database.transaction(async (tx) => {
      await lockHandler(tx, this.seller, handlerId);
      const known = await selectPresence(tx, this.seller, handlerId, types ?? null, PRESENT_MS);
      if (known.length === 0) throw notFound(`handler ${JSON.stringify(handlerId)}`);
      const present = known.filter((row) => row.is_present).map(({ type }) => type);
      if (present.length > 0) {
        const why = `a process had it within the last ${PRESENT_MS / 60_000} minutes (${present.join(', ')})`;
        throw new MarketplaceMeteringError(
          'TRANSITION_REFUSED',
          `Handler ${handlerId} cannot be retired: ${why}. Take it out of the code first.`,
        );
      }
      const count = await retireHandler(tx, this.seller, handlerId, types ?? null, by);
      await this.alerts.resolve(
        tx,
        'handlerAway',
        awaySubjectsOf({ id: handlerId, types: known.map(({ type }) => type) }),
      );
      await this.resolveDeadLettered(tx, handlerId);
      const target = { handlerId, types: known.map(({ type }) => type) };
      await this.enter(tx, { action: 'handler.retired', target, result: { skipped: count }, by, reason });
      return count;
    });
    this.logger.log('handler retired', { handler: handlerId, by, skipped });
    return skipped;
  }

  private async decide(
    deliveryId: string,
    verb: 'retried' | 'skipped',
    { by, reason }: Decider,
    write: (tx: LedgerSql) => Promise<void>,
  ): Promise<void> {
    if (!UUID.test(deliveryId)) throw notFound(`delivery ${deliveryId}`);
    await this.database.transaction(async (tx) => {
      const handlerId = await handlerOfDelivery(tx, this.seller, deliveryId);
      if (handlerId === null) throw notFound(`delivery ${deliveryId}`);
      await lockHandler(tx, this.seller, handlerId);
      const row = await lockDelivery(tx, this.seller, deliveryId);
      if (!row) throw notFound(`delivery ${deliveryId}`);
      if (row.state !== 'deadLettered' && row.state !== 'pending') {
        throw new MarketplaceMeteringError(
          'TRANSITION_REFUSED',
          `Delivery ${deliveryId} is ${row.state} and cannot be ${verb}: only one that is dead-lettered, or ` +
            'waits for its next attempt, can.',
        );
      }
      await write(tx);
      await this.resolveDeadLettered(tx, handlerId);
      const target = { deliveryId, handlerId };
      await this.enter(tx, { action: `delivery.${verb}`, target, result: { was: row.state }, by, reason });
    });
  }

  private enter(tx: LedgerSql, action: Omit<OperatorAction, 'at'>): Promise<void> {
    return insertAction(tx, this.seller, { ...action, at: this.options.clock.now() });
  }

  private async resolveDeadLettered(tx: LedgerSql, handlerId: string): Promise<void> {
    if (!(await hasDeadLettered(tx, this.seller, handlerId)))
      await this.alerts.resolve(tx, 'handlerDeadLettered', handlerId);
  }

  private get seller(): string {
    return this.options.sellerAccount;
  }
}

function deliveryOf(row: DeliveryRow): EventDelivery {
  return {
    id: row.id,
    handlerId: row.handler_id,
    eventId: row.event_id,
    type: row.type,
    subscriptionId: row.subscription_id,
    occurredAt: row.occurred_at,
    state: row.state,
    attempts: row.attempt_count,
    nextAttemptAt: row.state === 'pending' ? row.next_attempt_at : null,
    lastError: row.last_error,
    deliveredAt: row.delivered_at,
    decidedBy: row.decided_by,
    decision: row.decision,
  };
}

function notFound(what: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('NOT_FOUND', `There is no ${what}.`);
}
