/**
 * Suites that start, kill, pause and outlast processes: `npm run test:processes`. Apart, so that `npm test` shows all
 * else in minutes.
 */
export const PROCESS_SUITES = [
  '/test/crash/',
  '/test/examples/(start|demo-check|container(-ledger)?)\\.',
  '/test/tooling/(postgres-server|test-database)\\.',
  '/test/events/killed-process\\.',
  '/packages/simulator/test/(command|state)\\.',
];
/** Whole stories of buyers, agreements and money: `npm run test:cases`. Apart for the same reason. */
export const CASE_SUITES = ['<rootDir>/test/cases/'];
const APART = ['/node_modules/', '<rootDir>/(packages/simulator/)?test/(browser|switches|clients|pooler|hosts)/'];

/**
 * The sources as jest runs them, in every configuration.
 *
 * @type {import('jest').Config}
 */
export const sources = {
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/jest-typescript.mjs' },
  testEnvironment: 'node',
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // Packages are imported by their names; in tests a name means the sources, so that no class exists twice.
    '^nestjs-marketplace-metering$': '<rootDir>/src/index.ts',
    '^nestjs-marketplace-metering/testing$': '<rootDir>/src/testing/index.ts',
    '^aws-marketplace-simulator$': '<rootDir>/packages/simulator/src/index.ts',
  },
};

/** @type {import('jest').Config} */
export const base = {
  ...sources,
  roots: ['<rootDir>/test', '<rootDir>/examples', '<rootDir>/packages/simulator/test'],
  testRegex: '\\.spec\\.ts$',
  testPathIgnorePatterns: APART,
  globalSetup: '<rootDir>/test/support/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/jest-global-teardown.mjs',
  // Real servers and real processes, on machines that do other things as well.
  testTimeout: 120_000,
  // jest leaves one core idle; most suites wait for Postgres or for a process more than they compute.
  maxWorkers: '100%',
  // What a suite loaded stays in its worker. One that has grown to more than this ends after its suite and is replaced:
  // the last ones had 1.5 GB to give back, took longer over it than the half second that jest gives them, and were
  // reported as not having exited gracefully, though nothing was open in them.
  workerIdleMemoryLimit: '800MB',
  testSequencer: '<rootDir>/test/support/long-suites-first.mjs',
};

/** @type {import('jest').Config} */
export default { ...base, testPathIgnorePatterns: [...APART, ...PROCESS_SUITES, ...CASE_SUITES] };
