import { createDefaultEsmPreset } from 'ts-jest';
import base from './jest.config.js';

/**
 * The simulator under clients of other languages: `npm run test:clients`. Apart because they need `aws` and Python's
 * botocore installed.
 */
export default {
  ...createDefaultEsmPreset({ tsconfig: 'tsconfig.json' }),
  testEnvironment: 'node',
  roots: ['<rootDir>/packages/simulator/test/clients'],
  testRegex: base.testRegex,
  moduleNameMapper: base.moduleNameMapper,
  // Each call of the AWS CLI starts a Python interpreter.
  testTimeout: 120_000,
};
