import { describe, expect, it } from '@jest/globals';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { type Options } from '../../src/options/options.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

type Product = NonNullable<Options['products']>[number];

const database = { url: 'postgres://localhost/app' };
const given = (product: Partial<Product>, over: Options = {}): Options => ({
  ...{ database, products: [{ productCode: 'larkspur', dimensions: ['units'], ...product }] },
  ...over,
});

function problems(options: Options): OptionsInvalidError['problems'] {
  try {
    resolveOptions(options, {});
  } catch (error) {
    if (error instanceof OptionsInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe('what is no product', () => {
  it.each<[string, unknown]>([
    ['no list', undefined],
    ['a text for a list', 'larkspur'],
    ['an empty list', []],
  ])('%s is refused, and a sign-up page asked for', (_, products) => {
    const options = { database, products } as Options;
    expect(problems(options).map((problem) => problem.option)).toEqual(['products', 'signUpUrl']);
  });

  it.each([null, 'larkspur', 7])('%p in the list is refused, and says nothing about the others', (none) => {
    const { products, ...rest } = given({ type: 'ami' });
    const found = problems({ ...rest, products: [...products!, none as never] });
    expect(found.map(({ option }) => option)).toEqual(['products[1]']);
  });

  it('a product behind one that is none keeps its place in the list', () => {
    const { products, ...rest } = given({ type: 'ami', identity: 'legacy' } as never);
    const found = problems({ ...rest, products: [null as never, ...products!] });
    expect(found.map(({ option }) => option)).toEqual(expect.arrayContaining(['products[0]', 'products[1].identity']));
  });
});

describe('a problem names the variable that could give the option', () => {
  const signUpUrl = 'https://app.example.com/';
  const aws = { endpoint: 'http://localhost:1', useFipsEndpoint: true, useDualstackEndpoint: true };
  it.each<[string, Options, [string, string][]]>([
    ['the sign-up page', given({}), [['signUpUrl', 'MARKETPLACE_SIGN_UP_URL']]],
    [
      'the domain of a cookie',
      given({}, { signUpUrl, codeCookieDomain: 'other.example' }),
      [['codeCookieDomain', 'MARKETPLACE_CODE_COOKIE_DOMAIN']],
    ],
    [
      'a role',
      given({ type: 'ami' }, { aws: { assumeRole: { roleArn: 'arn:aws:iam::123456789012:role/x' } } }),
      [['aws.assumeRole', 'MARKETPLACE_AWS_ASSUME_ROLE_ARN']],
    ],
    [
      'kinds of endpoints',
      given({}, { signUpUrl, aws }),
      [
        ['aws.useFipsEndpoint', 'MARKETPLACE_AWS_USE_FIPS_ENDPOINT'],
        ['aws.useDualstackEndpoint', 'MARKETPLACE_AWS_USE_DUALSTACK_ENDPOINT'],
      ],
    ],
    [
      'ways in',
      given(
        { type: 'ami' },
        {
          notifications: {
            sqsQueueUrls: ['https://sqs.us-east-1.amazonaws.com/123456789012/q'],
            snsTopicArns: ['arn:aws:sns:us-east-1:123456789012:t'],
            eventBridgeSecrets: ['0123456789abcdef01234567'],
          },
        },
      ),
      [
        ['notifications.sqsQueueUrls', 'MARKETPLACE_SQS_QUEUE_URLS'],
        ['notifications.snsTopicArns', 'MARKETPLACE_SNS_TOPIC_ARNS'],
        ['notifications.eventBridgeSecrets', 'MARKETPLACE_EVENTBRIDGE_SECRETS'],
      ],
    ],
    [
      'what is of a product',
      given({ region: 'auto' }, { signUpUrl }),
      [['products[0].region', 'MARKETPLACE_PRODUCTS']],
    ],
  ])('%s', (_, options, expected) => {
    expect(problems(options).map(({ option, environmentVariable }) => [option, environmentVariable])).toEqual(expected);
  });
});
