import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent } from 'node:http';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { type AwsOptions } from '../../src/index.js';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { type CallBudget } from '../../src/database/call-budget.js';
import { CustomerGateway } from '../../src/aws/customer-gateway.js';
import { EntitlementGateway } from '../../src/aws/entitlement-gateway.js';
import { PacedCalls } from '../../src/aws/paced-calls.js';
import { resolveOptions, type ResolvedOptions } from '../../src/options/resolved-options.js';
import { getFromSns } from '../../src/subscription/inbox/sns-client.js';
import { ConnectProxy } from './connect-proxy.js';
import { StsServer } from './sts-server.js';

// How AWS is reached, and with whose credentials: through the real SDK.

const credentials = () => Promise.resolve({ accessKeyId: 'AKIAAPP', secretAccessKey: 'secret' });
const VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy', 'ALL_PROXY'];
const OF_SDK = ['AWS_ENDPOINT_URL_STS', 'AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT', 'AWS_CONFIG_FILE'];
let before: NodeJS.ProcessEnv;
let closing: (() => unknown)[];

beforeEach(() => {
  before = { ...process.env };
  closing = [];
  for (const name of [...VARIABLES, ...OF_SDK]) Reflect.deleteProperty(process.env, name);
  process.env.AWS_CONFIG_FILE = '/dev/null';
});
afterEach(async () => {
  process.env = before;
  for (const close of closing.reverse()) await close();
});

function resolved(aws: AwsOptions, region = 'us-east-1'): ResolvedOptions {
  const products = [{ productCode: 'larkspur', dimensions: ['requests'], region }];
  const database = { url: 'postgres://localhost/none' };
  return resolveOptions({ database, products, signUpUrl: 'http://localhost/', aws: { credentials, ...aws } }, {});
}

function clientsOf(options: ResolvedOptions): AwsClients {
  const clients = new AwsClients(options);
  closing.push(() => clients.onApplicationShutdown());
  return clients;
}

async function simulator(): Promise<MarketplaceSimulator> {
  const started = await MarketplaceSimulator.start({ callsPerSecond: 0 });
  closing.push(() => started.stop());
  started.createProduct({ productCode: 'larkspur', dimensions: ['requests'] });
  return started;
}

async function proxy(): Promise<ConnectProxy> {
  const started = await ConnectProxy.start();
  closing.push(() => started.stop());
  return started;
}

const resolveCustomer = (options: ResolvedOptions) =>
  new CustomerGateway(clientsOf(options), options).resolve('no-token-of-anybody');

describe('a proxy', () => {
  it('that HTTPS_PROXY or HTTP_PROXY names makes the connections: AWS is reached through its tunnels alone', async () => {
    const [aws, tunnel] = [await simulator(), await proxy()];
    // A name that only the proxy can reach.
    tunnel.routes.set('aws.test:80', new URL(aws.url).host);
    process.env.HTTP_PROXY = tunnel.url.replace('//', '//user:p%40ss@');
    const answer = await resolveCustomer(resolved({ endpoint: 'http://aws.test' }));
    expect(answer).toEqual({ kind: 'tokenInvalid' });
    expect(tunnel.tunnels).toEqual(['aws.test:80']);
    expect(tunnel.logins).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
  });

  it('is passed by where NO_PROXY names the host, and for this machine always', async () => {
    const [aws, tunnel] = [await simulator(), await proxy()];
    process.env.HTTP_PROXY = tunnel.url;
    expect(await resolveCustomer(resolved({ endpoint: aws.url }))).toEqual({ kind: 'tokenInvalid' });
    process.env.NO_PROXY = 'aws.invalid';
    expect(await resolveCustomer(resolved({ endpoint: 'http://aws.invalid' }))).toMatchObject({ kind: 'failed' });
    expect(tunnel.tunnels).toEqual([]);
  });

  it('that the option names wins over the environment, and false goes without', async () => {
    const [aws, tunnel, other] = [await simulator(), await proxy(), await proxy()];
    process.env.HTTP_PROXY = other.url;
    expect(await resolveCustomer(resolved({ endpoint: aws.url, proxy: tunnel.url }))).toEqual({ kind: 'tokenInvalid' });
    expect(await resolveCustomer(resolved({ endpoint: aws.url, proxy: false }))).toEqual({ kind: 'tokenInvalid' });
    expect([tunnel.tunnels, other.tunnels]).toEqual([[new URL(aws.url).host], []]);
  });

  it('may be an agent of the host', async () => {
    const aws = await simulator();
    const agent = new Agent();
    const { port } = new URL(aws.url);
    const made: string[] = [];
    const { createConnection } = agent;
    agent.createConnection = (options, callback) => {
      made.push(String((options as { host?: string }).host));
      return createConnection.call(agent, { ...options, host: '127.0.0.1', port: Number(port) }, callback);
    };
    const answer = await resolveCustomer(resolved({ endpoint: 'http://aws.test', proxy: agent }));
    expect(answer).toEqual({ kind: 'tokenInvalid' });
    expect(made).toEqual(['aws.test']);
  });

  it('that is not there is a matter of set-up, and nothing has left', async () => {
    const tunnel = await ConnectProxy.start();
    const { url } = tunnel;
    await tunnel.stop();
    expect(await resolveCustomer(resolved({ proxy: url }))).toMatchObject({
      failure: { kind: 'setUp', effect: 'none', code: 'ECONNREFUSED' },
    });
    process.env.HTTPS_PROXY = 'socks5://127.0.0.1:1080';
    expect(await resolveCustomer(resolved({}))).toMatchObject({
      failure: { kind: 'setUp', effect: 'none', message: expect.stringMatching(/socks5.*no HTTP proxy.*aws\.proxy/) },
    });
  });

  it('is that of SNS, too', async () => {
    const [aws, tunnel] = [await simulator(), await proxy()];
    tunnel.routes.set('sns.test:80', new URL(aws.url).host);
    await expect(getFromSns(new URL('http://sns.test/nothing'), 10_000, tunnel.url)).rejects.toThrow(/SNS answered 4/);
    expect(tunnel.tunnels).toEqual(['sns.test:80']);
  });
});

