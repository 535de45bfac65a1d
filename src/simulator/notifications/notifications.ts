import { type IncomingMessage, type ServerResponse } from 'node:http';
import { ApiDestination } from './api-destination.js';
import { type Delivery, type DeliveryFilter, matches, type Waiting } from './delivery-log.js';
import { type AttemptOutcome, type DeliveryTarget, messageOf, type TargetOptions } from './delivery-target.js';
import { type Disturbance, type DisturbanceHandle } from './disturbance.js';
import { eventBridgeEventOf } from './event-bridge-event.js';
import { type MarketEvent } from '../market/market-event.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type MessageFilter, type NotificationMessage, passes } from './notification-message.js';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { retryAfter } from './retry-policy.js';
import { type SeededRandom } from '../seeded-random.js';
import { certificatePath, simulatorCertificate } from './sns-certificate.js';
import { notificationEnvelope, type SnsEnvelope, type SnsSender } from './sns-envelope.js';
import { snsNoticesOf, topicArnOf } from './sns-notice.js';
import { SnsSubscription, type SnsSubscriptionState } from './sns-subscription.js';
import { SqsQueue } from './sqs-queue.js';
import { type Switches } from '../switches.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** Where the simulator's server lets this room answer: certificates, and the links in SNS messages. */
export const notificationPaths: readonly string[] = ['/SimpleNotificationService-', '/?Action='];

export interface NotificationParts {
  readonly sellerAccountId: string;
  readonly catalog: MarketplaceCatalog;
  readonly clock: SimulatorClock;
  readonly switches: Readonly<Switches>;
  /** Ids of messages and subscriptions. */
  readonly ids: SeededRandom;
  /** Who is struck by disturbances, and how hard. */
  readonly fate: SeededRandom;
}

export interface Target {
  readonly id: string;
  readonly options: TargetOptions;
  /** Of an SNS subscription over HTTP: whether its endpoint has confirmed it. */
  readonly confirmed: boolean;
}

export interface NotificationsSnapshot {
  readonly messages: readonly NotificationMessage[];
  readonly deliveries: readonly Delivery[];
  readonly targets: readonly { readonly id: string; readonly options: TargetOptions; readonly subscription: SnsSubscriptionState }[];
  /** Deliveries under way are among them: after a restart they are made again, as at-least-once delivery has it. */
  readonly waiting: readonly Waiting[];
  readonly held: readonly Waiting[];
  readonly collected: number;
  readonly disturbances: readonly { readonly disturbance: Disturbance; readonly hits: number }[];
}

interface Endpoint {
  readonly target: DeliveryTarget;
  readonly subscription: SnsSubscriptionState;
  /** One delivery after the other, so that order on the wire is order of sending. */
  queue: Promise<void>;
}

interface Armed {
  readonly disturbance: Disturbance;
  hits: number;
  /** Of `reorder`: what waits for the others. */
  readonly group: Waiting[];
}

/** What AWS tells the seller of agreements, and how it gets there. */
export class Notifications {
  #messages: NotificationMessage[] = [];
  #deliveries: Delivery[] = [];
  readonly #endpoints = new Map<string, Endpoint>();
  /** With what takes its alarm away. */
  readonly #waiting = new Map<Waiting, () => void>();
  #held: Waiting[] = [];
  #collected = 0;
  readonly #armed = new Set<Armed>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #url = '';
  #open: () => void = () => undefined;
  /** Nothing goes out before the links in it lead somewhere. */
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(private readonly parts: NotificationParts) {}

  /** Base of the links in SNS messages: the simulator itself, unless a consumer under test must be shown AWS's own hosts. */
  useUrl(url: string): void {
    this.#url = url;
    this.#open();
  }

  /** Messages sent so far, oldest first. */
  messages(filter: MessageFilter = {}): NotificationMessage[] {
    return this.#messages.filter((message) => passes(message, filter));
  }

  /** Attempts so far, oldest first. */
  deliveries(filter: DeliveryFilter = {}): Delivery[] {
    return this.#deliveries.filter((delivery) => matches(delivery, filter));
  }

