import { z } from 'zod';
import { redacted } from '../../runtime/redaction.js';
import { type SnsEnvelope, snsEnvelopeOf, topicNameOf } from './sns-envelope.js';
import { type LifecycleEvent, type MessageOrigin, type ReceivedMessage, type SpokenOf } from './lifecycle-event.js';

/** One raw body, and what is known about it from outside. */
export interface Delivery {
  body: string;
  /** `sqs:<queue name>`, `https`. */
  via: string;
  /** By what a message is told apart that bears no id of its own: the SQS MessageId, or a digest of the body. */
  outerId: { origin: Extract<MessageOrigin, 'sqs' | 'http'>; messageId: string };
  /** When it was sent, for messages that tell no time of their own (SNS with raw delivery). */
  sentAt: Date;
}

/** Whose messages are taken. */
export interface Acceptance {
  /** Events of another account are foreign, where this is an AWS account id. */
  sellerAccount: string;
  /** Topics whose envelopes are taken; empty where the way itself decides, as a queue's policy does. */
  topicArns: readonly string[];
}

/**
 * As a `ReceivedMessage`, but for `foreign`: meant for another account or from a topic that was not named. The way in
 * decides what to do with it.
 */
export type Reading = Omit<ReceivedMessage, 'content'> & { content: ReceivedMessage['content'] | { foreign: string } };

const MARKETPLACE_SOURCE = 'aws.agreement-marketplace';
const ENVELOPES_MAX = 3;
const ID_LENGTH_MAX = 200;
const TEXT_LENGTH_MAX = 2048;

/**
 * Reads a message of AWS Marketplace in whichever envelope it came: an EventBridge event, an SNS notification around
 * one or around a legacy message, or a legacy message alone (raw delivery). Never throws: what it cannot read is
 * dead-lettered, with the reason.
 */
export function readDelivery(delivery: Delivery, accepts: Acceptance): Reading {
  const known = { ...delivery.outerId, via: delivery.via, body: withoutHalfCharacters(delivery.body) };
  const parsed = parseJson(delivery.body);
  if (parsed === undefined) return { ...known, content: { deadLettered: 'the body is not JSON' } };
  const reading = readLayer(parsed, { known, at: delivery.sentAt, topic: null, depth: 0 }, accepts);
  if ('event' in reading.content) return reading;
  // The reason quotes what stood in the message.
  const reasons = Object.entries(reading.content).map(([what, why]) => [what, withoutHalfCharacters(why)]);
  return { ...reading, content: Object.fromEntries(reasons) as Reading['content'] };
}

/**
 * The value of JSON text; undefined for anything else. A trailing comma, as in a sample of the seller guide, is
 * forgiven.
 */
export function parseJson(text: string): unknown {
  for (const candidate of [text, text.replaceAll(/,(?=\s*[}\]])/g, '')]) {
    try {
      return JSON.parse(candidate) as unknown;
    } catch {
      // The next one, if any.
    }
  }
  return undefined;
}

/** What the envelopes around a message have told so far. */
interface Layer {
  known: Omit<Reading, 'content'>;
  at: Date;
  topic: string | null;
  depth: number;
}

function readLayer(value: unknown, layer: Layer, accepts: Acceptance): Reading {
  const sns = snsEnvelopeOf(value);
  if (sns) return readSns(sns, layer, accepts);
  const event = eventSchema.safeParse(value);
  if (event.success) return readEvent(event.data, layer, accepts);
  const legacy = legacySchema.safeParse(value);
  if (legacy.success) return { ...layer.known, content: legacyContentOf(legacy.data, layer) };
  return {
    ...layer.known,
    content: { deadLettered: 'neither an EventBridge event nor a message of an AWS Marketplace topic' },
  };
}

function readSns(envelope: SnsEnvelope, layer: Layer, accepts: Acceptance): Reading {
  const topic = topicNameOf(envelope.TopicArn);
  const known = { ...layer.known, origin: 'sns' as const, messageId: shortId(envelope.MessageId, layer) };
  // Only the topic that delivered it here can be named in the options; what that one relays is its own affair.
  if (layer.depth === 0 && accepts.topicArns.length > 0 && !accepts.topicArns.includes(envelope.TopicArn)) {
    return {
      ...known,
      content: {
        foreign: `topic ${topic} of account ${accountOf(envelope.TopicArn)} is not in notifications.snsTopicArns`,
      },
    };
  }
  if (envelope.Type === 'SubscriptionConfirmation') {
    const fix = 'open its SubscribeURL once, or subscribe the queue from the account that owns it';
    return { ...known, content: { deadLettered: `topic ${topic} asks to confirm its subscription: ${fix}` } };
  }
  if (envelope.Type === 'UnsubscribeConfirmation') {
    return {
      ...known,
      content: { deadLettered: `the subscription of topic ${topic} was ended: nothing more will come from it` },
    };
  }
  const at = instantOf(envelope.Timestamp);
  if (!at) return { ...known, content: { deadLettered: 'the SNS envelope has no readable Timestamp' } };
  if (layer.depth + 1 >= ENVELOPES_MAX)
    return { ...known, content: { deadLettered: 'too many envelopes around the message' } };
  const message = parseJson(envelope.Message);
  if (message === undefined)
    return { ...known, content: { deadLettered: 'the message in the SNS envelope is not JSON' } };
  return readLayer(message, { known, at, topic, depth: layer.depth + 1 }, accepts);
}

