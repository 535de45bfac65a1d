import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { CreateLarkspur1795400000000 } from '../../examples/saas/larkspur/larkspur.migration.js';
import { AddWorkspaces1795486400000 } from '../../examples/saas/larkspur/larkspur-workspaces.migration.js';
import { WorkspaceService, type WorkspaceStanding } from '../../examples/saas/larkspur/workspace.service.js';
import { type StoredPayload } from '../../src/events/marketplace-event.js';
import { type MarketplaceEventType } from '../../src/index.js';
import { START } from '../support/ledger-harness.js';
import { type TestDatabase } from '../support/postgres.js';
import { EventHost } from '../events/event-host.js';

let postgres: TestDatabase;
let larkspur: DataSource;
let host: EventHost;

beforeAll(async () => {
  postgres = await EventHost.database();
  const migrations = [CreateLarkspur1795400000000, AddWorkspaces1795486400000];
  larkspur = await new DataSource({
    type: 'postgres',
    url: postgres.url,
    migrations,
    migrationsRun: true,
  }).initialize();
  host = await EventHost.start(postgres, {
    providers: [{ provide: WorkspaceService, useFactory: () => new WorkspaceService(larkspur) }],
  });
});
afterAll(async () => {
  await host.app.close();
  await larkspur.destroy();
  await postgres.drop();
});

it('a workspace follows what AWS says of its subscription, each event twice as once', async () => {
  const id = randomUUID();
  const workspaces = host.app.get(WorkspaceService);
  const hear = async <T extends MarketplaceEventType>(
    type: T,
    payload: StoredPayload<T>,
  ): Promise<WorkspaceStanding> => {
    await host.append(host.database, type, id, payload);
    await host.settle();
    await host.database.query(
      `UPDATE marketplace.event_delivery SET state = 'pending', delivered_at = NULL WHERE subscription_id = $1`,
      [id],
    );
    await host.settle();
    return workspaces.standingOf(id);
  };
  const productCode = 'larkspur';
  const agreement = null;
  const startsAt = '2026-11-11T10:00:00.000Z';
  const endsAt = '2026-11-11T12:00:00.000Z';
  const nothing = { plan: null, provisionedAt: null, renewedAt: null, closedAt: null, endsAt: null };
  expect(await workspaces.standingOf(id)).toEqual(nothing);

  // The first word of AWS, on a trial that becomes paid.
  const activated = { productCode, startsAt, isTrial: true, previousState: 'registered', agreement };
  const open = { ...nothing, plan: 'trial', provisionedAt: START };
  expect(await hear('subscription.activated', activated)).toEqual(open);
  expect(await hear('subscription.converted', { productCode, at: startsAt, agreement })).toEqual({
    ...open,
    plan: 'paid',
  });

  // Its end is announced, and a renewal goes on.
  const ending = { productCode, endsAt, agreement };
  expect(await hear('subscription.ending', ending)).toEqual({ ...open, plan: 'paid', endsAt: new Date(endsAt) });
  const renewed = { ...open, plan: 'paid', renewedAt: new Date(endsAt) };
  expect(await hear('subscription.renewed', { productCode, startsAt: endsAt, isTrial: false, agreement })).toEqual(
    renewed,
  );

  // It ends, and returns to the workspace that was there.
  await hear('subscription.ending', ending);
  expect(await hear('subscription.ended', ending)).toEqual({
    ...renewed,
    closedAt: new Date(endsAt),
    endsAt: new Date(endsAt),
  });
  const returned = { ...activated, isTrial: false, previousState: 'ended' };
  expect(await hear('subscription.activated', returned)).toEqual(renewed);
});

it('the workspace of a subscription that was folded goes, the one that it lives on in stays', async () => {
  const [living, folded] = [randomUUID(), randomUUID()];
  const activated = {
    productCode: 'larkspur',
    startsAt: START.toISOString(),
    isTrial: false,
    previousState: 'registered',
    agreement: null,
  };
  for (const id of [living, folded]) await host.append(host.database, 'subscription.activated', id, activated);
  await host.settle();
  await host.append(host.database, 'subscription.folded', living, {
    productCode: 'larkspur',
    foldedSubscriptionId: folded,
  });
  await host.settle();
  const workspaces = host.app.get(WorkspaceService);
  expect(await workspaces.standingOf(living)).toMatchObject({ plan: 'paid', provisionedAt: START });
  expect(await workspaces.standingOf(folded)).toMatchObject({ plan: null, provisionedAt: null });
});
