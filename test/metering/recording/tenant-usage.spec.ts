import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type MarketplaceMeteringError,
  UsageNotRecordedError,
} from '../../../src/errors/marketplace-metering-error.js';
import { type RecordOptions, type RecordResult, type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import { type UsageRecorder } from '../../../src/metering/recording/usage-recorder.js';
import { type MeteredBuyer, PRODUCTS, RecordingLedger } from './recording-ledger.js';

// Usage by tenant: the scope of the key is the tenant alone, whatever product, payer or subscription it comes to.

let ledger: RecordingLedger;
let recorder: UsageRecorder;
let tenant: MeteredBuyer;
let tenantId: string;
let tenants = 0;

beforeAll(async () => {
  ledger = await RecordingLedger.open();
  recorder = await ledger.recorder();
});

beforeEach(async () => {
  tenants += 1;
  tenantId = `tenant ${tenants}`;
  tenant = await ledger.tenant(tenantId);
});

afterEach(async () => {
  const { answered, held, queued } = await ledger.conservation();
  expect(held).toEqual(answered);
  expect(queued).toEqual(answered);
});

afterAll(async () => {
  await ledger.close();
});

async function record(event: UsageEvent, o: RecordOptions = {}, by = recorder): Promise<RecordResult> {
  const result = await by.record(event, o);
  if (result.outcome === 'recorded' && !o.manager) ledger.noteRecorded(event);
  return result;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as MarketplaceMeteringError).code,
  );

const K = { idempotencyKey: 'K', quantity: 10 };

// T1, the part of recording. Siblings: M2, every retry across a return, a renewal, a hand-over.
describe('T1: a retry under its key', () => {
  it('after the tenant’s subscription ended and a new one was claimed is a duplicate', async () => {
    const first = await record(tenant.event(K));
    await ledger.query(`UPDATE marketplace.subscription SET state = 'ended' WHERE id = $1`, [tenant.id]);
    await ledger.claim(tenantId, await ledger.buyer());
    expect(await record(tenant.event(K))).toEqual({ ...first, outcome: 'duplicate' });
    expect(await record(tenant.event(K), {}, await ledger.recorder())).toEqual({ ...first, outcome: 'duplicate' });
    expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 1, quantity: '10' });
  });

  it('on two replicas at once, while the return is being claimed, counts once', async () => {
    const other = await ledger.recorder();
    const back = await ledger.buyer();
    const answers = await Promise.all([
      record(tenant.event(K)),
      ledger.claim(tenantId, back),
      record(tenant.event(K), {}, other),
      record(tenant.event({ ...K, subscriptionId: tenant.id }), {}, other),
      record(tenant.event(K)),
    ]);
    const outcomes = answers.filter((answer) => answer !== undefined).map(({ outcome }) => outcome);
    expect(outcomes.sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'recorded']);
    expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 1, quantity: '10' });
  });

  it('that names the payer only now is a duplicate: it changes nothing, and the answer says which was named', async () => {
    const second = await ledger.buyer();
    await ledger.claim(tenantId, second);
    expect(await record(tenant.event(K))).toMatchObject({ outcome: 'recorded', subscriptionId: null });
    expect(await record(tenant.event({ ...K, subscriptionId: second.id }))).toMatchObject({
      outcome: 'duplicate',
      subscriptionId: null,
    });
    const paid = { ...K, idempotencyKey: 'paid' };
    expect(await record(tenant.event({ ...paid, subscriptionId: second.id }))).toMatchObject({
      outcome: 'recorded',
      subscriptionId: second.id,
    });
    for (const retry of [tenant.event(paid), tenant.event({ ...paid, subscriptionId: tenant.id })]) {
      expect(await record(retry)).toMatchObject({ outcome: 'duplicate', subscriptionId: second.id });
      expect(await recorder.record([retry])).toMatchObject([{ outcome: 'duplicate', subscriptionId: second.id }]);
    }
    expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 2, quantity: '20' });
  });

  it('that names another product is a duplicate, where two listings declare the dimension', async () => {
    await ledger.claim(tenantId, await ledger.buyer('gadgets'), 'gadgets');
    const storage = { ...K, dimension: 'storage' };
    expect(await record(tenant.event({ ...storage, productCode: 'widgets' }))).toMatchObject({ outcome: 'recorded' });
    expect(await record(tenant.event({ ...storage, productCode: 'gadgets' }))).toMatchObject({ outcome: 'duplicate' });
    expect(await codeOf(recorder.record(tenant.event({ ...storage, quantity: 9, productCode: 'gadgets' })))).toBe(
      'IDEMPOTENCY_CONFLICT',
    );
    expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 1, quantity: '10' });
  });

  it('is told by the dimension’s name: another one is a conflict', async () => {
    await record(tenant.event(K));
    expect(await codeOf(recorder.record(tenant.event({ ...K, dimension: 'storage', productCode: 'widgets' })))).toBe(
      'IDEMPOTENCY_CONFLICT',
    );
  });

  it('under the subscription’s own id is another scope', async () => {
    await record(tenant.event(K));
    const byId = { ...K, dimension: 'requests', subscriptionId: tenant.id };
    expect(await record(byId)).toMatchObject({ outcome: 'recorded', subscriptionId: tenant.id });
    expect(await record({ ...byId, productCode: 'widgets' })).toMatchObject({ outcome: 'duplicate' });
  });
});

