import { createVerify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import SnsPayloadValidator from 'sns-payload-validator';
import {
  type Disturbance,
  type Listing,
  MarketplaceSimulator,
  type NotificationMessage,
  type SimulatorOptions,
  type SnsEnvelope,
  VirtualClock,
} from '../src/index.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

/**
 * An endpoint that keeps what it gets and answers with the next status told, 200 when none is left. `reset` cuts the
 * connection.
 */
class Endpoint {
  readonly received: Received[] = [];
  readonly answers: (number | 'reset')[] = [];
  #server: Server | undefined;
  url = '';

  async open(): Promise<this> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        this.received.push({ path: request.url ?? '', headers: request.headers, body });
        const answer = this.answers.shift() ?? 200;
        if (answer === 'reset') request.socket.resetAndDestroy();
        else response.writeHead(answer).end();
      });
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
    return this;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** Detail-types or actions, in the order of arrival. Confirmations are not counted. */
  get types(): unknown[] {
    const messages = this.received.filter(({ body }) => body.Type === undefined || body.Type === 'Notification');
    return messages.map(
      ({ body }) => body['detail-type'] ?? (JSON.parse(body.Message as string) as { action: string }).action,
    );
  }
}

let endpoint: Endpoint;
const open: Endpoint[] = [];

async function openEndpoint(): Promise<Endpoint> {
  const one = await new Endpoint().open();
  open.push(one);
  return one;
}

afterEach(async () => {
  await stopMarketplaces();
  for (const one of open.splice(0)) await one.close();
});

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('There is none');
  return item;
}

interface Shop {
  sim: MarketplaceSimulator;
  listing: Listing;
}

/** A product whose buyers give rise to two events each: Created and License Updated. */
async function startShop(options: SimulatorOptions = {}): Promise<Shop> {
  const { sim } = await startMarketplace(options);
  endpoint = await openEndpoint();
  return { sim, listing: sim.createProduct({ dimensions: ['users'], identity: 'legacy' }) };
}

const [created, updated] = ['Purchase Agreement Created - Proposer', 'License Updated - Manufacturer'];

describe('an API destination', () => {
  it('gets events as they are, with the secret of the connection, in their order', async () => {
    const { sim, listing } = await startShop();
    const target = sim.notifications.addTarget({
      kind: 'apiDestination',
      url: endpoint.url,
      headers: { 'X-Api-Key': 'secret' },
    });
    sim.cancel(sim.subscribe({ productCode: listing.productCode }));
    await sim.notifications.settled();
    sim.clock.advance(hourMs);
    await sim.notifications.settled();
    expect(endpoint.types).toEqual([
      created,
      updated,
      'Purchase Agreement Ended - Proposer',
      'License Deprovisioned - Manufacturer',
    ]);
    const events = sim.notifications.messages({ channel: 'eventBridge' });
    expect(endpoint.received.map(({ body }) => body)).toEqual(events.map(({ body }) => body));
    expect(endpoint.received[0]).toMatchObject({
      path: '/hook',
      headers: {
        ...{ 'x-api-key': 'secret', 'content-type': 'application/json; charset=utf-8', range: 'bytes=0-1048575' },
        'user-agent': 'Amazon/EventBridge/ApiDestinations',
      },
    });
    expect(sim.notifications.deliveries()[0]).toEqual({
      ...{ target: target.id, sequence: 1, id: events[0]?.id, type: 'Purchase Agreement Created', at: noon },
      ...{ attempt: 1, outcome: 'delivered', statusCode: 200 },
    });
  });

  it('gets what its rule matches only', async () => {
    const { sim, listing } = await startShop();
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url, detailTypes: [updated] });
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect(endpoint.types).toEqual([updated]);
  });

  it('is tried again after server errors, 429 and broken connections, ever later, but not after other refusals', async () => {
    const { sim, listing } = await startShop();
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url, detailTypes: [created] });
    endpoint.answers.push(503, 429, 'reset', 200);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    const waits: number[] = [];
    for (let [next] = sim.notifications.waiting(); next; [next] = sim.notifications.waiting()) {
      const wait = next.dueAt.getTime() - sim.clock.now().getTime();
      sim.clock.advance(wait - 1);
      await sim.notifications.settled();
      expect(endpoint.received).toHaveLength(waits.push(wait));
      sim.clock.advance(1);
      await sim.notifications.settled();
    }
    expect(waits.map((wait, index) => wait >= 1000 * 2 ** index && wait <= 2000 * 2 ** index)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      sim.notifications.deliveries().map(({ attempt, outcome, statusCode }) => [attempt, outcome, statusCode]),
    ).toEqual([
      [1, 'failed', 503],
      [2, 'failed', 429],
      [3, 'failed', undefined],
      [4, 'delivered', 200],
    ]);
    expect(new Set(endpoint.received.map(({ body }) => body.id)).size).toBe(1);
    endpoint.answers.push(401);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect(sim.notifications.deliveries().at(-1)).toMatchObject({ outcome: 'refused', statusCode: 401 });
    expect(sim.notifications.waiting()).toEqual([]);
  });

  it('is given up after a day', async () => {
    const { sim, listing } = await startShop();
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url, detailTypes: [created] });
    await endpoint.close();
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    sim.clock.advance(24 * hourMs);
    await sim.notifications.settled();
    expect(sim.notifications.deliveries().map(({ outcome }) => outcome)).toEqual(['failed', 'refused']);
    expect(sim.notifications.deliveries()[0]?.error).toMatch(/ECONNREFUSED/);
  });
});

