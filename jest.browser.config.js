import { createDefaultEsmPreset } from 'ts-jest';
import base from './jest.config.js';

/**
 * The tests that drive a browser: `npm run test:browser`. They are apart because `npm test` needs nothing preinstalled.
 */
export default {
  ...createDefaultEsmPreset({ tsconfig: 'tsconfig.json' }),
  testEnvironment: 'node',
  roots: ['<rootDir>/test/browser', '<rootDir>/packages/simulator/test/browser'],
  testRegex: base.testRegex,
  moduleNameMapper: base.moduleNameMapper,
};
