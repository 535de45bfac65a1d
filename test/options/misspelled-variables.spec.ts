import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule } from '../../src/index.js';
import { misspelledVariables } from '../../src/options/misspelled-variables.js';

describe('a variable', () => {
  it.each([
    ['MARKETPLACE_SIGNUP_URL', 'MARKETPLACE_SIGN_UP_URL'],
    ['MARKETPLACE_STARTIN', 'MARKETPLACE_START_IN'],
    ['MARKETPLACE_SQS_QUEUE_URL', 'MARKETPLACE_SQS_QUEUE_URLS'],
    ['MARKETPLACE_PRODUCT', 'MARKETPLACE_PRODUCTS'],
    ['MARKETPLACE_ADMIN_TOKNE', 'MARKETPLACE_ADMIN_TOKEN'],
  ])('%s means %s', (given, meant) => {
    expect(misspelledVariables({ [given]: 'x' })).toEqual([{ given, meant }]);
    // Who has the right one has the other for himself.
    expect(misspelledVariables({ [given]: 'x', [meant]: 'y' })).toEqual([]);
  });

  it.each([
    'MARKETPLACE_START_IN',
    'MARKETPLACE_STATS_URI',
    'MARKETPLACE_',
    'MARKETPLACE_TEST_HOSTS',
    'SIGN_UP_URL',
    'PATH',
  ])('%s is left alone', (given) => {
    expect(misspelledVariables({ [given]: 'x' })).toEqual([]);
  });
});

it('is said when the application starts, before what is missing', async () => {
  const before = process.env;
  const said: unknown[] = [];
  const quiet = { log: () => 0, error: () => 0, warn: (...line: unknown[]) => said.push(line.join(' ')) };
  process.env = { PATH: before.PATH, MARKETPLACE_SIGNUP_URL: 'https://app.example.com/sign-up' };
  try {
    const starting = NestFactory.createApplicationContext(MarketplaceMeteringModule.forRoot(), {
      ...{ logger: quiet, abortOnError: false },
    });
    await expect(starting).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  } finally {
    process.env = before;
  }
  expect(said).toEqual([
    expect.stringMatching(/MARKETPLACE_SIGNUP_URL has no effect.*but MARKETPLACE_SIGN_UP_URL\. Correct it/),
  ]);
});
