import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Courier, type CourierSnapshot } from './courier.js';
import { type Delivery, type DeliveryFilter, matches, type Waiting } from './delivery-log.js';
import { type TargetOptions } from './delivery-target.js';
import { type Disturbance, type DisturbanceHandle } from './disturbance.js';
import { eventBridgeEventOf } from './event-bridge-event.js';
import { listedStatusOf } from '../market/listed-status.js';
import { type MarketEvent } from '../market/market-event.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type MessageFilter, type NotificationMessage, passes } from './notification-message.js';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { type SeededRandom } from '../seeded-random.js';
import { certificateAnswer, snsAnswer, type SnsAnswer } from './sns-answer.js';
import { snsSigner } from './sns-certificate.js';
import { notificationEnvelope, type SnsEnvelope, type SnsSender } from './sns-envelope.js';
import { snsNoticesOf, topicArnOf } from './sns-notice.js';
import { SnsSubscription, type SnsSubscriptionState } from './sns-subscription.js';
import { type Switches } from '../switches.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** Where the simulator's server lets this room answer: certificates, and the links in SNS messages. */
export const notificationPaths = ['/SimpleNotificationService-', '/?Action='] as const;

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

export interface NotificationsSnapshot extends CourierSnapshot {
  readonly messages: readonly NotificationMessage[];
  readonly collected: number;
}

/** What AWS tells the seller of agreements, and how it gets there. */
export class Notifications {
  #messages: NotificationMessage[] = [];
  #collected = 0;
  #url = '';
  readonly #courier: Courier;

  constructor(private readonly parts: NotificationParts) {
    const { clock, fate } = parts;
    this.#courier = new Courier({ clock, fate, sender: () => this.#sender() });
  }

  /**
   * Base of the links in SNS messages: the simulator itself, unless a consumer under test must be shown AWS's own
   * hosts.
   */
  useUrl(url: string): void {
    this.#url = url;
    // Nothing goes out before the links in it lead somewhere.
    this.#courier.open();
  }

  /** Messages sent so far, oldest first. */
  messages(filter: MessageFilter = {}): NotificationMessage[] {
    return this.#messages.filter((message) => passes(message, filter));
  }

  /** Attempts so far, oldest first. */
  deliveries(filter: DeliveryFilter = {}): Delivery[] {
    return this.#courier.deliveries().filter((delivery) => matches(delivery, filter));
  }

  /** Deliveries that wait for the clock: late ones, and attempts to come. */
  waiting(): Waiting[] {
    return this.#courier.waiting();
  }

