import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import {
  type MessageOrigin,
  type ReceivedMessage,
  type SpokenOf,
} from '../../src/subscription/inbox/lifecycle-event.js';
import { LifecycleMessages, type MessageKey } from '../../src/subscription/inbox/lifecycle-messages.service.js';
import { digestOf } from '../../src/subscription/chain/aws-names.js';
import { licenseEvent, snsEnvelope } from '../notifications/messages.js';
import { codeOf, dropDatabaseOfSuite, LEGACY_PRODUCT, LICENSE_PRODUCT, NOON, Rooms } from './rooms.js';

let rooms: Rooms;
let rings: number;
beforeEach(async () => {
  rooms = await Rooms.open();
  rings = 0;
  rooms.waker.onWake('inbox', () => (rings += 1));
});
afterEach(() => rooms.close());
afterAll(dropDatabaseOfSuite);

const messagesOf = ({ options, database, alerts, waker }: Rooms): LifecycleMessages =>
  new LifecycleMessages(options, database, alerts, waker);
const retry = (origin: MessageOrigin, messageId: string): ReturnType<LifecycleMessages['retry']> =>
  messagesOf(rooms).retry({ origin, messageId }, { by: 'ada' });

const licenseOf = ({ productCode, licenseArn, accountId, agreementId }: Agreement): SpokenOf => ({
  ...{ productCode, licenseArn, agreementId, customerAwsAccountId: accountId },
});

function updated(about: SpokenOf, messageId: string): ReceivedMessage {
  // Told long enough ago to stand for a start by itself.
  const at = new Date(NOON.getTime() - 600_000);
  const event = { type: 'license.updated' as const, at, about, details: { offerId: null } };
  return { origin: 'eventBridge', messageId, via: 'test', body: '{}', content: { event } };
}

/** As a version of this module kept it that did not understand it. */
async function receiveUnread(
  body: unknown,
  key: MessageKey,
  content: ReceivedMessage['content'] = { deadLettered: 'not understood' },
): Promise<void> {
  await rooms.inbox.receive([
    { ...key, via: 'https', body: typeof body === 'string' ? body : JSON.stringify(body), content },
  ]);
}

async function stored({ origin, messageId }: MessageKey): Promise<Record<string, unknown> | undefined> {
  const [row] = await rooms.query<Record<string, unknown>>(
    `SELECT state, type, error, attempt_count, to_jsonb(names) AS names, event_at FROM marketplace.inbox_message
     WHERE seller_account = $1 AND origin = $2 AND message_id = $3`,
    [rooms.options.sellerAccount, origin, messageId],
  );
  return row;
}

const states = async (): Promise<string[]> =>
  (
    await rooms.query<{ state: string }>(
      'SELECT state FROM marketplace.subscription WHERE seller_account = $1 ORDER BY id',
      [rooms.options.sellerAccount],
    )
  ).map(({ state }) => state);

