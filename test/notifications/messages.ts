/** Messages of AWS Marketplace as the seller guide shows them, with values of ours. */
export const SELLER = '123456789012';
export const BUYER = '210987654321';
export const PRODUCT_CODE = 'abc123def456';
export const TOPIC_ARN = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${PRODUCT_CODE}`;
export const LICENSE_ARN = `arn:aws:license-manager::${SELLER}:license:l-0123456789abcdef`;
/** The same license as events print it. */
export const EVENT_LICENSE_ARN = `aws:license-manager:us-east-1:${SELLER}:l-0123456789abcdef`;
export const EVENT_AT = '2026-11-11T09:55:00Z';

export type Json = Record<string, unknown>;

let made = 0;
/** An id as EventBridge and SNS make them. */
export function messageId(): string {
  made += 1;
  return `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;
}

export function eventBridgeEvent(detailType: string, detail: Json, envelope: Json = {}): Json {
  return {
    version: '0',
    id: messageId(),
    'detail-type': detailType,
    source: 'aws.agreement-marketplace',
    account: SELLER,
    time: EVENT_AT,
    region: 'us-east-1',
    resources: ['arn:aws:aws-marketplace::aws:agreement:agmt-1'],
    detail: { requestId: messageId(), catalog: 'AWSMarketplace', ...detail },
    ...envelope,
  };
}

export function agreementEvent(detailType: string, agreement: Json = {}, rest: Json = {}, envelope: Json = {}): Json {
  return eventBridgeEvent(
    detailType,
    {
      agreement: {
        id: 'agmt-1',
        intent: 'NEW',
        status: 'ACTIVE',
        acceptanceTime: '2026-11-11T09:50:00Z',
        startTime: '2026-11-11T09:50:00Z',
        endTime: '2027-11-11T09:50:00Z',
        ...agreement,
      },
      acceptor: { accountId: BUYER },
      proposer: { accountId: SELLER, name: 'Larkspur' },
      offer: { id: 'offer-1' },
      ...rest,
    },
    envelope,
  );
}

export function licenseEvent(detailType: string, rest: Json = {}, envelope: Json = {}): Json {
  return eventBridgeEvent(
    detailType,
    {
      agreement: { id: 'agmt-1' },
      product: { code: PRODUCT_CODE, id: 'prod-1' },
      license: { arn: EVENT_LICENSE_ARN },
      acceptor: { accountId: BUYER },
      proposer: { accountId: SELLER },
      offer: { id: '1' },
      ...rest,
    },
    envelope,
  );
}

export function legacyMessage(action: string, rest: Json = {}): Json {
  return { action, 'customer-identifier': 'cust-1', 'product-code': PRODUCT_CODE, ...rest };
}

/** As SNS puts it around a message, unsigned. */
export function snsEnvelope(message: unknown, rest: Json = {}): Json {
  return {
    Type: 'Notification',
    MessageId: messageId(),
    TopicArn: TOPIC_ARN,
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: '2026-11-11T09:59:00.123Z',
    SignatureVersion: '1',
    Signature: 'AAAA',
    SigningCertURL: `https://sns.us-east-1.amazonaws.com/SimpleNotificationService-${'0'.repeat(32)}.pem`,
    UnsubscribeURL: 'https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe',
    ...rest,
  };
}
