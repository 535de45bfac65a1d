import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { unreadVariables } from '../../src/options/buyers-environment.js';
import { type Options } from '../../src/options/options.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

// K23, as far as options tell: which product type needs which call, and what means nothing together.

type Product = NonNullable<Options['products']>[number];

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const registers = ({ type, usageOperation = 'MeterUsage' }: Partial<Product>): boolean =>
  type === 'container' && usageOperation !== 'MeterUsage';

/** Who registers has a key, unless a case says otherwise. */
const given = (products: Partial<Product>[], over: Options = {}): Options => ({
  database: { url: 'postgres://localhost/app' },
  products: products.map((product, index) => ({
    ...{ productCode: `p${index}`, dimensions: ['units'] },
    ...(registers(product) && { registerUsage: { publicKeys: { 1: KEY } } }),
    ...product,
  })),
  ...over,
});

function problems(options: Options): [string, string][] {
  try {
    resolveOptions(options, {});
  } catch (error) {
    if (error instanceof OptionsInvalidError) return error.problems.map(({ option, fix }) => [option, fix]);
    throw error;
  }
  return [];
}

describe('K23: which product type needs which call', () => {
  it.each<[string, Partial<Product>]>([
    ['a container that meters', { type: 'container' }],
    ['one that registers', { type: 'container', usageOperation: 'RegisterUsage', dimensions: [] }],
    ['one that does both, where the seller says so', { type: 'container', usageOperation: 'both' }],
    ['one on AgentCore', { type: 'container', agentCore: true }],
    ['an AMI', { type: 'ami', onShutdown: 'flush' }],
  ])('%s needs no sign-up page, is metered where it runs, and has no zero records', (_name, product) => {
    const { products, signUpUrl } = resolveOptions(given([product]), {});
    expect(products[0]).toMatchObject({ region: 'auto', zeroRecords: 'off' });
    expect(signUpUrl).toBeUndefined();
  });

  it.each<[string, Partial<Product>, string, RegExp]>([
    ['an AMI that registers', { type: 'ami', usageOperation: 'RegisterUsage' }, 'usageOperation', /an AMI cannot/],
    ['an AMI that does both', { type: 'ami', usageOperation: 'both' }, 'usageOperation', /an AMI cannot/],
    [
      'dimensions that would get no record',
      { type: 'container', usageOperation: 'RegisterUsage' },
      'usageOperation',
      /never get[^]*or no dimensions\n[^]*which product needs which call:/,
    ],
    ['a container that meters nothing', { type: 'container', dimensions: [] }, 'dimensions', /at least one/],
    ['an AMI on AgentCore', { type: 'ami', agentCore: true }, 'agentCore', /AgentCore runs containers/],
    [
      'RegisterUsage on AgentCore',
      { type: 'container', agentCore: true, usageOperation: 'both' },
      'usageOperation',
      /ECS and EKS alone/,
    ],
    [
      'a container that registers without a key',
      { type: 'container', usageOperation: 'both', registerUsage: undefined },
      'registerUsage',
      /give publicKeys/,
    ],
    [
      'a key of a container that does not register',
      { type: 'container', registerUsage: { publicKeys: { 1: KEY } } },
      'registerUsage',
      /remove it, or say which call[^]*which product needs which call:[^]*container, price per hour: RegisterUsage/,
    ],
    ['a buyer by name', { type: 'container', identity: 'legacy' }, 'identity', /credentials/],
    ['agreements of one buyer', { type: 'container', onSeveral: 'wait' }, 'onSeveral', /credentials/],
  ])('refused: %s', (_name, product, field, fix) => {
    expect(problems(given([product]))).toEqual([[`products[0].${field}`, expect.stringMatching(fix)]]);
  });

  it('an AMI that registers and has no dimensions is refused for both', () => {
    expect(problems(given([{ type: 'ami', usageOperation: 'RegisterUsage', dimensions: [] }]))).toEqual([
      ['products[0].usageOperation', expect.stringMatching(/an AMI cannot/)],
      ['products[0].dimensions', 'name at least one dimension of the listing'],
    ]);
  });

  const installedOnly = 'it is for container and AMI products; remove it, or correct the type';
  it.each<[string, Partial<Product>, string]>([
    ['usageOperation', { usageOperation: 'MeterUsage' }, installedOnly],
    ['agentCore', { agentCore: false }, installedOnly],
    ['onShutdown', { onShutdown: 'keep' }, installedOnly],
    ['registerUsage', { registerUsage: { publicKeys: { 1: KEY } } }, installedOnly],
    ['region', { region: 'auto' }, 'give an AWS region such as us-east-1'],
  ])('refused of a saas product: %s', (field, product, fix) => {
    expect(problems(given([product], { signUpUrl: 'https://app.example.com/' }))).toEqual([
      [`products[0].${field}`, fix],
    ]);
  });

  it('refuses what runs at the buyer beside what runs at the seller, and messages that never come', () => {
    const mixed = problems(given([{}, { type: 'container' }], { signUpUrl: 'https://app.example.com/' }));
    expect(mixed).toEqual([
      ['products[1].type', expect.stringMatching(/cannot share a module.*; give each its own application$/)],
    ]);
    const deaf = problems(
      given([{ type: 'ami' }], { notifications: { eventBridgeSecrets: ['0123456789abcdef01234567'] } }),
    );
    expect(deaf).toEqual([
      ['notifications.eventBridgeSecrets', expect.stringMatching(/sends lifecycle messages to the seller/)],
    ]);
    expect(problems(given([{ type: 'ami' }], { notifications: { sqsQueueUrls: [] } }))).toEqual([]);
    expect(problems(given([{}]))).toEqual([['signUpUrl', expect.stringMatching(/sign-up page/)]]);
  });
});

