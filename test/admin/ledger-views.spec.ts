import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type BalancePage } from '../../src/admin/ledger-views.js';
import { type AlertView } from '../../src/admin/alert.view.js';
import { type DeliveryView } from '../../src/admin/delivery.view.js';
import { type MessageView } from '../../src/admin/message.view.js';
import { type Page } from '../../src/admin/page.js';
import { type RecordDetailView, type RecordView } from '../../src/admin/record.view.js';
import { type SubscriptionDetailView, type SubscriptionView } from '../../src/admin/subscription.view.js';
import { type UsageEventView } from '../../src/admin/usage-event.view.js';
import { MarketplaceMeteringModule } from '../../src/index.js';
import { ACCOUNT, AdminLedger, eventOf, hourAgo, LICENSE_ARN, NOW, SELLER, TOKEN } from './admin-ledger.js';

let ledger: AdminLedger;
let apps: Record<string, INestApplication>;

async function start(fastify: boolean): Promise<INestApplication> {
  const module = MarketplaceMeteringModule.forRoot({ ...ledger.options(), adminToken: TOKEN });
  const settings = { logger: false, abortOnError: false } as const;
  const app = fastify ? await NestFactory.create(module, new FastifyAdapter(), settings) : await NestFactory.create(module, settings);
  await app.listen(0, '127.0.0.1');
  return app;
}