  /** Deliveries that wait for the clock: late ones, and attempts to come. */
  waiting(): Waiting[] {
    return [...this.#waiting.keys()];
  }

  /** Messages sent since the last `collect()`, to be delivered by hand in any order and number (`send`, or the bodies as they are). */
  collect(): NotificationMessage[] {
    const fresh = this.#messages.slice(this.#collected);
    this.#collected = this.#messages.length;
    return fresh;
  }

  /** A message of a topic as SNS would send it now: the body of the POST, and of a queue's message unless raw. */
  envelope(message: NotificationMessage): SnsEnvelope {
    if (message.channel === 'eventBridge') throw new Error('EventBridge sends the event itself: message.body');
    return notificationEnvelope(message, `${message.topicArn}:00000000-0000-4000-8000-000000000000`, this.#sender());
  }

  /** PEM of the certificate that SigningCertURL leads to. */
  get certificate(): string {
    return simulatorCertificate;
  }

  /** From now on messages go there, too. An SNS endpoint is asked to confirm first. */
  addTarget(options: TargetOptions): Target {
    const id = `target-${this.parts.ids.text(8, '0123456789abcdef')}`;
    const topic = options.kind === 'apiDestination' ? undefined : options.topic;
    const topicArn = topic === undefined ? '' : topicArnOf(topic, ('productCode' in options && options.productCode) || '');
    const token = this.parts.ids.text(192, '0123456789abcdef');
    const subscription = { subscriptionArn: `${topicArn}:${this.parts.ids.uuid()}`, token, confirmed: options.kind !== 'snsHttp' };
    this.#addEndpoint(id, options, subscription);
    this.#confirm(id, 'SubscriptionConfirmation');
    return this.#targetOf(id);
  }

  targets(): Target[] {
    return [...this.#endpoints.keys()].map((id) => this.#targetOf(id));
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
  }

  /** From now on deliveries go wrong like that. */
  disturb(disturbance: Disturbance): DisturbanceHandle {
    const { probability = 1, count = 1 } = disturbance;
    if (!(probability >= 0 && probability <= 1))
      throw new RangeError(`The probability of a disturbance lies in [0, 1], got ${probability}`);
    if (!(count >= 1)) throw new RangeError(`The count of a disturbance is at least 1, got ${count}`);
    if (disturbance.kind === 'reorder' && !(disturbance.among >= 2)) throw new RangeError('To reorder takes at least 2 messages');
    const armed: Armed = { disturbance, hits: 0, group: [] };
    this.#armed.add(armed);
    return {
      get hits() {
        return armed.hits;
      },
      remove: () => {
        this.#disarm(armed);
      },
    };
  }

  /** Takes all disturbances away; what they held back or had gathered is delivered. */
  undisturb(): void {
    for (const armed of [...this.#armed]) this.#disarm(armed);
    this.release();
  }

  /** Delivers what `hold` held back. Default order: as sent. */
  release(order: 'sent' | 'reversed' | 'shuffled' = 'sent'): void {
    const held = this.#held.splice(0);
    if (order === 'reversed') held.reverse();
    for (const waiting of order === 'shuffled' ? this.parts.fate.shuffled(held) : held) this.#schedule(waiting);
  }

  /** Delivers these messages by hand, in this order, past all disturbances: to every target that is for them, or to one. */
  async send(messages: readonly NotificationMessage[], options: { target?: string } = {}): Promise<void> {
    for (const message of messages) {
      for (const [id, { target }] of this.#endpoints) {
        if (options.target !== undefined ? id !== options.target : !target.accepts(message)) continue;
        this.#enqueue({ message, target: id, dueAt: this.parts.clock.now(), attempts: 0 });
      }
    }
    await this.settled();
  }

  /** Resolves when nothing is under way. What waits for the clock goes on waiting. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Delivers everything that waits, now and once: late messages, further attempts, what disturbances hold back. */
  async flush(): Promise<void> {
    await this.settled();
    const due = [...this.#waiting.keys()].sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
    for (const { group } of this.#armed) this.#held.push(...group.splice(0));
    for (const waiting of due) {
      this.#waiting.get(waiting)?.();
      this.#enqueue(waiting);
    }
    this.release();
    await this.settled();
  }

  /** Sends what is to be said of an event. */
  publish(event: MarketEvent): void {
    const { catalog, sellerAccountId, switches, ids } = this.parts;
    const { agreement, at } = event;
    const listing = catalog.listing(agreement.productCode);
    if (!listing) return;
    const common = { at, agreementId: agreement.agreementId, productCode: agreement.productCode };
    const bridged = eventBridgeEventOf(event, { sellerAccountId, listing, switches, newId: () => ids.uuid() });
    if (bridged) {
      this.#send({ ...common, sequence: this.#messages.length + 1, id: bridged.body.id, channel: 'eventBridge', ...bridged });
    }
    for (const { topic, notice } of snsNoticesOf(event, listing, this.#resubscribed(event))) {
      const topicArn = topicArnOf(topic, listing.productCode);
      const sequence = this.#messages.length + 1;
      this.#send({ ...common, sequence, id: ids.uuid(), type: notice.action, channel: topic, topicArn, body: notice });
    }
  }

  /** Certificate, ConfirmSubscription and Unsubscribe. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const reply = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
    };
    if (url.pathname === certificatePath) {
      reply(200, 'application/x-pem-file', simulatorCertificate);
      return;
    }
    const action = url.searchParams.get('Action');
    const subscriptionArn =
      action === 'ConfirmSubscription'
        ? this.#confirmed(url.searchParams)
        : action === 'Unsubscribe'
          ? this.#ended(url.searchParams)
          : undefined;
    if (subscriptionArn === undefined) {
      const error = '<Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter</Message></Error>';
      reply(400, 'text/xml', `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${error}</ErrorResponse>`);
    } else {
      const name = `${action ?? ''}Response`;
      const result = `<${action ?? ''}Result><SubscriptionArn>${subscriptionArn}</SubscriptionArn></${action ?? ''}Result>`;
      reply(200, 'text/xml', `<${name} xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${result}</${name}>`);
    }
    await Promise.resolve();
  }

  /** Ends what is under way; it would be delivered again after a restart. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#waiting.values()) cancel();
    await this.settled();
    for (const { target } of this.#endpoints.values()) target.close();
  }

  snapshot(): PackedDates<NotificationsSnapshot> {
    return packDates<NotificationsSnapshot>({
      messages: this.#messages,
      deliveries: this.#deliveries,
      targets: [...this.#endpoints].map(([id, { target, subscription }]) => ({ id, options: target.options, subscription })),
      waiting: this.waiting(),
      held: [...this.#held, ...[...this.#armed].flatMap(({ group }) => group)],
      collected: this.#collected,
      disturbances: [...this.#armed].filter(({ disturbance }) => !disturbance.when).map(({ disturbance, hits }) => ({ disturbance, hits })),
    });
  }

  /** After the clock. What fell due since the snapshot is delivered now. */
  restore(packed: PackedDates<NotificationsSnapshot>): void {
    const snapshot = unpackDates<NotificationsSnapshot>(packed);
    for (const id of [...this.#endpoints.keys()]) this.removeTarget(id);
    this.#messages = [...snapshot.messages];
    this.#deliveries = [...snapshot.deliveries];
    this.#collected = snapshot.collected;
    this.#armed.clear();
    for (const { disturbance, hits } of snapshot.disturbances) this.#armed.add({ disturbance, hits, group: [] });
    for (const { id, options, subscription } of snapshot.targets) {
      this.#addEndpoint(id, options, { ...subscription });
      if (!subscription.confirmed) this.#confirm(id, 'SubscriptionConfirmation');
    }
    this.#held = [...snapshot.held];
    for (const waiting of snapshot.waiting) this.#schedule(waiting);
  }

  #sender(): SnsSender {
    return { url: this.#url, signatureVersion: this.parts.switches.snsSignatureVersion };
  }

  #addEndpoint(id: string, options: TargetOptions, subscription: SnsSubscriptionState): void {
    const sender = (): SnsSender => this.#sender();
    const target =
      options.kind === 'apiDestination'
        ? new ApiDestination(options)
        : options.kind === 'snsHttp'
          ? new SnsSubscription(options, subscription, sender)
          : new SqsQueue(options, subscription.subscriptionArn, sender);
    this.#endpoints.set(id, { target, subscription, queue: this.#opened });
  }

  #targetOf(id: string): Target {
    const endpoint = this.#endpoints.get(id);
    if (!endpoint) throw new Error(`No target ${id}`);
    return { id, options: endpoint.target.options, confirmed: endpoint.subscription.confirmed };
  }

  /** Whether the customer holds another running agreement for the product. */
  #resubscribed({ agreement, at }: MarketEvent): boolean {
    const { agreementId, accountId, productCode } = agreement;
    return this.parts.catalog
      .byAccountId(accountId)
      .some(
        (other) =>
          other.agreementId !== agreementId && other.productCode === productCode && other.status === 'ACTIVE' && other.startsAt <= at,
      );
  }

  #send(message: NotificationMessage): void {
    this.#messages.push(message);
    for (const [id, { target }] of this.#endpoints) if (target.accepts(message)) this.#dispatch(message, id);
  }

  /** What the disturbances make of one delivery. */
  #dispatch(message: NotificationMessage, target: string): void {
    const now = this.parts.clock.now();
    let deliveries: Waiting[] = [{ message, target, dueAt: now, attempts: 0 }];
    for (const armed of this.#armed) {
      if (!this.#strikes(armed, message, target)) continue;
      armed.hits += 1;
      const { disturbance } = armed;
      switch (disturbance.kind) {
        case 'drop':
          this.#deliveries.push({
            target,
            sequence: message.sequence,
            id: message.id,
            type: message.type,
            at: now,
            attempt: 0,
            outcome: 'dropped',
          });
          return;
        case 'duplicate': {
          const { copies = 2, spreadMs = 0 } = disturbance;
          const more = Array.from({ length: copies - 1 }, () => this.#later(deliveries, this.parts.fate.next() * spreadMs)).flat();
          deliveries = [...deliveries, ...more];
          break;
        }
        case 'delay':
          deliveries = this.#later(deliveries, disturbance.ms + this.parts.fate.next() * (disturbance.jitterMs ?? 0));
          break;
        case 'hold':
          this.#held.push(...deliveries);
          return;
        case 'reorder':
          armed.group.push(...deliveries);
          if (armed.group.length < disturbance.among) return;
          deliveries = this.parts.fate.shuffled(armed.group.splice(0));
      }
    }
    for (const waiting of deliveries) this.#schedule(waiting);
  }

  #later(deliveries: readonly Waiting[], ms: number): Waiting[] {
    return deliveries.map((waiting) => ({ ...waiting, dueAt: new Date(waiting.dueAt.getTime() + Math.round(ms)) }));
  }

  #strikes({ disturbance, hits }: Armed, message: NotificationMessage, target: string): boolean {
    if (disturbance.target !== undefined && disturbance.target !== target) return false;
    if (disturbance.count !== undefined && hits >= disturbance.count) return false;
    if (!passes(message, disturbance)) return false;
    return disturbance.probability === undefined || this.parts.fate.next() < disturbance.probability;
  }

  #disarm(armed: Armed): void {
    this.#armed.delete(armed);
    for (const waiting of armed.group.splice(0)) this.#schedule(waiting);
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
    if (afterMs !== undefined) this.#schedule({ message, target, dueAt: new Date(now.getTime() + afterMs), attempts: attempt });
  }

  #confirm(id: string, type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation'): void {
    const message = { id: this.parts.ids.uuid(), at: this.parts.clock.now() };
    this.#run(id, async ({ target }) => {
      if (!(target instanceof SnsSubscription)) return;
      const result = await target.sendConfirmation(type, message, this.#stopping.signal);
      this.#deliveries.push({ target: id, ...message, type, attempt: 1, ...reported(result, false) });
    });
  }

  #run(id: string, work: (endpoint: Endpoint) => Promise<void>): void {
    const endpoint = this.#endpoints.get(id);
    if (!endpoint) return;
    const run = endpoint.queue.then(() => (this.#stopping.signal.aborted ? undefined : work(endpoint)));
    endpoint.queue = run;
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  #confirmed(query: URLSearchParams): string | undefined {
    for (const { target, subscription } of this.#endpoints.values()) {
      if (!(target instanceof SnsSubscription) || target.topicArn !== query.get('TopicArn')) continue;
      if (subscription.token !== query.get('Token')) continue;
      subscription.confirmed = true;
      return subscription.subscriptionArn;
    }
    return undefined;
  }

  #ended(query: URLSearchParams): string | undefined {
    for (const [id, { target, subscription }] of this.#endpoints) {
      if (!(target instanceof SnsSubscription) || subscription.subscriptionArn !== query.get('SubscriptionArn')) continue;
      subscription.confirmed = false;
      this.#confirm(id, 'UnsubscribeConfirmation');
      return subscription.subscriptionArn;
    }
    return undefined;
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
