import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Forgery } from 'aws-marketplace-simulator';
import { isMarketplaceMeteringError, MarketplaceReadiness, type ProductOptions } from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { eventually } from '../support/processes.js';
import { HOURLY, METERED, SOFTWARE_START, SoftwareWorld } from '../support/software.js';

// K15 to K23: a container that AWS bills by the hour, from its first call on. Each case stands for its kind: the forms of
// keys and claims by test/options/public-key.spec.ts and test/container/registration-proof.spec.ts, names of errors by
// test/container/start-refusal.spec.ts, rollouts by test/container/start-schedule.spec.ts, workers of a cluster by
// test/crash/registered-workers.spec.ts.

const FORGERIES: Forgery[] = [
  ...(['otherNonce', 'noNonce', 'otherProductCode', 'otherKeyVersion', 'otherKey'] as const),
  ...(['rs256', 'hs256', 'algNone', 'algMissing', 'payloadChanged', 'signatureChanged'] as const),
  ...(['unsigned', 'twoParts', 'noJwt', 'absent'] as const),
];

let world: SoftwareWorld;

beforeAll(async () => {
  world = await SoftwareWorld.start();
  await move();
});
afterEach(() => world.rest());
afterAll(() => world.stop());

/** The process is a task of its own in an account that is subscribed. */
async function move(platform: 'ecs' | 'eks' | 'fargate' = 'ecs'): Promise<void> {
  const agreement = world.simulator.agreements()[0] ?? world.subscribe(HOURLY);
  await world.moveTo(world.launch({ agreement, platform }));
}

const nonces = (): unknown[] =>
  world.simulator.calls({ operation: 'RegisterUsage' }).map(({ request }) => (request as { Nonce: unknown }).Nonce);

async function callsMeanwhile(work: () => Promise<unknown>): Promise<number> {
  const before = world.calls('RegisterUsage');
  await work();
  return world.calls('RegisterUsage') - before;
}

describe('K15 the signature', () => {
  it.each([
    ['upperCamel', 'number', 'ecs'],
    ['upperCamel', 'text', 'fargate'],
    ['lowerCamel', 'number', 'eks'],
    ['lowerCamel', 'text', 'ecs'],
  ] as const)('is verified with claims in %s and the version as %s, on %s', async (claims, version, platform) => {
    await move(platform);
    world.simulator.setSwitches({ signatureClaims: claims, publicKeyVersionClaim: version });
    const { exit, readiness } = await world.run(world.hourly());
    expect([exit, readiness?.ready]).toEqual([null, true]);
  });

  it('is verified with keys of 3,072 and 2,048 bits', async () => {
    for (const publicKeyBits of [3072, 2048]) {
      world.simulator.setSwitches({ publicKeyBits });
      const productCode = `bits-${publicKeyBits}`;
      world.simulator.createProduct({ productCode, type: 'container', dimensions: [] });
      const { accountId } = world.simulator.agreements()[0]!;
      const agreement = world.simulator.subscribe({ productCode, accountId });
      await world.moveTo(world.launch({ agreement, platform: 'ecs' }));
      const product = world.hourly({ productCode, registerUsage: { publicKeys: world.keys(productCode) } });
      expect((await world.run(product)).exit).toBeNull();
    }
  });

  it.each(FORGERIES)('ends the start where it is forged: %s (D43)', async (forgery) => {
    world.simulator.faults.add({ kind: 'forgedSignature', forgery, count: 1 });
    const { exit, readiness } = await world.run(world.hourly());
    expect(exit).toMatchObject({ code: 88, error: 'SIGNATURE_REFUSED' });
    expect(exit?.message).toContain("is not AWS Marketplace's answer to this call");
    expect(readiness?.ready).toBe(false);
  });
});