// --- EventBridge
// -------------------------------------------------------------------------------------------------------------------------

/**
 * A field that is missing, empty, of another type or absurdly long is not there: one odd field must not cost the event.
 */
const text = z
  .string()
  .transform((value) => withoutHalfCharacters(value).trim())
  .pipe(z.string().min(1).max(TEXT_LENGTH_MAX))
  .optional()
  .catch(undefined);
type Part<Name extends string> = Partial<Record<Name, string>>;
const part = <Name extends string>(...names: Name[]) =>
  z
    .record(z.string(), z.unknown())
    .catch({})
    .transform((fields) => Object.fromEntries(names.map((name) => [name, text.parse(fields[name])])) as Part<Name>);

const eventSchema = z.object({
  'detail-type': z.string(),
  source: z.string(),
  id: text,
  account: text,
  time: text,
  resources: z.array(z.unknown()).catch([]),
  detail: z
    .object({
      // The last three are the flat form of the cancellation requests.
      agreement: part(
        'id',
        'intent',
        'status',
        'startTime',
        'endTime',
        'previousAgreementId',
        'acceptorId',
        'productId',
        'offerId',
      ),
      product: part('id', 'code'),
      license: part('arn'),
      acceptor: part('accountId'),
      offer: part('id'),
    })
    .partial()
    .catch({}),
});
type MarketplaceEvent = z.output<typeof eventSchema>;

function readEvent(event: MarketplaceEvent, layer: Layer, accepts: Acceptance): Reading {
  const known =
    event.id === undefined
      ? layer.known
      : { ...layer.known, origin: 'eventBridge' as const, messageId: shortId(event.id, layer) };
  if (isAwsAccount(accepts.sellerAccount) && event.account !== accepts.sellerAccount) {
    return {
      ...known,
      content: { foreign: `the event is one of account ${redacted(event.account)}, not of the seller's` },
    };
  }
  return { ...known, content: eventContentOf(event) };
}

/**
 * `… - Proposer` and `… - Manufacturer` tell one transaction to two roles; a direct seller has both. `… - Acceptor`
 * speaks to the buyer.
 */
const ROLE = /\s+[-\u2013]\s*(Proposer|Manufacturer|Acceptor)$/i;

function eventContentOf(event: MarketplaceEvent): ReceivedMessage['content'] {
  if (event.source !== MARKETPLACE_SOURCE)
    return { ignored: `an event of ${event.source.slice(0, 100)}, not of ${MARKETPLACE_SOURCE}` };
  const role = ROLE.exec(event['detail-type'].slice(0, TEXT_LENGTH_MAX).trim())?.[1]?.toLowerCase();
  if (role === 'acceptor') return { ignored: 'the seller is the buyer here' };
  const detailType = withoutHalfCharacters(event['detail-type'].slice(0, TEXT_LENGTH_MAX).trim())
    .replace(ROLE, '')
    .trim();
  const at = instantOf(event.time);
  if (!at) return { deadLettered: 'the event has no readable time' };
  const about = spokenOfIn(event);
  if (about.agreementId === undefined && about.licenseArn === undefined) {
    return { deadLettered: `"${detailType}" names neither an agreement nor a license` };
  }
  return { event: { ...typedEvent(detailType, event), at, about } as LifecycleEvent };
}

function typedEvent(detailType: string, { detail }: MarketplaceEvent): Pick<LifecycleEvent, 'type' | 'details'> {
  const { agreement = {}, offer = {} } = detail;
  const offerId = offerIdOf(offer.id ?? agreement.offerId);
  const intent = agreement.intent?.toUpperCase() ?? null;
  const status = agreement.status?.toUpperCase() ?? null;
  const startTime = isoOf(agreement.startTime);
  const endTime = isoOf(agreement.endTime);
  switch (detailType.toLowerCase()) {
    case 'purchase agreement created': {
      const previousAgreementId = agreement.previousAgreementId ?? null;
      return {
        type: 'agreement.created',
        details: { intent, status, startTime, endTime, previousAgreementId, offerId },
      };
    }
    case 'purchase agreement amended':
      return { type: 'agreement.amended', details: { intent, status, endTime, offerId } };
    case 'purchase agreement ended':
      return { type: 'agreement.ended', details: { status, endTime } };
    case 'license updated':
      return { type: 'license.updated', details: { offerId } };
    case 'license deprovisioned':
      return { type: 'license.deprovisioned', details: { offerId } };
    case 'purchase agreement advisory issued':
      return { type: 'advisory.issued', details: { detailType } };
    case 'purchase agreement advisory resolved':
      return { type: 'advisory.resolved', details: { detailType } };
    default:
      return { type: 'agreement.notice', details: { detailType } };
  }
}

