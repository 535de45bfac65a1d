import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { type MarketplaceSimulator, type ProductIdentity } from '../src/index.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

interface Story {
  sim: MarketplaceSimulator;
  productCode: string;
  /** Channel and type of what was sent since it was asked last. */
  news: () => string[];
}

async function startStory(identity: ProductIdentity = 'license'): Promise<Story> {
  const { sim } = await startMarketplace();
  const { productCode } = sim.createProduct({ dimensions: ['users'], identity });
  return { sim, productCode, news: () => sim.notifications.collect().map(({ channel, type }) => `${channel} ${type}`) };
}

describe('a rumour', () => {
  it('says an end that never came, dated as told, and leaves the agreement as it is', async () => {
    const { sim, productCode } = await startStory();
    const agreement = sim.subscribe({ productCode });
    sim.notifications.collect();
    sim.spreadRumour(agreement, 'ended', { at: new Date(noon.getTime() - hourMs), status: 'TERMINATED' });
    sim.spreadRumour(agreement, 'ended');
    const bodies = sim.notifications.collect().map(({ body }) => body);
    expect(bodies).toMatchObject([
      { time: '2026-11-18T11:30:00Z', detail: { agreement: { id: agreement.agreementId, status: 'TERMINATED' } } },
      { time: '2026-11-18T12:30:00Z', detail: { agreement: { id: agreement.agreementId, status: 'CANCELLED' } } },
    ]);
    expect(sim.agreement(agreement)).toEqual(agreement);
  });

  it('reaches the topics of a legacy customer, too', async () => {
    const { sim, productCode, news } = await startStory('legacy');
    const agreement = sim.subscribe({ productCode });
    news();
    for (const kind of ['created', 'finalHourEnded', 'licenseUpdated', 'licenseDeprovisioned'] as const)
      sim.spreadRumour(agreement, kind);
    expect(news()).toEqual([
      ...[
        'eventBridge Purchase Agreement Created',
        'subscriptionTopic subscribe-success',
        'subscriptionTopic unsubscribe-success',
      ],
      ...['eventBridge License Updated', 'eventBridge License Deprovisioned'],
    ]);
  });
});

describe('what is lost on the way', () => {
  it.each([
    ['License Updated', ['Purchase Agreement Created - Proposer']],
    ['Purchase Agreement Created', ['License Updated - Manufacturer']],
    [undefined, []],
  ])('can be one kind of message, or all: %s', async (type, arrived) => {
    const { sim, productCode } = await startStory();
    const sqs = await startFauxqs({ port: 0, logger: false });
    const { queueUrl } = sqs.createQueue('events');
    sim.notifications.addTarget({
      kind: 'sqs',
      endpoint: sqs.address,
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
      queueUrl,
    });
    sim.notifications.disturb({ kind: 'drop', ...(type !== undefined && { type }) });
    sim.subscribe({ productCode });
    await sim.notifications.settled();
    const ready = sqs.inspectQueue('events')?.messages.ready ?? [];
    expect(ready.map(({ body }) => (JSON.parse(body) as { 'detail-type': string })['detail-type'])).toEqual(arrived);
    await sqs.stop();
  });
});

describe('the control API', () => {
  let sqs: FauxqsServer;
  beforeAll(async () => {
    sqs = await startFauxqs({ port: 0, logger: false });
  });
  afterAll(() => sqs.stop());

  const control = async (
    sim: MarketplaceSimulator,
    method: string,
    below: string,
    body?: object,
  ): Promise<[number, unknown]> => {
    const response = await fetch(`${sim.url}/_simulator${below}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return [response.status, response.status === 204 ? undefined : await response.json()];
  };

  it('redrives a raw message of a topic, which bears no time, into one queue', async () => {
    const { sim, productCode } = await startStory('legacy');
    const { queueUrl } = sqs.createQueue('redriven');
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    const common = { kind: 'sqs' as const, endpoint: sqs.address, credentials, queueUrl, productCode, raw: true };
    const { id: target } = sim.notifications.addTarget({ ...common, topic: 'subscriptionTopic' });
    sim.notifications.addTarget({ ...common, queueUrl: sqs.createQueue('other').queueUrl, topic: 'subscriptionTopic' });
    const agreement = sim.subscribe({ productCode });
    sim.cancel(agreement);
    sim.clock.advance(2 * hourMs);
    sim.subscribe({ productCode, accountId: agreement.accountId });
    await sim.notifications.settled();
    const [left] = sim.notifications.messages({ type: 'unsubscribe-success' });
    expect(await control(sim, 'POST', '/notifications/send', { ids: [left?.id, left?.id], target })).toEqual([
      204,
      undefined,
    ]);
    const bodies = (queue: string): unknown[] =>
      sqs.inspectQueue(queue)?.messages.ready.map(({ body }) => JSON.parse(body) as unknown) ?? [];
    expect(bodies('redriven').slice(4)).toEqual([left?.body, left?.body]);
    expect(Object.keys(left?.body ?? {})).not.toContain('time');
    expect(bodies('other')).toHaveLength(4);
    expect((await control(sim, 'POST', '/notifications/send', { ids: ['nobody'] }))[0]).toBe(404);
  });

  it('spreads a rumour, signs a renewal ahead, and shows what it will cost', async () => {
    const { sim, productCode, news } = await startStory();
    const { agreementId } = sim.subscribe({ productCode, endsAt: new Date('2026-12-11T00:00:00Z') });
    news();
    expect(await control(sim, 'POST', `/agreements/${agreementId}/rumour`, { kind: 'licenseDeprovisioned' })).toEqual([
      204,
      undefined,
    ]);
    expect(news()).toEqual(['eventBridge License Deprovisioned']);
    const [status, next] = await control(sim, 'POST', `/agreements/${agreementId}/renew`, {
      ...{ startsAt: '2026-12-11T00:00:00Z', as: 'sameLicense', endsAt: '2027-12-11T00:00:00Z' },
    });
    expect([status, next]).toMatchObject([
      200,
      { previousAgreementId: agreementId, startsAt: '2026-12-11T00:00:00.000Z' },
    ]);
    expect((await control(sim, 'GET', '/price-segments'))[1]).toEqual({
      segments: JSON.parse(JSON.stringify(sim.priceSegments())),
    });
    expect((await control(sim, 'GET', '/accepted-usage?dimension=users'))[1]).toEqual({ records: [] });
  });

  it('changes a listing, and the quotas', async () => {
    const { sim, productCode } = await startStory();
    const [status, changed] = await control(sim, 'PATCH', `/products/${productCode}`, {
      dimensions: ['users', 'gigabytes'],
      title: 'New',
    });
    expect([status, changed]).toMatchObject([
      200,
      { title: 'New', dimensions: [{ name: 'users' }, { name: 'gigabytes' }] },
    ]);
    expect((await control(sim, 'PATCH', '/products/nothing', {}))[0]).toBe(404);
    expect(() => sim.changeProduct('nothing', {})).toThrow('No product');
    expect((await control(sim, 'PUT', '/quotas', { callsPerSecond: { GetEntitlements: 0.001 } }))[0]).toBe(204);
    expect((await control(sim, 'PUT', '/quotas', { callsPerSecond: { Nothing: 1 } }))[0]).toBe(400);
    expect((await control(sim, 'PUT', '/quotas', { callsPerSecond: -1 }))[0]).toBe(400);
  });
});
