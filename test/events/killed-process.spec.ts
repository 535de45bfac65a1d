import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { type Delivery, type MarketplaceEvent, OnMarketplaceEvent } from '../../src/index.js';
import { spawnTypescript } from '../support/processes.js';
import { type TestDatabase } from '../support/postgres.js';
import { EventHost, subscriptionIds } from './event-host.js';

let heard: string[] = [];
let react: () => Promise<unknown> = () => Promise.resolve();

@Injectable()
class Listener {
  @OnMarketplaceEvent('subscription.converted', { id: 'listener' })
  listen({ payload }: MarketplaceEvent<'subscription.converted'>, { attempt }: Delivery): Promise<unknown> {
    heard.push(`${payload.productCode} ${attempt}`);
    return react();
  }
}

/** Where the process dies, and what the host had heard of by then. */
const DEATHS: Record<string, string> = { 'deliver.claimed': '', 'in the handler': 'a\n', 'deliver.handled': 'a\n' };

let postgres: TestDatabase;
const hosts = new Map<string, EventHost>();
const said = new Map<string, string>();

async function die(death: string): Promise<void> {
  const sellerAccount = `dies-${death.replaceAll(' ', '-')}`;
  const host = await EventHost.start(postgres, {
    providers: [Listener],
    options: { sellerAccount, handlers: { deadLetterAfterAttempts: 2 } },
  });
  hosts.set(death, host);
  const [id] = subscriptionIds(1) as [string];
  await host.tell(id, ['a', 'b']);
  const isPoint = death.startsWith('deliver.');
  const order = JSON.stringify({ databaseUrl: postgres.url, sellerAccount, dies: !isPoint });
  const child = spawnTypescript('test/events/handler-replica.ts', [order], {
    env: { CRASH_AT: isPoint ? death : '', NODE_NO_WARNINGS: '1' },
  });
  const exited = once(child, 'exit');
  said.set(death, await text(child.stdout));
  expect(await exited).toEqual([null, 'SIGKILL']);
}

beforeAll(async () => {
  postgres = await EventHost.database();
  await Promise.all(Object.keys(DEATHS).map(die));
}, 180_000);
afterAll(async () => {
  await Promise.all([...hosts.values()].map(({ app }) => app.close()));
  await postgres.drop();
});

describe('a process that is killed', () => {
  it.each(Object.keys(DEATHS))('%s leaves its event to another, in its turn, when its lease ends', async (death) => {
    const host = hosts.get(death)!;
    heard = [];
    expect(said.get(death)).toBe(DEATHS[death]);
    await host.deliver();
    // Neither the event that may be at work, nor the next of that subscription.
    expect(heard).toEqual([]);
    expect(await host.shown()).toEqual(['listener 1 delivering', 'listener 0 pending']);
    await host.expireLeases();
    await host.deliver();
    expect(heard).toEqual(['a 2', 'b 1']);
  });

  it('at every attempt has its event dead-lettered: attempts are counted before they are made', async () => {
    const host = hosts.get('in the handler')!;
    heard = [];
    const [id] = subscriptionIds(1) as [string];
    await host.tell(id, ['poison', 'next']);
    // As two processes leave it that died of it.
    await host.database.query(
      `UPDATE marketplace.event_delivery SET state = 'delivering', attempt_count = 2, lease_token = gen_random_uuid(),
        lease_until = clock_timestamp()
       WHERE id = (SELECT id FROM marketplace.event_delivery WHERE subscription_id = $1 ORDER BY position LIMIT 1)`,
      [id],
    );
    await host.deliver();
    expect(heard).toEqual(['next 1']);
    const [deadLettered] = await host.deliveries.list({ state: 'deadLettered' });
    expect(deadLettered).toMatchObject({
      subscriptionId: id,
      lastError: 'the process ended, or stood still, during the attempts',
    });
  });

  it('holds nothing that it learns later: what it says after its lease is not heard', async () => {
    const host = hosts.get('in the handler')!;
    const [id] = subscriptionIds(1) as [string];
    await host.tell(id, ['a']);
    react = () =>
      host.database.query(
        `UPDATE marketplace.event_delivery SET lease_token = gen_random_uuid() WHERE subscription_id = $1`,
        [id],
      );
    await host.deliver();
    expect((await host.deliveries.list({ state: 'delivering' })).map(({ subscriptionId }) => subscriptionId)).toEqual([
      id,
    ]);
  });
});