function spokenOfIn({ detail, resources }: MarketplaceEvent): SpokenOf {
  const { agreement = {}, product = {}, license = {}, acceptor = {} } = detail;
  const account = acceptor.accountId ?? agreement.acceptorId;
  return known({
    productCode: product.code,
    productId: product.id ?? agreement.productId,
    licenseArn: license.arn ?? resourceOf(resources, /^(?:arn:)?aws[\w-]*:license-manager:.+$/),
    customerAwsAccountId: account !== undefined && isAwsAccount(account) ? account : undefined,
    agreementId: agreement.id ?? resourceOf(resources, /[:/]agreement[:/]([\w-]+)$/),
  });
}

function resourceOf(resources: readonly unknown[], pattern: RegExp): string | undefined {
  for (const resource of resources) {
    const match = typeof resource === 'string' && resource.length <= TEXT_LENGTH_MAX ? pattern.exec(resource) : null;
    if (match) return match[1] ?? match[0];
  }
  return undefined;
}

// --- the topics of legacy products
// -------------------------------------------------------------------------------------------------------

const legacySchema = z
  .object({
    action: z.string().min(1).max(100),
    'customer-identifier': text,
    'product-code': text,
    'offer-identifier': text,
    // A string in AWS's messages.
    isFreeTrialTermPresent: z.union([z.boolean(), z.string()]).optional().catch(undefined),
  })
  .loose();
type LegacyMessage = z.output<typeof legacySchema>;

const TOPIC = /^aws-mp-(?:subscription|entitlement)-notification-(.+)$/;

function legacyContentOf(message: LegacyMessage, { at, topic, depth }: Layer): ReceivedMessage['content'] {
  const productCode = message['product-code'] ?? TOPIC.exec(topic ?? '')?.[1];
  const customerIdentifier = message['customer-identifier'];
  if (productCode === undefined || customerIdentifier === undefined) {
    return { deadLettered: `"${message.action}" names no ${productCode === undefined ? 'product' : 'customer'}` };
  }
  const typed = typedLegacy(message);
  if (!typed) return { deadLettered: `the action "${message.action}" is not known` };
  // Raw delivery tells no time: when it was sent to the queue may be when it was redriven from a dead-letter queue.
  const untimed = depth === 0 ? { isUntimed: true } : {};
  return { event: { ...typed, at, about: { productCode, customerIdentifier }, ...untimed } as LifecycleEvent };
}

function typedLegacy(message: LegacyMessage): Pick<LifecycleEvent, 'type' | 'details'> | null {
  const offerId = offerIdOf(message['offer-identifier']);
  switch (message.action.trim().toLowerCase()) {
    case 'subscribe-success':
      return {
        type: 'legacy.subscribeSucceeded',
        details: { isFreeTrial: booleanOf(message.isFreeTrialTermPresent), offerId },
      };
    case 'subscribe-fail':
      return { type: 'legacy.subscribeFailed', details: { offerId } };
    case 'unsubscribe-pending':
      return { type: 'legacy.unsubscribePending', details: { offerId } };
    case 'unsubscribe-success':
      return { type: 'legacy.unsubscribed', details: { offerId } };
    case 'entitlement-updated':
      return { type: 'entitlement.updated', details: {} };
    default:
      return null;
  }
}

// --- fields
// ------------------------------------------------------------------------------------------------------------------------------

function booleanOf(value: boolean | string | undefined): boolean | null {
  if (typeof value === 'boolean') return value;
  return { true: true, false: false }[value?.trim().toLowerCase() ?? ''] ?? null;
}

/** Some examples print offers without their prefix. */
function offerIdOf(id: string | undefined): string | null {
  if (id === undefined) return null;
  return /^[a-z0-9]+$/i.test(id) ? `offer-${id}` : id;
}

function instantOf(value: string | undefined): Date | null {
  if (value === undefined || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value)) return null;
  // Without a zone JavaScript would take it for local time.
  const instant = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(value) ? value : `${value}Z`);
  return Number.isNaN(instant.getTime()) ? null : instant;
}

function isoOf(value: string | undefined): string | null {
  return instantOf(value)?.toISOString() ?? null;
}

function isAwsAccount(id: string): boolean {
  return /^\d{12}$/.test(id);
}

function accountOf(arn: string): string {
  return redacted(arn.split(':')[4]);
}

/** An id too long to be one gives way to that of what lies around it. */
function shortId(id: string, { known: { messageId } }: Layer): string {
  const trimmed = withoutHalfCharacters(id);
  return trimmed.length <= ID_LENGTH_MAX ? trimmed : messageId;
}

/** Postgres takes no half of a surrogate pair, neither as text nor inside JSON. */
function withoutHalfCharacters(value: string): string {
  return value.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

function known(spokenOf: { [K in keyof SpokenOf]: SpokenOf[K] | undefined }): SpokenOf {
  return Object.fromEntries(Object.entries(spokenOf).filter(([, value]) => value !== undefined));
}
