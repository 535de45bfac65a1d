import { type Clock, type Options, type StaticOptions } from '../../src/index.js';

export const PRODUCT_CODE = 'larkspur';
export const DIMENSIONS = ['requests', 'storage'];

/** Where a replica finds the world of its test. */
export interface ReplicaWorld {
  databaseUrl: string;
  awsEndpoint: string;
  clock: Clock;
}

/** Options of a replica under test: jobs run when asked, and machine time is short. What the test gives wins. */
export function replicaOptions(
  { databaseUrl, awsEndpoint, clock }: ReplicaWorld,
  options: Options & StaticOptions = {},
): Options & StaticOptions {
  return {
    products: [{ productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off' }],
    signUpUrl: 'http://localhost/sign-up',
    adminToken: 'operators-only-0123456789abcdef',
    registrationsPerMinute: 10_000,
    clock,
    jobs: { autoStart: false },
    // CloudTrail would tell what a test wants to be unknown.
    audit: { lookupEvents: 'off' },
    ...options,
    database: { url: databaseUrl, ...options.database },
    aws: { endpoint: awsEndpoint, credentials: testCredentials, ...options.aws },
    submission: {
      callsPerSecond: 1000,
      spreadMs: 0,
      backoffBaseMs: 1,
      backoffCapMs: 5,
      probeIntervalMs: 5,
      requestTimeoutMs: 2000,
      leaseMs: 5000,
      ...options.submission,
    },
  };
}

export const testCredentials = (): Promise<{ accessKeyId: string; secretAccessKey: string }> =>
  Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' });
