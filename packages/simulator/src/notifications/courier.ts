import { ApiDestination } from './api-destination.js';
import { type Delivery, type Waiting } from './delivery-log.js';
import { type AttemptOutcome, type DeliveryTarget, messageOf, type TargetOptions } from './delivery-target.js';
import { type Disturbance, type DisturbanceHandle } from './disturbance.js';
import { Disturbances, type DisturbancesSnapshot } from './disturbances.js';
import { type NotificationMessage } from './notification-message.js';
import { retryAfter } from './retry-policy.js';
import { type SeededRandom } from '../seeded-random.js';
import { type SnsSender } from './sns-envelope.js';
import { SnsSubscription, type SnsSubscriptionState } from './sns-subscription.js';
import { SqsQueue } from './sqs-queue.js';
import { type SimulatorClock } from '../virtual-clock.js';

export interface CourierParts {
  readonly clock: SimulatorClock;
  /** Who is struck by disturbances, and how hard. */
  readonly fate: SeededRandom;
  readonly sender: () => SnsSender;
}

export interface CourierSnapshot {
  readonly deliveries: readonly Delivery[];
  readonly targets: readonly {
    readonly id: string;
    readonly options: TargetOptions;
    readonly subscription: SnsSubscriptionState;
  }[];
  /** Deliveries under way are among them: after a restart they are made again, as at-least-once delivery has it. */
  readonly waiting: readonly Waiting[];
  readonly held: readonly Waiting[];
  readonly disturbances: DisturbancesSnapshot;
}

interface Endpoint {
  readonly target: DeliveryTarget;
  readonly subscription: SnsSubscriptionState;
  /** One delivery after the other, so that order on the wire is order of sending. */
  queue: Promise<void>;
}