it('codeCookieDomain is a domain of the sign-up page', () => {
  const found = (codeCookieDomain: string, signUpUrl: unknown = 'https://app.example.com/') =>
    problems(given([{}], { signUpUrl: signUpUrl as string, codeCookieDomain }));
  expect([found('example.com'), found('app.example.com')]).toEqual([[], []]);
  expect(found('ample.com')).toEqual([['codeCookieDomain', expect.stringMatching(/does not belong to it.*"none"/)]]);
  expect(found('.example.com')).toContainEqual(['codeCookieDomain', expect.stringMatching(/without a dot in front/)]);
  // Of a sign-up page that is none nothing more is said.
  expect(found('ample.com', new URL('https://app.example.com/')).map(([option]) => option)).toEqual(['signUpUrl']);
});

describe('regions and partitions', () => {
  const saas = (...regions: string[]): Options =>
    given(
      regions.map((region) => ({ region })),
      { signUpUrl: 'https://app.example.com/' },
    );

  it.each<[string, Options, string, RegExp]>([
    [
      'a saas product in GovCloud',
      saas('us-gov-west-1'),
      'products[0].region',
      /no SaaS product in GovCloud.*us-east-1/,
    ],
    [
      'a zone for a region',
      saas('us-east-1a'),
      'products[0].region',
      /give the region us-east-1; us-east-1a is a zone/,
    ],
    [
      'a list of regions',
      given([{ region: ['cn-north-1'] as never }, {}], { signUpUrl: 'https://app.example.com/' }),
      'products[0].region',
      /./,
    ],
    ['no region', saas('useast1'), 'products[0].region', /give an AWS region such as us-east-1/],
    [
      'credentials of one product',
      given([{ credentials: () => undefined } as never], { signUpUrl: 'https://app.example.com/' }),
      'products[0].credentials',
      /one seller account: give aws\.assumeRole.*an instance of their own/,
    ],
    ['a saas product in another region of China', saas('cn-north-1'), 'products[0].region', /cn-northwest-1 alone/],
    ['a partition without a Marketplace', saas('us-iso-east-1'), 'products[0].region', /no AWS Marketplace metering/],
    [
      'products of two partitions',
      saas('us-east-1', 'cn-northwest-1'),
      'products',
      /several partitions \(aws, aws-cn\).*own `name`/,
    ],
    [
      'a role for what meters with its workload’s',
      given([{ type: 'ami' }], { aws: { assumeRole: { roleArn: 'arn:aws:iam::123456789012:role/x' } } }),
      'aws.assumeRole',
      /role of its own workload/,
    ],
    [
      'FIPS at another endpoint',
      { ...saas('us-east-1'), aws: { useFipsEndpoint: true, endpoint: 'http://localhost:1' } },
      'aws.useFipsEndpoint',
      /one of the two/,
    ],
    [
      'what is no role',
      { ...saas('us-east-1'), aws: { assumeRole: { roleArn: 'arn:aws:iam::123456789012:user/x' } } },
      'aws.assumeRole.roleArn',
      /ARN of a role/,
    ],
    ['what is no proxy', { ...saas('us-east-1'), aws: { proxy: 'proxy:8080' } }, 'aws.proxy', /URL of a proxy/],
  ])('refused: %s', (_, options, option, fix) => {
    expect(problems(options)).toEqual([[option, expect.stringMatching(fix)]]);
  });

  it.each(['us-east-1', 'ap-southeast-4', 'cn-northwest-1', 'eusc-de-east-1'])('taken: %s', (region) => {
    expect(problems(saas(region))).toEqual([]);
  });

  it('taken: a product that names the region of one that does not', () => {
    expect(problems(given([{}, { region: 'us-east-1' }], { signUpUrl: 'https://app.example.com/' }))).toEqual([]);
  });

  it('taken: FIPS at the endpoints of AWS', () => {
    expect(problems({ ...saas('us-east-1'), aws: { useFipsEndpoint: true, useDualstackEndpoint: true } })).toEqual([]);
  });
});