describe('a message that was set aside', () => {
  it('because it contradicts the ledger is applied, and its alert resolved, once the contradiction is resolved', async () => {
    const impatient = await rooms.replica({ notifications: { deadLetterAfterAttempts: 1 } });
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.arrive(agreement);
    const key = { origin: 'eventBridge', messageId: 'm' } as const;
    // What stands in its way: the database refuses its fact.
    await rooms.query(`ALTER TABLE marketplace.fact ADD CONSTRAINT in_its_way CHECK (message_id <> 'm') NOT VALID`);
    await rooms.inbox.receive([updated(licenseOf(agreement), 'm')]);
    await impatient.messages.run();
    expect(await stored(key)).toMatchObject({ state: 'deadLettered', attempt_count: 1 });
    expect(await rooms.alertKinds()).toEqual(['messageDeadLettered']);

    expect(await retry('eventBridge', 'm')).toEqual({ state: 'pending' });
    expect(await stored(key)).toMatchObject({ state: 'pending', attempt_count: 0, error: null });
    expect(await rooms.alertKinds()).toEqual([]);
    // Too early: nothing was resolved.
    await impatient.messages.run();
    expect(await stored(key)).toMatchObject({ state: 'deadLettered', attempt_count: 1 });
    expect(await rooms.alertKinds()).toEqual(['messageDeadLettered']);

    await rooms.query(`ALTER TABLE marketplace.fact DROP CONSTRAINT in_its_way`);
    await retry('eventBridge', 'm');
    await rooms.messages.run();
    expect(await stored(key)).toMatchObject({ state: 'applied' });
    await rooms.reconciliation.run();
    expect(await states()).toEqual(['active']);
    expect(await rooms.alertKinds()).toEqual([]);
    await impatient.close();
  });

  it('because its product was not listed is applied once it is', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: 'not-listed-here' });
    await rooms.inbox.receive([updated(licenseOf(agreement), 'm')]);
    await rooms.messages.run();
    expect(await stored({ origin: 'eventBridge', messageId: 'm' })).toMatchObject({ state: 'ignored' });

    const listing = await rooms.replica({ products: [{ productCode: 'not-listed-here', dimensions: ['requests'] }] });
    await listing.catalog.sync();
    await messagesOf(listing).retry({ origin: 'eventBridge', messageId: 'm' }, { by: 'ada' });
    await listing.messages.run();
    expect(await stored({ origin: 'eventBridge', messageId: 'm' })).toMatchObject({ state: 'applied', error: null });
    await listing.reconciliation.run();
    expect(await states()).toEqual(['active']);
    await listing.close();
  });

  it('until its subscription is known waits on when that is still unknown', async () => {
    await rooms.inbox.receive([updated({ agreementId: 'agmt-1' }, 'm')]);
    await rooms.messages.run();
    const waiting = await stored({ origin: 'eventBridge', messageId: 'm' });
    expect(waiting).toMatchObject({ state: 'waiting', names: [`agreement:${digestOf('1')}`] });
    expect(await retry('eventBridge', 'm')).toEqual({ state: 'pending' });
    await rooms.messages.run();
    expect(await stored({ origin: 'eventBridge', messageId: 'm' })).toEqual(waiting);
  });

  it('is taken up by one of two people who try at once', async () => {
    await receiveUnread(licenseEvent('License Updated'), { origin: 'http', messageId: 'm' });
    const tries = await Promise.allSettled([retry('http', 'm'), retry('http', 'm')]);
    expect(tries.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(tries.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'TRANSITION_REFUSED' } });
  });
});

