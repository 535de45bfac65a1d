import base, { sources } from './jest.config.js';

/**
 * The tests that drive a browser: `npm run test:browser`. They are apart because `npm test` needs nothing preinstalled.
 */
export default {
  ...sources,
  roots: ['<rootDir>/test/browser', '<rootDir>/packages/simulator/test/browser'],
  testRegex: base.testRegex,
};
