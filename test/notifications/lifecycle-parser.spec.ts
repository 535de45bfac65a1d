import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Acceptance,
  type Delivery,
  readDelivery,
  type Reading,
} from '../../src/subscription/inbox/lifecycle-parser.js';
import {
  agreementEvent,
  BUYER,
  EVENT_AT,
  EVENT_LICENSE_ARN,
  eventBridgeEvent,
  type Json,
  legacyMessage,
  LICENSE_ARN,
  licenseEvent,
  PRODUCT_CODE,
  SELLER,
  snsEnvelope,
  TOPIC_ARN,
} from './messages.js';

const SENT_AT = new Date('2026-11-11T10:00:00Z');
const EVERYONE: Acceptance = { sellerAccount: SELLER, topicArns: [] };

function read(body: unknown, accepts: Acceptance = EVERYONE, outer: Partial<Delivery> = {}): Reading {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readDelivery(
    { body: text, via: 'sqs:q', outerId: { origin: 'sqs', messageId: 'outer' }, sentAt: SENT_AT, ...outer },
    accepts,
  );
}
const contentOf = (body: unknown, accepts?: Acceptance): Reading['content'] => read(body, accepts).content;

const OF_AGREEMENT = { customerAwsAccountId: BUYER, agreementId: 'agmt-1' };
const OF_LICENSE = { ...OF_AGREEMENT, productCode: PRODUCT_CODE, productId: 'prod-1', licenseArn: EVENT_LICENSE_ARN };
const START = '2026-11-11T09:50:00.000Z';
const END = '2027-11-11T09:50:00.000Z';
const OFFER = { offerId: 'offer-1' };

