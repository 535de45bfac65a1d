import { type ErrorDescription } from './error-description.js';

/** Of lifecycle messages over HTTPS. */
export const NOTIFICATION_ERRORS = {
  NOTIFICATIONS_CLOSED: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'No way in over HTTPS is open.',
    fix: 'Set `notifications.snsTopicArns`, `notifications.eventBridgeSecrets` or both.',
  },
  SECRET_INVALID: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'The header `x-marketplace-secret` holds none of the secrets.',
    fix: 'Give the connection of the API destination one of `notifications.eventBridgeSecrets`.',
  },
  SIGNATURE_INVALID: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'The message is not signed by SNS in a way that is accepted.',
    fix: 'Nothing, if it is not of AWS; else see `notifications.snsSignature`.',
  },
  TOPIC_FOREIGN: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'The topic is not one of `notifications.snsTopicArns`.',
    fix: 'Add the topic, or end its subscription.',
  },
  ACCOUNT_FOREIGN: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'The message is meant for another account than `sellerAccount`.',
    fix: 'Correct the option, or the rule that sends it.',
  },
  MESSAGE_EXPIRED: {
    seenBy: ['sender'],
    status: [403],
    meaning: 'The message was sent too long ago, or in the future.',
    fix: 'Check the clock; raise `notifications.maxAgeMs` where deliveries are retried for longer.',
  },
  CERTIFICATE_UNAVAILABLE: {
    seenBy: ['sender'],
    status: [503],
    meaning: 'The certificate of SNS cannot be fetched.',
    fix: 'Let the application reach sns.<region>.amazonaws.com; SNS sends the message again.',
  },
  CONFIRMATION_FAILED: {
    seenBy: ['sender'],
    status: [503],
    meaning: 'SNS did not confirm the subscription of the endpoint.',
    fix: 'Let the application reach SNS; SNS asks again.',
  },
  NOTIFICATION_FAILED: {
    seenBy: ['sender'],
    status: [503],
    meaning: 'The message could not be stored.',
    fix: 'Look at the database; AWS sends the message again.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
