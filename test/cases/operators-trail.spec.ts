import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Alerts,
  type Decider,
  EventDeliveries,
  LicenseMigration,
  LifecycleMessages,
  LinkCorrection,
  MarketplaceErasure,
  OnMarketplaceEvent,
  RecordResolution,
  SubmissionHold,
} from '../../src/index.js';
import { type ActionView } from '../../src/admin/action.view.js';
import { AlertBoard } from '../../src/events/alert-board.js';
import { OPERATOR_ACTIONS, type OperatorAction } from '../../src/events/operator-action.sql.js';
import { startHost } from '../support/host.js';
import { replicaOptions } from '../support/replica-options.js';
import { LEGACY_CODE, PRODUCT_CODE, SECRET, World, type WorldOptions } from '../support/world.js';
import { recordIds } from './alert-stories/alert-story.js';
import { otherSystem } from './audit-world.js';

// Who decided what, when and why: every operator's action stands in the trail, and none is done without it.

jest.setTimeout(180_000);

const TOKEN = 'operators-only-0123456789abcdef';
const HOUR_MS = 3_600_000;
const SIGNED = { by: 'ada', reason: 'looked into' } as const;

interface Deed {
  /** Once more after it has failed. */
  act: () => Promise<unknown>;
  target: unknown;
  result: unknown;
}
interface Row {
  action: OperatorAction['action'];
  options?: WorldOptions;
  prepare: (world: World) => Promise<Deed>;
}

@Injectable()
class Broken {
  @OnMarketplaceEvent('subscription.activated', { id: 'broken' })
  fail(): void {
    throw new Error('out of order');
  }
}

const FAILING: WorldOptions = {
  parts: { providers: [Broken] },
  options: { handlers: { backoffBaseMs: 1, backoffCapMs: 1, deadLetterAfterAttempts: 1 } },
};

const UNLISTED: WorldOptions = { listed: ['requests'] };

/** A record of five units that AWS has refused: it does not know their dimension. */
async function blocked(world: World): Promise<string> {
  await (await world.join('acme')).use(5, { dimension: 'storage' });
  world.clock.advance(1.25 * HOUR_MS);
  await world.run('seal', 'submit');
  const [id] = await recordIds(world, `state = 'blocked'`);
  return id!;
}

/** What is decided about a blocked record. */
const ofBlocked = (
  action: OperatorAction['action'],
  decide: (resolution: RecordResolution, id: string) => Promise<unknown>,
  more: object = {},
): Row => ({
  action,
  options: UNLISTED,
  prepare: async (world) => {
    const recordId = await blocked(world);
    const act = () => decide(world.app.get(RecordResolution), recordId);
    return { act, target: { recordId }, result: { was: 'blocked', ...more } };
  },
});

const ofDelivery = (action: 'delivery.retried' | 'delivery.skipped'): Row => ({
  action,
  options: FAILING,
  prepare: async (world) => {
    await world.join('acme');
    await world.run('deliver');
    const deliveries = world.app.get(EventDeliveries);
    const [delivery] = await deliveries.list({ state: 'deadLettered' });
    const { id } = delivery!;
    return {
      act: () => (action === 'delivery.retried' ? deliveries.retry(id, SIGNED) : deliveries.skip(id, SIGNED)),
      target: { deliveryId: id, handlerId: 'broken' },
      result: { was: 'deadLettered' },
    };
  },
});