describe('an EventBridge event', () => {
  it.each<[string, Json, string, Json, Json]>([
    [
      'a new agreement',
      agreementEvent('Purchase Agreement Created - Proposer'),
      'agreement.created',
      { intent: 'NEW', status: 'ACTIVE', startTime: START, endTime: END, previousAgreementId: null, ...OFFER },
      OF_AGREEMENT,
    ],
    [
      'the same told to the manufacturer, by resale, with a product',
      agreementEvent(
        'Purchase Agreement Created - Manufacturer',
        {},
        {
          product: { id: 'prod-1', title: 'Larkspur' },
          resaleAuthorization: { id: 'resaleauthz-1' },
          proposer: { accountId: '999999999999' },
        },
      ),
      'agreement.created',
      { intent: 'NEW', status: 'ACTIVE', startTime: START, endTime: END, previousAgreementId: null, ...OFFER },
      { ...OF_AGREEMENT, productId: 'prod-1' },
    ],
    [
      'a renewal, without an end',
      agreementEvent('Purchase Agreement Created - Proposer', {
        intent: 'renew',
        endTime: null,
        previousAgreementId: 'agmt-0',
      }),
      'agreement.created',
      { intent: 'RENEW', status: 'ACTIVE', startTime: START, endTime: null, previousAgreementId: 'agmt-0', ...OFFER },
      OF_AGREEMENT,
    ],
    [
      'an amendment',
      agreementEvent('Purchase Agreement Amended - Proposer', { intent: 'AMEND' }),
      'agreement.amended',
      { intent: 'AMEND', status: 'ACTIVE', endTime: END, ...OFFER },
      OF_AGREEMENT,
    ],
    [
      'an end by cancellation',
      agreementEvent('Purchase Agreement Ended - Manufacturer', { status: 'CANCELLED' }),
      'agreement.ended',
      { status: 'CANCELLED', endTime: END },
      OF_AGREEMENT,
    ],
    [
      'an end that does not say why',
      agreementEvent('Purchase Agreement Ended - Proposer', { status: undefined, endTime: 'soon' }),
      'agreement.ended',
      { status: null, endTime: null },
      OF_AGREEMENT,
    ],
    [
      'a license, its offer without prefix',
      licenseEvent('License Updated - Manufacturer'),
      'license.updated',
      OFFER,
      OF_LICENSE,
    ],
    [
      'a license in the form of the API',
      licenseEvent('License Updated - Manufacturer', { license: { arn: LICENSE_ARN } }),
      'license.updated',
      OFFER,
      { ...OF_LICENSE, licenseArn: LICENSE_ARN },
    ],
    [
      'a license in the form of the guides, without role',
      licenseEvent('License Deprovisioned', {
        license: { arn: `arn:aws:license-manager::${SELLER}:license/lic-9` },
        offer: undefined,
      }),
      'license.deprovisioned',
      { offerId: null },
      { ...OF_LICENSE, licenseArn: `arn:aws:license-manager::${SELLER}:license/lic-9` },
    ],
    [
      'an advisory',
      agreementEvent('Purchase Agreement Advisory Issued - Manufacturer'),
      'advisory.issued',
      { detailType: 'Purchase Agreement Advisory Issued' },
      OF_AGREEMENT,
    ],
    [
      'its end',
      agreementEvent('Purchase Agreement Advisory Resolved - Manufacturer'),
      'advisory.resolved',
      { detailType: 'Purchase Agreement Advisory Resolved' },
      OF_AGREEMENT,
    ],
    ...[
      'Purchase Agreement Ending',
      'Purchase Agreement Renewal Terms Finalized',
      'Purchase Agreement Renewal Upcoming',
      'Spend Threshold Reached',
      'Spend Threshold Vet Failed',
      'Purchase Agreement Billing Adjustment Completed',
      'Something That AWS Has Yet To Think Of',
    ].map((detailType): [string, Json, string, Json, Json] => [
      `a notice: ${detailType}`,
      agreementEvent(`${detailType} - Proposer`),
      'agreement.notice',
      { detailType },
      OF_AGREEMENT,
    ]),
    [
      'a cancellation request, flat and without resources',
      eventBridgeEvent(
        'Agreement Cancellation Request Approved',
        { agreement: { id: 'agmt-1', acceptorId: BUYER, productId: 'prod-1', offerId: 'offer-1' } },
        { resources: [] },
      ),
      'agreement.notice',
      { detailType: 'Agreement Cancellation Request Approved' },
      { ...OF_AGREEMENT, productId: 'prod-1' },
    ],
    [
      'an agreement that only the resources name',
      eventBridgeEvent('Purchase Agreement Ended - Proposer', { agreement: { status: 'EXPIRED' } }),
      'agreement.ended',
      { status: 'EXPIRED', endTime: null },
      { agreementId: 'agmt-1' },
    ],
    [
      'fields of other types, which are as good as missing',
      agreementEvent(
        'Purchase Agreement Ended',
        { status: 7, endTime: {} },
        { acceptor: 'x', product: ['p'], offer: 5 },
        { resources: 'r' },
      ),
      'agreement.ended',
      { status: null, endTime: null },
      { agreementId: 'agmt-1' },
    ],
  ])('%s', (_, event, type, details, about) => {
    expect(read(event)).toEqual({
      origin: 'eventBridge',
      messageId: event.id,
      via: 'sqs:q',
      body: JSON.stringify(event),
      content: { event: { type, at: new Date(EVENT_AT), details, about } },
    });
  });

  it.each<[string, Json, Reading['content']]>([
    [
      'of another source is no concern of ours',
      eventBridgeEvent('EC2 Instance State-change Notification', {}, { source: 'aws.ec2' }),
      { ignored: 'an event of aws.ec2, not of aws.agreement-marketplace' },
    ],
    [
      'that speaks to the buyer is no concern of the seller',
      agreementEvent('Purchase Agreement Created - Acceptor'),
      { ignored: 'the seller is the buyer here' },
    ],
    [
      'of another account is foreign',
      agreementEvent('Purchase Agreement Ended', {}, {}, { account: '999999999999' }),
      { foreign: "the event is one of account …9999, not of the seller's" },
    ],
    [
      'of no account is foreign too',
      agreementEvent('Purchase Agreement Ended', {}, {}, { account: undefined }),
      { foreign: "the event is one of account (none), not of the seller's" },
    ],
    [
      'without a time is dead-lettered',
      agreementEvent('Purchase Agreement Ended', {}, {}, { time: 'noon' }),
      { deadLettered: 'the event has no readable time' },
    ],
    [
      'about nothing is dead-lettered',
      eventBridgeEvent('Purchase Agreement Ended - Proposer', {}, { resources: [] }),
      { deadLettered: '"Purchase Agreement Ended" names neither an agreement nor a license' },
    ],
  ])('%s', (_, event, content) => {
    expect(contentOf(event)).toEqual(content);
  });

  it('is taken from any account where the seller account is a label', () => {
    const foreign = agreementEvent('Purchase Agreement Ended', {}, {}, { account: '999999999999' });
    expect(contentOf(foreign, { sellerAccount: 'default', topicArns: [] })).toHaveProperty(
      'event.type',
      'agreement.ended',
    );
  });

  it('without an id, or with one that is too long, goes by the id of what lies around it', () => {
    for (const id of [undefined, 'x'.repeat(201)])
      expect(read(agreementEvent('License Updated', {}, {}, { id }))).toMatchObject({
        origin: id ? 'eventBridge' : 'sqs',
        messageId: 'outer',
      });
  });
});