describe('K16', () => {
  let proxy: Server;
  let proxyUrl: string;
  let kept: { status: number; body: string } | null = null;

  beforeAll(async () => {
    // Answers with what it has heard once, as whoever reads the buyer's trail can.
    proxy = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        if (!kept) {
          const headers = { ...request.headers } as Record<string, string>;
          const answer = await fetch(world.simulator.url, { method: 'POST', headers, body: Buffer.concat(chunks) });
          kept = { status: answer.status, body: await answer.text() };
        }
        response.writeHead(kept.status, { 'content-type': 'application/x-amz-json-1.1' }).end(kept.body);
      })();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    proxy.close();
  });

  it('an older valid signature is refused: its nonce is another', async () => {
    expect((await world.run(world.hourly(), { aws: { endpoint: proxyUrl } })).exit).toBeNull();
    const { exit } = await world.run(world.hourly(), { aws: { endpoint: proxyUrl } });
    expect(exit).toMatchObject({ code: 88, error: 'SIGNATURE_REFUSED' });
    expect(exit?.message).toContain('its nonce is not ours');
  });

  it('no variable changes the product, the keys or the endpoint, or switches the call off', async () => {
    world.set({
      ...{ AWS_ENDPOINT_URL: proxyUrl, AWS_ENDPOINT_URL_MARKETPLACE_METERING: proxyUrl },
      ...{ MARKETPLACE_AWS_ENDPOINT: proxyUrl, MARKETPLACE_START_IN: 'hold', MARKETPLACE_JOBS_AUTO_START: 'false' },
      MARKETPLACE_PRODUCTS: JSON.stringify([{ productCode: 'other', dimensions: ['requests'] }]),
    });
    const calls = await callsMeanwhile(async () => {
      const { exit, said } = await world.run(world.hourly());
      expect(exit).toBeNull();
      expect(said.join()).toMatch(
        /not read here, .*: MARKETPLACE_PRODUCTS, MARKETPLACE_AWS_ENDPOINT, MARKETPLACE_START_IN, MARKETPLACE_JOBS/,
      );
    });
    expect(calls).toBe(1);
    await move();
  });

  it('products of a buyer’s account are refused where a variable gives them', async () => {
    world.set({ MARKETPLACE_PRODUCTS: JSON.stringify([world.hourly()]) });
    const { products, ...rest } = world.options(world.hourly());
    expect(products).toBeDefined();
    const { MarketplaceMeteringModule } = await import('../../src/index.js');
    const { NestFactory } = await import('@nestjs/core');
    const root = { imports: [MarketplaceMeteringModule.forRoot(rest)] };
    await expect(NestFactory.create(root, { logger: false, abortOnError: false })).rejects.toThrow(
      'give products of type container and ami in the code',
    );
    await move();
  });

  it('the nonce is random, and another in each process; development is said at every start', async () => {
    const before = nonces().length;
    for (const time of [1, 2]) {
      const { said } = await world.run(world.hourly());
      expect([time, said.filter((line) => line.startsWith('DEVELOPMENT: calls go to http://127.0.0.1'))]).toEqual([
        time,
        [expect.any(String)],
      ]);
      await world.rest();
    }
    const own = nonces().slice(before);
    expect(own).toHaveLength(2);
    expect(new Set(own).size).toBe(2);
    for (const nonce of own) expect(nonce).toMatch(/^[\w-]{43}$/);
  });
});

describe('K17', () => {
  it('while AWS throttles the process is alive and not ready, and registers when it may (D43)', async () => {
    const throttle = world.simulator.faults.add({ kind: 'throttle', operation: 'RegisterUsage' });
    const { app, exit, readiness } = await world.run(world.hourly(), { container: { listenAfterMs: 50 } });
    expect([exit, readiness?.ready]).toEqual([null, false]);
    const [check] = readiness!.checks;
    expect(check).toMatchObject({ call: 'RegisterUsage', state: 'waiting' });
    expect(check?.lastFailure).toContain('ThrottlingException');
    // Liveness: it listens, whatever it has to say.
    expect((await fetch(await app!.getUrl())).status).toBe(404);
    throttle.remove();
    const service = app!.get(MarketplaceReadiness, { strict: false });
    await eventually('it is ready', () => service.isReady);
    expect(service.view().checks[0]).toMatchObject({ state: 'passed' });
  });
});