const ROWS: readonly Row[] = [
  {
    action: 'alert.acknowledged',
    prepare: async (world) => {
      const alert = { kind: 'usageHeld', subject: 'units' } as const;
      await world.app.get(AlertBoard).raise(world.database, { ...alert, severity: 'warning', message: 'held' });
      const act = () => world.app.get(Alerts).acknowledge(alert, { by: SIGNED.by, note: SIGNED.reason });
      return { act, target: alert, result: { open: true } };
    },
  },
  {
    action: 'buyer.erased',
    prepare: async (world) => {
      const buyer = await world.join('acme');
      buyer.cancel();
      await world.pass(4);
      const { subscriptionId } = buyer;
      return {
        act: () => world.app.get(MarketplaceErasure).erase({ tenantId: 'acme' }, SIGNED),
        target: { buyerIds: [expect.any(String)], subscriptionIds: [subscriptionId] },
        result: { names: 3, identities: 0, messages: expect.any(Number), registrations: 1, texts: 0 },
      };
    },
  },
  ofDelivery('delivery.retried'),
  ofDelivery('delivery.skipped'),
  {
    action: 'handler.retired',
    prepare: async (world) => {
      const place = { databaseUrl: world.postgres.url, awsEndpoint: world.simulator.url, clock: world.clock };
      const app = await startHost(replicaOptions(place, world.options), [], { parts: { providers: [Broken] } });
      await app.close();
      await world.database.query(
        `UPDATE marketplace.event_handler SET last_seen_at = last_seen_at - interval '2 hours' WHERE id = 'broken'`,
      );
      await world.join('acme');
      return {
        act: () => world.app.get(EventDeliveries).retire('broken', SIGNED),
        target: { handlerId: 'broken', types: ['subscription.activated'] },
        result: { skipped: 1 },
      };
    },
  },
  {
    action: 'message.retried',
    options: {
      ways: ['eventBridge'],
      options: { notifications: { eventBridgeSecrets: [SECRET], deadLetterAfterAttempts: 1 } },
    },
    prepare: async (world) => {
      const buyer = await world.join('acme');
      await world.database.query(
        `ALTER TABLE marketplace.fact ADD CONSTRAINT in_its_way CHECK (origin <> 'eventBridge') NOT VALID`,
      );
      buyer.cancel();
      await world.hear();
      const [message] = await world.database.query<{ origin: 'eventBridge'; messageId: string }>(
        `SELECT origin, message_id AS "messageId" FROM marketplace.inbox_message WHERE state = 'deadLettered'
         ORDER BY message_id`,
      );
      return {
        act: () => world.app.get(LifecycleMessages).retry(message!, SIGNED),
        target: message,
        result: { was: 'deadLettered', state: 'pending' },
      };
    },
  },
  ofBlocked('record.annulled', (resolution, id) => resolution.annul(id, SIGNED)),
  ofBlocked('record.held', (resolution, id) => resolution.hold(id, SIGNED)),
  ofBlocked('record.rebilled', (resolution, id) => resolution.rebill(id, SIGNED), { eventId: expect.any(String) }),
  ofBlocked('record.requeued', (resolution, id) => resolution.requeue(id, SIGNED)),
  ofBlocked('record.writtenOff', (resolution, id) => resolution.writeOff(id, SIGNED)),
  {
    action: 'record.settled',
    prepare: async (world) => {
      await (await world.join('acme')).use(5);
      const away = world.simulator.faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage' });
      world.clock.advance(1.25 * HOUR_MS);
      await world.work(2);
      away.remove();
      world.clock.advance(26 * HOUR_MS);
      await world.run('deadline');
      const [recordId] = await recordIds(world, `state = 'unknown'`);
      const finding = { absentWithFullCoverage: true } as const;
      const act = () => world.app.get(RecordResolution).settleUnknown(recordId!, finding, SIGNED);
      return { act, target: { recordId }, result: { was: 'unknown', ...finding } };
    },
  },
  {
    action: 'record.settled',
    prepare: async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(5);
      world.clock.advance(1.25 * HOUR_MS);
      await otherSystem(world, { ...buyer.agreement, hour: '2026-11-11T10:00:00Z', quantity: 4 });
      await world.work();
      const [recordId] = await recordIds(world, `reason = 'conflict'`);
      const act = () => world.app.get(RecordResolution).settleConflict(recordId!, { quantityOnFile: 4 }, SIGNED);
      return { act, target: { recordId }, result: { was: 'blocked', quantityOnFile: 4 } };
    },
  },
  {
    action: 'records.requeued',
    options: UNLISTED,
    prepare: async (world) => {
      const id = await blocked(world);
      const target = { reason: 'invalidDimension' };
      const act = () => world.app.get(RecordResolution).requeueAll(target, SIGNED);
      return { act, target, result: { records: 1, recordIds: [id] } };
    },
  },
  {
    action: 'submission.held',
    prepare: async (world) => {
      const act = () => world.app.get(SubmissionHold).hold(SIGNED.by, SIGNED.reason);
      return Promise.resolve({ act, target: {}, result: {} });
    },
  },
  {
    action: 'submission.released',
    prepare: async (world) => {
      const hold = world.app.get(SubmissionHold);
      await hold.hold('grace', 'the bill looks wrong');
      const target = { hold: { by: 'grace', reason: 'the bill looks wrong', at: expect.any(String) }, copyOf: null };
      return { act: () => hold.release(SIGNED.by, SIGNED.reason), target, result: {} };
    },
  },
  {
    action: 'subscription.licensed',
    options: { lists: [LEGACY_CODE] },
    prepare: async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      const cutOver = new Date('2026-11-11T14:00:00Z');
      return {
        act: () => world.app.get(LicenseMigration).move(LEGACY_CODE, { cutOver, ...SIGNED }),
        target: { subscriptionId: buyer.subscriptionId },
        result: { cutOver: cutOver.toISOString() },
      };
    },
  },
  {
    action: 'subscription.unlinked',
    prepare: async (world) => {
      const { subscriptionId } = await world.join('acme');
      const act = () => world.app.get(LinkCorrection).undo(subscriptionId, { tenantId: 'acme', ...SIGNED });
      return { act, target: { subscriptionId, tenantId: 'acme' }, result: { tenantId: null, usage: [], annulled: 0 } };
    },
  },
];

