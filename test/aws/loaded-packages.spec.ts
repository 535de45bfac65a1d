import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RootOptions } from '../../src/index.js';
import { migrate } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { repositoryRoot, typescriptArgs } from '../support/processes.js';

let postgres: TestDatabase;
let folder: string;
beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loaded-packages-'));
});
afterAll(async () => {
  fs.rmSync(folder, { recursive: true });
  await postgres.drop();
});

/** Packages that an application loads which starts and stops. */
async function loadedBy(over: RootOptions): Promise<string[]> {
  const options: RootOptions = {
    database: { url: postgres.url },
    products: [{ productCode: 'larkspur', dimensions: ['requests'] }],
    signUpUrl: 'http://localhost/sign-up',
    aws: { endpoint: 'http://127.0.0.1:9' },
    ...over,
  };
  const application = path.join(repositoryRoot, 'test/aws/loading-application.ts');
  const log = path.join(folder, `${fs.readdirSync(folder).length}.log`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...typescriptArgs, application, log, JSON.stringify(options)],
    { cwd: repositoryRoot },
  );
  return JSON.parse(stdout) as string[];
}

const ON_DEMAND = [
  ...['@aws-sdk/client-sqs', 'sqs-consumer', '@aws-sdk/client-cloudtrail', '@aws-sdk/client-marketplace-agreement'],
  ...['@aws-sdk/client-marketplace-entitlement-service', '@aws-sdk/credential-providers', '@aws-sdk/nested-clients'],
  ...['https-proxy-agent', 'proxy-from-env'],
];

describe('an application that starts', () => {
  it('loads no client of AWS but that of metering', async () => {
    const loaded = await loadedBy({});
    expect(loaded).toContain('@aws-sdk/client-marketplace-metering');
    expect(loaded.filter((name) => ON_DEMAND.includes(name))).toEqual([]);
  });

  it('loads that of SQS where a queue is named', async () => {
    const sqs = { sqsQueueUrls: ['http://127.0.0.1:9/123456789012/queue'] };
    const loaded = await loadedBy({ notifications: sqs });
    expect(loaded).toEqual(expect.arrayContaining(['@aws-sdk/client-sqs', 'sqs-consumer']));
  });
});
