import { createSign } from 'node:crypto';
import { TEST_KEY } from '../support/sns-test-key.js';
import { type Json } from './messages.js';

const KEYS: Record<string, readonly string[]> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};

/** The envelope with the signature that SNS would put on it, had it the tests' key. */
export function signed(envelope: Json, version: '1' | '2', keys = KEYS[envelope.Type as string] ?? []): Json {
  const sign = createSign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256');
  for (const key of keys) {
    const value = envelope[key];
    if (typeof value === 'string') sign.update(`${key}\n${value}\n`);
  }
  return { ...envelope, SignatureVersion: version, Signature: sign.sign(TEST_KEY, 'base64') };
}
