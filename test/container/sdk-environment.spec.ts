import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type MarketplaceMeteringClient, RegisterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { AwsClients } from '../../src/aws/aws-clients.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { type Options } from '../../src/index.js';

// K16: what a buyer sets for the SDK does not lead our calls elsewhere.

const VARIABLES = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_MARKETPLACE_METERING', 'AWS_CONFIG_FILE'];
const before = VARIABLES.map((name) => process.env[name]);

beforeEach(() => {
  process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:9';
  process.env.AWS_ENDPOINT_URL_MARKETPLACE_METERING = 'http://127.0.0.1:9';
  process.env.AWS_CONFIG_FILE = '/dev/null';
});
afterEach(() => {
  for (const [index, name] of VARIABLES.entries()) {
    const value = before[index];
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

const credentials = () => Promise.resolve({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' });
const clientOf = (options: Options): MarketplaceMeteringClient =>
  new AwsClients(
    resolveOptions({ database: { url: 'postgres://localhost/app' }, ...options, aws: { credentials } }, {}),
  ).metering('eu-west-1');

/** Where a call would go. */
async function hostOf(client: MarketplaceMeteringClient): Promise<string> {
  let host = 'none';
  client.middlewareStack.add(
    () => (args) => {
      host = (args.request as { hostname: string }).hostname;
      return Promise.reject(new Error('kept'));
    },
    { step: 'finalizeRequest', priority: 'high' },
  );
  await client.send(new RegisterUsageCommand({ ProductCode: 'abc', PublicKeyVersion: 1 })).catch(() => undefined);
  client.destroy();
  return host;
}

describe('AWS_ENDPOINT_URL', () => {
  it('is not heeded where software runs in a buyer’s account', async () => {
    const products = [{ productCode: 'abc', type: 'container' as const, dimensions: ['requests'] }];
    expect(await hostOf(clientOf({ products }))).toBe('metering.marketplace.eu-west-1.amazonaws.com');
  });

  it('is the seller’s own where the seller runs it', async () => {
    const products = [{ productCode: 'abc', dimensions: ['requests'] }];
    expect(await hostOf(clientOf({ products, signUpUrl: 'https://app.example.com/' }))).toBe('127.0.0.1');
  });
});