describe('a message of a legacy topic', () => {
  const CUSTOMER = { productCode: PRODUCT_CODE, customerIdentifier: 'cust-1' };
  const at = new Date('2026-11-11T09:59:00.123Z');

  it.each<[string, Json, string, Json]>([
    [
      'subscribe-success with offer and free trial',
      { 'offer-identifier': 'offer-1', isFreeTrialTermPresent: 'true' },
      'legacy.subscribeSucceeded',
      { isFreeTrial: true, ...OFFER },
    ],
    [
      'subscribe-success',
      { isFreeTrialTermPresent: 'false' },
      'legacy.subscribeSucceeded',
      { isFreeTrial: false, offerId: null },
    ],
    [
      'subscribe-success',
      { isFreeTrialTermPresent: true },
      'legacy.subscribeSucceeded',
      { isFreeTrial: true, offerId: null },
    ],
    [
      'subscribe-success',
      { isFreeTrialTermPresent: 'maybe' },
      'legacy.subscribeSucceeded',
      { isFreeTrial: null, offerId: null },
    ],
    ['subscribe-success', {}, 'legacy.subscribeSucceeded', { isFreeTrial: null, offerId: null }],
    ['subscribe-fail', { 'offer-identifier': 'offer-1' }, 'legacy.subscribeFailed', OFFER],
    ['unsubscribe-pending', {}, 'legacy.unsubscribePending', { offerId: null }],
    ['unsubscribe-success', {}, 'legacy.unsubscribed', { offerId: null }],
    ['entitlement-updated', {}, 'entitlement.updated', {}],
  ])('%s %j', (name, rest, type, details) => {
    const envelope = snsEnvelope(legacyMessage(name.split(' ')[0]!, rest));
    expect(read(envelope)).toMatchObject({
      origin: 'sns',
      messageId: envelope.MessageId,
      content: { event: { type, at, details, about: CUSTOMER } },
    });
  });

  it('that came raw goes by the id and the time of its delivery', () => {
    expect(read(legacyMessage('subscribe-fail'))).toMatchObject({
      ...{ origin: 'sqs', messageId: 'outer' },
      // When it was sent to the queue may be when it was redriven.
      content: { event: { type: 'legacy.subscribeFailed', at: SENT_AT, isUntimed: true, about: CUSTOMER } },
    });
  });

  it('with a trailing comma, as in the sample of the seller guide', () => {
    const sample =
      '{"action": "entitlement-updated", "customer-identifier": "cust-1", "product-code": "abc123def456",\n}';
    expect(contentOf(snsEnvelope(sample))).toMatchObject({ event: { type: 'entitlement.updated', about: CUSTOMER } });
  });

  it('without product code takes it from the name of its topic', () => {
    const message = legacyMessage('subscribe-success', { 'product-code': undefined });
    expect(contentOf(snsEnvelope(message))).toMatchObject({ event: { about: CUSTOMER } });
    expect(contentOf(message)).toEqual({ deadLettered: '"subscribe-success" names no product' });
  });

  it.each<[string, Json, string]>([
    ['an action nobody knows', legacyMessage('subscribe-maybe'), 'the action "subscribe-maybe" is not known'],
    [
      'nobody named',
      legacyMessage('subscribe-success', { 'customer-identifier': '' }),
      '"subscribe-success" names no customer',
    ],
  ])('is dead-lettered with %s', (_, message, deadLettered) => {
    expect(contentOf(snsEnvelope(message))).toEqual({ deadLettered });
  });
});

