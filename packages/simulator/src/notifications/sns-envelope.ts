import { sign } from 'node:crypto';
import { snsSigner } from './sns-certificate.js';

/** What SNS posts to an HTTP endpoint, and puts into a queue unless delivery is raw. */
export interface SnsEnvelope {
  readonly Type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  readonly MessageId: string;
  /** Of confirmations. */
  readonly Token?: string;
  readonly TopicArn: string;
  readonly Message: string;
  /** Of confirmations. */
  readonly SubscribeURL?: string;
  readonly Timestamp: string;
  readonly SignatureVersion: '1' | '2';
  readonly Signature: string;
  readonly SigningCertURL: string;
  /** Of notifications. */
  readonly UnsubscribeURL?: string;
}

export interface SnsSender {
  /** Base of the URLs in the envelope, without a slash at its end. */
  readonly url: string;
  readonly signatureVersion: '1' | '2';
}

/** Signed keys, in this order, where present [SNS guide, "Verifying the signatures of Amazon SNS messages"]. */
const signedKeys = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
} as const;

type Unsigned = Omit<SnsEnvelope, 'SignatureVersion' | 'Signature' | 'SigningCertURL' | 'UnsubscribeURL'>;

export function notificationEnvelope(
  message: { id: string; at: Date; topicArn: string; body: object },
  subscriptionArn: string,
  sender: SnsSender,
): SnsEnvelope {
  const { id, at, topicArn, body } = message;
  const unsigned = {
    Type: 'Notification' as const,
    MessageId: id,
    TopicArn: topicArn,
    Message: JSON.stringify(body),
    Timestamp: at.toISOString(),
  };
  return {
    ...signed(unsigned, sender),
    UnsubscribeURL: `${sender.url}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn}`,
  };
}

/** Asks the endpoint to confirm that it subscribed, or tells it that it no longer does and how it could again. */
export function confirmationEnvelope(
  Type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation',
  subscription: { id: string; at: Date; topicArn: string; token: string },
  sender: SnsSender,
): SnsEnvelope {
  const { id, at, topicArn, token } = subscription;
  const chosen = Type === 'SubscriptionConfirmation' ? 'subscribe to' : 'deactivate subscription to';
  const todo =
    Type === 'SubscriptionConfirmation'
      ? 'To confirm the subscription'
      : 'To cancel this operation and restore the subscription';
  const unsigned = {
    ...{ Type, MessageId: id, Token: token, TopicArn: topicArn },
    Message:
      `You have chosen to ${chosen} the topic ${topicArn}.\n${todo}, visit the SubscribeURL included in this ` +
      'message.',
    SubscribeURL: `${sender.url}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=${token}`,
    Timestamp: at.toISOString(),
  };
  return signed(unsigned, sender);
}

function signed(unsigned: Unsigned, { url, signatureVersion }: SnsSender): SnsEnvelope {
  const present = signedKeys[unsigned.Type].map((name) => [name, unsigned[name as keyof Unsigned]] as const);
  const text = present.map(([name, value]) => (value === undefined ? '' : `${name}\n${value}\n`)).join('');
  const { privateKey, certificatePath } = snsSigner();
  const signature = sign(signatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256', Buffer.from(text), privateKey);
  return {
    ...unsigned,
    SignatureVersion: signatureVersion,
    Signature: signature.toString('base64'),
    SigningCertURL: url + certificatePath,
  };
}
