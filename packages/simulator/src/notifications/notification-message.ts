import { type EventBridgeEvent } from './event-bridge-event.js';
import { type SnsNotice } from './sns-notice.js';

/** The event bus of the seller's account, or one of the two SNS topics of a legacy product. */
export type NotificationChannel = 'eventBridge' | 'subscriptionTopic' | 'entitlementTopic';

/** One message as AWS sends it, whatever becomes of it on its way. */
export type NotificationMessage = {
  /** Counts from 1, in the order in which AWS sent them. */
  readonly sequence: number;
  /** `id` of the event, or MessageId: the same in every delivery. */
  readonly id: string;
  /**
   * The detail-type without its role, such as `License Updated`; the action of an SNS message, such as
   * `subscribe-success`.
   */
  readonly type: string;
  /** When it was sent, by the simulator's clock. */
  readonly at: Date;
  readonly agreementId: string;
  readonly productCode: string;
} & (
  | { readonly channel: 'eventBridge'; readonly body: EventBridgeEvent }
  | { readonly channel: 'subscriptionTopic' | 'entitlementTopic'; readonly topicArn: string; readonly body: SnsNotice }
);

/** All conditions must hold. */
export interface MessageFilter {
  channel?: NotificationChannel;
  type?: string;
  agreementId?: string;
  productCode?: string;
  when?: (message: NotificationMessage) => boolean;
}

export function passes(message: NotificationMessage, filter: MessageFilter): boolean {
  const { when, ...wanted } = filter;
  const same = (['channel', 'type', 'agreementId', 'productCode'] as const).every(
    (key) => wanted[key] === undefined || wanted[key] === message[key],
  );
  return same && (when?.(message) ?? true);
}
