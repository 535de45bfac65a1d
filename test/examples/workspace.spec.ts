import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { CreateLarkspur1795400000000 } from '../../examples/saas/larkspur/larkspur.migration.js';
import { AddWorkspaces1795486400000 } from '../../examples/saas/larkspur/larkspur-workspaces.migration.js';
import { WorkspaceService } from '../../examples/saas/larkspur/workspace.service.js';
import { type TestDatabase } from '../support/postgres.js';
import { EventHost } from '../events/event-host.js';

let postgres: TestDatabase;
let larkspur: DataSource;
let host: EventHost;

beforeAll(async () => {
  postgres = await EventHost.database();
  const migrations = [CreateLarkspur1795400000000, AddWorkspaces1795486400000];
  larkspur = await new DataSource({ type: 'postgres', url: postgres.url, migrations, migrationsRun: true }).initialize();
  host = await EventHost.start(postgres, { providers: [{ provide: WorkspaceService, useFactory: () => new WorkspaceService(larkspur) }] });
});
afterAll(async () => {
  await host.app.close();
  await larkspur.destroy();
  await postgres.drop();
});

it('a workspace follows what AWS says of its subscription, each event twice as once', async () => {
  const id = randomUUID();
  const workspaces = host.app.get(WorkspaceService);
  const twice = async (): Promise<void> => {
    await host.settle();
    await host.database.query(`UPDATE marketplace.event_delivery SET state = 'pending', delivered_at = NULL WHERE subscription_id = $1`, [
      id,
    ]);
    await host.settle();
  };
  const payload = { productCode: 'larkspur', startsAt: '2026-11-11T10:00:00.000Z', isTrial: false, previousState: 'registered' };
  const endsAt = '2026-11-11T12:00:00.000Z';
  expect(await workspaces.standingOf(id)).toEqual({ provisionedAt: null, endsAt: null });

  await host.append(host.database, 'subscription.activated', id, payload);
  await twice();
  expect(await workspaces.standingOf(id)).toEqual({ provisionedAt: new Date(payload.startsAt), endsAt: null });
  await host.append(host.database, 'subscription.ending', id, { productCode: 'larkspur', endsAt });
  await twice();
  expect(await workspaces.standingOf(id)).toEqual({ provisionedAt: new Date(payload.startsAt), endsAt: new Date(endsAt) });
  await host.append(host.database, 'subscription.activated', id, { ...payload, previousState: 'ending' });
  await twice();
  expect(await workspaces.standingOf(id)).toEqual({ provisionedAt: new Date(payload.startsAt), endsAt: null });
});
