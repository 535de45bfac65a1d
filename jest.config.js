import { createDefaultEsmPreset } from 'ts-jest';

/** @type {import('jest').Config} */
export default {
  ...createDefaultEsmPreset({ tsconfig: 'tsconfig.json' }),
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/browser/', '<rootDir>/test/switches/', '<rootDir>/test/clients/'],
  globalSetup: '<rootDir>/test/support/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/jest-global-teardown.mjs',
  // Real servers and real processes, on machines that do other things as well.
  testTimeout: 30_000,
  // jest leaves one core idle; most suites wait for Postgres or for a process more than they compute.
  maxWorkers: '100%',
  testSequencer: '<rootDir>/test/support/long-suites-first.mjs',
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // The example imports the package by its name; in tests that name means the sources, so that no class exists twice.
    '^nestjs-marketplace-metering$': '<rootDir>/src/index.ts',
    '^nestjs-marketplace-metering/simulator$': '<rootDir>/src/simulator/index.ts',
  },
};