/** Everything in the ledger, table by table. */
async function contents({ database }: World): Promise<unknown> {
  const tables = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'marketplace'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  const each = tables.map(
    ({ name }) =>
      `SELECT '${name}' AS name, md5(string_agg(t::text, ',' ORDER BY t::text)) AS content FROM marketplace.${name} t`,
  );
  // Parallel workers append in whatever order.
  return database.query(`${each.join(' UNION ALL ')} ORDER BY name`);
}

async function actionsOf(world: World): Promise<ActionView[]> {
  const response = await fetch(`${await world.app.getUrl()}/marketplace/admin/actions`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  return ((await response.json()) as { items: ActionView[] }).items;
}

it('every action of an operator has its row here', () => {
  expect([...new Set(ROWS.map(({ action }) => action))].sort()).toEqual([...OPERATOR_ACTIONS].sort());
});

it('whatever asks who decides writes it into the trail', () => {
  const asking = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/(signed-decision|resolution-refusal)\.ts$/.test(name))
    .map((name) => ({ name, text: readFileSync(join('src', name), 'utf8') }))
    .filter(({ text }) => /\brequire(Signed|Decider)\(|requireText\('by'/.test(text));
  expect(asking.length).toBeGreaterThan(5);
  expect(asking.filter(({ text }) => !text.includes('insertAction(')).map(({ name }) => name)).toEqual([]);
});

describe('an operator’s action is read at /actions with who, when and why, and is not done without that', () => {
  it.each(ROWS.map((row, index): [string, Row] => [`${row.action} (${index})`, row]))('%s', async (_, row) => {
    const { options, ...rest } = row.options ?? {};
    await using world = await World.start({
      lists: [PRODUCT_CODE],
      ...rest,
      options: { adminToken: TOKEN, ...options },
    });
    const { act, target, result } = await row.prepare(world);
    const ofRow = async (): Promise<ActionView[]> =>
      (await actionsOf(world)).filter(({ action, by }) => action === row.action && by === 'ada');
    expect(await ofRow()).toEqual([]);

    await world.database.query(
      `ALTER TABLE marketplace.operator_action ADD CONSTRAINT trail_is_full CHECK (false) NOT VALID`,
    );
    const before = await contents(world);
    await expect(act()).rejects.toThrow(/operator_action/);
    expect(await contents(world)).toEqual(before);

    await world.database.query(`ALTER TABLE marketplace.operator_action DROP CONSTRAINT trail_is_full`);
    await act();
    expect(await ofRow()).toEqual([
      {
        ...{ number: expect.stringMatching(/^\d+$/), at: world.now().toISOString(), by: 'ada', action: row.action },
        ...{ target, reason: 'looked into', result },
      },
    ]);
    await world.expectBalanced();
  });

  it('a reason that is not asked for may be left out, and is null; one that says nothing is refused', async () => {
    await using world = await World.start({ ...UNLISTED, lists: [PRODUCT_CODE], options: { adminToken: TOKEN } });
    const id = await blocked(world);
    const resolution = world.app.get(RecordResolution);
    const odd: Decider[] = [{ by: '' }, { by: 'ada', reason: ' ' }, { by: 'ada', reason: 'a\0b' }];
    for (const decider of odd)
      await expect(resolution.requeue(id, decider)).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await resolution.requeue(id, { by: 'ada' });
    expect(await actionsOf(world)).toMatchObject([{ action: 'record.requeued', by: 'ada', reason: null }]);
    await world.expectConserved();
  });

  it('a start with startIn hold says where it was started', async () => {
    await using world = await World.start({ lists: [PRODUCT_CODE], options: { adminToken: TOKEN } });
    await world.addReplica({ startIn: 'hold' });
    expect(await actionsOf(world)).toMatchObject([
      {
        action: 'submission.held',
        by: expect.stringMatching(/^start on /),
        reason: expect.stringContaining('startIn'),
      },
    ]);
    await world.expectConserved();
  });
});