describe('K16: what variables may do in a buyer’s account', () => {
  const container = given([{ type: 'container' }]);
  const everything = {
    ...{ DATABASE_URL: 'postgres://elsewhere/app', MARKETPLACE_DATABASE_POOL_SIZE: '7', MARKETPLACE_MIGRATIONS: 'off' },
    ...{ MARKETPLACE_ADMIN_TOKEN: '0123456789abcdef01234567', MARKETPLACE_PRODUCTS: '[]' },
    ...{ MARKETPLACE_AWS_ENDPOINT: 'http://127.0.0.1:9/', MARKETPLACE_START_IN: 'hold' },
    ...{ MARKETPLACE_JOBS_AUTO_START: 'false', MARKETPLACE_SELLER_ACCOUNT: 'other', MARKETPLACE_SETTLE_DELAY_MS: '1' },
  };

  it('they say where the ledger lies and who may look into it, and nothing else', () => {
    const options = resolveOptions({ ...container, database: {} }, everything);
    const { database, migrations, adminToken } = options;
    expect([database.url, database.poolSize, migrations, adminToken]).toEqual([
      ...['postgres://elsewhere/app', 7, 'off', '0123456789abcdef01234567'],
    ]);
    const { aws, startIn, jobs, sellerAccount, products, settleDelayMs } = options;
    expect([aws.endpoint, startIn, jobs.autoStart, sellerAccount, products[0]?.productCode, settleDelayMs]).toEqual([
      ...[undefined, 'normal', true, 'default', 'p0', 600_000],
    ]);
  });

  it('those that are not read can be named', () => {
    expect(unreadVariables(container.products, { ...everything, PATH: '/bin', MARKETPLACE_ON_EXPIRED: '' })).toEqual([
      ...['MARKETPLACE_SELLER_ACCOUNT', 'MARKETPLACE_PRODUCTS', 'MARKETPLACE_SETTLE_DELAY_MS'],
      ...['MARKETPLACE_AWS_ENDPOINT', 'MARKETPLACE_START_IN', 'MARKETPLACE_JOBS_AUTO_START'],
    ]);
    expect(unreadVariables(given([{}]).products, everything)).toEqual([]);
  });

  it('they do not give the products', () => {
    const products = JSON.stringify(container.products);
    const start = (): unknown =>
      resolveOptions({ database: { url: 'postgres://localhost/app' } }, { MARKETPLACE_PRODUCTS: products });
    expect(start).toThrow('products (MARKETPLACE_PRODUCTS): give products of type container and ami in the code');
  });
});

describe('units that AWS would take no more', () => {
  const contract = { type: 'container' as const, contractDimensions: ['pack'] };
  it.each<[string, Partial<Product>, Options, 'carry' | 'hold']>([
    ['are held where AWS counts prepaid ones by the hour', { ...contract, included: 'aws' }, {}, 'hold'],
    [
      'go with a later hour all the same where the host says so',
      { ...contract, included: 'aws' },
      { onExpired: 'carry' },
      'carry',
    ],
    [
      'go with a later hour where the module subtracts them',
      { ...contract, included: 'module', includedUnits: [{ contractDimension: 'pack', covers: ['units'], units: 9 }] },
      {},
      'carry',
    ],
    ['go with a later hour where none are prepaid', { type: 'container' }, {}, 'carry'],
  ])('%s', (_, product, over, expected) => {
    expect(resolveOptions(given([product], over), {}).onExpired).toBe(expected);
  });

  it('are held of all products where AWS counts those of one', () => {
    const products = given([{ type: 'container' }, { ...contract, included: 'aws' }]);
    expect(resolveOptions(products, {}).onExpired).toBe('hold');
  });
});