describe('a topic over HTTP', () => {
  const subscribeEndpoint = ({ sim, listing }: Shop): void => {
    sim.notifications.addTarget({
      kind: 'snsHttp',
      url: endpoint.url,
      productCode: listing.productCode,
      topic: 'subscriptionTopic',
    });
  };
  const get = (url: unknown): Promise<Response> => fetch(url as string);
  const confirm = async ({ sim }: Shop): Promise<Response> => {
    await sim.notifications.settled();
    return get(endpoint.received.at(-1)?.body.SubscribeURL);
  };

  it('asks for confirmation, and delivers nothing before', async () => {
    const shop = await startShop();
    const { sim, listing } = shop;
    subscribeEndpoint(shop);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    const [confirmation, ...more] = endpoint.received;
    expect(more).toEqual([]);
    const topicArn = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${listing.productCode}`;
    expect(confirmation?.headers).toMatchObject({
      ...{ 'content-type': 'text/plain; charset=UTF-8', 'user-agent': 'Amazon Simple Notification Service Agent' },
      ...{ 'x-amz-sns-message-type': 'SubscriptionConfirmation', 'x-amz-sns-topic-arn': topicArn },
      'x-amz-sns-message-id': confirmation?.body.MessageId,
    });
    expect(confirmation?.headers).not.toHaveProperty('x-amz-sns-subscription-arn');
    const token = confirmation?.body.Token as string;
    expect(confirmation?.body).toEqual({
      ...{
        Type: 'SubscriptionConfirmation',
        MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        Token: token,
        TopicArn: topicArn,
      },
      Message: expect.stringContaining(`You have chosen to subscribe to the topic ${topicArn}.`),
      SubscribeURL: `${sim.url}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=${token}`,
      ...{ Timestamp: noon.toISOString(), SignatureVersion: '1', Signature: expect.any(String) },
      SigningCertURL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/SimpleNotificationService-[0-9a-f]{32}\.pem$/),
    });
    expect((await get(`${sim.url}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=wrong`)).status).toBe(400);
    expect(sim.notifications.targets()[0]?.confirmed).toBe(false);
    const answer = await confirm(shop);
    expect([answer.status, await answer.text()]).toEqual([
      200,
      expect.stringMatching(/<SubscriptionArn>arn:aws:sns:[^<]+<\/SubscriptionArn>/),
    ]);
    expect(sim.notifications.targets()[0]?.confirmed).toBe(true);
    const agreement = sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    const [, notification] = endpoint.received;
    const subscriptionArn = notification?.headers['x-amz-sns-subscription-arn'] as string;
    expect(subscriptionArn).toMatch(new RegExp(`^${topicArn}:[0-9a-f-]{36}$`));
    expect(notification?.headers).toMatchObject({ 'x-amz-sns-message-type': 'Notification' });
    expect(notification?.body).toEqual({
      ...{
        Type: 'Notification',
        MessageId: expect.any(String),
        TopicArn: topicArn,
        Timestamp: noon.toISOString(),
        SignatureVersion: '1',
      },
      Message: JSON.stringify({
        ...{
          action: 'subscribe-success',
          'customer-identifier': agreement.customerIdentifier,
          'product-code': listing.productCode,
        },
        ...{ 'offer-identifier': agreement.offerId, isFreeTrialTermPresent: 'false' },
      }),
      ...{ Signature: expect.any(String), SigningCertURL: confirmation?.body.SigningCertURL },
      UnsubscribeURL: `${sim.url}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn}`,
    });
  });

  it('ends by its UnsubscribeURL, and says so', async () => {
    const shop = await startShop();
    const { sim, listing } = shop;
    subscribeEndpoint(shop);
    await confirm(shop);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect((await get(endpoint.received.at(-1)?.body.UnsubscribeURL)).status).toBe(200);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect(endpoint.received.map(({ body }) => body.Type)).toEqual([
      'SubscriptionConfirmation',
      'Notification',
      'UnsubscribeConfirmation',
    ]);
    await confirm(shop);
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect(endpoint.received.at(-1)?.body.Type).toBe('Notification');
    expect((await get(`${sim.url}/?Action=Unsubscribe&SubscriptionArn=none`)).status).toBe(400);
    expect((await get(`${sim.url}/?Action=Publish`)).status).toBe(400);
  });

  it('is asked again on request, as when it did not listen the first time', async () => {
    const shop = await startShop();
    endpoint.answers.push(503);
    subscribeEndpoint(shop);
    await shop.sim.notifications.settled();
    expect(shop.sim.notifications.deliveries()).toMatchObject([
      { type: 'SubscriptionConfirmation', outcome: 'refused', statusCode: 503 },
    ]);
    shop.sim.notifications.requestConfirmation(first(shop.sim.notifications.targets()).id);
    expect((await confirm(shop)).status).toBe(200);
    expect(shop.sim.notifications.targets()[0]?.confirmed).toBe(true);
  });

  it('tries three times more, twenty seconds apart, with the same MessageId', async () => {
    const shop = await startShop();
    const { sim, listing } = shop;
    subscribeEndpoint(shop);
    await confirm(shop);
    endpoint.answers.push(500, 500, 500, 500);
    sim.subscribe({ productCode: listing.productCode });
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await sim.notifications.settled();
      sim.clock.advance(20_000);
    }
    const notes = sim.notifications.deliveries({ type: 'subscribe-success' });
    expect(notes.map(({ at, outcome }) => [at.getTime() - noon.getTime(), outcome])).toEqual([
      ...[0, 20_000, 40_000].map((ms) => [ms, 'failed']),
      [60_000, 'refused'],
    ]);
    expect(new Set(endpoint.received.slice(1).map(({ body }) => body.MessageId)).size).toBe(1);
  });

  /** Reaches the simulator wherever the URL points, as a client that trusts AWS's host alone must see it. */
  const agentTo = (url: string): https.Agent =>
    Object.assign(new https.Agent(), { createConnection: () => connect(Number(new URL(url).port), '127.0.0.1') });

  it.each([
    ['1', 'RSA-SHA1'],
    ['2', 'RSA-SHA256'],
  ] as const)('snsSignatureVersion %s', async (snsSignatureVersion, algorithm) => {
    const shop = await startShop({ switches: { snsSignatureVersion } });
    const { sim, listing } = shop;
    sim.notifications.useUrl('https://sns.us-east-1.amazonaws.com');
    subscribeEndpoint(shop);
    await sim.notifications.settled();
    const { body: confirmation } = first(endpoint.received);
    await get((confirmation.SubscribeURL as string).replace('https://sns.us-east-1.amazonaws.com', sim.url));
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    await get(
      (endpoint.received[1]?.body.UnsubscribeURL as string).replace('https://sns.us-east-1.amazonaws.com', sim.url),
    );
    await sim.notifications.settled();
    const envelopes = endpoint.received.map(({ body }) => body as unknown as SnsEnvelope);
    expect(envelopes.map(({ Type }) => Type)).toEqual([
      'SubscriptionConfirmation',
      'Notification',
      'UnsubscribeConfirmation',
    ]);
    const validator = new SnsPayloadValidator({ requestAgent: agentTo(sim.url), useCache: false });
    for (const envelope of envelopes) {
      expect(envelope.SignatureVersion).toBe(snsSignatureVersion);
      await expect(validator.validate(envelope)).resolves.toEqual(envelope);
      await expect(validator.validate({ ...envelope, Message: `${envelope.Message} ` })).rejects.toThrow(
        'Invalid Signature',
      );
    }
    // By the guide, without the library.
    const notification = envelopes[1] as unknown as Record<string, string>;
    const text = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type']
      .map((key) => `${key}\n${notification[key] ?? ''}\n`)
      .join('');
    const { publicKey } = new X509Certificate(sim.notifications.certificate);
    expect(
      createVerify(algorithm)
        .update(text)
        .verify(publicKey, notification.Signature ?? '', 'base64'),
    ).toBe(true);
  });

  it('serves the certificate, which says what it is, for a hundred years', async () => {
    const { sim, listing } = await startShop();
    sim.subscribe({ productCode: listing.productCode });
    const message = first(sim.notifications.messages({ channel: 'subscriptionTopic' }));
    const response = await get(sim.notifications.envelope(message).SigningCertURL);
    const certificate = new X509Certificate(await response.text());
    expect(certificate.subject).toContain('signs nothing real');
    expect(new Date(certificate.validTo).getUTCFullYear()).toBeGreaterThan(2120);
    expect((await get(`${sim.url}/SimpleNotificationService-0.pem`)).status).toBe(400);
  });

  it('has no envelope for an event', async () => {
    const { sim, listing } = await startShop();
    sim.subscribe({ productCode: listing.productCode });
    const event = first(sim.notifications.messages());
    expect(() => sim.notifications.envelope(event)).toThrow('message.body');
    const target = sim.notifications.addTarget({
      kind: 'snsHttp',
      url: endpoint.url,
      productCode: 'x',
      topic: 'entitlementTopic',
    });
    await sim.notifications.send([event], { target: target.id });
    expect(sim.notifications.deliveries().at(-1)).toMatchObject({
      outcome: 'refused',
      error: 'An event is not for SNS',
    });
  });
});

describe('a queue', () => {
  let sqs: FauxqsServer;
  beforeAll(async () => {
    sqs = await startFauxqs({ port: 0, logger: false });
  });
  afterAll(() => sqs.stop());

  const bodies = (queue: string): Record<string, unknown>[] =>
    sqs.inspectQueue(queue)?.messages.ready.map(({ body }) => JSON.parse(body) as Record<string, unknown>) ?? [];
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };

  it('gets events, or the messages of a topic in their envelope or raw', async () => {
    const { sim, listing } = await startShop();
    const { productCode } = listing;
    const base = { kind: 'sqs' as const, endpoint: sqs.address, credentials };
    const [events, enveloped, raw] = ['events', 'enveloped', 'raw'].map((name) => sqs.createQueue(name).queueUrl);
    sim.notifications.addTarget({ ...base, queueUrl: events ?? '' });
    sim.notifications.addTarget({ ...base, queueUrl: enveloped ?? '', topic: 'subscriptionTopic', productCode });
    sim.notifications.addTarget({ ...base, queueUrl: raw ?? '', topic: 'subscriptionTopic', productCode, raw: true });
    const other = sim.createProduct({ dimensions: ['users'], identity: 'legacy' });
    sim.subscribe({ productCode });
    sim.subscribe({ productCode: other.productCode });
    await sim.notifications.settled();
    expect(bodies('events').map((body) => body['detail-type'])).toEqual([created, updated, created, updated]);
    const [notice] = sim.notifications.messages({ channel: 'subscriptionTopic', productCode });
    const [envelope, ...more] = bodies('enveloped');
    expect(more).toEqual([]);
    expect(envelope).toMatchObject({
      Type: 'Notification',
      MessageId: notice?.id,
      Message: JSON.stringify(notice?.body),
    });
    expect(bodies('raw')).toEqual([notice?.body]);
    expect(() => sim.notifications.addTarget({ ...base, queueUrl: 'x', topic: 'subscriptionTopic' })).toThrow(
      'productCode',
    );
  });

  it('that is not there yet is tried again', async () => {
    const { sim, listing } = await startShop();
    const { queueUrl } = sqs.createQueue('later');
    sqs.deleteQueue('later');
    sim.notifications.addTarget({ kind: 'sqs', endpoint: sqs.address, credentials, queueUrl, detailTypes: [created] });
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    expect(sim.notifications.deliveries()).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining('queue') },
    ]);
    sqs.createQueue('later');
    await sim.notifications.flush();
    expect(bodies('later')).toHaveLength(1);
  });
});

describe('what goes wrong on the way', () => {
  /** Sequence numbers of the events in the order of arrival. */
  const arrived = ({ sim }: Shop): (number | undefined)[] =>
    endpoint.received.map(({ body }) => sim.notifications.messages().find(({ id }) => id === body.id)?.sequence);

  async function disturbed(disturbance: Disturbance, options: SimulatorOptions = {}): Promise<Shop> {
    const { sim } = await startMarketplace(options);
    endpoint = await openEndpoint();
    const shop = { sim, listing: sim.createProduct({ dimensions: ['users'] }) };
    shop.sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url });
    shop.sim.notifications.disturb(disturbance);
    return shop;
  }
  const sell = async ({ sim, listing }: Shop, count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
  };

  it('drop: it never arrives, and that is on record', async () => {
    const shop = await disturbed({ kind: 'drop', type: 'License Updated', count: 2 });
    await sell(shop, 3);
    expect(arrived(shop)).toEqual([1, 3, 5, 6]);
    const dropped = shop.sim.notifications.deliveries({ outcome: 'dropped' });
    expect(dropped.map(({ sequence, attempt }) => [sequence, attempt])).toEqual([
      [2, 0],
      [4, 0],
    ]);
    expect(shop.sim.notifications.messages()).toHaveLength(6);
  });

  it('duplicate: it comes again, the same, at once or later', async () => {
    const shop = await disturbed({ kind: 'duplicate', type: 'License Updated', count: 1 });
    shop.sim.notifications.disturb({
      kind: 'duplicate',
      copies: 3,
      spreadMs: 60_000,
      when: ({ sequence }) => sequence === 3,
    });
    await sell(shop, 2);
    expect(arrived(shop)).toEqual([1, 2, 2, 3, 4]);
    expect(shop.sim.notifications.waiting()).toHaveLength(2);
    shop.sim.clock.advance(60_000);
    await shop.sim.notifications.settled();
    expect(arrived(shop)).toEqual([1, 2, 2, 3, 4, 3, 3]);
    expect(endpoint.received[1]?.body).toEqual(endpoint.received[2]?.body);
  });

  it('delay: late by the simulator’s clock', async () => {
    const shop = await disturbed({ kind: 'delay', ms: hourMs, jitterMs: hourMs, type: 'Purchase Agreement Created' });
    await sell(shop, 2);
    expect(arrived(shop)).toEqual([2, 4]);
    const delays = shop.sim.notifications.waiting().map(({ dueAt }) => dueAt.getTime() - noon.getTime());
    expect(delays.every((ms) => ms >= hourMs && ms <= 2 * hourMs)).toBe(true);
    expect(new Set(delays).size).toBe(2);
    shop.sim.clock.advance(hourMs - 1);
    await shop.sim.notifications.settled();
    expect(arrived(shop)).toHaveLength(2);
    shop.sim.clock.advance(hourMs + 1);
    await shop.sim.notifications.settled();
    expect(arrived(shop).slice(2).sort()).toEqual([1, 3]);
  });

  it('reorder: so many at a time, in an order that the seed draws', async () => {
    const orders = [];
    for (const seed of [3, 3, 4]) {
      const shop = await disturbed({ kind: 'reorder', among: 6 }, { seed });
      await sell(shop, 4);
      orders.push(arrived(shop));
      await shop.sim.notifications.flush();
      expect(arrived(shop)).toEqual([...(orders.at(-1) ?? []), 7, 8]);
    }
    expect(orders[0]).toHaveLength(6);
    expect(orders[0]).not.toEqual([1, 2, 3, 4, 5, 6]);
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).not.toEqual(orders[0]);
    expect([...(orders[2] ?? [])].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    ['sent', [1, 2, 3, 4]],
    ['reversed', [4, 3, 2, 1]],
  ] as const)('hold: until released, order %s', async (order, expected) => {
    const shop = await disturbed({ kind: 'hold' });
    await sell(shop, 2);
    expect(arrived(shop)).toEqual([]);
    shop.sim.notifications.release(order);
    await shop.sim.notifications.settled();
    expect(arrived(shop)).toEqual(expected);
  });

  it('hold: released in a drawn order', async () => {
    const shop = await disturbed({ kind: 'hold' });
    await sell(shop, 4);
    shop.sim.notifications.release('shuffled');
    await shop.sim.notifications.settled();
    expect(arrived(shop)).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(arrived(shop).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('strikes as often as it is likely to, by the seed, and only where it is to', async () => {
    const counts = [];
    for (const seed of [3, 3]) {
      const shop = await disturbed({ kind: 'drop', probability: 0.5 }, { seed });
      const other = await openEndpoint();
      shop.sim.notifications.addTarget({ kind: 'apiDestination', url: other.url });
      shop.sim.notifications.undisturb();
      const [{ id } = { id: '' }] = shop.sim.notifications.targets();
      const handle = shop.sim.notifications.disturb({ kind: 'drop', probability: 0.5, target: id });
      await sell(shop, 20);
      expect(other.received).toHaveLength(40);
      expect(handle.hits).toBe(40 - endpoint.received.length);
      counts.push(arrived(shop));
    }
    expect(counts[1]).toEqual(counts[0]);
    expect(counts[0]?.length).toBeGreaterThan(8);
    expect(counts[0]?.length).toBeLessThan(32);
  });

  it('ends when it is taken away: what waits in its group is delivered', async () => {
    const shop = await disturbed({ kind: 'hold', type: 'License Updated' });
    const handle = shop.sim.notifications.disturb({ kind: 'reorder', among: 5 });
    await sell(shop, 2);
    expect([arrived(shop), handle.hits]).toEqual([[], 2]);
    handle.remove();
    await shop.sim.notifications.settled();
    expect(arrived(shop)).toEqual([1, 3]);
    shop.sim.notifications.undisturb();
    await shop.sim.notifications.settled();
    expect(arrived(shop)).toEqual([1, 3, 2, 4]);
  });

  it('refuses what cannot be', async () => {
    const { sim } = await startShop();
    expect(() => sim.notifications.disturb({ kind: 'drop', probability: 2 })).toThrow('[0, 1]');
    expect(() => sim.notifications.disturb({ kind: 'drop', count: 0 })).toThrow('at least 1');
    expect(() => sim.notifications.disturb({ kind: 'reorder', among: 1 })).toThrow('at least 2');
  });
});

describe('messages by hand', () => {
  it('are collected once, and delivered in any order and number, past all disturbances', async () => {
    const { sim, listing } = await startShop();
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url });
    sim.notifications.disturb({ kind: 'drop' });
    sim.subscribe({ productCode: listing.productCode });
    const messages = sim.notifications.collect();
    expect(sim.notifications.collect()).toEqual([]);
    expect(messages.map(({ type }) => type)).toEqual([
      'Purchase Agreement Created',
      'subscribe-success',
      'License Updated',
    ]);
    const [first, , second] = messages as [NotificationMessage, NotificationMessage, NotificationMessage];
    await sim.notifications.send([second, first, second]);
    expect(endpoint.types).toEqual([updated, created, updated]);
  });

  it('can be filtered', async () => {
    const { sim, listing } = await startShop();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    sim.subscribe({ productCode: listing.productCode });
    const { agreementId } = agreement;
    expect(sim.notifications.messages({ agreementId })).toHaveLength(3);
    expect(sim.notifications.messages({ agreementId, channel: 'subscriptionTopic' })).toHaveLength(1);
    expect(sim.notifications.messages({ type: 'License Updated', when: ({ sequence }) => sequence > 3 })).toHaveLength(
      1,
    );
    expect(sim.notifications.messages({ productCode: 'none' })).toEqual([]);
  });
});

describe('targets', () => {
  it('can be taken away, with what waits for them', async () => {
    const { sim, listing } = await startShop();
    const { id } = sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url });
    sim.notifications.disturb({ kind: 'delay', ms: 2 * hourMs, type: 'License Updated' });
    sim.notifications.disturb({ kind: 'hold', type: 'Purchase Agreement Created' });
    sim.notifications.disturb({ kind: 'reorder', among: 2, type: 'License Deprovisioned' });
    sim.cancel(sim.subscribe({ productCode: listing.productCode }));
    sim.clock.advance(hourMs);
    await sim.notifications.settled();
    expect(endpoint.types).toEqual(['Purchase Agreement Ended - Proposer']);
    sim.notifications.removeTarget(id);
    sim.clock.advance(2 * hourMs);
    sim.notifications.undisturb();
    await sim.notifications.flush();
    expect([endpoint.types.length, sim.notifications.targets(), sim.notifications.waiting()]).toEqual([1, [], []]);
  });
});

describe('a snapshot', () => {
  it('goes on where it was taken: targets, what waits, what is held, disturbances, moments to come', async () => {
    const { sim, listing } = await startShop();
    const { productCode } = listing;
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url });
    const sns = await openEndpoint();
    sim.notifications.addTarget({ kind: 'snsHttp', url: sns.url, productCode, topic: 'subscriptionTopic' });
    await sim.notifications.settled();
    await fetch(sns.received[0]?.body.SubscribeURL as string);
    sim.notifications.disturb({ kind: 'delay', ms: 1000, type: 'Purchase Agreement Created', count: 2 });
    sim.notifications.disturb({ kind: 'hold', type: 'License Updated' });
    sim.subscribe({ productCode, endsAt: new Date(noon.getTime() + hourMs) });
    await sim.notifications.settled();
    const snapshot = JSON.parse(JSON.stringify(sim.snapshot())) as ReturnType<typeof sim.snapshot>;
    await sim.stop();
    expect([endpoint.types, sns.types]).toEqual([[], ['subscribe-success']]);
    const clock = new VirtualClock({ startAt: noon, rate: 0 });
    const later = await MarketplaceSimulator.start({ clock, port: Number(new URL(sim.url).port) });
    later.restore(snapshot);
    expect(later.notifications.targets().map(({ confirmed }) => confirmed)).toEqual([true, true]);
    later.clock.advance(1000);
    later.notifications.release();
    await later.notifications.settled();
    expect(endpoint.types).toEqual([created, updated]);
    later.subscribe({ productCode });
    later.subscribe({ productCode });
    await later.notifications.settled();
    // One more is delayed, as the second of two; the next is not.
    expect(endpoint.types).toEqual([created, updated, created]);
    later.clock.advance(2 * hourMs);
    await later.notifications.settled();
    expect(endpoint.types.slice(3)).toEqual([
      created,
      'Purchase Agreement Ended - Proposer',
      'License Deprovisioned - Manufacturer',
    ]);
    expect(sns.types.slice(1)).toEqual([
      'subscribe-success',
      'subscribe-success',
      'unsubscribe-pending',
      'unsubscribe-success',
    ]);
    expect(later.notifications.messages().map(({ sequence }) => sequence)).toEqual(
      later.notifications.messages().map((_, index) => index + 1),
    );
    await later.stop();
  });

  it('asks again for a confirmation that has not come, and makes good what fell due meanwhile', async () => {
    const { sim, listing } = await startShop();
    sim.notifications.addTarget({ kind: 'apiDestination', url: endpoint.url });
    const sns = await openEndpoint();
    sim.notifications.addTarget({
      kind: 'snsHttp',
      url: sns.url,
      productCode: listing.productCode,
      topic: 'subscriptionTopic',
    });
    sim.notifications.disturb({ kind: 'delay', ms: 1000 });
    sim.subscribe({ productCode: listing.productCode });
    await sim.notifications.settled();
    const snapshot = sim.snapshot();
    await sim.stop();
    const past = snapshot.stores.clock as { virtualAnchor: number };
    const moved = {
      ...snapshot,
      stores: { ...snapshot.stores, clock: { ...past, virtualAnchor: past.virtualAnchor + 5000 } },
    };
    const later = await MarketplaceSimulator.start({ clock: new VirtualClock({ startAt: noon, rate: 0 }) });
    later.restore(moved);
    await later.notifications.settled();
    expect(endpoint.types).toEqual([created, updated]);
    expect(sns.received.map(({ body }) => body.Type)).toEqual(['SubscriptionConfirmation', 'SubscriptionConfirmation']);
    expect(sns.received[1]?.body.Token).toBe(sns.received[0]?.body.Token);
    await later.stop();
  });

  it('stops at once while an endpoint does not answer, and keeps what was under way', async () => {
    const { sim, listing } = await startShop();
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    sim.notifications.addTarget({
      kind: 'apiDestination',
      url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    sim.subscribe({ productCode: listing.productCode });
    await once(silent, 'request');
    const begun = Date.now();
    await sim.stop();
    expect(Date.now() - begun).toBeLessThan(2000);
    expect(sim.notifications.waiting()).toHaveLength(2);
    silent.closeAllConnections();
    silent.close();
  });
});