describe('K18 ends the start at once, with a code and the next step:', () => {
  it('an account without a subscription, by both names', async () => {
    const accountId = '222233334444';
    for (const registerUsageErrors of ['model', 'prose'] as const) {
      world.simulator.setSwitches({ registerUsageErrors });
      await world.moveTo(world.launch({ accountId, platform: 'ecs' }));
      const calls = await callsMeanwhile(async () => {
        const { exit } = await world.run(world.hourly());
        expect(exit).toMatchObject({ code: 81, error: 'CUSTOMER_NOT_ENTITLED' });
        expect(exit?.message).toMatch(/Subscribe to it .* then start it again\./);
      });
      expect(calls).toBe(1);
    }
    world.simulator.setSwitches({ registerUsageErrors: 'model' });
    await move();
  });

  it('a platform, a region, a product code', async () => {
    const agreement = world.simulator.agreements()[0]!;
    await world.moveTo(world.launch({ agreement, platform: 'ec2' }));
    expect((await world.run(world.hourly())).exit).toMatchObject({ code: 82, error: 'PLATFORM_NOT_SUPPORTED' });
    await move();
    const elsewhere = await world.run(world.hourly({ region: 'eu-west-1' }), { sellerAccount: 'elsewhere' });
    expect(elsewhere.exit).toMatchObject({ code: 83, error: 'REGION_REFUSED' });
    const other = world.hourly({ productCode: METERED.replace('metered', 'other') });
    expect((await world.run(other)).exit).toMatchObject({ code: 85, error: 'PRODUCT_CODE_REFUSED' });
  });

  it('a disabled API, a missing permission, a name that nobody knows', async () => {
    world.simulator.faults.add({ kind: 'disabledApi', operation: 'RegisterUsage', count: 1 });
    expect((await world.run(world.hourly())).exit).toMatchObject({ code: 86, error: 'API_DISABLED' });
    world.simulator.faults.add({ kind: 'accessDenied', operation: 'RegisterUsage', count: 1 });
    const denied = (await world.run(world.hourly())).exit;
    expect(denied).toMatchObject({ code: 87, error: 'CALL_NOT_PERMITTED' });
    expect(denied?.message).toContain('aws-marketplace:RegisterUsage');
    world.simulator.faults.add({ kind: 'unknownError', name: 'TeapotException', operation: 'RegisterUsage', count: 1 });
    const unknown = (await world.run(world.hourly())).exit;
    expect(unknown).toMatchObject({ code: 89, error: 'START_REFUSED' });
    expect(unknown?.message).toContain('TeapotException');
  });

  it('after the first success nothing changes any more', async () => {
    const { app } = await world.run(world.hourly());
    world.simulator.faults.add({ kind: 'accessDenied' });
    expect(app!.get(MarketplaceReadiness, { strict: false }).isReady).toBe(true);
  });
});

