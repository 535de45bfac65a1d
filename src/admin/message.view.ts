import { type SpokenOf } from '../subscription/inbox/lifecycle-event.js';
import { type MessageRow } from './messages.sql.js';
import { identifier, instant, json, message } from './shown.js';

/** What a message says. Identifiers of AWS show their last four characters. */
export interface MessageEventView {
  about: {
    productCode: string | null;
    productId: string | null;
    licenseArn: string | null;
    customerAwsAccountId: string | null;
    customerIdentifier: string | null;
    agreementId: string | null;
    subscriptionId: string | null;
  };
  /** What the type adds: status, dates, offer, the agreement before. */
  details: unknown;
}

/** A lifecycle message as it stands in the inbox, without its body. */
export interface MessageView {
  origin: string;
  /** Whole, because `LifecycleMessages.retry` asks for it: ids of messages are UUIDs, digests or ours. */
  messageId: string;
  receivedVia: string;
  receivedAt: string;
  /** Null for a message that was not understood, as are `eventAt` and `event`. */
  type: string | null;
  /** When it happened, by its sender's word. */
  eventAt: string | null;
  state: string;
  /** Why it waits, is ignored or dead-lettered, or why its latest attempt failed. */
  error: string | null;
  attempts: number;
  /** The subscription that it was applied to. */
  subscriptionId: string | null;
  event: MessageEventView | null;
}

interface StoredEvent {
  about: SpokenOf;
  details: Record<string, unknown>;
}

export function messageViewOf(row: MessageRow): MessageView {
  return {
    origin: row.origin,
    messageId: row.message_id,
    receivedVia: message(row.received_via),
    receivedAt: instant(row.received_at),
    type: row.type,
    eventAt: instant(row.event_at),
    state: row.state,
    error: message(row.error),
    attempts: row.attempt_count,
    subscriptionId: row.subscription_id,
    event: row.event === null ? null : eventViewOf(row.event as StoredEvent),
  };
}

function eventViewOf({ about, details }: StoredEvent): MessageEventView {
  const { previousAgreementId } = details;
  return {
    about: {
      productCode: about.productCode === undefined ? null : message(about.productCode),
      productId: about.productId === undefined ? null : message(about.productId),
      licenseArn: identifier(about.licenseArn ?? null),
      customerAwsAccountId: identifier(about.customerAwsAccountId ?? null),
      customerIdentifier: identifier(about.customerIdentifier ?? null),
      agreementId: identifier(about.agreementId ?? null),
      subscriptionId: about.subscriptionId ?? null,
    },
    details: json(
      typeof previousAgreementId === 'string'
        ? { ...details, previousAgreementId: identifier(previousAgreementId) }
        : details,
    ),
  };
}
