import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource, type EntityManager } from 'typeorm';
import { LEGACY_CODE, PRODUCT_CODE, World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// T1, T9, T16, T24, T25, T26: keys that come again, and transactions of the host that stay open, roll back, or catch.
// Siblings: between an end and a return, with two subscriptions running by then, by another product code, with the
// payer named on the retry only, on two replicas at once; alone and in arrays.

jest.setTimeout(120_000);

/** The host's own connection to the database that holds the ledger. */
async function withHost<T>(world: World, play: (source: DataSource) => Promise<T>): Promise<T> {
  const source = await new DataSource({ type: 'postgres', url: world.postgres.url, poolSize: 4 }).initialize();
  try {
    return await play(source);
  } finally {
    await source.destroy();
  }
}

class RolledBack extends Error {}

async function rolledBack(source: DataSource, play: (manager: EntityManager) => Promise<void>): Promise<void> {
  await expect(
    source.transaction(async (manager) => {
      await play(manager);
      throw new RolledBack('the host changes its mind');
    }),
  ).rejects.toBeInstanceOf(RolledBack);
}

describe('T1 a key that comes again when its tenant has left and returned', () => {
  const KEY = 'order-4711';
  async function leave(world: World): Promise<Awaited<ReturnType<World['join']>>> {
    const buyer = await world.join('acme');
    await world.goTo('2026-11-11T11:59:58Z');
    await buyer.use(10, { idempotencyKey: KEY });
    await world.goTo('2026-11-11T12:00:00Z');
    buyer.cancel();
    await world.goTo('2026-11-11T12:03:00Z');
    buyer.return();
    return buyer;
  }

  it.each([
    ['after the return was heard', true],
    ['while its messages come', false],
  ])('is a duplicate: 10 billed, not 20 (%s)', async (_, isHeard) => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await leave(world);
      if (isHeard) await buyer.comeBack();
      await world.goTo('2026-11-11T12:05:00Z');
      expect(await buyer.use(10, { idempotencyKey: KEY, occurredAt: at('2026-11-11T11:59:58Z') })).toMatchObject({
        outcome: 'duplicate',
      });
      if (!isHeard) await buyer.comeBack();
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 10 } });
    });
  });

  it('is a duplicate where the host names the payer only on the retry, where two run by then, on two replicas at once', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await leave(world);
      await buyer.comeBack();
      const other = await world.join('acme', { accountId: buyer.accountId });
      await world.goTo('2026-11-11T12:05:00Z');
      const replica = await world.addReplica();
      const again = { tenantId: 'acme', quantity: 10, idempotencyKey: KEY, occurredAt: at('2026-11-11T11:59:58Z') };
      const results = await Promise.all([
        world.record({ ...again, subscriptionId: other.subscriptionId }),
        world.record(again, {}, replica),
        world.record({ ...again, subscriptionId: buyer.subscriptionId }, {}, replica),
      ]);
      expect(results.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate', 'duplicate']);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 10 } });
    });
  });

  it('is a duplicate where two listings declare the dimension and the product code changes between the calls', async () => {
    await withWorld({}, async (world) => {
      await world.join('acme');
      await world.join('acme', { productCode: LEGACY_CODE });
      const use = { tenantId: 'acme', quantity: 10, idempotencyKey: KEY };
      expect(await world.record({ ...use, productCode: PRODUCT_CODE })).toMatchObject({ outcome: 'recorded' });
      expect(await world.record({ ...use, productCode: LEGACY_CODE })).toMatchObject({ outcome: 'duplicate' });
      await expect(world.record({ tenantId: 'acme', quantity: 1 })).rejects.toMatchObject({
        message: expect.stringMatching(/productCode/),
      });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 10 } });
    });
  });

  it('is recorded once by two replicas that try at the same moment', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      await world.join('acme');
      const replica = await world.addReplica();
      const use = { tenantId: 'acme', quantity: 10, idempotencyKey: KEY, occurredAt: at('2026-11-11T09:59:00Z') };
      const results = await Promise.all([world.record(use), world.record(use, {}, replica), world.record(use)]);
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(['duplicate', 'duplicate', 'recorded']);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 10 } });
    });
  });
});

