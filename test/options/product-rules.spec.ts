import { describe, expect, it } from '@jest/globals';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { type Options } from '../../src/options/options.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

// K23, as far as options tell: which product type needs which call, and what means nothing together.

type Product = NonNullable<Options['products']>[number];

const given = (products: Partial<Product>[], over: Options = {}): Options => ({
  database: { url: 'postgres://localhost/app' },
  products: products.map((product, index) => ({ productCode: `p${index}`, dimensions: ['units'], ...product })),
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
      /never get/,
    ],
    ['a container that meters nothing', { type: 'container', dimensions: [] }, 'dimensions', /at least one/],
    ['an AMI on AgentCore', { type: 'ami', agentCore: true }, 'agentCore', /AgentCore runs containers/],
    [
      'RegisterUsage on AgentCore',
      { type: 'container', agentCore: true, usageOperation: 'both' },
      'usageOperation',
      /ECS and EKS alone/,
    ],
    ['a buyer by name', { type: 'container', identity: 'legacy' }, 'identity', /credentials/],
  ])('refused: %s', (_name, product, field, fix) => {
    expect(problems(given([product]))).toEqual([[`products[0].${field}`, expect.stringMatching(fix)]]);
  });

  it.each<[string, Partial<Product>]>([
    ['usageOperation', { usageOperation: 'MeterUsage' }],
    ['agentCore', { agentCore: false }],
    ['onShutdown', { onShutdown: 'keep' }],
    ['region', { region: 'auto' }],
  ])('refused of a saas product: %s', (field, product) => {
    expect(problems(given([product], { signUpUrl: 'https://app.example.com/' })).map(([option]) => option)).toEqual([
      `products[0].${field}`,
    ]);
  });

  it('refuses what runs at the buyer beside what runs at the seller, and messages that never come', () => {
    const mixed = problems(given([{}, { type: 'container' }], { signUpUrl: 'https://app.example.com/' }));
    expect(mixed).toEqual([['products[1].type', expect.stringMatching(/cannot share a module/)]]);
    const deaf = problems(
      given([{ type: 'ami' }], { notifications: { eventBridgeSecrets: ['0123456789abcdef01234567'] } }),
    );
    expect(deaf).toEqual([
      ['notifications.eventBridgeSecrets', expect.stringMatching(/sends lifecycle messages to the seller/)],
    ]);
    expect(problems(given([{}]))).toEqual([['signUpUrl', expect.stringMatching(/sign-up page/)]]);
  });
});
