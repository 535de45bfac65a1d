import { describe, expect, it, jest } from '@jest/globals';
import { LinkCorrection } from '../../src/index.js';
import { ledgerCommand } from '../../src/metering/settlement/ledger.command.js';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// A subscription that was linked to the wrong tenant, and the operator who puts it right: whatever the tenant has used
// under it keeps its place in the ledger, and nobody is billed twice.

jest.setTimeout(180_000);

const DECISION = { by: 'ada', reason: 'the buyer’s colleague signed up with a private account' };
const ADMIN_TOKEN = 'operators-only-0123456789abcdef';

async function act(world: World, path: string, body: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${await world.app.getUrl()}/marketplace/admin/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

describe('a link that was made for the wrong tenant', () => {
  it('is undone: what was billed stays, what was not waits, and the right tenant claims from the beginning', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z') }, async (world) => {
      const buyer = await world.join('stranger');
      await buyer.use(5);
      await world.pass(1.25);
      await world.expectUnits({ billed: { 'l-1': 5 } });
      // Sealed, and refused by AWS for a moment: on its way when the link is undone. The last is not sealed yet.
      await buyer.use(7);
      world.simulator.faults.add({ kind: 'throttle', operation: 'BatchMeterUsage' });
      await world.pass(1);
      await buyer.use(3);
      world.simulator.faults.clear();

      const undone = await world.app
        .get(LinkCorrection)
        .undo(buyer.subscriptionId, { tenantId: 'stranger', ...DECISION });
      expect(undone).toEqual({
        ...{ productCode: PRODUCT_CODE, tenantId: null },
        usage: [
          { dimension: 'requests', state: 'metered', records: 1, units: '5' },
          { dimension: 'requests', state: 'pending', records: 1, units: '7' },
        ],
        annulled: 1,
      });
      expect((await buyer.subscription()).tenantId).toBeNull();
      expect(await world.subscriptions.forTenant('stranger')).toEqual([]);
      await world.hear();
      expect(world.told('subscription.unlinked').map(({ payload }) => payload)).toEqual([
        {
          ...{ productCode: PRODUCT_CODE, tenantId: 'stranger', newTenantId: null },
          billed: [{ dimension: 'requests', units: '5' }],
        },
      ]);
      const [trail] = await world.database.query(
        `SELECT action, target, result, decided_by, reason FROM marketplace.operator_action`,
      );
      expect(trail).toEqual({
        ...{ action: 'subscription.unlinked', decided_by: DECISION.by, reason: DECISION.reason },
        target: { subscriptionId: buyer.subscriptionId, tenantId: 'stranger' },
        result: { tenantId: null, usage: undone.usage, annulled: 1 },
      });

      // The stranger's code is dead, for the stranger and for everybody.
      await expect(buyer.signUp('stranger')).rejects.toMatchObject({ code: 'CODE_USED' });
      // The buyer comes again, and signs up as who they are; what they used before is theirs to pay.
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.hear();
      await buyer.use(4);
      await world.pass(1.5);
      const where = await world.expectConserved();
      expect(where.billed).toEqual({ 'l-1': 9 });
      expect(where.waiting).toEqual({ noSubscription: 10 });
      // Held at last, with an alert; the right tenant's subscription never pays for it.
      await world.pass(30, 2);
      const later = await world.expectConserved();
      expect(later.billed).toEqual({ 'l-1': 9 });
      expect(JSON.stringify(later.records)).toMatch(/setApart.*noSubscription/);
      expect((await world.alerts()).map(({ message }) => message).sort()).toMatchObject([
        expect.stringMatching(/^3 of requests .* are held and not billed \(noSubscription\)/),
        expect.stringMatching(/^7 of requests .* are held and not billed \(noSubscription\)/),
      ]);
    });
  });

  it('goes back to the tenant who had it before: what that one used meanwhile is billed', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z') }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(1);
      await world.pass(1);
      await world.subscriptions.handOver(buyer.subscriptionId, { tenantId: 'typo', from: world.now() });
      await buyer.use(6);
      await world.record({ tenantId: 'typo', quantity: 2 });
      const { tenantId } = await world.app
        .get(LinkCorrection)
        .undo(buyer.subscriptionId, { tenantId: 'typo', ...DECISION });
      expect(tenantId).toBe('acme');
      expect((await buyer.subscription()).tenantId).toBe('acme');
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 7 }, waiting: { noSubscription: 2 } });
    });
  });

  it('leaves the tenant its own subscription, which pays for what both could have paid', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z') }, async (world) => {
      const own = await world.join('stranger');
      const buyer = await world.join('stranger');
      await own.use(5);
      await world.pass(1.25);
      await world.expectUnits({ waiting: { ambiguous: 5 } });
      await world.app.get(LinkCorrection).undo(buyer.subscriptionId, { tenantId: 'stranger', ...DECISION });
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });

  it('while an answer of AWS is lost: what AWS turns out to have billed stays with the agreement, once', async () => {
    await withWorld({ lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z') }, async (world) => {
      const buyer = await world.join('stranger');
      await buyer.use(5);
      world.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      await world.goTo('2026-11-11T11:11:00Z');
      await world.app.get(LinkCorrection).undo(buyer.subscriptionId, { tenantId: 'stranger', ...DECISION });
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });

  it('by the operators’ route and by the command, signed; a wrong name is refused and nothing happens', async () => {
    await withWorld(
      { lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z'), options: { adminToken: ADMIN_TOKEN } },
      async (world) => {
        const [first, second] = [await world.join('one'), await world.join('two')];
        const { subscriptionId } = first;
        const signed = { by: DECISION.by, note: DECISION.reason };
        expect(await act(world, 'subscriptions/unlink', { subscriptionId, tenantId: 'two', ...signed })).toMatchObject({
          status: 409,
          body: { errorCode: 'TRANSITION_REFUSED', message: expect.stringContaining('not linked to tenant "two"') },
        });
        expect(await act(world, 'subscriptions/unlink', { subscriptionId, tenantId: 'one', by: 'ada' })).toMatchObject({
          status: 400,
        });
        const missing = '00000000-0000-4000-8000-000000000000';
        expect(
          await act(world, 'subscriptions/unlink', { subscriptionId: missing, tenantId: 'one', ...signed }),
        ).toMatchObject({ status: 404 });
        expect(await act(world, 'subscriptions/unlink', { subscriptionId, tenantId: 'one', ...signed })).toEqual({
          status: 200,
          body: { productCode: PRODUCT_CODE, tenantId: null, usage: [], annulled: 0 },
        });

        const environment = { DATABASE_URL: world.postgres.url };
        const call = ['unlink', second.subscriptionId, '--tenant', 'two', '--by', 'ada'];
        expect(await ledgerCommand(call, environment)).toMatchObject({ exitCode: 2 });
        const done = await ledgerCommand([...call, '--because', 'a typo'], environment);
        expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"tenantId": null') });
        expect((await second.subscription()).tenantId).toBeNull();
        expect(await world.database.query(`SELECT reason FROM marketplace.operator_action ORDER BY id`)).toEqual([
          { reason: DECISION.reason },
          { reason: 'a typo' },
        ]);
        await world.expectConserved();
      },
    );
  });
});

describe('a claim, in the database', () => {
  it('may be undone once, and changed in no other way', async () => {
    await withWorld({}, async (world) => {
      await world.join('acme');
      const change = (set: string) => world.database.query(`UPDATE marketplace.claim SET ${set}`);
      await expect(change(`tenant_id = 'thief'`)).rejects.toThrow(/may be undone/);
      await expect(change(`tenant_id = 'thief', undone_at = now()`)).rejects.toThrow(/may be undone/);
      await change('undone_at = now()');
      await expect(change('undone_at = NULL')).rejects.toThrow(/may be undone/);
      await expect(change('undone_at = now()')).rejects.toThrow(/may be undone/);
    });
  });
});
