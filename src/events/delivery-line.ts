import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isOutage, type LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { type Waker } from '../runtime/waker.js';
import { countMetric } from '../runtime/metrics.js';
import { redactedText } from '../runtime/redaction.js';
import { storableStart } from '../runtime/storable-text.js';
import { type AlertBoard } from './alert-board.js';
import { deliveryDelayMs } from './delivery-backoff.js';
import { claimDeliveries, type ClaimedDelivery, settleDelivery } from './event-delivery.sql.js';
import { lockHandler } from './event-handler.sql.js';
import { type EventHandler } from './event-handlers.js';
import { eventOf } from './stored-event.sql.js';
import { FaultLog } from '../runtime/fault-log.js';

/** Subscriptions that one process works on for one handler at the same time. */
const AT_ONCE = 4;
/** What a process has, after the time limit of an attempt, to write down what came of it. */
const LEASE_MARGIN_MS = 15_000;
const ERROR_LENGTH_MAX = 2000;
const SETTLE_ATTEMPTS = 3;
const SETTLE_PAUSE_MS = 200;

/** The event could not be made ready: the database is away. */
class NotCalledError extends Error {
  constructor(override readonly cause: unknown) {
    super('the handler was not called');
  }
}

export interface LineTools {
  options: ResolvedOptions;
  database: LedgerDatabase;
  alerts: AlertBoard;
  waker: Waker;
  instanceName: string | null;
}

interface Held {
  delivery: ClaimedDelivery;
  leaseToken: string;
}

/**
 * Everything that one handler of this process gets. Lines do not wait for each other: a slow handler holds up nobody
 * but itself.
 */
export class DeliveryLine {
  private readonly logger = new Logger('MarketplaceHandlers');
  private readonly faults = new FaultLog(this.logger, 'error');
  private readonly running = new Set<Promise<void>>();
  private draining: Promise<void> | null = null;
  private wakes = 0;
  private wake: () => void = () => undefined;

  constructor(
    private readonly handler: EventHandler,
    private readonly tools: LineTools,
  ) {}

  /** Delivers what is due, and what becomes due meanwhile; a call while that is under way makes it look again. */
  drain(signal: AbortSignal): Promise<void> {
    this.wakes += 1;
    this.wake();
    this.draining ??= this.run(signal);
    return this.draining;
  }