/** Brings messages to targets: in order, or as disturbances have it; again, where an attempt failed. */
export class Courier {
  #deliveries: Delivery[] = [];
  readonly #endpoints = new Map<string, Endpoint>();
  /** With what takes its alarm away. */
  readonly #waiting = new Map<Waiting, () => void>();
  #held: Waiting[] = [];
  readonly #disturbances: Disturbances;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(private readonly parts: CourierParts) {
    this.#disturbances = new Disturbances(parts.fate);
  }

  /** Nothing goes out before. */
  open(): void {
    this.#open();
  }

  deliveries(): readonly Delivery[] {
    return this.#deliveries;
  }

  waiting(): Waiting[] {
    return [...this.#waiting.keys()];
  }

  targets(): { id: string; target: DeliveryTarget; subscription: SnsSubscriptionState }[] {
    return [...this.#endpoints].map(([id, { target, subscription }]) => ({ id, target, subscription }));
  }

  addTarget(id: string, options: TargetOptions, subscription: SnsSubscriptionState): void {
    const { sender } = this.parts;
    const target =
      options.kind === 'apiDestination'
        ? new ApiDestination(options)
        : options.kind === 'snsHttp'
          ? new SnsSubscription(options, subscription, sender)
          : new SqsQueue(options, subscription.subscriptionArn, sender);
    this.#endpoints.set(id, { target, subscription, queue: this.#opened });
  }

  /** What still waits for it is forgotten. */
  removeTarget(id: string): void {
    this.#endpoints.get(id)?.target.close();
    this.#endpoints.delete(id);
    for (const [waiting, cancel] of this.#waiting) {
      if (waiting.target !== id) continue;
      cancel();
      this.#waiting.delete(waiting);
    }
    this.#held = this.#held.filter(({ target }) => target !== id);
    this.#disturbances.forget(id);
  }

  /** From now on deliveries go wrong like that. */
  disturb(disturbance: Disturbance): DisturbanceHandle {
    return this.#disturbances.add(disturbance, (gathered) => {
      for (const waiting of gathered) this.#schedule(waiting);
    });
  }

  /** Takes all disturbances away; what they held back or had gathered is delivered. */
  undisturb(): void {
    for (const waiting of this.#disturbances.clear()) this.#schedule(waiting);
    this.release();
  }

  /** Delivers what `hold` held back. Default order: as sent. */
  release(order: 'sent' | 'reversed' | 'shuffled' = 'sent'): void {
    const held = this.#held.splice(0);
    if (order === 'reversed') held.reverse();
    for (const waiting of order === 'shuffled' ? this.parts.fate.shuffled(held) : held) this.#schedule(waiting);
  }

  /** Delivers a message to everyone it is for, as far as the disturbances let it. */
  bring(message: NotificationMessage): void {
    for (const [id, { target }] of this.#endpoints) if (target.accepts(message)) this.#dispatch(message, id);
  }

  /**
   * Delivers these messages by hand, in this order, past all disturbances: to every target that is for them, or to one.
   */
  async send(messages: readonly NotificationMessage[], options: { target?: string } = {}): Promise<void> {
    for (const message of messages) {
      for (const [id, { target }] of this.#endpoints) {
        if (options.target !== undefined ? id !== options.target : !target.accepts(message)) continue;
        this.#enqueue({ message, target: id, dueAt: this.parts.clock.now(), attempts: 0 });
      }
    }
    await this.settled();
  }

  /** Asks an SNS endpoint to confirm, or tells it that its subscription has ended; other targets hear nothing. */
  confirm(id: string, type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation', messageId: string): void {
    const message = { id: messageId, at: this.parts.clock.now() };
    this.#run(id, async ({ target }) => {
      if (!(target instanceof SnsSubscription)) return;
      const result = await target.sendConfirmation(type, message, this.#stopping.signal);
      this.#deliveries.push({ target: id, ...message, type, attempt: 1, ...reported(result, false) });
    });
  }

  /** Resolves when nothing is under way. What waits for the clock goes on waiting. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Delivers everything that waits, now and once: late messages, further attempts, what disturbances hold back. */
  async flush(): Promise<void> {
    await this.settled();
    const due = [...this.#waiting.keys()].sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
    this.#held.push(...this.#disturbances.takeGathered());
    for (const waiting of due) {
      this.#waiting.get(waiting)?.();
      this.#enqueue(waiting);
    }
    this.release();
    await this.settled();
  }

  /** Ends what is under way; it would be delivered again after a restart. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#waiting.values()) cancel();
    await this.settled();
    for (const { target } of this.#endpoints.values()) target.close();
  }

  snapshot(): CourierSnapshot {
    return {
      deliveries: this.#deliveries,
      targets: [...this.#endpoints].map(([id, { target, subscription }]) => ({
        id,
        options: target.options,
        subscription,
      })),
      waiting: this.waiting(),
      held: [...this.#held, ...this.#disturbances.gathered()],
      disturbances: this.#disturbances.snapshot(),
    };
  }

  /** After the clock. What fell due since the snapshot is delivered now. */
  restore(snapshot: CourierSnapshot): void {
    for (const id of [...this.#endpoints.keys()]) this.removeTarget(id);
    this.#deliveries = [...snapshot.deliveries];
    this.#disturbances.restore(snapshot.disturbances);
    for (const { id, options, subscription } of snapshot.targets) this.addTarget(id, options, { ...subscription });
    this.#held = [...snapshot.held];
    for (const waiting of snapshot.waiting) this.#schedule(waiting);
  }

  /** As the disturbances have it. */
  #dispatch(message: NotificationMessage, target: string): void {
    const now = this.parts.clock.now();
    const { kind, deliveries } = this.#disturbances.strike({ message, target, dueAt: now, attempts: 0 });
    if (kind === 'held') this.#held.push(...deliveries);
    if (kind === 'due') for (const waiting of deliveries) this.#schedule(waiting);
    if (kind !== 'dropped') return;
    const { sequence, id, type } = message;
    this.#deliveries.push({ target, sequence, id, type, at: now, attempt: 0, outcome: 'dropped' });
  }

  #schedule(waiting: Waiting): void {
    if (waiting.dueAt <= this.parts.clock.now()) {
      this.#enqueue(waiting);
      return;
    }
    this.#waiting.set(
      waiting,
      this.parts.clock.alarm(waiting.dueAt, () => {
        this.#enqueue(waiting);
      }),
    );
  }

  /** To be delivered as soon as what is under way to the target has arrived. */
  #enqueue(waiting: Waiting): void {
    this.#waiting.set(waiting, () => undefined);
    this.#run(waiting.target, async ({ target }) => {
      const result = await target.send(waiting.message, this.#stopping.signal).catch(unexpected);
      if (this.#stopping.signal.aborted) return;
      this.#waiting.delete(waiting);
      this.#note(waiting, result);
    });
  }

  #note({ message, target, attempts }: Waiting, result: AttemptOutcome): void {
    const now = this.parts.clock.now();
    const attempt = attempts + 1;
    const age = now.getTime() - message.at.getTime();
    const kind = this.#endpoints.get(target)?.target.options.kind;
    const again = result.outcome === 'failed' && result.again && kind !== undefined;
    const afterMs = again ? retryAfter(kind, attempt, age, this.parts.fate.next()) : undefined;
    const common = { target, sequence: message.sequence, id: message.id, type: message.type, at: now, attempt };
    this.#deliveries.push({ ...common, ...reported(result, afterMs !== undefined) });
    if (afterMs !== undefined)
      this.#schedule({ message, target, dueAt: new Date(now.getTime() + afterMs), attempts: attempt });
  }

  #run(id: string, work: (endpoint: Endpoint) => Promise<void>): void {
    const endpoint = this.#endpoints.get(id);
    if (!endpoint) return;
    const run = endpoint.queue.then(() =>
      this.#stopping.signal.aborted || this.#endpoints.get(id) !== endpoint ? undefined : work(endpoint),
    );
    endpoint.queue = run;
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }
}

/** A defect, or a message forced upon a target that is not for it. */
function unexpected(error: unknown): AttemptOutcome {
  return { outcome: 'failed', again: false, error: messageOf(error) };
}

function reported(result: AttemptOutcome, again: boolean): Pick<Delivery, 'outcome' | 'statusCode' | 'error'> {
  const { statusCode } = result;
  const error = result.outcome === 'failed' ? result.error : undefined;
  return {
    outcome: result.outcome === 'delivered' ? 'delivered' : again ? 'failed' : 'refused',
    ...(statusCode !== undefined && { statusCode }),
    ...(error !== undefined && { error }),
  };
}