describe('K19', () => {
  it.each([
    ['InternalServiceErrorException', { kind: 'error500Before' }],
    ['a broken connection', { kind: 'resetBefore' }],
    ['a page of a proxy', { kind: 'proxyPage' }],
    ['a page of a proxy, with status 200', { kind: 'proxyPage', statusCode: 200 }],
    ['a page of a proxy, with status 403', { kind: 'proxyPage', statusCode: 403 }],
    ['a time-out', { kind: 'hang' }],
  ] as const)('%s is tried again', async (_, fault) => {
    world.simulator.faults.add({ ...fault, operation: 'RegisterUsage', count: 2 });
    const calls = await callsMeanwhile(async () => {
      const submission = { requestTimeoutMs: fault.kind === 'hang' ? 300 : 5000 };
      const { exit, readiness } = await world.run(world.hourly(), { submission });
      expect([exit, readiness?.ready]).toEqual([null, true]);
    });
    expect(calls).toBe(3);
  });

  it('ends when patience is over, naming host, port and the interface endpoint', async () => {
    world.simulator.faults.add({ kind: 'error500Before', operation: 'RegisterUsage' });
    const { exit } = await world.run(world.hourly(), { container: { startPatienceMs: 200 } });
    expect(exit).toMatchObject({ code: 90, error: 'AWS_UNREACHABLE' });
    expect(exit?.message).toContain(
      'reach metering.marketplace.us-east-1.amazonaws.com on port 443, or create the interface endpoint ' +
        'com.amazonaws.us-east-1.metering-marketplace',
    );
  });

  it('with failOpen it goes on unregistered, says which hours are at stake, and registers in the end', async () => {
    world.clock.set(new Date('2026-12-31T19:00:00Z'));
    await move();
    const outage = world.simulator.faults.add({ kind: 'error500Before', operation: 'RegisterUsage' });
    const product = world.hourly({ registerUsage: { publicKeys: world.keys(), failOpen: true } });
    const { app, exit } = await world.run(product, { container: { startPatienceMs: 50 } });
    expect(exit).toBeNull();
    const service = app!.get(MarketplaceReadiness, { strict: false });
    await eventually('it goes on', () => service.isReady);
    expect(service.view().checks[0]).toMatchObject({ state: 'open' });
    const database = app!.get(LedgerDatabase, { strict: false });
    const alert = async (): Promise<string> => {
      const [row] = await database.query<{ severity: string; message: string }>(
        `SELECT severity, message FROM marketplace.alert WHERE kind = 'usageUnregistered' AND resolved_at IS NULL`,
      );
      return row ? `${row.severity}: ${row.message}` : 'none';
    };
    await eventually('it is told', async () => (await alert()).startsWith('warning'));
    world.clock.set(new Date('2026-12-31T23:00:00Z'));
    const hours =
      'AWS bills the hours from 2026-12-31T19:00Z to 2027-01-01T00:00Z if it registers before 2027-01-01T01:00Z';
    await eventually('the month’s end is told', async () => {
      const text = await alert();
      return text.startsWith('critical') && text.includes(hours);
    });
    world.clock.set(new Date('2027-01-01T01:00:00Z'));
    const lost = 'AWS does not guarantee to bill the hours from 2026-12-31T19:00Z to 2027-01-01T00:00Z any more';
    await eventually('the loss is told', async () => (await alert()).includes(lost));
    outage.remove();
    await eventually('it registers', () => service.view().checks[0]?.state === 'passed');
    expect(await alert()).toBe('none');
    await world.rest();
    world.clock.set(SOFTWARE_START);
    await move();
  });
});

describe('K20 key versions', () => {
  it('a replaced one is warned of, a retired one is followed by the next, and the last one is named', async () => {
    const rotated = world.simulator.rotatePublicKey(HOURLY);
    const at = rotated.find(({ version }) => version === 1)?.rotatedAt?.toISOString() ?? '';
    const [one, both] = [{ publicKeys: world.keys(HOURLY, [1]) }, { publicKeys: world.keys(HOURLY, [1, 2]) }];
    const first = await world.run(world.hourly({ registerUsage: one }));
    expect(first.exit).toBeNull();
    expect(first.said.join()).toContain(`AWS has replaced version 1 of the public key of ${HOURLY} at ${at}`);
    expect(first.said.join()).toContain('the seller must add version 2');

    world.simulator.retirePublicKey(HOURLY, 1);
    const calls = await callsMeanwhile(async () => {
      expect((await world.run(world.hourly({ registerUsage: both }))).exit).toBeNull();
    });
    expect(calls).toBe(2);
    const { exit } = await world.run(world.hourly({ registerUsage: one }));
    expect(exit).toMatchObject({ code: 84, error: 'PUBLIC_KEY_REFUSED' });
    expect(exit?.message).toContain('its seller adds version 2');
  });
});