const get = async <T>(path: string, platform = 'Express', status = 200): Promise<T> => {
  const response = await fetch(`${await apps[platform]!.getUrl()}/marketplace/admin/${path}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await response.text();
  expect({ path, status: response.status, text: status === 200 ? '' : text }).toMatchObject({ status });
  return JSON.parse(text) as T;
};
const ids = async (path: string): Promise<string[]> => (await get<Page<{ id: string }>>(path)).items.map(({ id }) => id);

/** Of a message without an id. It holds a run of 12 digits, which is no account id. */
const DIGEST = '00ff987654321098aa';

/** A subscription in every stage, one that is ending, and what belongs to another seller. */
const story = {
  alpha: '',
  beta: '',
  stranger: '',
  metered: '',
  blocked: '',
  held: '',
  carried: '',
  pending: '',
  event: '',
  late: '',
  waiting: '',
  parkedDelivery: '',
};

beforeAll(async () => {
  ledger = await AdminLedger.open();
  await ledger.product('other');
  story.alpha = await ledger.subscription({ tenantId: 'tenant-a' });
  story.beta = await ledger.subscription({ tenantId: ACCOUNT, ending: true, productCode: 'other' });

  story.event = await ledger.event(story.alpha, {
    quantity: '7.5',
    key: `order-${ACCOUNT}-1795392000000`,
    tags: { AccountId: ACCOUNT, user: 'ada' },
  });
  story.metered = await ledger.seal(story.alpha, {
    hour: hourAgo(4),
    notes: { late: [{ hour: hourAgo(6), quantity: '0.210987654321', events: 1 }] },
    allocations: [{ AllocatedUsageQuantity: 7, Tags: [{ Key: 'AccountId', Value: ACCOUNT }] }],
  });
  await ledger.attempt(story.metered, 'uncertain');
  await ledger.meter(story.metered);

  await ledger.event(story.alpha, { quantity: '3' });
  story.blocked = await ledger.seal(story.alpha, { hour: hourAgo(3) });
  await ledger.attempt(story.blocked, 'refused', {
    errorMessage: `account ${ACCOUNT} is not subscribed`,
    detail: { Customer: ACCOUNT, n: 123456789012 },
  });
  await ledger.block(story.blocked, 'notSubscribed', `customer ${ACCOUNT} has no agreement`);

  await ledger.event(story.alpha, { quantity: '2', dimension: 'storage' });
  story.held = await ledger.seal(story.alpha, { hour: hourAgo(3), dimension: 'storage', mode: 'dry-run' });
  await ledger.closeRecord(story.held, 'held');

  await ledger.event(story.beta, { quantity: '4' });
  story.carried = await ledger.seal(story.beta, { hour: hourAgo(3), productCode: 'other' });
  await ledger.closeRecord(story.carried, 'carried');
  await ledger.event(story.beta, { quantity: '-1', reason: `credit for ${ACCOUNT}` });
  story.pending = await ledger.seal(story.beta, { hour: hourAgo(1), productCode: 'other' });
  story.late = await ledger.event(story.beta, { quantity: '0.25', occurredAt: hourAgo(2) });
  story.waiting = await ledger.event(story.beta, { quantity: '0.5', occurredAt: hourAgo(0), dimension: 'storage' });

  await ledger.sql.query(
    `INSERT INTO marketplace.subscription_alias (seller_account, kind, scope, value, subscription_id)
     VALUES ($1, 'license', '', 'l-0a1b2c3d', $2), ($1, 'account', 'other', $3, $2)`,
    [SELLER, story.beta, ACCOUNT],
  );
  await ledger.sql.query(
    `INSERT INTO marketplace.entitlement_snapshot (seller_account, subscription_id, entitlements, fetched_at) VALUES ($1, $2, '[]', $3)`,
    [SELLER, story.beta, hourAgo(1)],
  );
  await ledger.alert('expired', story.beta, { severity: 'critical', firstRaisedAt: hourAgo(9), resolved: true });
  await ledger.alert('blocked', story.alpha, { firstRaisedAt: hourAgo(8), details: { account: ACCOUNT, quantity: '0.210987654321' } });
  await ledger.alert('setupError', 'us-east-1', { severity: 'critical', firstRaisedAt: hourAgo(7) });

  await ledger.sql.query(
    `UPDATE marketplace.subscription SET state = 'trial', is_trial = true, activated_at = $2, license_from = $2, last_heard_at = $3, reconciled_at = $4
     WHERE seller_account = $5 AND id = $1`,
    [story.alpha, hourAgo(90), hourAgo(2), hourAgo(1), SELLER],
  );
  await ledger.sql.query('UPDATE marketplace.subscription SET predecessor_id = $1 WHERE id = $2', [story.alpha, story.beta]);
  await ledger.message('eventBridge', 'created', {
    state: 'waiting',
    error: 'no subscription is known by any of its names yet',
    body: `{"account":"${ACCOUNT}"}`,
    event: {
      type: 'agreement.created',
      about: { agreementId: 'agmt-0123456789abcdef', customerAwsAccountId: ACCOUNT, productId: 'prod-1', licenseArn: LICENSE_ARN },
      details: { intent: 'RENEW', previousAgreementId: 'agmt-fedcba9876543210', startTime: hourAgo(3), offerId: null },
    },
  });
  await ledger.message('sns', 'succeeded', {
    state: 'applied',
    subscriptionId: story.alpha,
    event: { type: 'subscription.succeeded', about: { productCode: 'larkspur', customerIdentifier: `id-${ACCOUNT}` }, details: {} },
  });
  await ledger.message('http', DIGEST, { state: 'parked', receivedAt: hourAgo(1), event: null, error: `"x" names account ${ACCOUNT}` });
  await ledger.message('host', 'end', {
    receivedAt: hourAgo(5),
    event: { type: 'host.ended', about: { subscriptionId: story.beta }, details: { endsAt: hourAgo(0) } },
  });
  await ledger.deliveries(story.alpha, { mail: 'delivered', provisioning: 'skipped' });
  [, story.parkedDelivery = ''] = await ledger.deliveries(null, { mail: 'pending', [`page-${ACCOUNT}`]: 'parked' });

  // Another seller in the same database, even with the same subscription id: nothing of it may ever be seen.
  await ledger.product('larkspur', 'other-seller');
  await ledger.subscription({ id: story.alpha, sellerAccount: 'other-seller' });
  await ledger.event(story.alpha, { sellerAccount: 'other-seller', quantity: '1000' });
  await ledger.message('sns', 'of a stranger', { sellerAccount: 'other-seller' });
  await ledger.deliveries(null, { stranger: 'pending' }, 'other-seller');
  story.stranger = await ledger.seal(story.alpha, { sellerAccount: 'other-seller' });

  apps = { Express: await start(false), Fastify: await start(true) };
});

afterAll(async () => {
  await Promise.all(Object.values(apps).map((app) => app.close()));
  await ledger.close();
});

describe.each(['Express', 'Fastify'])('an operator on %s', (platform) => {
  it('reads records, newest first, with their attempts', async () => {
    const { items, nextCursor } = await get<Page<RecordView>>('records', platform);
    expect(items.map(({ id }) => id)).toEqual([story.pending, story.carried, story.held, story.blocked, story.metered]);
    expect(nextCursor).toBeNull();
    const blocked = items.find(({ id }) => id === story.blocked)!;
    expect(blocked).toEqual({
      id: story.blocked,
      kind: 'hour',
      subscriptionId: story.alpha,
      productCode: 'larkspur',
      dimension: 'requests',
      hour: hourAgo(3),
      timestamp: hourAgo(3),
      quantity: '3',
      eventSum: '3',
      eventCount: 1,
      carryIn: '0.5',
      carryOut: '0.5',
      notes: {},
      operation: 'BatchMeterUsage',
      region: 'us-east-1',
      mode: 'live',
      identity: { kind: 'license', licenseArn: '…2c3d', customerAwsAccountId: '…9012', customerIdentifier: null },
      sealedAt: NOW.toISOString(),
      state: 'blocked',
      reason: { code: 'notSubscribed', message: 'customer …9012 has no agreement' },
      disposition: null,
      dueAt: hourAgo(3 - 24),
      cutoffAt: hourAgo(3 - 25),
      nextAttemptAt: null,
      attemptCount: 0,
      meteringRecordId: null,
      confirmedByDuplicate: false,
      meteredAt: null,
      closedAt: null,
      closedBy: null,
      attempts: [
        {
          id: expect.any(String),
          operation: 'BatchMeterUsage',
          recordCount: 3,
          submitter: 'worker-1',
          committedAt: expect.stringMatching(/Z$/),
          answeredAt: NOW.toISOString(),
          httpStatus: 400,
          requestId: 'request-1',
          errorCode: 'InvalidCustomerIdentifierException',
          errorMessage: 'account …9012 is not subscribed',
          evidence: 'refused',
          answer: null,
          meteringRecordId: null,
          detail: { Customer: '…9012', n: '…9012' },
          decidedBy: null,
        },
      ],
    });
  });

  it('reads one record with all attempts, late notes and allocations', async () => {
    const record = await get<RecordDetailView>(`records/${story.metered}`, platform);
    expect(record).toMatchObject({
      state: 'metered',
      quantity: '7',
      carryOut: '0.5',
      meteringRecordId: 'metering-record-1',
      notes: { late: [{ hour: hourAgo(6), quantity: '0.210987654321', events: 1 }] },
      allocations: [{ AllocatedUsageQuantity: 7, Tags: [{ Key: 'AccountId', Value: '…9012' }] }],
    });
    expect(record.attempts.map(({ evidence, answeredAt }) => [evidence, answeredAt])).toEqual([
      ['uncertain', null],
      ['billed', NOW.toISOString()],
    ]);
    expect(await get<RecordDetailView>(`records/${story.metered.toUpperCase()}`, platform)).toEqual(record);
  });

  it('reads events, newest first', async () => {
    const { items } = await get<Page<UsageEventView>>(`events?subscriptionId=${story.alpha}&dimension=requests`, platform);
    expect(items.at(-1)).toEqual({
      id: story.event,
      subscriptionId: story.alpha,
      dimension: 'requests',
      quantity: '7.5',
      occurredAt: hourAgo(1),
      recordedAt: hourAgo(1),
      idempotencyKey: 'order-…9012-1795392000000',
      tags: { AccountId: '…9012', user: 'ada' },
      reason: null,
      recordId: story.metered,
    });
  });

  it('reads subscriptions, and one with all that hangs on it', async () => {
    const { items } = await get<Page<SubscriptionView>>('subscriptions', platform);
    expect(items.map(({ id, tenantId }) => [id, tenantId])).toEqual([
      [story.beta, '…9012'],
      [story.alpha, 'tenant-a'],
    ]);
    expect(await get<SubscriptionDetailView>(`subscriptions/${story.beta}`, platform)).toEqual({
      id: story.beta,
      productCode: 'other',
      tenantId: '…9012',
      state: 'ending',
      licenseArn: '…2c3d',
      customerAwsAccountId: '…9012',
      customerIdentifier: null,
      offerType: null,
      registeredAt: hourAgo(100),
      startsAt: hourAgo(100),
      endsAt: hourAgo(0),
      firstMeteredAt: null,
      mergedInto: null,
      activatedAt: null,
      isTrial: false,
      predecessorId: story.alpha,
      successorId: null,
      licenseFrom: null,
      lastHeardAt: null,
      reconciledAt: null,
      aliases: [
        { kind: 'account', scope: 'other', value: '…9012' },
        { kind: 'license', scope: '', value: '…2c3d' },
      ],
      deadlines: {
        firstEndSignAt: hourAgo(0),
        lastEndSignAt: hourAgo(0),
        endWindowClosesAt: hourAgo(-1),
        nextDueAt: hourAgo(1 - 24),
        nextCutoffAt: hourAgo(1 - 25),
      },
      recordsByState: { closed: 1, pending: 1 },
      unassignedEvents: 2,
      balance: [
        {
          subscriptionId: story.beta,
          dimension: 'requests',
          recorded: '3.25',
          unassigned: '0.25',
          carry: '0',
          byState: { pending: '3' },
          conserved: true,
        },
        { subscriptionId: story.beta, dimension: 'storage', recorded: '0.5', unassigned: '0.5', carry: '0', byState: {}, conserved: true },
      ],
      entitlementSnapshot: { fetchedAt: hourAgo(1), ageMs: 5_400_000 },
    });
    const life = {
      state: 'trial',
      activatedAt: hourAgo(90),
      isTrial: true,
      predecessorId: null,
      successorId: story.beta,
      licenseFrom: hourAgo(90),
      lastHeardAt: hourAgo(2),
      reconciledAt: hourAgo(1),
    };
    expect(items[1]).toMatchObject(life);
    expect(await get<SubscriptionDetailView>(`subscriptions/${story.alpha}`, platform)).toMatchObject({
      ...life,
      entitlementSnapshot: null,
    });
  });

  it('reads the balance, which proves that nothing was lost', async () => {
    const page = await get<BalancePage>('balance', platform);
    expect(page.items).toHaveLength(4);
    expect(page.items[0]).toEqual({
      subscriptionId: story.alpha,
      dimension: 'requests',
      recorded: '10.5',
      unassigned: '0',
      carry: '0.5',
      byState: { metered: '7', blocked: '3' },
      conserved: true,
    });
    expect(page.total).toEqual({
      grains: 4,
      broken: 0,
      recorded: '16.25',
      unassigned: '0.75',
      carry: '0.5',
      byState: { metered: '7', blocked: '3', held: '2', pending: '3' },
      conserved: true,
    });
  });

  it('reads lifecycle messages, newest first, with why they were set aside', async () => {
    const { items } = await get<Page<MessageView>>('messages', platform);
    expect(items.map(({ messageId, state }) => [messageId, state])).toEqual([
      [DIGEST, 'parked'],
      ['succeeded', 'applied'],
      ['created', 'waiting'],
      ['end', 'pending'],
    ]);
    expect(items[0]).toEqual({
      origin: 'http',
      messageId: DIGEST,
      receivedVia: 'sqs:lifecycle',
      receivedAt: hourAgo(1),
      type: null,
      eventAt: null,
      state: 'parked',
      error: '"x" names account …9012',
      attempts: 1,
      subscriptionId: null,
      event: null,
    });
    const nobody = { productCode: null, productId: null, licenseArn: null, customerAwsAccountId: null, customerIdentifier: null };
    expect(items[1]).toMatchObject({
      subscriptionId: story.alpha,
      error: null,
      event: {
        about: { ...nobody, productCode: 'larkspur', customerIdentifier: '…9012', agreementId: null, subscriptionId: null },
        details: {},
      },
    });
    expect(items[2]).toMatchObject({
      type: 'agreement.created',
      eventAt: hourAgo(3),
      error: 'no subscription is known by any of its names yet',
      event: {
        about: { productId: 'prod-1', licenseArn: '…2c3d', customerAwsAccountId: '…9012', agreementId: '…cdef' },
        details: { intent: 'RENEW', previousAgreementId: '…3210', startTime: hourAgo(3), offerId: null },
      },
    });
    expect(items[3]).toMatchObject({ event: { about: { subscriptionId: story.beta }, details: { endsAt: hourAgo(0) } } });
  });

  it('reads deliveries, newest event first, with the error of those that failed', async () => {
    const { items } = await get<Page<DeliveryView>>('deliveries', platform);
    expect(items.map(({ handlerId, state, subscriptionId }) => [handlerId, state, subscriptionId])).toEqual([
      ['page-…9012', 'parked', null],
      ['mail', 'pending', null],
      ['provisioning', 'skipped', story.alpha],
      ['mail', 'delivered', story.alpha],
    ]);
    expect(items[0]).toEqual({
      id: story.parkedDelivery,
      handlerId: 'page-…9012',
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'alert.raised',
      subscriptionId: null,
      occurredAt: hourAgo(2),
      state: 'parked',
      attempts: 2,
      nextAttemptAt: null,
      lastError: 'Error: account …9012 is not known',
      deliveredAt: null,
      decidedBy: null,
      decision: null,
    });
    expect(items[1]).toMatchObject({ nextAttemptAt: expect.stringMatching(/Z$/) });
    expect(items[2]).toMatchObject({ decidedBy: 'ada', decision: 'done by hand for …9012' });
    expect(items[3]).toMatchObject({ deliveredAt: hourAgo(1) });
  });

  it('reads alerts, open ones first', async () => {
    const { items } = await get<Page<AlertView>>('alerts', platform);
    expect(items.map(({ kind, open }) => [kind, open])).toEqual([
      ['setupError', true],
      ['blocked', true],
      ['expired', false],
    ]);
    expect(items[1]).toEqual({
      kind: 'blocked',
      subject: story.alpha,
      severity: 'warning',
      message: 'account …9012 needs a look',
      details: { account: '…9012', quantity: '0.210987654321' },
      open: true,
      firstRaisedAt: hourAgo(8),
      lastRaisedAt: hourAgo(8),
      raiseCount: 1,
      resolvedAt: null,
    });
  });

  it('never sees a full account id or license ARN', async () => {
    const paths = [
      'records',
      `records/${story.metered}`,
      `records/${story.blocked}`,
      'events',
      'subscriptions',
      `subscriptions/${story.beta}`,
      'messages',
      'deliveries',
      'alerts',
    ];
    for (const path of [...paths, 'balance']) {
      const text = JSON.stringify(await get(path, platform));
      expect(text).not.toContain(ACCOUNT);
      expect(text).not.toContain(LICENSE_ARN);
      // Besides account ids, runs of 12 digits are fractions and timestamps, and the ends of some ids.
      const rest = text.replace(/0\.210987654321|1795392000000|00ff987654321098aa|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '');
      expect(rest).not.toMatch(/\d{12}/);
    }
  });

  it('sees nothing of another seller', async () => {
    expect(await get(`records/${story.stranger}`, platform, 404)).toMatchObject({ errorCode: 'NOT_FOUND' });
    for (const path of ['records', 'events', 'subscriptions', 'balance', 'messages', 'deliveries']) {
      const text = JSON.stringify(await get(path, platform));
      expect(text).not.toContain(story.stranger);
      expect(text).not.toContain('stranger');
      expect(text).not.toContain('"1000"');
    }
  });

  it.each(['records/x', 'subscriptions/x', `records/${SELLER}`, 'records/019a7f00-0000-7000-8000-0000000000ab'])(
    'is told that there is no %s',
    async (path) => {
      expect(await get(path, platform, 404)).toEqual({
        statusCode: 404,
        errorCode: 'NOT_FOUND',
        message: expect.stringContaining('Take the id from'),
      });
    },
  );

  it.each(['records', 'events', 'subscriptions', 'balance', 'messages', 'deliveries', 'alerts'])(
    'is told what is wrong with a filter of %s',
    async (list) => {
      expect(await get(`${list}?colour=red`, platform, 400)).toEqual({
        statusCode: 400,
        errorCode: 'FILTER_INVALID',
        message: expect.stringMatching(/^colour: there is no such parameter; give any of .*limit, cursor$/),
      });
    },
  );
});

describe('the filters', () => {
  it.each<[string, (keyof typeof story)[]]>([
    ['subscriptionId=ALPHA', ['held', 'blocked', 'metered']],
    ['productCode=other', ['pending', 'carried']],
    ['dimension=storage', ['held']],
    ['dimension=requests&productCode=other', ['pending', 'carried']],
    ['dimension=nothing', []],
    ['state=metered', ['metered']],
    ['state=closed', ['carried', 'held']],
    ['reason=notSubscribed', ['blocked']],
    ['disposition=held', ['held']],
    ['disposition=held&state=pending', []],
    ['mode=dry-run', ['held']],
    ['hourFrom=H3&hourTo=H1', ['carried', 'held', 'blocked']],
    ['hourTo=H3', ['metered']],
    ['hourFrom=H1', ['pending']],
    ['subscriptionId=ALPHA&state=blocked&mode=live&reason=notSubscribed&hourFrom=H3', ['blocked']],
  ])('of records: %s', async (filter, expected) => {
    expect(await ids(`records?${filled(filter)}`)).toEqual(expected.map((name) => story[name]));
  });

  it.each<[string, number]>([
    ['', 7],
    ['subscriptionId=ALPHA', 3],
    ['recordId=METERED', 1],
    ['recordId=METERED&dimension=storage', 0],
    ['unassigned=true', 2],
    ['unassigned=false', 5],
    ['unassigned=true&dimension=storage', 1],
    ['unassigned=true&occurredFrom=H2&occurredTo=H1', 1],
    ['subscriptionId=BETA&occurredFrom=H0', 1],
    ['subscriptionId=BETA&occurredTo=H1', 1],
    ['subscriptionId=ALPHA&idempotencyKey=order-123456789012-1795392000000', 1],
    ['subscriptionId=BETA&idempotencyKey=order-123456789012-1795392000000', 0],
  ])('of events: %s', async (filter, expected) => {
    expect(await ids(`events?${filled(filter)}`)).toHaveLength(expected);
  });

  it.each<[string, (keyof typeof story)[]]>([
    ['tenantId=tenant-a', ['alpha']],
    ['tenantId=123456789012', ['beta']],
    ['productCode=other', ['beta']],
    ['state=ending', ['beta']],
    ['state=trial', ['alpha']],
    ['state=registered', []],
    ['state=active', []],
    ['state=suspended', []],
    ['state=failed', []],
    ['state=ended', []],
    ['state=ending&productCode=larkspur', []],
  ])('of subscriptions: %s', async (filter, expected) => {
    expect(await ids(`subscriptions?${filter}`)).toEqual(expected.map((name) => story[name]));
  });

  it.each<[string, string[]]>([
    ['state=parked', [DIGEST]],
    ['state=waiting', ['created']],
    ['state=ignored', []],
    ['state=applied&origin=sns', ['succeeded']],
    ['origin=host', ['end']],
    ['origin=eventBridge&state=parked', []],
    ['type=agreement.created', ['created']],
    ['subscriptionId=ALPHA', ['succeeded']],
    ['subscriptionId=BETA', []],
  ])('of messages: %s', async (filter, expected) => {
    expect((await get<Page<MessageView>>(`messages?${filled(filter)}`)).items.map(({ messageId }) => messageId)).toEqual(expected);
  });

  it.each<[string, string[]]>([
    ['state=parked', ['parked']],
    ['state=delivered', ['delivered']],
    ['state=delivering', []],
    ['handlerId=mail', ['pending', 'delivered']],
    ['handlerId=mail&state=pending', ['pending']],
    [`handlerId=page-${ACCOUNT}`, ['parked']],
    ['subscriptionId=ALPHA', ['skipped', 'delivered']],
    ['subscriptionId=ALPHA&handlerId=provisioning', ['skipped']],
    ['subscriptionId=BETA', []],
  ])('of deliveries: %s', async (filter, expected) => {
    expect((await get<Page<DeliveryView>>(`deliveries?${filled(filter)}`)).items.map(({ state }) => state)).toEqual(expected);
  });

  it.each<[string, string[]]>([
    ['open=true', ['setupError', 'blocked']],
    ['open=false', ['expired']],
    ['kind=blocked', ['blocked']],
    ['severity=critical', ['setupError', 'expired']],
    ['severity=critical&open=true', ['setupError']],
  ])('of alerts: %s', async (filter, expected) => {
    expect((await get<Page<AlertView>>(`alerts?${filter}`)).items.map(({ kind }) => kind)).toEqual(expected);
  });

  it.each<[string, number, string]>([
    ['subscriptionId=ALPHA', 2, '12.5'],
    ['dimension=storage', 2, '2.5'],
    ['subscriptionId=BETA&dimension=storage', 1, '0.5'],
    ['conserved=true', 4, '16.25'],
    ['conserved=false', 0, '0'],
    ['dimension=nothing', 0, '0'],
  ])('of the balance: %s', async (filter, rows, recorded) => {
    const page = await get<BalancePage>(`balance?${filled(filter)}`);
    expect(page.items).toHaveLength(rows);
    expect(page.total).toMatchObject({ grains: rows, recorded, conserved: true });
  });
});

/** Puts ids and hours of the story into a filter. */
function filled(filter: string): string {
  return filter
    .replace('ALPHA', story.alpha)
    .replace('BETA', story.beta)
    .replace('METERED', story.metered)
    .replace(/H(\d)/g, (_, hours) => hourAgo(Number(hours)));
}

describe('paging', () => {
  /** Walks a list to its end, doing something between the pages. */
  async function walk<T>(path: string, limit: number, between: (page: number) => Promise<void> = async () => undefined): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    for (let page = 1; ; page += 1) {
      const answer: Page<T> = await get<Page<T>>(
        `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      expect(answer.items.length).toBeLessThanOrEqual(limit);
      items.push(...answer.items);
      if (answer.nextCursor === null) return items;
      cursor = answer.nextCursor;
      await between(page);
    }
  }

  it('gives each of 1,200 old rows exactly once while rows are added between the pages', async () => {
    const subscription = await ledger.subscription({ tenantId: 'paging' });
    const old = { records: [] as string[], events: [] as string[] };
    for (let hour = 0; hour < 600; hour += 1) {
      old.events.push(...(await ledger.events([eventOf(subscription), eventOf(subscription)])));
      old.records.push(await ledger.seal(subscription, { hour: hourAgo(hour + 10) }));
    }
    let hour = 700;
    const grow = async (): Promise<void> => {
      await ledger.event(subscription);
      hour += 1;
      await ledger.seal(subscription, { hour: hourAgo(hour) });
    };
    const events = await walk<UsageEventView>(`events?subscriptionId=${subscription}`, 97, grow);
    const records = await walk<RecordView>('records', 61, grow);
    const countOf = (found: { id: string }[], id: string): number => found.filter((item) => item.id === id).length;
    expect(old.events.filter((id) => countOf(events, id) !== 1)).toEqual([]);
    expect(old.records.filter((id) => countOf(records, id) !== 1)).toEqual([]);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
  });

  it.each([
    'records',
    'events',
    'events?unassigned=true',
    'subscriptions',
    'balance',
    'balance?conserved=true',
    'messages',
    'deliveries',
    'alerts',
  ])('of %s gives the same one by one as at once', async (list) => {
    const path = list === 'records' || list === 'events' ? `${list}?subscriptionId=${story.alpha}` : list;
    const atOnce = await get<Page<unknown>>(`${path}${path.includes('?') ? '&' : '?'}limit=200`);
    expect(atOnce.items.length).toBeGreaterThan(1);
    expect(await walk(path, 1)).toEqual(atOnce.items);
  });

  it('of messages tells those of one millisecond and of odd ids apart', async () => {
    const atOnce = (await get<Page<MessageView>>('messages')).items.length;
    const receivedAt = (microsecond: number): string => hourAgo(1).replace('.000Z', `.00000${microsecond}Z`);
    for (const microsecond of [0, 1, 2]) {
      for (const id of ['line\nbreak', '"quoted"', 'ümlaut']) {
        await ledger.message('sqs', `${id} ${microsecond}`, { receivedAt: receivedAt(microsecond) });
      }
    }
    const walked = await walk<MessageView>('messages', 1);
    expect(walked).toHaveLength(atOnce + 9);
    expect(walked).toEqual((await get<Page<MessageView>>('messages')).items);
  });

  it('computes the total on the first page only', async () => {
    const first = await get<BalancePage>('balance?limit=1');
    expect(first.total).not.toBeNull();
    expect(await get<BalancePage>(`balance?limit=1&cursor=${first.nextCursor!}`)).toMatchObject({ total: null, items: [{}] });
  });

  it('shows the latest attempts in lists and all by id', async () => {
    const subscription = await ledger.subscription();
    await ledger.event(subscription);
    const record = await ledger.seal(subscription);
    const attempts: string[] = [];
    for (let attempt = 0; attempt < 13; attempt += 1) attempts.push(await ledger.attempt(record, 'uncertain'));
    const listed = await get<Page<RecordView>>(`records?subscriptionId=${subscription}`);
    expect(listed.items[0]!.attempts.map(({ id }) => id)).toEqual(attempts.slice(3));
    expect((await get<RecordDetailView>(`records/${record}`)).attempts.map(({ id }) => id)).toEqual(attempts);
  });
});

