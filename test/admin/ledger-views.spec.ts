import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type AlertView } from '../../src/admin/alert.view.js';
import { type DeliveryView } from '../../src/admin/delivery.view.js';
import { type BalancePage } from '../../src/admin/ledger-views.js';
import { type MessageView } from '../../src/admin/message.view.js';
import { type Page } from '../../src/admin/page.js';
import { type RecordDetailView, type RecordView } from '../../src/admin/record.view.js';
import { type SubscriptionDetailView, type SubscriptionView } from '../../src/admin/subscription.view.js';
import { type UsageEventView, type WaitingUsageView } from '../../src/admin/usage-event.view.js';
import { ALERT_CATALOGUE } from '../../src/events/alert-catalogue.js';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import { ACCOUNT, OperatorsStory, ORDER_KEY, REHEARSAL, TOKEN } from './operators-story.js';

jest.setTimeout(600_000);

let story: OperatorsStory;
const hidden = '…4321';
const hour = (text: string): string => `2026-11-${text}:00:00.000Z`;

beforeAll(async () => {
  story = await OperatorsStory.play();
});
afterAll(async () => {
  await story.world.stop();
});

type Platform = 'Express' | 'Fastify';
async function get<T>(path: string, platform: Platform = 'Express', status = 200): Promise<T> {
  const response = await fetch(`${await story.apps[platform].getUrl()}/marketplace/admin/${path}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await response.text();
  expect({ path, status: response.status, text: status === 200 ? '' : text }).toMatchObject({ status });
  return JSON.parse(text) as T;
}
const all = async <T>(path: string): Promise<T[]> =>
  (await get<Page<T>>(`${path}${path.includes('?') ? '&' : '?'}limit=200`)).items;
const recordsOf = async (filter: string): Promise<RecordView[]> => all<RecordView>(`records?${filter}`);

describe.each<Platform>(['Express', 'Fastify'])('an operator on %s', (platform) => {
  it('reads records, newest first, with their attempts', async () => {
    const { items, nextCursor } = await get<Page<RecordView>>('records', platform);
    expect(items.map(({ id }) => id)).toEqual(items.map(({ id }) => id).sort((a, b) => (a < b ? 1 : -1)));
    expect(nextCursor).toBeNull();
    const blocked = items.find(({ state, reason }) => state === 'blocked' && reason?.code === 'notSubscribed');
    const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);
    const instant = expect.stringMatching(/^2026-.*Z$/);
    expect({ ...blocked, attempts: blocked?.attempts.slice(0, 1) }).toEqual({
      ...{
        id: uuid,
        kind: 'hour',
        customerId: uuid,
        subscriptionId: story.buyers.beta.subscriptionId,
        agreementId: uuid,
        price: 'paid',
      },
      ...{ productCode: LEGACY_CODE, dimension: 'requests', hour: hour('12T20'), timestamp: instant },
      ...{
        firstUsedAt: instant,
        lastUsedAt: instant,
        quantity: '6',
        block: '1',
        included: '0',
        eventSum: '6',
        eventCount: 1,
        carryIn: '0',
        carryOut: '0',
      },
      ...{ notes: {}, operation: 'BatchMeterUsage', region: 'us-east-1', mode: 'live', sealedAt: instant },
      identity: {
        kind: 'customerIdentifier',
        licenseArn: null,
        customerAwsAccountId: null,
        customerIdentifier: expect.stringMatching(/^….{4}$/),
      },
      ...{ state: 'blocked', reason: { code: 'notSubscribed', message: expect.any(String) }, disposition: null },
      ...{
        dueAt: instant,
        cutoffAt: hour('13T21'),
        nextAttemptAt: null,
        attemptCount: expect.any(Number),
        meteringRecordId: null,
      },
      ...{ confirmedByDuplicate: false, settledQuantity: null, meteredAt: null, closedAt: null, closedBy: null },
      attempts: [
        {
          ...{ id: uuid, operation: 'BatchMeterUsage', recordCount: expect.any(Number), submitter: expect.any(String) },
          ...{
            committedAt: expect.stringMatching(/Z$/),
            answeredAt: instant,
            httpStatus: 200,
            requestId: expect.any(String),
          },
          ...{
            errorCode: null,
            errorMessage: null,
            evidence: 'refused',
            answer: 'CustomerNotSubscribed',
            meteringRecordId: null,
          },
          ...{ detail: null, decidedBy: null },
        },
      ],
    });
  });

  it('reads one record with all attempts, late notes and allocations', async () => {
    const { alpha } = story.buyers;
    const [first, later] = (
      await recordsOf(`subscriptionId=${alpha.subscriptionId}&dimension=requests&state=metered`)
    ).reverse();
    const record = await get<RecordDetailView>(`records/${first!.id}`, platform);
    expect(record).toMatchObject({
      ...{ state: 'metered', quantity: '7', eventSum: '7.5', carryOut: '0.5', meteringRecordId: expect.any(String) },
      allocations: [{ AllocatedUsageQuantity: 7, Tags: expect.arrayContaining([{ Key: 'AccountId', Value: hidden }]) }],
      attempts: [{ evidence: 'billed', answer: 'Success', httpStatus: 200 }],
    });
    expect(await get<RecordDetailView>(`records/${first!.id.toUpperCase()}`, platform)).toEqual(record);
    expect(later).toMatchObject({
      ...{
        hour: hour('11T11'),
        carryIn: '0.5',
        quantity: '3',
        carryOut: '0.210987654321',
        firstUsedAt: '2026-11-11T10:30:00.000Z',
      },
      notes: { late: [{ hour: hour('11T10'), quantity: '0.210987654321', events: 1 }] },
    });
  });

  it('reads what is never sent: the end of a period, and usage that no agreement covers', async () => {
    const { gone } = story.buyers;
    expect(await get<Page<RecordView>>(`records?tenantId=tenant-g&state=closed`, platform)).toMatchObject({
      items: [
        {
          kind: 'setApart',
          quantity: '50',
          disposition: 'held',
          reason: { code: 'afterEnd' },
          subscriptionId: null,
          identity: null,
        },
        {
          kind: 'closing',
          quantity: '-30',
          disposition: 'owed',
          carryIn: '-30',
          subscriptionId: gone.subscriptionId,
          identity: null,
        },
      ],
    });
  });

  it('reads events, newest hour first, with the record that bills them', async () => {
    const { items } = await get<Page<UsageEventView>>('events?tenantId=tenant-a&dimension=requests', platform);
    const [{ id: recordId } = { id: '' }] = await recordsOf(
      `tenantId=tenant-a&hourFrom=${hour('11T10')}&hourTo=${hour('11T11')}`,
    );
    expect(items.find(({ id }) => id === story.events.first)).toEqual({
      ...{
        id: story.events.first,
        tenantId: 'tenant-a',
        subscriptionId: null,
        productCode: PRODUCT_CODE,
        dimension: 'requests',
      },
      ...{ quantity: '7.5', occurredAt: '2026-11-11T10:05:00.000Z', idempotencyKey: `order-${hidden}-1795392000000` },
      ...{ tags: { AccountId: hidden, user: 'ada' }, reason: null, recordId, waitingReason: null },
    });
    expect(items[0]).toMatchObject({
      id: story.events.running,
      recordId: null,
      waitingReason: 'notSettled',
      idempotencyKey: `evt_${story.events.running}`,
    });
    expect(items.map(({ occurredAt }) => occurredAt.slice(0, 13))).toEqual(
      items
        .map(({ occurredAt }) => occurredAt.slice(0, 13))
        .sort()
        .reverse(),
    );
    expect(await get<Page<UsageEventView>>('events?tenantId=tenant-g', platform)).toMatchObject({
      items: [{ quantity: '50' }, { quantity: '-30', reason: `credit for ${hidden}` }, { quantity: '10' }],
    });
  });

  it('reads what a record had, also after it was annulled', async () => {
    const [annulled] = await recordsOf(`tenantId=tenant-a&disposition=annulled`);
    expect(annulled).toMatchObject({
      dimension: 'storage',
      state: 'closed',
      reason: { code: 'expired' },
      eventSum: '1.25',
    });
    expect(await get<Page<UsageEventView>>(`events?recordId=${annulled!.id}`, platform)).toMatchObject({
      items: [{ quantity: '1.25', recordId: null, waitingReason: 'refused' }],
    });
  });

  it('reads the usage that waits, with the reason', async () => {
    const { items } = await get<Page<WaitingUsageView>>('waiting', platform);
    expect(items).toEqual([
      {
        ...{
          id: expect.stringMatching(/^\d+$/),
          tenantId: 'tenant-t',
          subscriptionId: null,
          productCode: PRODUCT_CODE,
          dimension: 'requests',
        },
        ...{
          hour: hour('12T20'),
          quantity: '11',
          eventCount: 1,
          firstUsedAt: '2026-11-12T20:45:00.000Z',
          lastUsedAt: '2026-11-12T20:45:00.000Z',
        },
        ...{ reason: 'ambiguous', since: expect.stringMatching(/^2026-11-12T21/) },
      },
      expect.objectContaining({
        tenantId: 'tenant-a',
        dimension: 'storage',
        hour: hour('11T11'),
        quantity: '1.25',
        reason: 'refused',
      }),
    ]);
  });

  it('reads subscriptions, newest first, those that were folded beside what they live on in', async () => {
    const { items } = await get<Page<SubscriptionView>>('subscriptions', platform);
    expect(items.map(({ id }) => id)).toEqual(
      items
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
    expect(items.find(({ id }) => id === story.buyers.beta.subscriptionId)).toMatchObject({
      ...{
        tenantId: hidden,
        productCode: LEGACY_CODE,
        state: 'active',
        customerAwsAccountId: expect.stringMatching(/^….{4}$/),
      },
      ...{
        registeredAt: '2026-11-11T10:00:00.000Z',
        lastHeardAt: expect.any(String),
        askedAt: expect.any(String),
        aliasOf: null,
      },
    });
    expect(items.find(({ id }) => id === story.buyers.trying.subscriptionId)).toMatchObject({
      ...{ state: 'trial', isTrial: true, offerType: 'free-trial', nextChangeAt: '2026-12-11T14:35:00.000Z' },
    });
    expect(items.find(({ id }) => id === story.newcomerId)).toMatchObject({
      aliasOf: story.buyers.folded.subscriptionId,
      tenantId: 'tenant-f',
    });
  });

  it('reads one subscription with its agreements, what was heard, and what follows from it', async () => {
    const { gone, folded } = story.buyers;
    const over = await get<SubscriptionDetailView>(`subscriptions/${gone.subscriptionId}`, platform);
    const [agreement] = over.agreements;
    expect(over).toMatchObject({
      ...{
        state: 'ended',
        recordsByState: { closed: 1, metered: 2 },
        deadlines: { nextDueAt: null, nextCutoffAt: null },
      },
      agreements: [
        { agreementId: expect.stringMatching(/^….{4}$/), licenseArn: expect.stringMatching(/^….{4}$/), aliasOf: null },
      ],
      timeline: [
        {
          ...{
            agreementId: agreement!.id,
            price: 'paid',
            startsAt: '2026-11-11T10:00:00.000Z',
            isProvisional: false,
            to: '2026-11-11T12:35:00.000Z',
          },
          end: { at: '2026-11-11T12:35:00.000Z', awaitsSuccessor: false },
        },
      ],
      balance: [
        {
          dimension: 'requests',
          recorded: '30',
          setApart: '50',
          byState: { metered: '10', owed: '-30' },
          conserved: true,
        },
      ],
      entitlementSnapshot: null,
    });
    expect(agreement!.periods).toEqual([
      { price: 'paid', mode: 'live', closedAt: expect.stringMatching(/^2026-11-11T1/) },
    ]);
    expect(over.facts.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['buyer.registered', 'agreement.created', 'agreement.ended']),
    );
    expect(over.facts.map(({ at }) => at)).toEqual(over.facts.map(({ at }) => at).sort());
    const joined = await get<SubscriptionDetailView>(`subscriptions/${folded.subscriptionId}`, platform);
    expect(joined.agreements).toHaveLength(2);
    expect(joined.timeline.map(({ agreementId }) => agreementId)).toEqual(joined.agreements.map(({ id }) => id));
    const running = await get<SubscriptionDetailView>(`subscriptions/${story.buyers.alpha.subscriptionId}`, platform);
    expect(running.deadlines).toMatchObject({ nextDueAt: expect.stringMatching(/Z$/), nextCutoffAt: hour('13T06') });
  });

  it('reads the balance, which proves that nothing was lost', async () => {
    const page = await get<BalancePage>('balance', platform);
    const requests = (await get<BalancePage>('balance?tenantId=tenant-a&dimension=requests', platform)).items;
    expect(requests).toEqual([
      {
        ...{
          customerId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          productCode: PRODUCT_CODE,
          dimension: 'requests',
          recorded: '23.460987654321',
        },
        ...{
          unsealed: '0.25',
          waiting: {},
          setApart: '0',
          included: '0',
          carry: '0.210987654321',
          byState: { metered: '15', pending: '8' },
        },
        // The job that compares rollups with their events has been by.
        ...{ conserved: true, provenAt: expect.stringMatching(/^2026-11-12T/) },
      },
    ]);
    expect(page.items).toEqual(expect.arrayContaining(requests));
    expect(page.total).toMatchObject({
      ...{
        grains: page.items.length,
        broken: 0,
        conserved: true,
        unsealed: '0.25',
        setApart: '50',
        carry: '0.210987654321',
      },
      waiting: { ambiguous: '11', refused: '1.25' },
      byState: { metered: '33', pending: '8', blocked: '8', held: '5', owed: '-30' },
    });
  });

  it('reads lifecycle messages, newest first, with why they were set aside', async () => {
    const { items } = await get<Page<MessageView>>('messages', platform);
    expect(items.map(({ receivedAt }) => receivedAt)).toEqual(
      items
        .map(({ receivedAt }) => receivedAt)
        .sort()
        .reverse(),
    );
    const of = (state: string): MessageView | undefined => items.find((item) => item.state === state);
    expect(of('pending')).toMatchObject({
      type: 'license.updated',
      error: null,
      event: { about: { licenseArn: '…cdef', customerAwsAccountId: hidden } },
    });
    expect(of('deadLettered')).toMatchObject({
      error: expect.stringContaining(`of ${hidden}" names neither`),
      type: null,
      event: null,
      subscriptionId: null,
    });
    expect(of('waiting')).toMatchObject({
      ...{
        origin: 'eventBridge',
        type: 'agreement.created',
        eventAt: '2026-11-11T09:55:00.000Z',
        error: expect.stringContaining('nobody is known'),
      },
      event: {
        about: { agreementId: '…mt-1', customerAwsAccountId: hidden },
        details: { intent: 'NEW', status: hidden },
      },
    });
    expect(of('ignored')).toMatchObject({ error: expect.stringContaining('aws.ec2'), event: null });
    expect(of('applied')).toMatchObject({
      error: null,
      subscriptionId: expect.any(String),
      event: { about: { productId: expect.any(String) } },
    });
  });

  it('reads deliveries, newest event first, with the error of those that failed', async () => {
    const { items } = await get<Page<DeliveryView>>(`deliveries?handlerId=page-${ACCOUNT}`, platform);
    expect(items.map(({ state }) => state)).toEqual(['skipped', ...items.slice(1).map(() => 'deadLettered')]);
    expect(items[1]).toEqual({
      ...{
        id: expect.any(String),
        handlerId: `page-${hidden}`,
        eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: 'subscription.activated',
      },
      ...{
        subscriptionId: expect.any(String),
        occurredAt: expect.stringMatching(/Z$/),
        state: 'deadLettered',
        attempts: 1,
        nextAttemptAt: null,
      },
      ...{ lastError: `Error: account ${hidden} is not known`, deliveredAt: null, decidedBy: null, decision: null },
    });
    expect(items[0]).toMatchObject({ decidedBy: 'ada', decision: `done by hand for ${hidden}` });
    const [pending] = (await get<Page<DeliveryView>>('deliveries?state=pending', platform)).items;
    expect(pending).toMatchObject({ nextAttemptAt: expect.stringMatching(/Z$/), deliveredAt: null });
  });

  it('reads alerts, open ones first', async () => {
    const { items } = await get<Page<AlertView>>('alerts', platform);
    expect(items.map(({ open }) => open)).toEqual(
      [...items.filter(({ open }) => open), ...items.filter(({ open }) => !open)].map(({ open }) => open),
    );
    expect(items.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['notSubscribed', 'blocked', 'usageWaiting', 'owed', 'usageHeld']),
    );
    expect(items.find(({ kind }) => kind === 'setupError')).toEqual({
      ...{ kind: 'setupError', subject: 'us-east-1', severity: 'critical', message: `account ${hidden} needs a look` },
      ...{ details: { account: hidden, quantity: '0.210987654321' }, open: false, raiseCount: 1, toldCount: 1 },
      whatToDo: ALERT_CATALOGUE.setupError.action,
      endsByItself: ALERT_CATALOGUE.setupError.ends,
      ...{ acknowledgedAt: null, acknowledgedBy: null, acknowledgement: null },
      ...{ firstRaisedAt: expect.any(String), lastRaisedAt: expect.any(String), resolvedAt: expect.any(String) },
    });
  });

  it('never sees a full account id or license ARN', async () => {
    const { alpha, beta, gone } = story.buyers;
    const lists = [
      'records',
      'events?tenantId=tenant-a',
      `events?tenantId=${ACCOUNT}`,
      'events?unsealed=true',
      'waiting',
      'subscriptions',
      'balance',
      'messages',
      'deliveries',
      'alerts',
    ];
    const details = [alpha, beta, gone].map(({ subscriptionId }) => `subscriptions/${subscriptionId}`);
    const records = (await recordsOf('')).map(({ id }) => `records/${id}`);
    for (const path of [
      ...lists.map((list) => `${list}${list.includes('?') ? '&' : '?'}limit=200`),
      ...details,
      ...records,
    ]) {
      // Fractions of twelve decimals are no account ids.
      const text = JSON.stringify(await get(path, platform)).replace(/"-?\d+\.\d{12}"/g, '""');
      for (const { accountId, licenseArn, customerIdentifier } of story.world.simulator.agreements()) {
        const secrets = [ACCOUNT, accountId, licenseArn, customerIdentifier].filter((secret) => secret !== undefined);
        for (const secret of secrets) expect(text).not.toContain(secret);
      }
      // Besides account ids, runs of 12 digits are timestamps, digests that are ids of messages, and the ends of some
      // ids.
      const rest = text.replace(/1795392000000|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '');
      expect(rest).not.toMatch(/\d{12}/);
    }
  });

  it('sees nothing of another seller', async () => {
    const [strange] = await story.world.database.query<{ id: string }>(
      `SELECT id FROM marketplace.metering_record WHERE seller_account = 'other-seller'`,
    );
    expect(await get(`records/${strange!.id}`, platform, 404)).toMatchObject({ errorCode: 'NOT_FOUND' });
    expect(await get(`subscriptions/${story.stranger.subscriptionId}`, platform, 404)).toMatchObject({
      errorCode: 'NOT_FOUND',
    });
    expect(await get(`events?recordId=${strange!.id}`, platform)).toMatchObject({ items: [] });
    expect(await get(`events?subscriptionId=${story.stranger.subscriptionId}`, platform)).toMatchObject({ items: [] });
    for (const list of [
      'records',
      'events?unsealed=true',
      'waiting',
      'subscriptions',
      'balance',
      'messages',
      'deliveries',
    ]) {
      const text = JSON.stringify(await get(list, platform));
      for (const name of [strange!.id, story.stranger.subscriptionId, story.events.stranger, '"1000"'])
        expect(text).not.toContain(name);
    }
  });

  it.each(['records/x', 'subscriptions/x', `records/${TOKEN}`, 'records/019a7f00-0000-7000-8000-0000000000ab'])(
    'is told that there is no %s',
    async (path) => {
      expect(await get(path, platform, 404)).toEqual({
        statusCode: 404,
        errorCode: 'NOT_FOUND',
        message: expect.stringContaining('Take the id from'),
      });
    },
  );

  it.each(['records', 'events', 'waiting', 'subscriptions', 'balance', 'messages', 'deliveries', 'alerts'])(
    'is told what is wrong with a filter of %s',
    async (list) => {
      expect(await get(`${list}?colour=red`, platform, 400)).toEqual({
        statusCode: 400,
        errorCode: 'FILTER_INVALID',
        message: expect.stringMatching(
          /^colour: there is no such parameter; give any of .*limit, cursor(; tenantId: give tenantId, .*)?$/,
        ),
      });
    },
  );
});

