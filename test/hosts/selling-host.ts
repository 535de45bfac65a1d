import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { cookieOf } from '../support/browser.js';
import { migrate } from '../support/migrate.js';
import { createTestDatabase, migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { hostEnvironment } from './host-folder.js';

/** What requests to the host's own routes have, where it has versions. Buyers and AWS send none. */
const OF_HOST = { 'x-version': '1' };

/** How a host is started. */
export interface HostStart {
  /** The Node that runs it. */
  readonly node?: string;
  readonly folder: string;
  readonly entry: string;
  readonly adapter?: 'express' | 'fastify';
  /** Orders go with their usage in one transaction of the host's. */
  readonly hasOrders?: boolean;
  /** The host finds an empty database, and migrates it; otherwise it finds and verifies a migrated one. */
  readonly isFresh?: boolean;
}

/**
 * A new host's first sale, on a database of its own: a buyer arrives at the landing page and signs up, usage is recorded,
 * twice under one key, sealed and submitted, AWS bills it once, and the host has heard of it. What the module refuses has
 * its code.
 *
 * @returns milliseconds from the start of the process until the host listened
 */
export async function sellOneReport(start: HostStart): Promise<number> {
  const database = await (start.isFresh ? createTestDatabase() : migratedDatabase(migrate));
  const simulator = await MarketplaceSimulator.start();
  const { productCode } = simulator.createProduct({ dimensions: ['reports'] });
  const host = spawnHost(start, database, simulator, productCode);
  try {
    const [url, startedAfterMs] = await host.listening;
    const agreement = simulator.subscribe({ productCode });
    const arrival = await fetch(`${url}/marketplace/registration`, {
      method: 'POST',
      headers: { origin: 'https://aws.amazon.com' },
      body: new URLSearchParams(simulator.registrationForm(agreement)),
      redirect: 'manual',
    });
    const registrationCode = new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode');
    const tenantId = 'acme';
    const ofBrowser = { cookie: cookieOf(arrival) };
    const { subscriptionId } = await post(`${url}/sign-up`, { registrationCode, tenantId }, ofBrowser);
    const again = await post(`${url}/sign-up`, { registrationCode, tenantId: 'other' }, ofBrowser);
    expect(again).toEqual({ refused: 'CODE_USED' });
    for (const idempotencyKey of ['r-1', 'r-1']) await post(`${url}/use`, { tenantId, idempotencyKey });
    if (start.hasOrders) {
      const ordered = { ordered: true, tenant: tenantId, isOwn: true, hasTicked: true };
      expect(await post(`${url}/orders`, { tenantId, fails: false })).toEqual(ordered);
      const failed = { ordered: false, error: 'Error: the order failed' };
      expect(await post(`${url}/orders`, { tenantId, fails: true })).toEqual(failed);
      await expect(post(`${url}/orders`, { tenantId, fails: false, x: 1 })).rejects.toThrow(/x should not exist/);
    }
    // AWS tells starts in whole seconds: before the second after its start is over, an agreement has no instant at which
    // a record could be stamped.
    await pause(2_000 - (Date.now() % 1_000));
    await post(`${url}/settle`, { subscriptionId });
    expect(simulator.bill()).toMatchObject([
      { licenseArn: agreement.licenseArn, dimension: 'reports', quantity: start.hasOrders ? 2 : 1 },
    ]);
    const heard = await fetch(`${url}/heard`, { headers: OF_HOST });
    expect(await heard.json()).toEqual(['subscription.registered', 'subscription.ending']);
    return startedAfterMs;
  } finally {
    await host.stop();
    await simulator.stop();
    await database.drop();
  }
}

function spawnHost(start: HostStart, database: TestDatabase, simulator: MarketplaceSimulator, productCode: string) {
  const child = spawn(start.node ?? process.execPath, [start.entry], {
    cwd: start.folder,
    env: hostEnvironment({
      ADAPTER: start.adapter ?? 'express',
      DATABASE_URL: database.url,
      MARKETPLACE_PRODUCTS: JSON.stringify([{ productCode, dimensions: ['reports'] }]),
      MARKETPLACE_SIGN_UP_URL: 'https://app.example.com/sign-up',
      MARKETPLACE_MIGRATIONS: start.isFresh ? 'run' : 'verify',
      MARKETPLACE_SETTLE_DELAY_MS: '0',
      MARKETPLACE_AWS_ENDPOINT: simulator.url,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example-secret',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
  const said: string[] = [];
  // A bundle that fails shows the line in which it did, which is half of it.
  const say = (line: string): unknown => said.push(line.slice(0, 500));
  createInterface({ input: child.stderr }).on('line', say);
  const lines = createInterface({ input: child.stdout });
  const listening = new Promise<[url: string, startedAfterMs: number]>((resolve, reject) => {
    lines.on('line', (line) => {
      say(line);
      const [, url, ms] = /^listening on (\S+) after (\d+) ms$/.exec(line) ?? [];
      if (url !== undefined) resolve([url, Number(ms)]);
    });
    void exit.then(([code, signal]) => {
      reject(new Error(`The host ended with ${String(signal ?? code)} before it listened:\n${said.join('\n')}`));
    });
  });
  return {
    listening,
    /** As an orchestrator does it; a host that does not end by itself has left something open. */
    async stop(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exit;
    },
  };
}

async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...OF_HOST, ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}
