import { type MarketplaceErrorCode, type StatusOf } from '../../errors/error-catalogue.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';

/**
 * What a sender is told. 5xx asks for another try, and stands only where another try can succeed; 4xx is final, whether
 * or not AWS tries again.
 */
const REFUSALS = {
  NOTIFICATIONS_CLOSED: {
    status: 403,
    message: 'No way in is open here: set notifications.snsTopicArns, notifications.eventBridgeSecrets or both.',
  },
  BODY_INVALID: { status: 400, message: 'The body is no JSON text of an SNS message or an EventBridge event.' },
  BODY_TOO_LARGE: { status: 413, message: 'The body is larger than anything that SNS or EventBridge sends.' },
  SECRET_INVALID: {
    status: 403,
    message:
      'The header x-marketplace-secret holds none of notifications.eventBridgeSecrets. It comes from the ' +
      'connection of the API destination.',
  },
  SIGNATURE_INVALID: { status: 403, message: 'The message is not signed by SNS in a way that is accepted here.' },
  TOPIC_FOREIGN: { status: 403, message: 'The topic is not one of notifications.snsTopicArns.' },
  ACCOUNT_FOREIGN: { status: 403, message: 'The message is meant for another account than sellerAccount.' },
  MESSAGE_EXPIRED: {
    status: 403,
    message: 'The message was sent too long ago, or in the future: see notifications.maxAgeMs.',
  },
  CERTIFICATE_UNAVAILABLE: { status: 503, message: 'The certificate of SNS cannot be fetched at the moment.' },
  CONFIRMATION_FAILED: { status: 503, message: 'SNS did not confirm the subscription.' },
  NOTIFICATION_FAILED: { status: 503, message: 'The message could not be stored; it is needed again.' },
} as const satisfies { readonly [C in MarketplaceErrorCode]?: { status: StatusOf<C>; message: string } };

export type NotificationRefusalCode = keyof typeof REFUSALS;

/** A message that was not taken: nothing of it is stored. */
export class NotificationRefusedError extends MarketplaceMeteringError {
  readonly status: number;

  /** @param detail for the log alone: what was wrong, without secret, token, URL of strangers or full account id */
  constructor(
    code: NotificationRefusalCode,
    readonly detail: string | null = null,
    options?: { cause?: unknown },
  ) {
    super(code, REFUSALS[code].message, options);
    this.status = REFUSALS[code].status;
  }
}