describe('K21 who registers', () => {
  const product = (): ProductOptions => world.hourly({ registerUsage: { publicKeys: world.keys(HOURLY, [1, 2]) } });

  it('every task and pod, and every container that starts again; nothing is answered from before', async () => {
    const before = nonces().length;
    // Ten of a DaemonSet, and one whose container starts again.
    for (let pod = 1; pod <= 10; pod += 1) {
      await move('eks');
      expect((await world.run(product())).exit).toBeNull();
    }
    expect((await world.run(product())).exit).toBeNull();
    const own = nonces().slice(before);
    // Each asks by the retired version first.
    expect([own.length, new Set(own).size]).toEqual([22, 11]);
  });
});

describe('K22 who does not', () => {
  it('a job, a command, an application that is never started; a worker does where it says that it serves', async () => {
    const product = world.hourly({ registerUsage: { publicKeys: world.keys(HOURLY, [2]) } });
    const jobs = await callsMeanwhile(async () => {
      const app = await world.context(product);
      expect(app.get(MarketplaceReadiness, { strict: false }).view()).toEqual({ ready: true, checks: [] });
    });
    const workers = await callsMeanwhile(() => world.context(product, { container: { serves: true } }));
    const probes = await callsMeanwhile(() => world.run(product, { container: { serves: false } }));
    expect({ jobs, workers, probes }).toEqual({ jobs: 0, workers: 1, probes: 0 });
  });

  it.each([
    ['RegisterUsage', () => world.hourly()],
    ['MeterUsage', () => world.metered()],
  ] as const)(
    'a task that is told to end before its first call (%s): it ends at once, and calls no more',
    async (operation, product) => {
      const before = world.calls(operation);
      const { app, readiness } = await world.run(product(), {
        container: { startJitterMs: 600_000, listenAfterMs: 2000 },
      });
      expect(readiness?.checks).toMatchObject([{ call: operation, state: 'waiting' }]);
      await app!.close();
      expect(world.calls(operation)).toBe(before);
    },
  );

  it('comes before the application listens', async () => {
    const product = world.hourly({ registerUsage: { publicKeys: world.keys(HOURLY, [2]) } });
    world.simulator.faults.add({ kind: 'latency', ms: 300, operation: 'RegisterUsage' });
    const { readiness } = await world.run(product);
    expect(readiness?.ready).toBe(true);
  });
});

describe('K23 is refused by configuration, with the table of which product needs which call:', () => {
  it.each([
    ['an AMI that registers', (): ProductOptions => ({ ...world.image(), usageOperation: 'RegisterUsage' })],
    ['a container that registers and has dimensions', () => world.hourly({ dimensions: ['requests'] })],
    ['keys of a container that does not register', () => ({ ...world.hourly(), ...world.metered() })],
  ])('%s', async (_, product) => {
    const start = world.run({ ...product() });
    await expect(start).rejects.toThrow('which product needs which call:');
    await expect(start).rejects.toThrow('container, both prices: RegisterUsage and MeterUsage');
    await expect(start.catch((error: unknown) => isMarketplaceMeteringError(error) && error.code)).resolves.toBe(
      'OPTIONS_INVALID',
    );
  });

  it('unless the seller says so: then both calls are made', async () => {
    world.simulator.changeProduct(HOURLY, { dimensions: ['requests'] });
    const registerUsage = { publicKeys: world.keys(HOURLY, [2]) };
    const both = world.hourly({ usageOperation: 'both', dimensions: ['requests'], registerUsage });
    const { exit, readiness } = await world.run(both);
    expect(exit).toBeNull();
    expect(readiness?.checks.map(({ call, state }) => `${call} ${state}`)).toEqual([
      'RegisterUsage passed',
      'MeterUsage passed',
    ]);
  });
});