describe('T9 a subscription that is folded while a host transaction holds usage under it', () => {
  it('has the late commit billed too; its keys under the other id bill nothing; other content is held', async () => {
    await withWorld({}, async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      expect(ids).toHaveLength(2);
      const [one, two] = ids as [string, string];
      await world.record({ subscriptionId: two, quantity: 4, idempotencyKey: 'k-billed' });
      await world.pass(1.5);
      await withHost(world, async (source) => {
        const runner = source.createQueryRunner();
        await runner.connect();
        await runner.startTransaction('REPEATABLE READ');
        await world.record({ subscriptionId: two, quantity: 5, idempotencyKey: 'k-open' }, { manager: runner.manager });
        await buyer.arrive();
        await world.pass(1);
        expect((await world.subscriptions.get(two))?.id).toBe((await world.subscriptions.get(one))?.id);
        await world.record({
          subscriptionId: one,
          quantity: 4,
          idempotencyKey: 'k-billed',
          occurredAt: at('2026-11-11T10:00:00Z'),
        });
        await world.record({ subscriptionId: one, quantity: 9, idempotencyKey: 'k-open' });
        await runner.commitTransaction();
        await runner.release();
      });
      await world.pass(3);
      const { billed = {}, records = {}, ...elsewhere } = await world.expectConserved();
      // One of the two under k-open is billed, the other is held; which of them, their ids decide.
      const sum = Object.values(billed).reduce((total, units) => total + units, 0);
      expect([4 + 5, 4 + 9]).toContain(sum);
      expect(
        Object.entries(records).map(([name, units]) => [/duplicateKey|keyConflict/.exec(name)?.[0], units]),
      ).toEqual(
        expect.arrayContaining([
          ['duplicateKey', 4],
          ['keyConflict', 14 - (sum - 4)],
        ]),
      );
      expect(elsewhere).toEqual({});
    });
  });
});

describe('with a host', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start({ lists: [PRODUCT_CODE] });
  });
  afterAll(() => world.stop());

  it('T16 an event without a key is recorded once, though its answer was lost: the key that was handed out is the event', async () => {
    await world.join('lost-answers');
    const use = { tenantId: 'lost-answers', quantity: 2 };
    const { idempotencyKey, eventId } = await world.record(use);
    expect(idempotencyKey).toMatch(/^evt_/);
    expect(await world.record({ ...use, idempotencyKey })).toMatchObject({ outcome: 'duplicate', eventId });
    const given = AbortSignal.abort();
    const error = await world.record(use, { signal: given }).catch((reason: unknown) => reason);
    const [handedOut] = (error as { idempotencyKeys: string[] }).idempotencyKeys;
    expect(await world.record({ ...use, idempotencyKey: handedOut! })).toMatchObject({ outcome: 'recorded' });
    expect(await world.record({ ...use, idempotencyKey: handedOut! })).toMatchObject({ outcome: 'duplicate' });
  });

  it('T16 two tenants that use one bare UUID as their key do not meet', async () => {
    await world.join('one');
    await world.join('other');
    const idempotencyKey = randomUUID();
    expect(await world.record({ tenantId: 'one', quantity: 1, idempotencyKey })).toMatchObject({ outcome: 'recorded' });
    expect(await world.record({ tenantId: 'other', quantity: 1, idempotencyKey })).toMatchObject({
      outcome: 'recorded',
    });
  });

  it('T24 a sign-up with its first usage that is rolled back leaves nothing; the next is whole', async () => {
    const buyer = world.sign();
    await buyer.arrive();
    await world.hear();
    const { registrationCode: code, browser } = buyer;
    const play = async (manager: EntityManager): Promise<void> => {
      await world.registrations.claim(code, { tenantId: 'fickle', manager, browser });
      await world.record({ tenantId: 'fickle', quantity: 7 }, { manager });
    };
    await withHost(world, async (source) => {
      await rolledBack(source, play);
      world.count(-7);
      await expect(world.record({ tenantId: 'fickle', quantity: 3 })).rejects.toMatchObject({
        code: expect.stringMatching(/UNKNOWN/),
      });
      await source.transaction(play);
      expect(await world.record({ tenantId: 'fickle', quantity: 3 })).toMatchObject({ outcome: 'recorded' });
    });
  });

  it('T25 a claim that stays open for ten minutes keeps nobody waiting; after its commit the usage is billed', async () => {
    const buyer = world.sign();
    await buyer.arrive();
    await withHost(world, async (source) => {
      const runner = source.createQueryRunner();
      await runner.connect();
      await runner.startTransaction();
      const { registrationCode, browser } = buyer;
      await world.registrations.claim(registrationCode, { tenantId: 'slow', manager: runner.manager, browser });
      const began = performance.now();
      world.simulator.setEntitlements(buyer.agreement, []);
      await world.record({ subscriptionId: buyer.subscriptionId, quantity: 2 });
      await world.pass(1.5);
      expect(performance.now() - began).toBeLessThan(20_000);
      await runner.commitTransaction();
      await runner.release();
    });
    await world.record({ tenantId: 'slow', quantity: 5 });
    await world.pass(2);
    const mine = world.simulator.bill({ agreementId: buyer.agreement.agreementId });
    expect(mine.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(7);
  });

  it('T26 an array of 1,000 with one conflict, caught in the host’s transaction, writes none of them', async () => {
    await world.join('bulk');
    await world.record({ tenantId: 'bulk', quantity: 1, idempotencyKey: 'k-500' });
    const usages = Array.from({ length: 1000 }, (_, index) => ({
      tenantId: 'bulk',
      quantity: 2,
      idempotencyKey: `k-${index}`,
    }));
    await withHost(world, async (source) => {
      await source.transaction(async (manager) => {
        await manager.query(`CREATE TABLE IF NOT EXISTS host_note (text text)`);
        await expect(world.recordAll(usages, { manager })).rejects.toMatchObject({
          code: 'IDEMPOTENCY_CONFLICT',
          indexes: [500],
        });
        await manager.query(`INSERT INTO host_note VALUES ('the transaction is usable')`);
      });
      expect(await source.query(`SELECT text FROM host_note`)).toEqual([{ text: 'the transaction is usable' }]);
    });
    const [row] = await world.database.query<{ number: number }>(
      `SELECT count(*)::int AS number FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject
        WHERE s.tenant_id = 'bulk'`,
    );
    expect(row?.number).toBe(1);
  });

  it('all of it is billed once, and conserved', async () => {
    await world.pass(2);
    const { billed = {}, ...elsewhere } = await world.expectConserved();
    expect(elsewhere).toEqual({});
    expect(Object.values(billed).reduce((sum, units) => sum + units, 0)).toBe(world.recorded);
  });
});

