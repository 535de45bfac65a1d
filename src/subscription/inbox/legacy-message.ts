import { z } from 'zod';
import { type LifecycleEvent, type ReceivedMessage } from './lifecycle-event.js';
import { offerIdOf, text } from './message-field.js';

/** A message of the SNS topics of products without concurrent agreements. */
export const legacySchema = z
  .object({
    action: z.string().min(1).max(100),
    'customer-identifier': text,
    'product-code': text,
    'offer-identifier': text,
    // A string in AWS's messages.
    isFreeTrialTermPresent: z.union([z.boolean(), z.string()]).optional().catch(undefined),
  })
  .loose();
export type LegacyMessage = z.output<typeof legacySchema>;

const TOPIC = /^aws-mp-(?:subscription|entitlement)-notification-(.+)$/;

/** @param topic null for raw delivery, which tells neither the topic nor a time */
export function legacyContentOf(
  message: LegacyMessage,
  { at, topic }: { at: Date; topic: string | null },
): ReceivedMessage['content'] {
  const productCode = message['product-code'] ?? TOPIC.exec(topic ?? '')?.[1];
  const customerIdentifier = message['customer-identifier'];
  if (productCode === undefined || customerIdentifier === undefined) {
    return { deadLettered: `"${message.action}" names no ${productCode === undefined ? 'product' : 'customer'}` };
  }
  const typed = typedLegacy(message);
  if (!typed) return { deadLettered: `the action "${message.action}" is not known` };
  // Raw delivery tells no time: when it was sent to the queue may be when it was redriven from a dead-letter queue.
  const untimed = topic === null ? { isUntimed: true } : {};
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

function booleanOf(value: boolean | string | undefined): boolean | null {
  if (typeof value === 'boolean') return value;
  return { true: true, false: false }[value?.trim().toLowerCase() ?? ''] ?? null;
}