describe('a message that was not understood', () => {
  it('is read anew, and applied by a version that understands it, at the time of which it tells', async () => {
    const product = { id: 'prod-1', code: LICENSE_PRODUCT };
    await receiveUnread(licenseEvent('License Updated', { product }), { origin: 'http', messageId: 'digest' });
    expect(await retry('http', 'digest')).toEqual({ state: 'pending' });
    await rooms.messages.run();
    const applied = { state: 'applied', type: 'license.updated', event_at: new Date('2026-11-11T09:55:00Z') };
    expect(await stored({ origin: 'http', messageId: 'digest' })).toMatchObject(applied);
    await rooms.reconciliation.run();
    expect(await states()).toEqual(['active']);
  });

  it('of a legacy topic without envelope happened when it was received', async () => {
    const body = { action: 'subscribe-success', 'customer-identifier': 'cust-1', 'product-code': LEGACY_PRODUCT };
    await receiveUnread(body, { origin: 'sqs', messageId: 'queued' });
    await retry('sqs', 'queued');
    expect(await stored({ origin: 'sqs', messageId: 'queued' })).toMatchObject({
      type: 'legacy.subscribeSucceeded',
      event_at: NOON,
    });
  });

  it('is ignored when AWS has sent it again since, under the id that it tells', async () => {
    const again = updated({ agreementId: 'agmt-1' }, 'event-1');
    await receiveUnread(licenseEvent('License Updated', {}, { id: 'event-1' }), {
      origin: 'http',
      messageId: 'digest',
    });
    await rooms.inbox.receive([again]);
    const outcome = { state: 'ignored', reason: 'the same message was received as eventBridge:event-1' };
    expect(await retry('http', 'digest')).toEqual(outcome);
    expect(await stored({ origin: 'http', messageId: 'digest' })).toMatchObject({
      state: 'ignored',
      type: null,
      error: outcome.reason,
    });
  });

  it('is ignored when this version knows it to be of no concern', async () => {
    await receiveUnread({ ...licenseEvent('x'), source: 'aws.ec2' }, { origin: 'http', messageId: 'm' });
    expect(await retry('http', 'm')).toEqual({ state: 'ignored', reason: expect.stringContaining('aws.ec2') });
    expect(await codeOf(retry('http', 'm'))).toBe('TRANSITION_REFUSED');
  });

  it.each([
    ['no JSON', 'nonsense', 'the body is not JSON'],
    [
      'a confirmation',
      snsEnvelope('x', { Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL: 'https://sns.example' }),
      'asks to confirm',
    ],
  ])('stays a dead letter, unchanged, when it is still not: %s', async (_, body, why) => {
    const key = { origin: 'http', messageId: 'm' } as const;
    await receiveUnread(body, key);
    const before = await stored(key);
    const ringsBefore = rings;
    await expect(retry('http', 'm')).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
      message: expect.stringContaining(why),
    });
    expect(await stored(key)).toEqual(before);
    expect(rings).toBe(ringsBefore);
  });

  it('of a topic that the options do not name stays a dead letter until they do', async () => {
    const envelope = snsEnvelope({ action: 'subscribe-success', 'customer-identifier': 'cust-1' });
    const key = { origin: 'sns', messageId: 'm' } as const;
    const named = await rooms.replica({ notifications: { snsTopicArns: [String(envelope.TopicArn)] } });
    const other = await rooms.replica({
      notifications: { snsTopicArns: ['arn:aws:sns:us-east-1:287250355862:another'] },
    });
    await receiveUnread({ ...envelope, MessageId: 'm' }, key);
    const refusal = {
      code: 'TRANSITION_REFUSED',
      message: expect.stringMatching(/account …5862 is not in notifications\.snsTopicArns/),
    };
    await expect(messagesOf(other).retry(key, { by: 'ada' })).rejects.toMatchObject(refusal);
    expect(await messagesOf(named).retry(key, { by: 'ada' })).toEqual({ state: 'pending' });
    await Promise.all([named.close(), other.close()]);
  });
});

describe('no message', () => {
  it('that is applied, or about to be, is taken up', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LICENSE_PRODUCT });
    await rooms.inbox.receive([updated(licenseOf(agreement), 'm')]);
    await expect(retry('eventBridge', 'm')).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
      message: 'Message eventBridge:m is waiting to be applied, and will be by itself within some minutes.',
    });
    await rooms.messages.run();
    await expect(retry('eventBridge', 'm')).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
      message: expect.stringMatching(/is applied/),
    });
  });

  it('of another seller, or of none, is found', async () => {
    await rooms.inbox.receive([updated({ agreementId: 'agmt-1' }, 'm')]);
    await rooms.messages.run();
    const stranger = await Rooms.open();
    await expect(
      messagesOf(stranger).retry({ origin: 'eventBridge', messageId: 'm' }, { by: 'ada' }),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'There is no lifecycle message "eventBridge:m". Take origin and messageId from the list of messages.',
    });
    await stranger.close();
    expect(await codeOf(retry('sns', 'm'))).toBe('NOT_FOUND');
    expect(await codeOf(retry('eventBridge', 'm\u0000'))).toBe('NOT_FOUND');
    expect(await codeOf(retry(undefined as never, 'm'))).toBe('NOT_FOUND');
  });
});