// Last, because each leaves the ledger broken.
describe('the balance of a ledger that somebody tampered with', () => {
  const broken = async (): Promise<string[]> => {
    const page = await get<BalancePage>('balance?conserved=false');
    expect(page.total).toMatchObject({ conserved: page.items.length === 0, broken: page.items.length });
    expect((await get<BalancePage>('balance')).total).toMatchObject({ conserved: page.items.length === 0, broken: page.items.length });
    return page.items.map(({ subscriptionId, dimension }) => `${subscriptionId} ${dimension}`);
  };

  /** A subscription with one sealed record of its own. */
  async function sealed(): Promise<string> {
    const subscription = await ledger.subscription();
    await ledger.event(subscription, { quantity: '5.5' });
    await ledger.seal(subscription);
    return subscription;
  }

  it.each([
    ['a changed carry', (id: string) => `UPDATE marketplace.balance SET sealed = sealed - 1 WHERE subscription_id = '${id}'`],
    [
      'a changed quantity',
      (id: string) => `UPDATE marketplace.metering_record SET quantity = 4, carry_out = carry_out + 1 WHERE subscription_id = '${id}'`,
    ],
    ['a lost event', (id: string) => `DELETE FROM marketplace.usage_event WHERE subscription_id = '${id}'`],
    ['a lost record', (id: string) => `DELETE FROM marketplace.metering_record WHERE subscription_id = '${id}'`],
    ['a lost balance', (id: string) => `DELETE FROM marketplace.balance WHERE subscription_id = '${id}'`],
    [
      'nothing but a balance',
      (id: string) => `WITH a AS (DELETE FROM marketplace.usage_event WHERE subscription_id = '${id}'),
      b AS (UPDATE marketplace.balance SET assigned = 6 WHERE subscription_id = '${id}')
      DELETE FROM marketplace.metering_record WHERE subscription_id = '${id}'`,
    ],
  ])('shows %s', async (_, statement) => {
    const before = await broken();
    const subscription = await sealed();
    expect(await broken()).toEqual(before);
    await ledger.corrupt(statement(subscription));
    expect(await broken()).toEqual([...before, `${subscription} requests`]);
    expect((await get<BalancePage>(`balance?subscriptionId=${subscription}`)).items).toMatchObject([{ conserved: false }]);
  });
});