describe.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)(
  'G3 a host transaction at %s that claims and records and stays open',
  (level) => {
    it('holds up neither sealing, submission, the inbox, events nor claims; committed, its usage is billed once', async () => {
      await withWorld({ lists: [PRODUCT_CODE], ways: ['eventBridge'] }, async (world) => {
        const [other, slow] = [await world.join('other'), world.sign()];
        await slow.arrive();
        await world.hear();
        await world.pass(0.1, 0.1);
        await withHost(world, async (source) => {
          const runner = source.createQueryRunner();
          await runner.connect();
          await runner.startTransaction(level);
          try {
            const { manager } = runner;
            await world.registrations.claim(slow.registrationCode, {
              tenantId: 'slow',
              manager,
              browser: slow.browser,
            });
            // Of the tenant that the same transaction has made, and of one who has been there.
            await world.metering.record({ tenantId: 'slow', dimension: 'requests', quantity: 2 }, { manager });
            await world.metering.record({ tenantId: 'other', dimension: 'requests', quantity: 1 }, { manager });

            // Whoever waited for the transaction would wait for ever: it ends after all of this.
            await other.use(5);
            await world.record({ subscriptionId: slow.subscriptionId, quantity: 4 });
            const newcomer = await world.join('newcomer');
            await newcomer.use(3);
            await world.pass(0.1, 0.1);
            other.cancel();
            await slow.arrive();
            await world.pass(2);
            const billOf = ({ agreement: { agreementId } }: typeof other): number =>
              world.simulator.bill({ agreementId }).reduce((sum, { quantity }) => sum + quantity, 0);
            expect([billOf(other), billOf(newcomer), billOf(slow)]).toEqual([5, 3, 4]);
            const [ended] = await world.database.query<{ state: string }>(
              `SELECT state FROM marketplace.subscription WHERE id = $1`,
              [other.subscriptionId],
            );
            expect(ended?.state).toMatch(/ending|ended/);
            expect(world.told('subscription.claimed', newcomer.subscriptionId)).toHaveLength(1);
            expect(world.told('subscription.claimed', slow.subscriptionId)).toEqual([]);
            const open = `SELECT FROM marketplace.inbox_message WHERE state IN ('pending', 'waiting')`;
            expect(await world.database.query(open)).toEqual([]);
            await runner.commitTransaction();
          } finally {
            if (runner.isTransactionActive) await runner.rollbackTransaction();
            await runner.release();
          }
        });
        world.count(2 + 1);
        await world.pass(2);
        expect(world.told('subscription.claimed', slow.subscriptionId)).toHaveLength(1);
        const mine = world.simulator.bill({ agreementId: slow.agreement.agreementId });
        expect(mine.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(4 + 2);
        await world.expectConserved();
      });
    });
  },
);
