import { type KeyObject, verify } from 'node:crypto';
import { type SnsEnvelope } from './sns-envelope.js';

type SignedKey = 'Message' | 'MessageId' | 'Subject' | 'SubscribeURL' | 'Timestamp' | 'Token' | 'TopicArn' | 'Type';

const NOTIFICATION_KEYS: readonly SignedKey[] = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const CONFIRMATION_KEYS: readonly SignedKey[] = [
  'Message',
  'MessageId',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
];

/**
 * The keys that SNS signs. AWS documents one list for both confirmations; its own validator takes the other one for the
 * end of a subscription, so either is taken there. Nothing that only the longer list covers is used of that message.
 */
const SIGNED_KEYS: Record<SnsEnvelope['Type'], readonly (readonly SignedKey[])[]> = {
  Notification: [NOTIFICATION_KEYS],
  SubscriptionConfirmation: [CONFIRMATION_KEYS],
  UnsubscribeConfirmation: [CONFIRMATION_KEYS, NOTIFICATION_KEYS],
};

const ALGORITHMS: ReadonlyMap<string | undefined, string> = new Map([
  ['1', 'RSA-SHA1'],
  ['2', 'RSA-SHA256'],
]);
const SIGNATURE = /^[A-Za-z0-9+/]{1,2048}={0,2}$/;

/** Texts that SNS may have signed for this message: each key that there is, and its value, on lines of their own. */
export function textsToSign(envelope: SnsEnvelope): string[] {
  return SIGNED_KEYS[envelope.Type].map((keys) =>
    keys
      .flatMap((key) => {
        const value = envelope[key];
        return value === undefined ? [] : [`${key}\n${value}\n`];
      })
      .join(''),
  );
}

/**
 * Whether SNS's key signed the message, by version 1 (SHA-1) or, where only that is `accepted`, by version 2 (SHA-256).
 */
export function isSignedBy(envelope: SnsEnvelope, key: KeyObject, accepted: 'any' | 'v2'): boolean {
  if (!isSignatureAccepted(envelope, accepted)) return false;
  // Stryker disable next-line StringLiteral: without a signature none is accepted.
  const signature = Buffer.from(envelope.Signature ?? '', 'base64');
  const algorithm = ALGORITHMS.get(envelope.SignatureVersion);
  return textsToSign(envelope).some((text) => verify(algorithm, Buffer.from(text), key, signature));
}

/** Whether the message bears a signature of a version that is accepted: worth fetching a certificate for. */
export function isSignatureAccepted({ Signature, SignatureVersion }: SnsEnvelope, accepted: 'any' | 'v2'): boolean {
  const isKnown = ALGORITHMS.has(SignatureVersion) && (accepted === 'any' || SignatureVersion === '2');
  return isKnown && Signature !== undefined && SIGNATURE.test(Signature);
}