/**
 * What a filter gives is what a person would pick by hand from the whole list; a filter of this table finds something,
 * and leaves something out.
 */
describe('the filters', () => {
  async function expectPicked(list: string, filter: string, isMeant: (item: never) => boolean): Promise<void> {
    const found = await all(`${list}?${filter}`);
    const everything: unknown[] = list === 'events' ? await allEvents() : await all(list);
    expect(found).toEqual(everything.filter(isMeant as (item: unknown) => boolean));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(everything.length);
  }
  const alpha = (): string => story.buyers.alpha.subscriptionId;
  /** Events are listed by what has taken them along; together they are all, newest hour first. */
  async function allEvents(): Promise<UsageEventView[]> {
    const tenants = ['tenant-a', ACCOUNT, 'tenant-r', 'tenant-g', 'tenant-t', 'tenant-f'].map(
      (tenant) => `tenantId=${tenant}`,
    );
    const parts = await Promise.all(
      [...tenants, `subscriptionId=${story.newcomerId}`].map((filter) => all<UsageEventView>(`events?${filter}`)),
    );
    const place = ({ occurredAt, id }: UsageEventView): string => `${occurredAt.slice(0, 13)} ${id}`;
    return parts.flat().sort((a, b) => (place(a) < place(b) ? 1 : -1));
  }

  it.each<[string, (record: RecordView) => boolean]>([
    ['subscriptionId=ALPHA', ({ subscriptionId }) => subscriptionId === alpha()],
    [
      'subscriptionId=FOLDED',
      ({ subscriptionId }) =>
        subscriptionId === story.buyers.folded.subscriptionId || subscriptionId === story.newcomerId,
    ],
    [`tenantId=${ACCOUNT}`, ({ productCode }) => productCode === LEGACY_CODE],
    ['tenantId=tenant-g&kind=setApart', ({ kind, quantity }) => kind === 'setApart' && quantity === '50'],
    [`productCode=${REHEARSAL}`, ({ productCode }) => productCode === REHEARSAL],
    ['dimension=storage', ({ dimension }) => dimension === 'storage'],
    [
      `dimension=requests&productCode=${LEGACY_CODE}`,
      ({ dimension, productCode }) => dimension === 'requests' && productCode === LEGACY_CODE,
    ],
    ['kind=closing', ({ kind }) => kind === 'closing'],
    ['state=metered', ({ state }) => state === 'metered'],
    ['state=closed', ({ state }) => state === 'closed'],
    ['state=pending', ({ state }) => state === 'pending'],
    ['reason=notSubscribed', ({ reason }) => reason?.code === 'notSubscribed'],
    ['disposition=held', ({ disposition }) => disposition === 'held'],
    ['disposition=annulled', ({ disposition }) => disposition === 'annulled'],
    ['disposition=owed', ({ disposition }) => disposition === 'owed'],
    ['mode=dry-run', ({ mode }) => mode === 'dry-run'],
    [`hourFrom=${hour('11T11')}&hourTo=${hour('11T12')}`, (record) => record.hour === hour('11T11')],
    [`hourTo=${hour('11T11')}`, (record) => record.hour !== null && record.hour < hour('11T11')],
    [
      'subscriptionId=ALPHA&state=blocked&mode=live',
      ({ subscriptionId, state }) => subscriptionId === alpha() && state === 'blocked',
    ],
  ])('of records: %s', async (filter, isMeant) => {
    await expectPicked('records', filled(filter), isMeant);
  });

  it.each<[string, (event: UsageEventView) => boolean]>([
    ['tenantId=tenant-a', ({ tenantId }) => tenantId === 'tenant-a'],
    [`tenantId=${ACCOUNT}`, ({ tenantId }) => tenantId === hidden],
    ['subscriptionId=FOLDED', ({ subscriptionId }) => subscriptionId === story.newcomerId],
    ['unsealed=true', ({ id }) => id === story.events.running],
    ['tenantId=tenant-a&unsealed=false', ({ tenantId, id }) => tenantId === 'tenant-a' && id !== story.events.running],
    ['tenantId=tenant-a&dimension=storage', ({ dimension }) => dimension === 'storage'],
    [`tenantId=tenant-a&idempotencyKey=${ORDER_KEY}`, ({ id }) => id === story.events.first],
    ['tenantId=tenant-a&idempotencyKey=RUNNING', ({ id }) => id === story.events.running],
    ['unsealed=true&idempotencyKey=RUNNING', ({ id }) => id === story.events.running],
    [
      `tenantId=tenant-a&occurredFrom=2026-11-11T10:30:00Z&occurredTo=${hour('11T12')}`,
      ({ tenantId, occurredAt }) =>
        tenantId === 'tenant-a' && occurredAt >= '2026-11-11T10:30' && occurredAt < '2026-11-11T12',
    ],
  ])('of events: %s', async (filter, isMeant) => {
    await expectPicked('events', filled(filter), isMeant);
  });

  it('of events: recordId, and none where nothing is of both', async () => {
    const [record] = await recordsOf(
      `tenantId=tenant-a&hourFrom=${hour('11T11')}&hourTo=${hour('11T12')}&dimension=requests`,
    );
    await expectPicked('events', `recordId=${record!.id}`, ({ recordId }: UsageEventView) => recordId === record!.id);
    expect(await all(`events?recordId=${record!.id}&dimension=storage`)).toEqual([]);
    expect(await all(`events?tenantId=tenant-g&idempotencyKey=${ORDER_KEY}`)).toEqual([]);
  });

  it.each<[string, (usage: WaitingUsageView) => boolean]>([
    ['tenantId=tenant-t', ({ tenantId }) => tenantId === 'tenant-t'],
    ['reason=refused', ({ reason }) => reason === 'refused'],
  ])('of waiting usage: %s', async (filter, isMeant) => {
    await expectPicked('waiting', filter, isMeant);
    expect(await all(`waiting?subscriptionId=${alpha()}`)).toEqual([]);
  });

  it.each<[string, (subscription: SubscriptionView) => boolean]>([
    ['tenantId=tenant-a', ({ id }) => id === alpha()],
    [`tenantId=${ACCOUNT}`, ({ tenantId }) => tenantId === hidden],
    [`productCode=${LEGACY_CODE}`, ({ productCode }) => productCode === LEGACY_CODE],
    ['state=trial', ({ state }) => state === 'trial'],
    ['state=ended', ({ state }) => state === 'ended'],
    [`state=active&productCode=${REHEARSAL}`, ({ productCode }) => productCode === REHEARSAL],
  ])('of subscriptions: %s', async (filter, isMeant) => {
    await expectPicked('subscriptions', filter, isMeant);
  });

  it.each<[string, (message: MessageView) => boolean]>([
    ['state=deadLettered', ({ state }) => state === 'deadLettered'],
    ['state=waiting', ({ state }) => state === 'waiting'],
    ['state=ignored', ({ state }) => state === 'ignored'],
    ['state=pending', ({ state }) => state === 'pending'],
    ['state=applied&origin=sns', ({ state, origin }) => state === 'applied' && origin === 'sns'],
    ['origin=registration', ({ origin }) => origin === 'registration'],
    ['type=agreement.created', ({ type }) => type === 'agreement.created'],
    ['subscriptionId=ALPHA', ({ subscriptionId }) => subscriptionId === alpha()],
  ])('of messages: %s', async (filter, isMeant) => {
    await expectPicked('messages', filled(filter), isMeant);
  });

  it.each<[string, (delivery: DeliveryView) => boolean]>([
    ['state=deadLettered', ({ state }) => state === 'deadLettered'],
    ['state=skipped', ({ state }) => state === 'skipped'],
    ['handlerId=mail', ({ handlerId }) => handlerId === 'mail'],
    [`handlerId=page-${ACCOUNT}&state=skipped`, ({ state }) => state === 'skipped'],
    ['subscriptionId=ALPHA', ({ subscriptionId }) => subscriptionId === alpha()],
    [
      'subscriptionId=ALPHA&handlerId=mail',
      ({ subscriptionId, handlerId }) => subscriptionId === alpha() && handlerId === 'mail',
    ],
  ])('of deliveries: %s', async (filter, isMeant) => {
    await expectPicked('deliveries', filled(filter), isMeant);
  });

  it.each<[string, (alert: AlertView) => boolean]>([
    ['open=true', ({ open }) => open],
    ['open=false', ({ open }) => !open],
    ['kind=blocked', ({ kind }) => kind === 'blocked'],
    ['severity=critical', ({ severity }) => severity === 'critical'],
    ['severity=critical&open=true', ({ severity, open }) => severity === 'critical' && open],
  ])('of alerts: %s', async (filter, isMeant) => {
    await expectPicked('alerts', filter, isMeant);
  });

  it.each<[string, number, string]>([
    ['tenantId=tenant-a', 2, '26.710987654321'],
    ['customerId=ALPHAS', 2, '26.710987654321'],
    ['customerId=ALPHAS&tenantId=tenant-g', 0, '0'],
    [`tenantId=${ACCOUNT}`, 1, '10'],
    ['dimension=storage', 1, '3.25'],
    ['tenantId=tenant-a&dimension=storage', 1, '3.25'],
    ['tenantId=tenant-a&conserved=true', 2, '26.710987654321'],
    ['conserved=false', 0, '0'],
    ['tenantId=nobody', 0, '0'],
    ['dimension=nothing', 0, '0'],
  ])('of the balance: %s', async (filter, rows, recorded) => {
    const [customer] = await all<SubscriptionView>('subscriptions?tenantId=tenant-a');
    const page = await get<BalancePage>(`balance?${filter.replace('ALPHAS', customer!.customerId)}`);
    expect(page.items).toHaveLength(rows);
    expect(page.total).toMatchObject({ grains: rows, recorded, conserved: true });
  });

  /** Puts ids of the story into a filter. */
  function filled(filter: string): string {
    return filter
      .replace('RUNNING', `evt_${story.events.running}`)
      .replace('ALPHA', alpha())
      .replace('FOLDED', story.buyers.folded.subscriptionId);
  }
});

