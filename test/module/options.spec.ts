import { describe, expect, it } from '@jest/globals';
import { OptionsInvalidError } from '../../src/errors/marketplace-metering-error.js';
import { resolveOptions } from '../../src/options/resolved-options.js';

const ENVIRONMENT_MINIMUM = {
  DATABASE_URL: 'postgres://localhost/app',
  MARKETPLACE_PRODUCTS: '[{"productCode":"abc","dimensions":["requests"]}]',
  MARKETPLACE_SIGN_UP_URL: 'https://app.example.com/sign-up',
};

function problemsOf(run: () => unknown): { option: string; environmentVariable: string | null; fix: string }[] {
  try {
    run();
  } catch (error) {
    if (error instanceof OptionsInvalidError) return [...error.problems];
    throw error;
  }
  return [];
}

describe('resolveOptions', () => {
  it('needs three environment variables and nothing else', () => {
    expect(resolveOptions({}, ENVIRONMENT_MINIMUM)).toMatchObject({
      database: { url: 'postgres://localhost/app', poolSize: 10 },
      products: [
        {
          productCode: 'abc',
          identity: 'license',
          region: 'us-east-1',
          mode: 'live',
          zeroRecords: 'atWindowEdge',
          type: 'saas',
        },
      ],
      migrations: 'run',
      settleDelayMs: 600_000,
      onExpired: 'carry',
    });
  });

  // G28: what `--env-file` and secret stores make of a variable.
  it.each([
    ['MARKETPLACE_ADMIN_TOKEN', `${'t'.repeat(32)}\n`, { adminToken: 't'.repeat(32) }],
    ['DATABASE_URL', ' postgres://localhost/app\n', { database: { url: 'postgres://localhost/app' } }],
    ['MARKETPLACE_JOBS_AUTO_START', 'false\n', { jobs: { autoStart: false } }],
    [
      'MARKETPLACE_PRODUCTS',
      `'${ENVIRONMENT_MINIMUM.MARKETPLACE_PRODUCTS}'\n`,
      { products: [{ productCode: 'abc', dimensions: ['requests'] }] },
    ],
    ['MARKETPLACE_PRODUCTS', `"${ENVIRONMENT_MINIMUM.MARKETPLACE_PRODUCTS}"`, { products: [{ productCode: 'abc' }] }],
  ])('reads %s as it was meant: %j', (variable, text, expected) => {
    expect(resolveOptions({}, { ...ENVIRONMENT_MINIMUM, [variable]: text })).toMatchObject(expected);
  });

  it('says what it read where the products are no JSON', () => {
    const problems = problemsOf(() =>
      resolveOptions({}, { ...ENVIRONMENT_MINIMUM, MARKETPLACE_PRODUCTS: '[{"productCode":"abc"},]' }),
    );
    expect(problems).toEqual([
      {
        option: 'products',
        environmentVariable: 'MARKETPLACE_PRODUCTS',
        fix: expect.stringMatching(/no JSON: .*it was read as "\[\{\\"productCode.*List the products/),
      },
    ]);
  });

  // G17
  it.each([
    ['disable', false],
    ['false', false],
    ['require', { rejectUnauthorized: false }],
    ['no-verify', { rejectUnauthorized: false }],
    ['verify-ca', { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) }],
    ['verify-full', true],
    ['true\n', true],
  ])('takes MARKETPLACE_DATABASE_SSL=%s as libpq does', (text, ssl) => {
    const options = resolveOptions({}, { ...ENVIRONMENT_MINIMUM, MARKETPLACE_DATABASE_SSL: text });
    expect(options.database.ssl).toEqual(ssl);
  });

  it.each(['prefer', 'allow', 'yes', 'constructor'])('refuses MARKETPLACE_DATABASE_SSL=%s', (text) => {
    expect(
      problemsOf(() => resolveOptions({}, { ...ENVIRONMENT_MINIMUM, MARKETPLACE_DATABASE_SSL: text })),
    ).toMatchObject([{ option: 'database.ssl', fix: expect.stringContaining('verify-full') }]);
  });

  it('verifies migrations in production unless told otherwise', () => {
    expect(resolveOptions({}, { ...ENVIRONMENT_MINIMUM, NODE_ENV: 'production' }).migrations).toBe('verify');
    expect(resolveOptions({ migrations: 'run' }, { ...ENVIRONMENT_MINIMUM, NODE_ENV: 'production' }).migrations).toBe(
      'run',
    );
  });

  it('prefers what the code gives to the environment, option by option', () => {
    const options = resolveOptions(
      { submission: { concurrency: 2 } },
      { ...ENVIRONMENT_MINIMUM, MARKETPLACE_SUBMISSION_CONCURRENCY: '9', MARKETPLACE_SUBMISSION_LEASE_MS: '90000' },
    );
    expect(options.submission).toMatchObject({ concurrency: 2, leaseMs: 90_000, requestTimeoutMs: 15_000 });
  });

  it('reports all problems at once, each with its option, variable and fix', () => {
    const problems = problemsOf(() =>
      resolveOptions(
        { products: [{ productCode: 'prod-123', dimensions: [] }], settleDelayMs: 1.5, colour: 'red' } as never,
        {
          MARKETPLACE_ADMIN_TOKEN: 'short',
          MARKETPLACE_DATABASE_POOL_SIZE: 'many',
        },
      ),
    );
    expect(problems.map((problem) => [problem.option, problem.environmentVariable])).toEqual(
      expect.arrayContaining([
        ['database.url', 'DATABASE_URL'],
        ['database.poolSize', 'MARKETPLACE_DATABASE_POOL_SIZE'],
        ['products[0].productCode', 'MARKETPLACE_PRODUCTS'],
        ['products[0].dimensions', 'MARKETPLACE_PRODUCTS'],
        ['signUpUrl', 'MARKETPLACE_SIGN_UP_URL'],
        ['settleDelayMs', 'MARKETPLACE_SETTLE_DELAY_MS'],
        ['adminToken', 'MARKETPLACE_ADMIN_TOKEN'],
        ['colour', null],
      ]),
    );
    expect(problems.every((problem) => problem.fix.length > 10)).toBe(true);
  });

  it.each([
    ['MARKETPLACE_PRODUCTS', 'not json', 'products'],
    ['MARKETPLACE_PRODUCTS', '[{"productCode":"a","dimensions":["x","x"]}]', 'products[0].dimensions'],
    [
      'MARKETPLACE_PRODUCTS',
      '[{"productCode":"a","dimensions":["x"]},{"productCode":"a","dimensions":["x"]}]',
      'products',
    ],
    ['MARKETPLACE_PRODUCTS', '[{"productCode":"a","dimensions":["x"],"type":"vm"}]', 'products[0].type'],
    [
      'MARKETPLACE_PRODUCTS',
      '[{"productCode":"a","dimensions":["x"],"liveFrom":"2026-12-01T00:30:00Z"}]',
      'products[0].liveFrom',
    ],
    ['MARKETPLACE_PRODUCTS', '[{"productCode":"a","dimensions":["x"],"region":"virginia"}]', 'products[0].region'],
    ['MARKETPLACE_SIGN_UP_URL', 'javascript:alert(1)', 'signUpUrl'],
    ['MARKETPLACE_SIGN_UP_URL', 'https://user:secret@app.example.com', 'signUpUrl'],
    ['DATABASE_URL', 'mysql://localhost/app', 'database.url'],
    ['MARKETPLACE_SELLER_ACCOUNT', 'a b', 'sellerAccount'],
    ['MARKETPLACE_SUBMISSION_LEASE_MS', '20000', 'submission.leaseMs'],
    ['MARKETPLACE_JOBS_AUTO_START', 'yes', 'jobs.autoStart'],
    ['MARKETPLACE_SETTLE_DELAY_MS', ' ', 'settleDelayMs'],
    ['MARKETPLACE_ALLOWED_REDIRECT_ORIGINS', 'https://ok.example.com, nonsense', 'allowedRedirectOrigins[1]'],
  ])('refuses %s=%s', (variable, text, option) => {
    expect(
      problemsOf(() => resolveOptions({}, { ...ENVIRONMENT_MINIMUM, [variable]: text })).map(
        (problem) => problem.option,
      ),
    ).toEqual([option]);
  });

  it('repeats no secret in its problems', () => {
    const problems = problemsOf(() =>
      resolveOptions(
        {},
        { ...ENVIRONMENT_MINIMUM, DATABASE_URL: 'mysql://root:hunter2@db', MARKETPLACE_ADMIN_TOKEN: 's3cret' },
      ),
    );
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|s3cret/);
  });
});
