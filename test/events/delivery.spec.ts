import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type Provider, type Type } from '@nestjs/common';
import { type Delivery, JobScheduler, type MarketplaceEvent, OnMarketplaceEvent } from '../../src/index.js';
import { deliveryDelayMs } from '../../src/events/delivery-backoff.js';
import { eventually } from '../support/processes.js';
import { type TestDatabase } from '../support/postgres.js';
import { EventHost, Gate, type HostParts, subscriptionIds } from './event-host.js';

type Converted = MarketplaceEvent<'subscription.converted'>;
type Reaction = (event: Converted, delivery: Delivery) => unknown;

let postgres: TestDatabase;
let hosts: EventHost[] = [];
let heard: string[] = [];
/** What the handler `listener` does in this test. */
let react: Reaction;

@Injectable()
class Listener {
  @OnMarketplaceEvent('subscription.converted', { id: 'listener' })
  listen(event: Converted, delivery: Delivery): unknown {
    heard.push(event.payload.productCode);
    return react(event, delivery);
  }
}

beforeAll(async () => {
  postgres = await EventHost.database();
});
afterAll(() => postgres.drop());
beforeEach(() => {
  heard = [];
  react = () => undefined;
});
afterEach(async () => {
  await hosts[0]?.database.query('TRUNCATE marketplace.event_handler, marketplace.event_delivery, marketplace.alert');
  await Promise.all(hosts.map(({ app }) => app.close()));
  hosts = [];
});

async function host(providers: Provider[] = [Listener], options: HostParts['options'] = {}): Promise<EventHost> {
  const started = await EventHost.start(postgres, { providers, options });
  hosts.push(started);
  return started;
}

async function leave(...left: EventHost[]): Promise<void> {
  await Promise.all(left.map(({ app }) => app.close()));
  hosts = hosts.filter((one) => !left.includes(one));
}