describe('paging', () => {
  /** Walks a list to its end, doing something between the pages. */
  async function walk<T>(
    path: string,
    limit: number,
    between: (page: number) => Promise<void> = async () => undefined,
  ): Promise<T[]> {
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

  it.each([
    ...[
      'records',
      'events?tenantId=tenant-a',
      'events?tenantId=tenant-a&dimension=requests',
      'waiting',
      'subscriptions',
    ],
    ...[
      'balance',
      'balance?conserved=true',
      'balance?tenantId=tenant-a',
      'messages',
      'deliveries?handlerId=mail',
      'alerts',
    ],
  ])('of %s gives the same one by one as at once', async (list) => {
    const atOnce = await all(list);
    expect(atOnce.length).toBeGreaterThan(1);
    expect(await walk(list, 1)).toEqual(atOnce);
  });

  it('of messages tells those of one millisecond and of odd ids apart', async () => {
    const atOnce = (await all<MessageView>('messages')).length;
    for (const microsecond of [0, 1, 2]) {
      for (const id of ['line\nbreak', '"quoted"', 'ümlaut']) {
        await story.world.database.query(
          `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body,
            state, error)
           VALUES ('123456789012', 'sqs', $1, 'sqs:lifecycle', $2, '{}', 'ignored', 'of no concern')`,
          [`${id} ${microsecond}`, `2026-11-11T09:00:00.00000${microsecond}Z`],
        );
      }
    }
    const walked = await walk<MessageView>('messages', 1);
    expect(walked).toHaveLength(atOnce + 9);
    expect(walked).toEqual(await all<MessageView>('messages'));
  });

  it('computes the total on the first page only', async () => {
    const first = await get<BalancePage>('balance?limit=1');
    expect(first.total).not.toBeNull();
    expect(await get<BalancePage>(`balance?limit=1&cursor=${first.nextCursor!}`)).toMatchObject({
      total: null,
      items: [{}],
    });
  });

  it('shows the latest attempts in lists and all by id', async () => {
    const [pending] = await recordsOf('state=pending');
    for (let attempt = 0; attempt < 20; attempt += 1) await story.world.settle(1);
    const { attempts } = await get<RecordDetailView>(`records/${pending!.id}`);
    expect(attempts.length).toBeGreaterThan(10);
    const [listed] = await recordsOf('state=pending');
    expect(listed!.attempts).toEqual(attempts.slice(-10));
  });

  it('gives each of 1,000 old events exactly once while others are recorded and sealed between the pages', async () => {
    const { world } = story;
    const buyer = await world.join('tenant-p');
    const old: string[] = [];
    for (let part = 0; part < 4; part += 1) {
      const usages = Array.from({ length: 250 }, (_, n) => ({
        ...{
          tenantId: 'tenant-p',
          productCode: PRODUCT_CODE,
          quantity: 1,
          occurredAt: new Date(world.now().getTime() - (n % 50) * 3_600_000),
        },
      }));
      old.push(...(await world.recordAll(usages)).map(({ eventId }) => eventId));
    }
    const found = await walk<UsageEventView>('events?tenantId=tenant-p', 97, async () => {
      await buyer.use(1);
      await world.run('seal');
    });
    const times = new Map<string, number>();
    for (const { id } of found) times.set(id, (times.get(id) ?? 0) + 1);
    expect(old.filter((id) => times.get(id) !== 1)).toEqual([]);
    expect([...times.values()].filter((count) => count !== 1)).toEqual([]);
  });

  it('gives each old record exactly once while hours are sealed between the pages', async () => {
    const { world } = story;
    const old = (await all<RecordView>('records')).map(({ id }) => id);
    expect(old.length).toBeGreaterThan(15);
    const found = await walk<RecordView>('records', 4, async () => {
      await story.buyers.alpha.use(1);
      world.clock.advance(3_600_000);
      await world.run('seal');
    });
    expect(found.map(({ id }) => id)).toEqual(old);
    expect((await all('records')).length).toBeGreaterThan(old.length);
  });

  it('and all of that leaves the ledger conserved', async () => {
    await story.world.expectConserved();
  });
});

// Last, because each leaves the ledger broken.
describe('the balance of a ledger that somebody tampered with', () => {
  const broken = async (): Promise<string[]> => {
    const page = await get<BalancePage>('balance?conserved=false');
    expect(page.total).toMatchObject({ conserved: page.items.length === 0, broken: page.items.length });
    expect((await get<BalancePage>('balance')).total).toMatchObject({
      conserved: page.items.length === 0,
      broken: page.items.length,
    });
    return page.items.map(({ customerId, dimension }) => `${customerId} ${dimension}`);
  };
  /** Does what the ledger's triggers refuse, as only a superuser can. */
  const corrupt = (statement: string): Promise<void> =>
    story.world.database.transaction(async (tx) => {
      await tx.query(`SET LOCAL session_replication_role = replica`);
      await tx.query(statement);
    });
  const RECORDS_OF = (tenantId: string): string =>
    `SELECT r.id FROM marketplace.metering_record r JOIN marketplace.customer c ON c.id = r.customer_id
     WHERE c.tenant_id = '${tenantId}' AND r.dimension = 'requests' AND r.kind = 'hour'
       AND r.disposition IS DISTINCT FROM 'annulled'`;
  const BALANCE_OF = (tenantId: string): string =>
    `(seller_account, period_id, dimension) IN (SELECT r.seller_account, r.period_id, r.dimension FROM marketplace.metering_record r
      WHERE r.id IN (${RECORDS_OF(tenantId)}))`;

  it.each([
    [
      'a changed balance',
      'tenant-a',
      `UPDATE marketplace.balance SET quantity = quantity - 1 WHERE ${BALANCE_OF('tenant-a')}`,
    ],
    [
      'a changed quantity',
      ACCOUNT,
      `UPDATE marketplace.metering_record SET quantity = quantity - 1, event_sum = event_sum - 1
        WHERE id IN (${RECORDS_OF(ACCOUNT)})`,
    ],
    [
      'usage taken out of a record',
      'tenant-r',
      `UPDATE marketplace.rollup SET record_id = NULL WHERE record_id IN (${RECORDS_OF('tenant-r')})`,
    ],
    ['a lost record', 'tenant-g', `DELETE FROM marketplace.metering_record WHERE id IN (${RECORDS_OF('tenant-g')})`],
    ['a lost balance', 'tenant-f', `DELETE FROM marketplace.balance WHERE ${BALANCE_OF('tenant-f')}`],
  ])('shows %s', async (_, tenantId, statement) => {
    const before = await broken();
    const [subscription] = await all<SubscriptionView>(`subscriptions?tenantId=${tenantId}`);
    await corrupt(statement);
    const grain = `${subscription!.customerId} requests`;
    expect((await broken()).sort()).toEqual([...before, grain].sort());
    expect(
      (await get<BalancePage>(`balance?customerId=${subscription!.customerId}&dimension=requests`)).items,
    ).toMatchObject([{ conserved: false }]);
  });
});