  private async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const { wakes } = this;
        const woken = new Promise<void>((resolve) => (this.wake = resolve));
        const free = AT_ONCE - this.running.size;
        const claimed = free > 0 ? await this.claim(free) : [];
        for (const held of claimed) this.begin(held, signal);
        if (this.running.size === 0 && wakes === this.wakes) break;
        if (this.running.size > 0)
          await Promise.race([...this.running, ...(this.running.size < AT_ONCE ? [woken] : [])]);
      }
    } finally {
      // What the host has begun is let finish: at the end of the application, too.
      await Promise.allSettled(this.running);
      this.draining = null;
    }
  }

  private begin(held: Held, signal: AbortSignal): void {
    const work = this.deliver(held, signal)
      .then(() => {
        this.faults.works(this.handler.id, `what comes of deliveries to ${this.handler.id} is stored again`);
      })
      .catch((error: unknown) => {
        // What came of it could not be written: the lease ends, and the event comes again.
        this.faults.failed(this.handler.id, {
          line: `what came of a delivery could not be stored: ${redactedText((error as Error).message)}`,
          fields: { handler: this.handler.id },
        });
      })
      .finally(() => this.running.delete(work));
    this.running.add(work);
  }

  private claim(limit: number): Promise<Held[]> {
    const { database, options } = this.tools;
    const leaseToken = randomUUID();
    return database.transaction(async (tx) => {
      await lockHandler(tx, options.sellerAccount, this.handler.id);
      const deliveries = await claimDeliveries(tx, options.sellerAccount, {
        handlerId: this.handler.id,
        types: this.handler.types,
        limit,
        leaseToken,
        leaseMs: options.handlers.timeoutMs + LEASE_MARGIN_MS,
      });
      return deliveries.map((delivery) => ({ delivery, leaseToken }));
    });
  }

  private async deliver(held: Held, signal: AbortSignal): Promise<void> {
    const { delivery } = held;
    const { handlers } = this.tools.options;
    if (signal.aborted) {
      await this.settle(held, { state: 'untouched' });
      return;
    }
    // A handler that takes its process down with it never comes to report: the attempts are counted before they are
    // made.
    if (delivery.was_lost && delivery.attempt_count > handlers.deadLetterAfterAttempts) {
      await this.fail(held, 'the process ended, or stood still, during the attempts', delivery.attempt_count - 1);
      return;
    }
    crashPoint('deliver.claimed');
    try {
      await this.attempt(delivery);
    } catch (error) {
      // Not the handler's: it has not been called.
      if (error instanceof NotCalledError) throw error.cause;
      await this.fail(
        held,
        error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        delivery.attempt_count,
      );
      return;
    }
    crashPoint('deliver.handled');
    const { database, options } = this.tools;
    const isOurs = await despiteOutage(() =>
      settleDelivery(database, options.sellerAccount, heldOf(held), { state: 'delivered', at: options.clock.now() }),
    );
    countMetric('marketplace.deliveries', 1, { handler: this.handler.id, outcome: 'delivered' });
    if (!isOurs) this.logger.warn('a delivery outlived its lease; its event comes again', this.about(delivery));
  }

  private async attempt(delivery: ClaimedDelivery): Promise<void> {
    const { database, options } = this.tools;
    const { timeoutMs } = options.handlers;
    const read = eventOf(database, options.sellerAccount, { ...delivery, id: delivery.event_id });
    const event = await read.catch((error: unknown) => {
      throw isOutage(error) ? new NotCalledError(error) : error;
    });
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`it took more than handlers.timeoutMs (${timeoutMs} ms)`);
        controller.abort(error);
        reject(error);
      }, timeoutMs);
    });
    const { id, attempt_count: attempt } = delivery;
    // Called within the promise, so that what is thrown before the first await is a failure like any other.
    const work = Promise.resolve().then(() =>
      this.handler.handle(event, { id, attempt, instance: this.tools.instanceName, signal: controller.signal }),
    );
    try {
      await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async fail(held: Held, message: string, attempts: number): Promise<void> {
    const { options, database, alerts, waker } = this.tools;
    const { handlers, jobs, sellerAccount } = options;
    const { delivery } = held;
    const error = storableStart(redactedText(message), ERROR_LENGTH_MAX);
    const isLast = attempts >= handlers.deadLetterAfterAttempts;
    countMetric('marketplace.deliveries', 1, { handler: this.handler.id, outcome: isLast ? 'deadLettered' : 'failed' });
    if (!isLast) {
      const delayMs = deliveryDelayMs(attempts, handlers, Math.random());
      if (!(await this.settle(held, { state: 'pending', error, delayMs }))) return;
      this.logger.warn(`a handler failed and gets its event again: ${error}`, {
        ...this.about(delivery),
        inMs: Math.round(delayMs),
      });
      if (delayMs < jobs.deliverIntervalMs)
        setTimeout(() => {
          waker.wake('deliver');
        }, Math.ceil(delayMs)).unref();
      return;
    }
    await database.transaction(async (tx) => {
      if (!(await settleDelivery(tx, sellerAccount, heldOf(held), { state: 'deadLettered', error }))) return;
      await alerts.raise(tx, {
        kind: 'handlerDeadLettered',
        subject: this.handler.id,
        severity: 'critical',
        message:
          `The handler ${this.handler.id} failed ${attempts} times on an event ${delivery.type}, which is set ` +
          'aside; later ones go on. The last error: ' +
          `${error}. Mend the cause, then retry or skip it with EventDeliveries.`,
        details: {
          deliveryId: delivery.id,
          eventId: delivery.event_id,
          type: delivery.type,
          subscriptionId: delivery.subscription_id,
        },
      });
    });
  }

  private settle(held: Held, outcome: Parameters<typeof settleDelivery>[3]): Promise<boolean> {
    return settleDelivery(this.tools.database, this.tools.options.sellerAccount, heldOf(held), outcome);
  }

  private about({ id, event_id: eventId, type, attempt_count: attempt }: ClaimedDelivery): Record<string, unknown> {
    return { handler: this.handler.id, delivery: id, event: eventId, type, attempt };
  }
}

/** What the handler has done it should not be asked to do again because a connection broke. */
async function despiteOutage<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (attempt >= SETTLE_ATTEMPTS || !isOutage(error)) throw error;
      await sleep(SETTLE_PAUSE_MS);
    }
  }
}

function heldOf({ delivery, leaseToken }: Held): { id: string; leaseToken: string } {
  return { id: delivery.id, leaseToken };
}
