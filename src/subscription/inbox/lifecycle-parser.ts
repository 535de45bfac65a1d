// From a raw body to what it says, whichever envelope it came in. Never throws.
import { redacted } from '../../runtime/redaction.js';
import { storableText } from '../../runtime/storable-text.js';
import { eventContentOf, eventSchema, type MarketplaceEvent } from './event-bridge-message.js';
import { legacyContentOf, legacySchema } from './legacy-message.js';
import { type SnsEnvelope, snsEnvelopeOf, topicNameOf } from './sns-envelope.js';
import { type MessageOrigin, type ReceivedMessage } from './lifecycle-event.js';
import { instantOf, isAwsAccount, messageJsonOf } from './message-field.js';

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

const ENVELOPES_MAX = 3;
const ID_LENGTH_MAX = 200;

/**
 * Reads a message of AWS Marketplace in whichever envelope it came: an EventBridge event, an SNS notification around
 * one or around a legacy message, or a legacy message alone (raw delivery). Never throws: what it cannot read is
 * dead-lettered, with the reason.
 */
export function readDelivery(delivery: Delivery, accepts: Acceptance): Reading {
  const known = { ...delivery.outerId, via: delivery.via, body: storableText(delivery.body) };
  const parsed = messageJsonOf(delivery.body);
  if (parsed === undefined) return { ...known, content: { deadLettered: 'the body is not JSON' } };
  const reading = readLayer(parsed, { known, at: delivery.sentAt, topic: null, depth: 0 }, accepts);
  if ('event' in reading.content) return reading;
  // The reason quotes what stood in the message.
  const reasons = Object.entries(reading.content).map(([what, why]) => [what, storableText(why)]);
  return { ...reading, content: Object.fromEntries(reasons) as Reading['content'] };
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
  const message = messageJsonOf(envelope.Message);
  if (message === undefined)
    return { ...known, content: { deadLettered: 'the message in the SNS envelope is not JSON' } };
  return readLayer(message, { known, at, topic, depth: layer.depth + 1 }, accepts);
}

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

function accountOf(arn: string): string {
  return redacted(arn.split(':')[4]);
}

/** An id too long to be one gives way to that of what lies around it. */
function shortId(id: string, { known: { messageId } }: Layer): string {
  const trimmed = storableText(id);
  return trimmed.length <= ID_LENGTH_MAX ? trimmed : messageId;
}
