import {
  type LifecycleDetails,
  type LifecycleEvent,
  type LifecycleEventType,
  type MessageOrigin,
  type SpokenOf,
} from '../../src/subscription/inbox/lifecycle-event.js';
import { LEGACY_PRODUCT, LICENSE_PRODUCT, type Rooms } from './rooms.js';

export const BUYER = '111122223333';
export const OTHER_BUYER = '444455556666';

const EMPTY: { [T in LifecycleEventType]: LifecycleDetails[T] } = {
  'agreement.created': {
    intent: 'NEW',
    status: 'ACTIVE',
    startTime: null,
    endTime: null,
    previousAgreementId: null,
    offerId: null,
  },
  'agreement.amended': { intent: 'AMEND', status: 'ACTIVE', endTime: null, offerId: null },
  'agreement.ended': { status: 'CANCELLED', endTime: null },
  'license.updated': { offerId: null },
  'license.deprovisioned': { offerId: null },
  'legacy.subscribeSucceeded': { isFreeTrial: false, offerId: null },
  'legacy.subscribeFailed': { offerId: null },
  'legacy.unsubscribePending': { offerId: null },
  'legacy.unsubscribed': { offerId: null },
  'entitlement.updated': {},
  'advisory.issued': { detailType: 'Purchase Agreement Advisory Issued' },
  'advisory.resolved': { detailType: 'Purchase Agreement Advisory Resolved' },
  'agreement.notice': { detailType: 'Purchase Agreement Ending' },
  'host.ended': { endsAt: '' },
  'agreement.found': {
    ...{ status: 'ACTIVE', startTime: null, endTime: null, terms: null, entitled: null },
    ...{ previousAgreementId: null, initialAgreementId: null, offerId: null, lastUpdateTime: null },
  },
  'buyer.registered': {},
};

/** One thing said; `at` in text of the day, hours or a whole instant: `'10:37'` is on NOON's day. */
export function said<T extends LifecycleEventType>(
  type: T,
  at: string,
  about: SpokenOf,
  details: Partial<LifecycleDetails[T]> = {},
): LifecycleEvent {
  return { type, at: instantOf(at), about, details: { ...EMPTY[type], ...details } } as LifecycleEvent;
}

export function instantOf(at: string): Date {
  return new Date(/^\d\d:\d\d$/.test(at) ? `2026-11-18T${at}:00Z` : at);
}

/** What AWS names of an agreement of a license product in License events. */
export function licensed(key: string, account = BUYER): SpokenOf {
  return {
    ...{
      productCode: LICENSE_PRODUCT,
      productId: 'prod-license',
      agreementId: `agmt-${key}`,
      customerAwsAccountId: account,
    },
    licenseArn: licenseArn(key),
  };
}

export function licenseArn(key: string): string {
  return `arn:aws:license-manager::294406891311:license:l-${key}`;
}

/** As agreement events name it: without product code and license. */
export function agreed(key: string, account = BUYER): SpokenOf {
  return { agreementId: `agmt-${key}`, customerAwsAccountId: account };
}

/** As the topics of legacy products name a buyer. */
export function legacy(customerIdentifier: string): SpokenOf {
  return { productCode: LEGACY_PRODUCT, customerIdentifier };
}

let messages = 0;

/**
 * Puts what was said into the inbox, each as a message of its own, without processing it. `given`: ids of messages that
 * are repeated.
 */
export async function receive(
  rooms: Rooms,
  events: readonly LifecycleEvent[],
  given?: readonly string[],
  origin: MessageOrigin = 'eventBridge',
): Promise<string[]> {
  const ids = events.map((_, index) => given?.[index] ?? `m-${(messages += 1).toString().padStart(6, '0')}`);
  await rooms.inbox.receive(
    events.map((event, index) => ({
      origin,
      messageId: ids[index] ?? '',
      via: 'test',
      body: '{}',
      content: { event },
    })),
  );
  return ids;
}

/** As `receive`, one after the other, and processed; who is new is asked about then. */
export async function hear(rooms: Rooms, ...events: LifecycleEvent[]): Promise<void> {
  for (const event of events) {
    const [id] = await receive(rooms, [event]);
    await rooms.messages.run();
    const [row] = await rooms.query<{ error: string | null }>(
      `SELECT error FROM marketplace.inbox_message WHERE seller_account = $1 AND message_id = $2
        AND state IN ('pending', 'deadLettered')`,
      [rooms.options.sellerAccount, id],
    );
    if (row) throw new Error(`${event.type} was not processed: ${row.error ?? ''}`);
  }
  await answerTerms(rooms);
}

/**
 * AWS, asked for the terms of agreements that are in force and not told yet, answers that it tells none: the
 * marketplace of these tests knows nothing of most agreements that they speak of.
 */
export async function answerTerms(rooms: Rooms): Promise<void> {
  const waiting = await rooms.query(
    `SELECT FROM marketplace.subscription WHERE seller_account = $1 AND state = 'registered' AND next_ask_at <= $2`,
    [rooms.options.sellerAccount, rooms.clock.now().toISOString()],
  );
  if (waiting.length > 0) await rooms.reconciliation.run();
}