// T16. Siblings: every answer lost by a queue, a proxy or a restart.
describe('T16: keys that were handed out', () => {
  it('are the event itself: repeated, it is found', async () => {
    const { idempotencyKey, eventId } = await record(tenant.event({ quantity: 3 }));
    expect(await record(tenant.event({ quantity: 3, idempotencyKey }))).toMatchObject({
      eventId,
      idempotencyKey,
      outcome: 'duplicate',
    });
    expect(await recorder.record([tenant.event({ quantity: 3, idempotencyKey })])).toMatchObject([
      { eventId, outcome: 'duplicate' },
    ]);
    expect(await codeOf(recorder.record(tenant.event({ quantity: 4, idempotencyKey })))).toBe('IDEMPOTENCY_CONFLICT');
  });

  it('by an error make the repetition safe, whether the first was written or not', async () => {
    const impatient = await ledger.recorder({ timeoutMs: 200 });
    const host = await ledger.hostTransaction();
    await host.manager.query('LOCK TABLE marketplace.usage_event IN ACCESS EXCLUSIVE MODE');
    const error = await impatient.record(tenant.event()).catch((reason: unknown) => reason as UsageNotRecordedError);
    await host.rollback();
    expect(error).toBeInstanceOf(UsageNotRecordedError);
    const [idempotencyKey = ''] = (error as UsageNotRecordedError).idempotencyKeys;
    expect(idempotencyKey).toMatch(/^evt_/);
    const results = [await record(tenant.event({ idempotencyKey })), await record(tenant.event({ idempotencyKey }))];
    expect(results.filter(({ outcome }) => outcome === 'recorded').length).toBeLessThanOrEqual(1);
    if (results[0]!.outcome === 'duplicate') ledger.noteRecorded(tenant.event());
    expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 1, quantity: '1' });
  });

  it('of one tenant are refused for another', async () => {
    const other = await ledger.tenant(`${tenantId} b`);
    const { idempotencyKey } = await record(tenant.event());
    await expect(recorder.record(other.event({ idempotencyKey }))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      message: expect.stringContaining('tenantId'),
    });
    expect(await ledger.sumOfTenant(`${tenantId} b`)).toEqual({ events: 0, quantity: '0' });
  });

  it('are told from a host’s own UUIDs: those of two tenants do not meet', async () => {
    const other = await ledger.tenant(`${tenantId} b`);
    for (const idempotencyKey of ['0190a0a0-0000-7000-8000-0000000000ab', 'evt_1NG8Du2eZvKYlo2CUI79vXWy']) {
      expect(await record(tenant.event({ idempotencyKey, quantity: 1 }))).toMatchObject({ outcome: 'recorded' });
      expect(await record(other.event({ idempotencyKey, quantity: 2 }))).toMatchObject({ outcome: 'recorded' });
    }
  });
});