describe('the endpoint', () => {
  type Service = 'metering' | 'entitlement' | 'agreement' | 'trail' | 'queue';

  /** Where a call would go, by the SDK's own rules. */
  async function hostOf(service: Service, aws: AwsOptions, region: string): Promise<string> {
    const clients = clientsOf(resolved(aws));
    if (service === 'queue') {
      const { SQSClient, ListQueuesCommand } = await import('@aws-sdk/client-sqs');
      const client = new SQSClient(clients.connection(region, 1000));
      return hostOfCall(client, new ListQueuesCommand({}));
    }
    switch (service) {
      case 'metering': {
        const { ResolveCustomerCommand } = await import('@aws-sdk/client-marketplace-metering');
        return hostOfCall(clients.metering(region), new ResolveCustomerCommand({ RegistrationToken: 'x' }));
      }
      case 'entitlement': {
        const { GetEntitlementsCommand } = await import('@aws-sdk/client-marketplace-entitlement-service');
        return hostOfCall(await clients.entitlement(region), new GetEntitlementsCommand({ ProductCode: 'x' }));
      }
      case 'agreement': {
        const { DescribeAgreementCommand } = await import('@aws-sdk/client-marketplace-agreement');
        return hostOfCall(await clients.agreement(region), new DescribeAgreementCommand({ agreementId: 'x' }));
      }
      case 'trail': {
        const { LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
        return hostOfCall(await clients.trail(region), new LookupEventsCommand({}));
      }
    }
  }

  async function hostOfCall(client: object, command: object): Promise<string> {
    const sdk = client as {
      middlewareStack: { add: (...a: unknown[]) => void };
      send: (c: object) => Promise<unknown>;
    };
    let host = 'none';
    const catching = () => (args: { request: { hostname: string } }) => {
      host = args.request.hostname;
      return Promise.reject(new Error('kept'));
    };
    sdk.middlewareStack.add(catching, { step: 'finalizeRequest', priority: 'high' });
    await sdk.send(command).catch(() => undefined);
    return host;
  }

  it.each<[string, Service, AwsOptions, string, string]>([
    ['as it is', 'metering', {}, 'us-east-1', 'metering.marketplace.us-east-1.amazonaws.com'],
    ['FIPS', 'metering', { useFipsEndpoint: true }, 'us-east-1', 'metering.marketplace-fips.us-east-1.amazonaws.com'],
    ['dual-stack', 'metering', { useDualstackEndpoint: true }, 'us-east-1', 'metering-marketplace.us-east-1.api.aws'],
    [
      'FIPS in GovCloud',
      'metering',
      { useFipsEndpoint: true },
      'us-gov-west-1',
      'metering.marketplace-fips.us-gov-west-1.amazonaws.com',
    ],
    ['China', 'metering', {}, 'cn-northwest-1', 'metering.marketplace.cn-northwest-1.amazonaws.com.cn'],
    ['the sovereign cloud', 'metering', {}, 'eusc-de-east-1', 'metering-marketplace.eusc-de-east-1.amazonaws.eu'],
    ['one region', 'entitlement', {}, 'eu-west-1', 'entitlement.marketplace.us-east-1.amazonaws.com'],
    ['China', 'entitlement', {}, 'cn-northwest-1', 'entitlement-marketplace.cn-northwest-1.amazonaws.com.cn'],
    [
      'FIPS',
      'entitlement',
      { useFipsEndpoint: true },
      'us-east-1',
      'entitlement.marketplace-fips.us-east-1.amazonaws.com',
    ],
    ['one region', 'agreement', {}, 'eu-west-1', 'agreement-marketplace.us-east-1.amazonaws.com'],
    ['FIPS', 'agreement', { useFipsEndpoint: true }, 'us-east-1', 'agreement-marketplace-fips.us-east-1.amazonaws.com'],
    ['FIPS', 'trail', { useFipsEndpoint: true }, 'us-west-2', 'cloudtrail-fips.us-west-2.amazonaws.com'],
    ['FIPS', 'queue', { useFipsEndpoint: true }, 'us-east-1', 'sqs-fips.us-east-1.amazonaws.com'],
    ['dual-stack', 'queue', { useDualstackEndpoint: true }, 'us-east-1', 'sqs.us-east-1.api.aws'],
  ])('%s of %s is the SDK’s own', async (_, service, aws, region, host) => {
    expect(await hostOf(service, aws, region)).toBe(host);
  });

  it('is FIPS by AWS_USE_FIPS_ENDPOINT where the option says nothing', async () => {
    process.env.AWS_USE_FIPS_ENDPOINT = 'true';
    expect(await hostOf('metering', {}, 'us-east-1')).toBe('metering.marketplace-fips.us-east-1.amazonaws.com');
    expect(await hostOf('metering', { useFipsEndpoint: false }, 'us-east-1')).toBe(
      'metering.marketplace.us-east-1.amazonaws.com',
    );
  });
});

describe('assumeRole', () => {
  const ROLE = 'arn:aws:iam::444455556666:role/billing';
  const HUB = 'arn:aws:iam::111122223333:role/hub';
  let aws: MarketplaceSimulator;
  let sts: StsServer;
  beforeEach(async () => {
    [aws, sts] = [await simulator(), await StsServer.start()];
    closing.push(() => sts.stop());
    process.env.AWS_ENDPOINT_URL_STS = sts.url;
  });
  const signers = (): string[] => aws.calls({}).map(({ accessKeyId }) => accessKeyId ?? '');
  const options = (assumeRole: AwsOptions['assumeRole'], over: AwsOptions = {}): ResolvedOptions =>
    resolved({ endpoint: aws.url, assumeRole, ...over });

  it('calls with a session of the role, asked for once for all clients, by its external id', async () => {
    sts.trusts.set(ROLE, { accessKeyIds: ['AKIAAPP'], externalId: 'listing-4711' });
    const given = options({ roleArn: ROLE, externalId: 'listing-4711' });
    const clients = clientsOf(given);
    const unpaced = { take: () => true, throttled: () => undefined } as unknown as CallBudget;
    const entitlements = new EntitlementGateway(clients, new PacedCalls(given, unpaced));
    const [customer, held] = await Promise.all([
      new CustomerGateway(clients, given).resolve('no-token-of-anybody'),
      entitlements.get('us-east-1', 'larkspur', { customerAwsAccountId: '123412341234' }),
    ]);
    expect([customer.kind, held.kind]).toEqual(['tokenInvalid', 'answered']);
    expect(new Set(signers())).toEqual(new Set([StsServer.keyOf(ROLE, 1)]));
    expect(sts.requests).toEqual([
      {
        ...{ roleArn: ROLE, externalId: 'listing-4711', accessKeyId: 'AKIAAPP' },
        ...{ sessionName: 'nestjs-marketplace-metering', durationSeconds: 3600 },
      },
    ]);
  });

  it('goes through other roles in their order, the external id for the last alone', async () => {
    sts.trusts.set(HUB, { accessKeyIds: ['AKIAAPP'] });
    sts.trusts.set(ROLE, { accessKeyIds: [StsServer.keyOf(HUB, 1)], externalId: 'listing-4711' });
    expect(
      await resolveCustomer(
        options({ roleArn: ROLE, externalId: 'listing-4711', through: [HUB], sessionName: 'acme' }),
      ),
    ).toEqual({ kind: 'tokenInvalid' });
    expect(signers()).toEqual([StsServer.keyOf(ROLE, 1)]);
    expect(sts.requests.map(({ roleArn, externalId, sessionName }) => [roleArn, externalId, sessionName])).toEqual([
      [HUB, null, 'acme'],
      [ROLE, 'listing-4711', 'acme'],
    ]);
  });

  it('renews the session before it ends, and goes on with it while STS fails', async () => {
    sts.trusts.set(ROLE, { accessKeyIds: ['AKIAAPP'] });
    const given = options({ roleArn: ROLE });
    const customers = new CustomerGateway(clientsOf(given), given);
    const sessions: number[] = [];
    // The SDK keeps a session until five minutes before its end; this one is about to end from the start.
    for (const sessionSeconds of [200, 3600, 3600]) {
      sts.sessionSeconds = sessionSeconds;
      expect(await customers.resolve('no-token-of-anybody')).toEqual({ kind: 'tokenInvalid' });
      sessions.push(sts.requests.length);
    }
    // The second call renewed it, for the third as well.
    expect(sessions[2]).toBe(sessions[1]);
    expect(signers().at(-1)).not.toBe(signers()[0]);

    const other = options({ roleArn: ROLE });
    const unlucky = new CustomerGateway(clientsOf(other), other);
    sts.sessionSeconds = 200;
    await unlucky.resolve('no-token-of-anybody');
    sts.fails = 'ServiceUnavailable';
    expect(await unlucky.resolve('no-token-of-anybody')).toEqual({ kind: 'tokenInvalid' });
  });

  it.each<[string, NonNullable<AwsOptions['assumeRole']>, RegExp]>([
    ['an external id is wanted', { roleArn: ROLE }, /role\/billing.*AccessDenied.*give aws\.assumeRole\.externalId/],
    [
      'the external id is another',
      { roleArn: ROLE, externalId: 'other-one' },
      /role\/billing.*AccessDenied.*must be the sts:ExternalId of the trust policy, to the letter/,
    ],
    ['a role on the way does not trust', { roleArn: ROLE, through: [HUB] }, /role\/hub.*trust policy must allow/],
  ])('says which role, and the fix, where %s', async (_, assumeRole, message) => {
    sts.trusts.set(ROLE, { accessKeyIds: ['AKIAAPP'], externalId: 'listing-4711' });
    const answer = await resolveCustomer(options(assumeRole));
    expect(answer).toMatchObject({
      failure: { kind: 'setUp', effect: 'none', code: 'AccessDenied', message: expect.stringMatching(message) },
    });
    expect(JSON.stringify(answer)).not.toMatch(/444455556666|111122223333|other-one/);
    expect(signers()).toEqual([]);
  });

  it.each([
    ['ValidationError', /60 minutes.*lower aws\.assumeRole\.durationMs/],
    ['ExpiredTokenException', /credentials that assume it have run out/],
    ['RegionDisabledException', /switched off in that region/],
  ])('says the fix where STS answers %s', async (fails, message) => {
    sts.fails = fails;
    expect(await resolveCustomer(options({ roleArn: ROLE }))).toMatchObject({
      failure: { kind: 'setUp', code: fails, message: expect.stringMatching(message) },
    });
  });

  it('comes from variables', () => {
    const { assumeRole } = resolveOptions(
      {
        database: { url: 'postgres://x/y' },
        products: [{ productCode: 'a', dimensions: ['b'] }],
        signUpUrl: 'http://x/',
      },
      {
        ...{ MARKETPLACE_AWS_ASSUME_ROLE_ARN: ROLE, MARKETPLACE_AWS_ASSUME_ROLE_EXTERNAL_ID: 'listing-4711' },
        ...{ MARKETPLACE_AWS_ASSUME_ROLE_THROUGH: HUB, MARKETPLACE_AWS_ASSUME_ROLE_DURATION_MS: '900000' },
      },
    ).aws;
    expect(assumeRole).toEqual({
      ...{ roleArn: ROLE, externalId: 'listing-4711', through: [HUB], durationMs: 900_000 },
      sessionName: 'nestjs-marketplace-metering',
    });
  });
});