describe('an event', () => {
  it('is delivered once its transaction has committed, and never if that has not', async () => {
    const started = await host();
    const [id] = subscriptionIds(1) as [string];
    const [begun, gate] = [new Gate(), new Gate()];
    const open = started.database.transaction(async (tx) => {
      await started.tell(id, ['late'], tx);
      begun.open();
      await gate.opened;
    });
    await begun.opened;
    const undone = started.database.transaction(async (tx) => {
      await started.tell(id, ['undone'], tx);
      throw new Error('changed its mind');
    });
    await expect(undone).rejects.toThrow('changed its mind');
    // Written after the one that is still open, and committed before it.
    await started.tell(id, ['early']);
    await started.settle();
    expect(heard).toEqual(['early']);
    gate.open();
    await open;
    await started.settle();
    expect(heard).toEqual(['early', 'late']);
  });

  it('rings for its handlers with the commit', async () => {
    const started = await host([Listener], { jobs: { deliverIntervalMs: 3_600_000 } });
    await started.app.get(JobScheduler).runOnce('deliver');
    const [id] = subscriptionIds(1) as [string];
    await started.database.transaction((tx) => started.tell(id, ['a'], tx));
    await eventually('the event has come by itself', () => heard.length > 0);
    expect(heard).toEqual(['a']);
  });

  it.each([2, 4])(
    'comes to %s replicas in the order of its subscription, one at a time, while transactions commit in any order',
    async (replicas) => {
      const ids = subscriptionIds(6);
      const busy = new Map<string | null, string>();
      const done = new Map<string | null, string[]>();
      const failing = new Set<string>();
      let overlaps = 0;
      react = async ({ subscriptionId, payload: { productCode } }) => {
        if (busy.has(subscriptionId)) overlaps += 1;
        busy.set(subscriptionId, productCode);
        await turn();
        busy.delete(subscriptionId);
        // Every seventh fails at first: the others of its subscription wait for it.
        if (Number(productCode) % 7 === 3 && !failing.has(`${subscriptionId ?? ''}${productCode}`)) {
          failing.add(`${subscriptionId ?? ''}${productCode}`);
          throw new Error('not now');
        }
        done.set(subscriptionId, [...(done.get(subscriptionId) ?? []), productCode]);
      };
      const all = await Promise.all(Array.from({ length: replicas }, () => host()));
      const [writer] = all as [EventHost];
      const codes = Array.from({ length: 20 }, (_, index) => String(index));
      let isWritten = false;
      const deliver = async (one: EventHost): Promise<void> => {
        while (!isWritten) await one.deliver();
        await one.settle();
      };
      // Each subscription's events are told one after the other, as a row lock would have it; those of others commit in
      // between, in any order.
      const write = async (id: string, lag: number): Promise<void> => {
        for (const code of codes) {
          await writer.database.transaction(async (tx) => {
            await writer.tell(id, [code], tx);
            for (let turns = 0; turns < lag; turns += 1) await turn();
          });
        }
      };
      const delivering = all.map(deliver);
      await Promise.all(ids.map((id, index) => write(id, index * 3)));
      isWritten = true;
      await Promise.all(delivering);

      expect(overlaps).toBe(0);
      expect(Object.fromEntries(done)).toEqual(Object.fromEntries(ids.map((id) => [id, codes])));
      expect((await writer.deliveries.list({ state: 'delivered', limit: 1000 })).length).toBe(
        ids.length * codes.length,
      );
    },
  );

  it('of no subscription waits for no other', async () => {
    const started = await host([Listener], { handlers: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
    react = ({ payload }) => (payload.productCode === 'a' ? Promise.reject(new Error('not a')) : undefined);
    await started.tell(null, ['a', 'b']);
    await started.deliver();
    expect(heard.sort()).toEqual(['a', 'b']);
  });
});

describe('a handler that fails', () => {
  it('gets its event again after a pause, and is dead-lettered with an alert after the last attempt; what follows goes on then, and not before', async () => {
    const started = await host([Listener], {
      handlers: { deadLetterAfterAttempts: 3, backoffBaseMs: 60_000, backoffCapMs: 60_000 },
    });
    const [id, other] = subscriptionIds(2) as [string, string];
    const attempts: number[] = [];
    react = ({ payload }, { attempt }) => {
      if (payload.productCode !== 'bad') return;
      attempts.push(attempt);
      throw new TypeError('no account 123456789012');
    };
    await started.tell(id, ['bad', 'next']);
    await started.tell(other, ['elsewhere']);
    const pauseOver = () =>
      started.database.query(`UPDATE marketplace.event_delivery SET next_attempt_at = clock_timestamp()`);
    await started.deliver();
    await started.deliver();
    expect(heard).toEqual(['bad', 'elsewhere']);
    const [waiting] = await started.deliveries
      .list({ state: 'pending', handlerId: 'listener' })
      .then((list) => list.reverse());
    expect(waiting).toMatchObject({ attempts: 1, lastError: 'TypeError: no account …9012' });
    const pauseMs = (waiting?.nextAttemptAt?.getTime() ?? 0) - Date.now();
    expect(pauseMs > 20_000 && pauseMs <= 60_000).toBe(true);

    await pauseOver();
    await started.deliver();
    await pauseOver();
    await started.deliver();
    expect(attempts).toEqual([1, 2, 3]);
    expect(heard).toEqual(['bad', 'elsewhere', 'bad', 'bad', 'next']);
    expect(await started.shown()).toEqual(['listener 3 deadLettered', 'listener 1 delivered', 'listener 1 delivered']);
    expect(await started.openAlerts()).toEqual(['handlerDeadLettered listener']);
    await pauseOver();
    await started.deliver();
    expect(attempts).toHaveLength(3);
  });

  it('can be given a dead-lettered event again, or have it skipped, by a person', async () => {
    const started = await host([Listener], { handlers: { deadLetterAfterAttempts: 1 } });
    const [first, second] = subscriptionIds(2) as [string, string];
    react = () => Promise.reject(new Error('broken'));
    await started.tell(first, ['a']);
    await started.tell(second, ['b', 'c']);
    await started.settle();
    const deadLettered = (await started.deliveries.list({ state: 'deadLettered' })).reverse();
    expect(deadLettered).toHaveLength(3);

    react = () => undefined;
    const [a, b, c] = deadLettered.map((delivery) => delivery.id) as [string, string, string];
    await started.deliveries.skip(c, { by: 'ada', reason: 'done by hand' });
    expect(await started.openAlerts()).toEqual(['handlerDeadLettered listener']);
    await started.deliveries.retry(a, { by: 'ada' });
    await started.deliveries.retry(b, { by: 'ada' });
    expect(await started.openAlerts()).toEqual([]);
    heard = [];
    await started.settle();
    expect(heard.sort()).toEqual(['a', 'b']);
    expect(
      (await started.deliveries.list()).map(({ state, attempts, decidedBy, decision }) => [
        state,
        attempts,
        decidedBy,
        decision,
      ]),
    ).toEqual([
      ['skipped', 1, 'ada', 'done by hand'],
      ['delivered', 1, 'ada', 'retry'],
      ['delivered', 1, 'ada', 'retry'],
    ]);
    await expect(started.deliveries.retry(a, { by: 'ada' })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await expect(started.deliveries.skip(c, { by: '', reason: 'x' })).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
    });
    await expect(started.deliveries.retry(first, { by: 'ada' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(started.deliveries.retry('1', { by: 'ada' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is told of as an event, too, once', async () => {
    const alarms: string[] = [];
    @Injectable()
    class Pager {
      @OnMarketplaceEvent('alert.raised', { id: 'pager' })
      page({ payload }: MarketplaceEvent<'alert.raised'>): void {
        alarms.push(`${payload.severity} ${payload.kind} ${payload.subject}`);
      }
    }
    const started = await host([Listener, Pager], { handlers: { deadLetterAfterAttempts: 1 } });
    react = () => Promise.reject(new Error('broken'));
    await started.tell(subscriptionIds(1)[0] ?? null, ['a', 'b']);
    await started.settle();
    expect(alarms).toEqual(['critical handlerDeadLettered listener']);
  });

  it('by never ending is given up after handlers.timeoutMs, and told so by its signal', async () => {
    const started = await host([Listener], { handlers: { timeoutMs: 100, deadLetterAfterAttempts: 1 } });
    const signals: AbortSignal[] = [];
    react = (_event, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    await started.tell(null, ['a']);
    await started.deliver();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect((await started.deliveries.list())[0]).toMatchObject({
      state: 'deadLettered',
      lastError: 'Error: it took more than handlers.timeoutMs (100 ms)',
    });
  });

  it('holds up no other handler', async () => {
    const gate = new Gate();
    @Injectable()
    class Quick {
      @OnMarketplaceEvent('subscription.converted', { id: 'quick' })
      listen({ payload }: Converted): void {
        heard.push(`quick ${payload.productCode}`);
      }
    }
    const started = await host([Listener, Quick]);
    const [id] = subscriptionIds(1) as [string];
    react = () => gate.opened;
    await started.tell(id, ['a']);
    const delivering = started.deliver();
    await eventually('both have it', () => heard.length === 2);
    // While the first is still at work on `a`, the second hears of what comes after it.
    await started.tell(id, ['b']);
    await eventually('the quick one has the next', () => heard.includes('quick b'));
    expect(heard).not.toContain('b');
    gate.open();
    await delivering;
    expect(heard).toEqual(expect.arrayContaining(['a', 'b', 'quick a', 'quick b']));
  });
});

describe('the pause after a failure', () => {
  it('doubles from handlers.backoffBaseMs to handlers.backoffCapMs, jittered over its upper half', () => {
    const options = { backoffBaseMs: 1000, backoffCapMs: 60_000 };
    expect([1, 2, 3, 7, 50].map((attempt) => deliveryDelayMs(attempt, options, 1))).toEqual([
      1000, 2000, 4000, 60_000, 60_000,
    ]);
    expect([1, 2, 50].map((attempt) => deliveryDelayMs(attempt, options, 0))).toEqual([500, 1000, 30_000]);
  });
});

describe('a handler', () => {
  it('that is new hears what is told from its start on, not history', async () => {
    const before = await host([]);
    const [id] = subscriptionIds(1) as [string];
    await before.tell(id, ['history']);
    const after = await host();
    await before.tell(id, ['news']);
    await after.settle();
    expect(heard).toEqual(['news']);
  });

  it('that is away finds everything when it is back, in order, and is missed', async () => {
    const first = await host();
    const [id] = subscriptionIds(1) as [string];
    await first.tell(id, ['a']);
    await first.settle();
    await leave(first);

    const without = await host([]);
    await without.tell(id, ['b', 'c']);
    await without.deliver();
    expect(heard).toEqual(['a']);
    expect(await without.openAlerts()).toEqual([]);
    await without.database.query(
      `UPDATE marketplace.event_handler SET last_seen_at = last_seen_at - interval '2 hours'`,
    );
    const watch = await host([]);
    await watch.deliver();
    expect(await watch.openAlerts()).toEqual(['handlerAway listener subscription.converted']);

    const back = await host();
    expect(await back.openAlerts()).toEqual([]);
    await back.settle();
    expect(heard).toEqual(['a', 'b', 'c']);
  });

  it('that is gone for good is retired, and new if it comes again', async () => {
    const first = await host();
    await first.tell(null, ['a']);
    await expect(first.deliveries.retire('listener', { by: 'ada' })).rejects.toMatchObject({
      code: 'TRANSITION_REFUSED',
    });
    await leave(first);
    const without = await host([]);
    await without.database.query(
      `UPDATE marketplace.event_handler SET last_seen_at = last_seen_at - interval '10 minutes'`,
    );
    expect(await without.deliveries.retire('listener', { by: 'ada' })).toBe(1);
    await expect(without.deliveries.retire('nobody', { by: 'ada' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await without.tell(null, ['b']);
    const again = await host();
    await again.tell(null, ['c']);
    await again.settle();
    expect(heard).toEqual(['c']);
    expect(await again.shown()).toEqual(['listener 0 skipped', 'listener 1 delivered']);
  });

  it('gets what only another version of it takes from that version', async () => {
    const versionOf = (types: Parameters<typeof OnMarketplaceEvent>[0], name: string): Type => {
      @Injectable()
      class Version {
        @OnMarketplaceEvent(types, { id: 'versioned' })
        listen({ type }: MarketplaceEvent): void {
          heard.push(`${name} ${type}`);
        }
      }
      return Version;
    };
    const [id] = subscriptionIds(1) as [string];
    const next = await host([versionOf(['subscription.converted', 'subscription.failed'], 'new')]);
    // The old version starts after the new one, as it may while both are deployed.
    const old = await host([versionOf(['subscription.converted', 'subscription.claimed'], 'old')]);
    await old.append(old.database, 'subscription.failed', id, { productCode: 'a' });
    await old.append(old.database, 'subscription.claimed', id, { productCode: 'a', tenantId: 't' });
    await old.tell(id, ['a']);
    await old.deliver();
    expect(heard).toEqual(['old subscription.claimed', 'old subscription.converted']);
    await next.deliver();
    expect(heard.slice(2)).toEqual(['new subscription.failed']);
  });
});

describe('a version that is taken back', () => {
  const versionOf = (types: Parameters<typeof OnMarketplaceEvent>[0]): Type => {
    @Injectable()
    class Version {
      @OnMarketplaceEvent(types, { id: 'versioned' })
      listen({ type }: MarketplaceEvent): void {
        heard.push(type);
      }
    }
    return Version;
  };

  it('having died of a type that only it had, holds up nothing of the subscription once its lease is over', async () => {
    const [id] = subscriptionIds(1) as [string];
    const next = await host([versionOf(['subscription.converted', 'subscription.failed'])]);
    await next.append(next.database, 'subscription.failed', id, { productCode: 'a' });
    await next.tell(id, ['a']);
    await next.database.query(
      `UPDATE marketplace.event_delivery SET state = 'delivering', attempt_count = 1, lease_token = gen_random_uuid(),
        lease_until = clock_timestamp() + interval '1 hour' WHERE type = 'subscription.failed'`,
    );
    await leave(next);
    const old = await host([versionOf('subscription.converted')]);
    await old.deliver();
    // It may be at work still.
    expect(heard).toEqual([]);
    await old.expireLeases();
    await (await host([versionOf('subscription.converted')])).deliver();
    expect(heard).toEqual(['subscription.converted']);
    const again = await host([versionOf(['subscription.converted', 'subscription.failed'])]);
    await again.settle();
    expect(heard).toEqual(['subscription.converted', 'subscription.failed']);
  });
});

describe('a handler that is at work for hours', () => {
  it('is not away: others raise no alert, and nobody retires it', async () => {
    const gate = new Gate();
    const busy = await host([Listener], { jobs: { deliverIntervalMs: 100 } });
    const [id] = subscriptionIds(1) as [string];
    react = () => gate.opened;
    await busy.tell(id, ['a', 'b']);
    const delivering = busy.deliver();
    await eventually('it is at work', () => heard.length === 1);
    await busy.database.query(`UPDATE marketplace.event_handler SET last_seen_at = last_seen_at - interval '2 hours'`);
    const later = performance.now() + 2 * 3_600_000;
    const machine = jest.spyOn(performance, 'now').mockImplementation(() => later);
    try {
      await eventually('it is seen', async () => {
        const [known] = await busy.deliveries.handlers();
        return known !== undefined && Date.now() - known.lastSeenAt.getTime() < 3_600_000;
      });
      const other = await host([]);
      await other.deliver();
      expect(await other.openAlerts()).toEqual([]);
      await expect(other.deliveries.retire('listener', { by: 'ada' })).rejects.toMatchObject({
        code: 'TRANSITION_REFUSED',
      });
    } finally {
      machine.mockRestore();
      gate.open();
      await delivering;
    }
    await busy.settle();
    expect(heard).toEqual(['a', 'b']);
  });
});

describe('the end of the application', () => {
  it('waits for handlers that are at work, begins nothing new, and leaves the rest to others', async () => {
    const started = await host();
    const [id] = subscriptionIds(1) as [string];
    const gate = new Gate();
    react = () => gate.opened;
    await started.tell(id, ['a', 'b']);
    const delivering = started.deliver();
    await eventually('the handler is at work', () => heard.length === 1);
    let isClosed = false;
    const closing = leave(started).then(() => (isClosed = true));
    await eventually('the end has begun', () =>
      started.app
        .get(JobScheduler)
        .runOnce('deadline')
        .then(
          () => false,
          () => true,
        ),
    );
    expect(isClosed).toBe(false);
    gate.open();
    await Promise.all([closing, delivering]);
    expect(heard).toEqual(['a']);

    const other = await host();
    expect(await other.shown()).toEqual(['listener 1 delivered', 'listener 0 pending']);
    await other.deliver();
    expect(heard).toEqual(['a', 'b']);
  });
});