describe('a name that nobody has', () => {
  it.each<[string, Partial<UsageEvent>, string]>([
    ['a tenant who has claimed nothing', { tenantId: 'nobody' }, 'TENANT_UNKNOWN'],
    [
      'a tenant at a product where it has claimed nothing',
      { productCode: 'gadgets', dimension: 'storage' },
      'TENANT_UNKNOWN',
    ],
    ['a payer of somebody else', { subscriptionId: '0190a0a0-0000-7000-8000-00000000dead' }, 'SUBSCRIPTION_UNKNOWN'],
    ['a product that is not listed', { productCode: 'sprockets' }, 'PRODUCT_UNKNOWN'],
    ['a dimension of two products', { dimension: 'storage' }, 'PRODUCT_AMBIGUOUS'],
    ['a dimension of another product', { productCode: 'widgets', dimension: 'seats' }, 'DIMENSION_UNDECLARED'],
    ['a dimension of no product', { dimension: 'cpu' }, 'DIMENSION_UNDECLARED'],
  ])('is refused: %s', async (_, over, code) => {
    expect(await codeOf(recorder.record(tenant.event(over)))).toBe(code);
    expect(await codeOf(recorder.record([tenant.event(), tenant.event(over)]))).toBe(code);
  });

  it('is ignored where the host says so, and nothing is written for it; mistakes are refused all the same', async () => {
    const ignore = { ifUnknown: 'ignore' } as const;
    expect(
      await record({ tenantId: 'nobody', dimension: 'requests', quantity: 1, idempotencyKey: 'k' }, ignore),
    ).toEqual({
      eventId: expect.any(String),
      idempotencyKey: 'k',
      outcome: 'ignored',
      subscriptionId: null,
    });
    const results = await recorder.record(
      [
        tenant.event(),
        tenant.event({ tenantId: 'nobody' }),
        tenant.event({ subscriptionId: 'none of ours' }),
        tenant.event(),
      ],
      ignore,
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(['recorded', 'ignored', 'ignored', 'recorded']);
    ledger.noteRecorded(tenant.event(), tenant.event());
    expect(await recorder.record([tenant.event({ tenantId: 'nobody' })], ignore)).toMatchObject([
      { outcome: 'ignored' },
    ]);
    expect(await codeOf(recorder.record(tenant.event({ dimension: 'cpu', tenantId: 'nobody' }), ignore))).toBe(
      'DIMENSION_UNDECLARED',
    );
    expect(await ledger.sumOfTenant('nobody')).toEqual({ events: 0, quantity: '0' });
  });

  it('is asked for again, and known as soon as it is claimed', async () => {
    expect(await codeOf(recorder.record(tenant.event({ tenantId: `${tenantId} later` })))).toBe('TENANT_UNKNOWN');
    const later = await ledger.tenant(`${tenantId} later`);
    expect(await record(later.event())).toMatchObject({ outcome: 'recorded' });
  });
});

describe('H24 a host whose tenants are only partly AWS customers, with recording.unknownTenants: ignore', () => {
  const unknown = (over: Partial<UsageEvent> = {}): UsageEvent => ({
    tenantId: 'billed elsewhere',
    dimension: 'requests',
    quantity: 1,
    ...over,
  });

  it('records for all of them: who is no customer is ignored without a look-up per call, and mistakes are refused', async () => {
    const sent: string[] = [];
    const ignoring = await ledger.recorder({ unknownTenants: 'ignore' }, (dataSource) => {
      const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
      dataSource.createQueryRunner = (mode) => {
        const runner = createQueryRunner(mode);
        const query = runner.query.bind(runner) as (...given: unknown[]) => Promise<never>;
        Object.assign(runner, { query: (...given: unknown[]) => (sent.push(String(given[0])), query(...given)) });
        return runner;
      };
    });
    const outcomes = new Set<string>();
    for (let call = 0; call < 500; call += 1) outcomes.add((await ignoring.record(unknown())).outcome);
    expect([...outcomes]).toEqual(['ignored']);
    // A second at the most is one answer good for; five hundred calls in a row take less than a hundred.
    expect(sent.filter((sql) => sql.includes('marketplace.subject')).length).toBeLessThan(100);
    expect(await record(tenant.event(), {}, ignoring)).toMatchObject({ outcome: 'recorded' });
    const results = await ignoring.record([unknown(), tenant.event(), unknown({ idempotencyKey: 'k' })]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['ignored', 'recorded', 'ignored']);
    ledger.noteRecorded(tenant.event());
    // A tenant who is a customer, and a payer who is not his: that is a mistake.
    expect(
      await codeOf(ignoring.record(tenant.event({ subscriptionId: tenant.id.replace(/.$/, 'f').replace(/^./, 'f') }))),
    ).toBe('SUBSCRIPTION_UNKNOWN');
    expect(await codeOf(ignoring.record(unknown(), { ifUnknown: 'refuse' }))).toBe('TENANT_UNKNOWN');
    expect(await codeOf(ignoring.record(unknown({ dimension: 'cpu' })))).toBe('DIMENSION_UNDECLARED');
  });

  it('refuses by default, naming the tenant and the option', async () => {
    await expect(recorder.record(unknown())).rejects.toMatchObject({
      code: 'TENANT_UNKNOWN',
      message: expect.stringMatching(/"billed elsewhere".*recording\.unknownTenants: 'ignore'/),
    });
  });
});

describe('H22 usage of a product that was taken off the list', () => {
  it('is refused by its name, with the way to keep it', async () => {
    const left = await ledger.tenant(`${tenantId} left`, 'gadgets');
    const without = await ledger.recorderFor({
      products: PRODUCTS.filter(({ productCode }) => productCode !== 'gadgets'),
    });
    const seats = { dimension: 'seats', quantity: 1 };
    for (const event of [
      { ...seats, subscriptionId: left.id },
      { ...seats, tenantId: `${tenantId} left`, productCode: 'gadgets' },
    ]) {
      await expect(without.record(event)).rejects.toMatchObject({
        code: 'PRODUCT_UNKNOWN',
        message: expect.stringMatching(
          /product "gadgets" is not listed \(any more\).*MARKETPLACE_PRODUCTS.*mode "off"/,
        ),
      });
    }
    // The way that the message names.
    const off = await ledger.recorderFor({
      products: PRODUCTS.map((product) => (product.productCode === 'gadgets' ? { ...product, mode: 'off' } : product)),
    });
    expect(await record({ ...seats, subscriptionId: left.id }, {}, off)).toMatchObject({ outcome: 'recorded' });
  });
});

// T24, the part of recording. Siblings: a claim of ours that fails after its subject was made.
describe('T24: sign-up and first usage in one transaction of the host', () => {
  const signUp = `new tenant`;

  it('rolled back: what only it knew is not remembered, and usage of that tenant is refused until it is there', async () => {
    const buyer = await ledger.buyer();
    const dead = await ledger.hostTransaction();
    await ledger.claim(signUp, buyer, 'widgets', dead.manager);
    const event = { tenantId: signUp, dimension: 'requests', quantity: 1 };
    expect(await recorder.record(event, { manager: dead.manager })).toMatchObject({ outcome: 'recorded' });
    expect(await recorder.record([event, event], { manager: dead.manager })).toHaveLength(2);
    // Another connection cannot know it yet.
    expect(await codeOf(recorder.record(event))).toBe('TENANT_UNKNOWN');
    await dead.rollback();
    expect(await codeOf(recorder.record(event))).toBe('TENANT_UNKNOWN');
    const host = await ledger.hostTransaction();
    expect(await codeOf(recorder.record(event, { manager: host.manager }))).toBe('TENANT_UNKNOWN');
    await host.rollback();

    const living = await ledger.hostTransaction();
    await ledger.claim(signUp, buyer, 'widgets', living.manager);
    await recorder.record(event, { manager: living.manager });
    await living.commit();
    ledger.noteRecorded(event);
    expect(await record(event)).toMatchObject({ outcome: 'recorded' });
    expect(await ledger.sumOfTenant(signUp)).toEqual({ events: 2, quantity: '2' });
    const [orphans] = await ledger.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM marketplace.usage_event e LEFT JOIN marketplace.subject s
        ON s.id = e.subject WHERE s.id IS NULL`,
    );
    expect(orphans).toEqual({ count: 0 });
  });
});

// T26. Siblings: conflicts anywhere in an array, in any isolation; arrays without a transaction (usage-recorder.spec).
describe('T26: a keyed array of 1,000 in the host’s transaction, one of which conflicts', () => {
  it.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)(
    'at %s: the host catches and commits, and none of the 1,000 is written',
    async (isolation) => {
      await record(tenant.event({ idempotencyKey: 'n500', quantity: 1 }));
      const host = await ledger.hostTransaction(isolation);
      const events = Array.from({ length: 1000 }, (_, n) => tenant.event({ idempotencyKey: `n${n}`, quantity: 2 }));
      await expect(recorder.record(events, { manager: host.manager })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        indexes: [500],
      });
      await recorder.record(tenant.event({ idempotencyKey: 'after' }), { manager: host.manager });
      await host.commit();
      ledger.noteRecorded(tenant.event());
      expect(await ledger.sumOfTenant(tenantId)).toEqual({ events: 2, quantity: '2' });
    },
  );
});
