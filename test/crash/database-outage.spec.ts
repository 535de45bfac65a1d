import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from 'aws-marketplace-simulator';
import { withClient } from '../../tools/postgres/connection.js';
import { PostgresServer } from '../../tools/postgres/postgres-server.js';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type UsageEvent } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { testServerUrl } from '../support/postgres.js';
import { DIMENSIONS, PRODUCT_CODE, World } from '../support/world.js';

const HOURS = 4;

/** Ends every connection that the module has to the world's database; resolves to how many there were. */
const endConnections = (world: World): Promise<number> =>
  withClient(testServerUrl(), async (client) => {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1
        AND application_name = 'nestjs-marketplace-metering'`,
      [world.postgres.name],
    );
    return rowCount ?? 0;
  });

/** As a host does that must not lose usage: the same key again until the call resolves. */
async function recordedAtLast(world: World, event: UsageEvent): Promise<void> {
  for (;;) {
    try {
      await world.metering.record(event);
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'USAGE_INVALID') throw error;
    }
  }
}

async function expectToSurvive(world: World, disturb: (hour: number) => Promise<void>): Promise<void> {
  const random = new SeededRandom(5);
  const tenants: string[] = [];
  for (let buyer = 0; buyer < 6; buyer += 1) tenants.push((await world.join(`tenant-${buyer}`)).tenantId);
  for (let hour = 0; hour < HOURS; hour += 1) {
    const events = Array.from({ length: 30 }, (_, index): UsageEvent => ({
      tenantId: tenants[index % tenants.length] ?? '',
      dimension: DIMENSIONS[random.integer(2)] ?? '',
      quantity: random.integer(2000) / 1000,
      idempotencyKey: `${hour}-${index}`,
    }));
    for (const { quantity } of events) world.count(quantity);
    let over = false;
    const isOver = (): boolean => over;
    const working = (async () => {
      // What a lost connection breaks off is logged by the scheduler, and begins again on its next tick.
      while (!isOver())
        for (const job of ['inbox', 'seal', 'submit', 'recovery', 'deadline'] as const)
          await world.run(job).catch(() => undefined);
    })();
    await Promise.all([disturb(hour), ...events.map((event) => recordedAtLast(world, event))]);
    over = true;
    await working;
    world.clock.advance(HOUR_MS);
  }
  world.clock.advance(HOUR_MS);
  await world.expireLeases();
  await world.work();
  await world.expectAllBilled();
  await world.run('deadline');
  expect(await world.alerts()).toEqual([]);
}

/** A message of Postgres: type, length, body. */
function message(type: string, body: string | Buffer): Buffer {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

it('a connection that is cut in the breath in which it is made ends a statement, not the process', async () => {
  const greeting = [
    message('R', Buffer.alloc(4)),
    message('Z', 'I'),
    message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0'),
  ];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat(greeting)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const source = createDataSource({ database: { url: `postgres://nobody@127.0.0.1:${port}/nothing`, poolSize: 2 } });
  await expect(source.initialize()).rejects.toThrow();
  server.close();
});

describe('the database goes away in the midst of recording, sealing and submitting', () => {
  it('every connection is cut, again and again', async () => {
    const world = await World.start({ lists: [PRODUCT_CODE] });
    try {
      let cut = 0;
      await expectToSurvive(world, async () => {
        for (let times = 0; times < 8; times += 1) {
          cut += await endConnections(world);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      expect(cut).toBeGreaterThan(HOURS * 8);
    } finally {
      await world.stop();
    }
  });

  it('the server restarts', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'marketplace-outage-'));
    let server = await PostgresServer.start({ dataDir });
    const { port, url } = server;
    const database = { name: 'postgres', url, drop: () => Promise.resolve() };
    const world = await World.start({ lists: [PRODUCT_CODE], database });
    try {
      await expectToSurvive(world, async (hour) => {
        if (hour % 2 === 0) return;
        await server.stop();
        server = await PostgresServer.start({ dataDir, port });
      });
    } finally {
      await world.stop();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