  /**
   * Messages sent since the last `collect()`, to be delivered by hand in any order and number (`send`, or the bodies as
   * they are).
   */
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
    return snsSigner().certificate;
  }

  /** From now on messages go there, too. An SNS endpoint is asked to confirm first. */
  addTarget(options: TargetOptions): Target {
    const { ids } = this.parts;
    const id = `target-${ids.text(8, '0123456789abcdef')}`;
    const topic = options.kind === 'apiDestination' ? undefined : options.topic;
    const topicArn =
      topic === undefined ? '' : topicArnOf(topic, ('productCode' in options && options.productCode) || '');
    const token = ids.text(192, '0123456789abcdef');
    const subscription = { subscriptionArn: `${topicArn}:${ids.uuid()}`, token, confirmed: options.kind !== 'snsHttp' };
    this.#courier.addTarget(id, options, subscription);
    this.requestConfirmation(id);
    return { id, options, confirmed: subscription.confirmed };
  }

  targets(): Target[] {
    return this.#courier
      .targets()
      .map(({ id, target, subscription }) => ({ id, options: target.options, confirmed: subscription.confirmed }));
  }

  /**
   * Asks an SNS endpoint once more, as the SNS console does on request: the first time it may not have listened yet.
   */
  requestConfirmation(id: string): void {
    this.#courier.confirm(id, 'SubscriptionConfirmation', this.parts.ids.uuid());
  }

  /** What still waits for it is forgotten. */
  removeTarget(id: string): void {
    this.#courier.removeTarget(id);
  }

  /** From now on deliveries go wrong like that. */
  disturb(disturbance: Disturbance): DisturbanceHandle {
    return this.#courier.disturb(disturbance);
  }

  /** Takes all disturbances away; what they held back or had gathered is delivered. */
  undisturb(): void {
    this.#courier.undisturb();
  }

  /** Delivers what `hold` held back. Default order: as sent. */
  release(order: 'sent' | 'reversed' | 'shuffled' = 'sent'): void {
    this.#courier.release(order);
  }

  /**
   * Delivers these messages by hand, in this order, past all disturbances: to every target that is for them, or to one.
   */
  async send(messages: readonly NotificationMessage[], options: { target?: string } = {}): Promise<void> {
    await this.#courier.send(messages, options);
  }

  /** Resolves when nothing is under way. What waits for the clock goes on waiting. */
  async settled(): Promise<void> {
    await this.#courier.settled();
  }

  /** Delivers everything that waits, now and once: late messages, further attempts, what disturbances hold back. */
  async flush(): Promise<void> {
    await this.#courier.flush();
  }

  /** Sends what is to be said of an event. */
  publish(event: MarketEvent): void {
    const { catalog, sellerAccountId, switches, ids } = this.parts;
    const { agreement, at } = event;
    const listing = catalog.listing(agreement.productCode);
    if (!listing) return;
    const common = { at, agreementId: agreement.agreementId, productCode: agreement.productCode };
    const status = listedStatusOf(agreement, catalog, switches);
    const bridged =
      event.audience === 'topics'
        ? undefined
        : eventBridgeEventOf(event, { sellerAccountId, listing, switches, status, newId: () => ids.uuid() });
    if (bridged) {
      this.#send({
        ...common,
        sequence: this.#messages.length + 1,
        id: bridged.body.id,
        channel: 'eventBridge',
        ...bridged,
      });
    }
    if (event.audience === 'bus') return;
    for (const { topic, notice } of snsNoticesOf(event, listing, this.#resubscribed(event))) {
      const topicArn = topicArnOf(topic, listing.productCode);
      const sequence = this.#messages.length + 1;
      this.#send({ ...common, sequence, id: ids.uuid(), type: notice.action, channel: topic, topicArn, body: notice });
    }
  }

  /** Certificate, ConfirmSubscription and Unsubscribe. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const isCertificate = pathname.startsWith(notificationPaths[0]) && pathname === snsSigner().certificatePath;
    const { status, type, body } = isCertificate ? certificateAnswer(snsSigner().certificate) : this.#act(searchParams);
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
    return Promise.resolve();
  }

  /** Ends what is under way; it would be delivered again after a restart. */
  async stop(): Promise<void> {
    await this.#courier.stop();
  }

  snapshot(): PackedDates<NotificationsSnapshot> {
    return packDates<NotificationsSnapshot>({
      ...this.#courier.snapshot(),
      messages: this.#messages,
      collected: this.#collected,
    });
  }

  /** After the clock. What fell due since the snapshot is delivered now; who has not confirmed yet is asked again. */
  restore(packed: PackedDates<NotificationsSnapshot>): void {
    const { messages, collected, ...courier } = unpackDates<NotificationsSnapshot>(packed);
    this.#messages = [...messages];
    this.#collected = collected;
    this.#courier.restore(courier);
    for (const { id, confirmed } of this.targets()) {
      if (!confirmed) this.requestConfirmation(id);
    }
  }

  #sender(): SnsSender {
    return { url: this.#url, signatureVersion: this.parts.switches.snsSignatureVersion };
  }

  /** Whether the customer holds another running agreement for the product. */
  #resubscribed({ agreement, at }: MarketEvent): boolean {
    const { agreementId, accountId, productCode } = agreement;
    return this.parts.catalog
      .byAccountId(accountId)
      .some(
        (other) =>
          other.agreementId !== agreementId &&
          other.productCode === productCode &&
          other.status === 'ACTIVE' &&
          other.startsAt <= at,
      );
  }

  #send(message: NotificationMessage): void {
    this.#messages.push(message);
    this.#courier.bring(message);
  }

  #act(query: URLSearchParams): SnsAnswer {
    const action = query.get('Action');
    if (action === 'ConfirmSubscription') return snsAnswer(action, this.#confirmed(query));
    return snsAnswer('Unsubscribe', action === 'Unsubscribe' ? this.#ended(query) : undefined);
  }

  #confirmed(query: URLSearchParams): string | undefined {
    const found = this.#subscriptions().find(
      ({ target, subscription }) =>
        target.topicArn === query.get('TopicArn') && subscription.token === query.get('Token'),
    );
    if (found) found.subscription.confirmed = true;
    return found?.subscription.subscriptionArn;
  }

  #ended(query: URLSearchParams): string | undefined {
    const found = this.#subscriptions().find(
      ({ subscription }) => subscription.subscriptionArn === query.get('SubscriptionArn'),
    );
    if (!found) return undefined;
    found.subscription.confirmed = false;
    this.#courier.confirm(found.id, 'UnsubscribeConfirmation', this.parts.ids.uuid());
    return found.subscription.subscriptionArn;
  }

  #subscriptions(): { id: string; target: SnsSubscription; subscription: SnsSubscriptionState }[] {
    return this.#courier
      .targets()
      .flatMap(({ id, target, subscription }) =>
        target instanceof SnsSubscription ? [{ id, target, subscription }] : [],
      );
  }
}