describe('envelopes', () => {
  const event = licenseEvent('License Updated - Manufacturer');

  it('are opened until the message is there, which keeps its own id: the same event by two ways is one', () => {
    const relayed = snsEnvelope(event, { TopicArn: 'arn:aws:sns:us-east-1:123456789012:relay', Subject: null });
    for (const body of [event, relayed, snsEnvelope(relayed)]) {
      expect(read(body)).toMatchObject({
        origin: 'eventBridge',
        messageId: event.id,
        content: { event: { type: 'license.updated' } },
      });
    }
    expect(contentOf(snsEnvelope(snsEnvelope(snsEnvelope(event))))).toEqual({
      deadLettered: 'too many envelopes around the message',
    });
  });

  it('of topics that were not named are foreign, where any were named', () => {
    const accepts = { sellerAccount: SELLER, topicArns: [TOPIC_ARN] };
    expect(contentOf(snsEnvelope(event), accepts)).toHaveProperty('event');
    expect(contentOf(snsEnvelope(event, { TopicArn: 'arn:aws:sns:us-east-1:666666666666:evil' }), accepts)).toEqual({
      foreign: 'topic evil of account …6666 is not in notifications.snsTopicArns',
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '<xml/>', /^the body is not JSON$/],
    ['JSON of something else', { hello: 'world' }, /^neither an EventBridge event nor/],
    ['a number', '7', /^neither an EventBridge event nor/],
    ['an SNS message that is not JSON', snsEnvelope('hello'), /^the message in the SNS envelope is not JSON$/],
    ['an SNS envelope without time', snsEnvelope(event, { Timestamp: 'x' }), /no readable Timestamp/],
    [
      'a request to confirm a subscription',
      snsEnvelope('x', { Type: 'SubscriptionConfirmation' }),
      /asks to confirm its subscription: open/,
    ],
    [
      'the end of a subscription',
      snsEnvelope('x', { Type: 'UnsubscribeConfirmation' }),
      /subscription of topic .* was ended/,
    ],
  ])('around nothing that can be read are dead-lettered: %s', (_, body, deadLettered) => {
    expect(contentOf(body)).toEqual({ deadLettered: expect.stringMatching(deadLettered) });
  });
});

describe('the parser', () => {
  const halves = '\ud800';
  const bodies = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .record({
        'detail-type': fc.string(),
        source: fc.constant('aws.agreement-marketplace'),
        detail: fc.jsonValue(),
        time: fc.string(),
      })
      .map(toText),
    fc
      .record({
        action: fc.constantFrom('subscribe-success', 'x'),
        'product-code': fc.jsonValue(),
        'customer-identifier': fc.jsonValue(),
      })
      .map(toText),
    fc.jsonValue().map((value) => toText(snsEnvelope(value))),
  );
  function toText(value: unknown): string {
    return JSON.stringify(value);
  }

  it('never throws, and gives what Postgres can hold', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const reading = read(body);
        expect(reading.messageId.length).toBeGreaterThan(0);
        expect(reading.messageId.length).toBeLessThanOrEqual(255);
        expect(reading.body).not.toMatch(/\p{Surrogate}/u);
        expect(toText(reading.content)).not.toMatch(/\\ud[89a-f]/i);
      }),
      { numRuns: 500 },
    );
  });

  it('puts a mark in the place of half a character', () => {
    expect(contentOf(eventBridgeEvent('x', {}, { source: `x${halves}` }))).toEqual({
      ignored: expect.stringContaining('x\ufffd, not of'),
    });
    const event = agreementEvent(`Odd ${halves} Notice`, { id: `agmt-${halves}` }, {}, { id: `id-${halves}` });
    expect(read(event)).toMatchObject({
      messageId: 'id-\ufffd',
      content: { event: { about: { agreementId: 'agmt-\ufffd' }, details: { detailType: 'Odd \ufffd Notice' } } },
    });
  });
});
