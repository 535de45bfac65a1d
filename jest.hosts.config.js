import { base } from './jest.config.js';

/**
 * Hosts as people have them, made of the packed package in fresh folders: `npm run test:hosts`, and `-- --core` for the
 * part that always runs. Apart because it installs from npm's registry.
 */
export default {
  ...base,
  roots: ['<rootDir>/test/hosts'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/hosts/jest-hosts-setup.mjs',
  globalTeardown: '<rootDir>/test/hosts/jest-hosts-teardown.mjs',
  // Installs wait for a registry.
  testTimeout: 600_000,
};
