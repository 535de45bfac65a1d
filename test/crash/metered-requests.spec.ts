import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { expectTablesConserved } from '../support/conservation.js';
import { nextLine, spawnTypescript, type TestProcess } from '../support/processes.js';
import { DIMENSIONS, PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(240_000);

// Whoever receives a failure is not charged, and whoever receives a success is, wherever the process is killed.

let world: World;
let child: TestProcess | null = null;
beforeAll(async () => {
  world = await World.start({ lists: [PRODUCT_CODE], dimensions: DIMENSIONS });
  await world.join('acme');
});
afterEach(() => {
  if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  child = null;
});
afterAll(async () => {
  await expectTablesConserved(world.database);
  await world.stop();
});

async function startHost(platform: string, diesAt: string): Promise<string> {
  const order = {
    databaseUrl: world.postgres.url,
    awsEndpoint: world.simulator.url,
    now: world.now().toISOString(),
    options: { products: world.options.products, sellerAccount: world.options.sellerAccount },
  };
  child = spawnTypescript('test/crash/metered-application.ts', [JSON.stringify(order), platform, diesAt], {
    env: { NODE_NO_WARNINGS: '1' },
  });
  return nextLine(child);
}

/** The status of the answer, or that none came. */
const ask = (url: string, headers: Record<string, string> = {}): Promise<number | 'no answer'> =>
  fetch(url, { method: 'POST', headers }).then(
    async (response) => {
      await response.text();
      return response.status;
    },
    () => 'no answer' as const,
  );
async function units(): Promise<number> {
  const [row] = await world.database.query<{ units: string }>(
    `SELECT coalesce(sum(quantity), 0)::text AS units FROM marketplace.usage_event`,
  );
  return Number(row?.units);
}

const spoilt = { 'x-spoilt': 'true' };
describe.each(['express', 'fastify'])('a metered request on %s', (platform) => {
  it.each([
    ['handling', {}, 0],
    ['recorded', {}, 1],
    ['correcting', spoilt, 1],
    ['corrected', spoilt, 0],
  ])('whose process is killed at %s has no answer', async (diesAt, headers, counted) => {
    const before = await units();
    const url = await startHost(platform, diesAt);
    const exit = once(child!, 'exit');
    expect(await ask(`${url}/calls`, headers)).toBe('no answer');
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect((await units()) - before).toBe(counted);
  });

  it('that is answered is counted, one that fails is not; a repetition by a key is the same unit', async () => {
    const before = await units();
    const dying = await startHost(platform, 'recorded');
    const key = { 'x-key': `k-${platform}` };
    expect(await ask(`${dying}/calls/keyed`, key)).toBe('no answer');
    const url = await startHost(platform, 'never');
    expect(await ask(`${url}/calls/keyed`, key)).toBe(201);
    expect((await units()) - before).toBe(1);
    expect(await ask(`${url}/calls`)).toBe(201);
    expect((await units()) - before).toBe(2);
    expect(await ask(`${url}/calls`, spoilt)).toBe(502);
    expect((await units()) - before).toBe(2);
  });
});
