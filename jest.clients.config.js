import base, { sources } from './jest.config.js';

/**
 * The simulator under clients of other languages: `npm run test:clients`. Apart because they need `aws` and Python's
 * botocore installed.
 */
export default {
  ...sources,
  roots: ['<rootDir>/packages/simulator/test/clients'],
  testRegex: base.testRegex,
  // Each call of the AWS CLI starts a Python interpreter.
  testTimeout: 120_000,
};
