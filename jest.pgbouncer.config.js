import { base } from './jest.config.js';

/**
 * Recording, sealing, submission, the inbox and replicas through PgBouncer in transaction mode with its default
 * settings: `npm run test:pgbouncer`. Apart, because PgBouncer is no npm package.
 */
export default {
  ...base,
  testRegex: [
    '/test/pooler/.*\\.spec\\.ts$',
    '/test/concurrency/replicas\\.spec\\.ts$',
    '/test/metering/submission/(happy-path|leases)\\.spec\\.ts$',
    '/test/metering/recording/(host-transaction|usage-recorder)\\.spec\\.ts$',
    '/test/metering/sealing/hour-sealer\\.spec\\.ts$',
    '/test/notifications/endpoint\\.spec\\.ts$',
  ],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/pooler/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/test/pooler/jest-global-teardown.mjs',
};
