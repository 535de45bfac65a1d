import { createDefaultEsmPreset } from 'ts-jest';
import { base } from './jest.config.js';

/**
 * The own specs of one rule, named by tools/mutation-rules.mjs. Types are not looked at: each mutant would wait for
 * them, and `npm run typecheck` sees them all.
 */
export default {
  ...createDefaultEsmPreset({ tsconfig: 'tsconfig.json', transpilation: true }),
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testRegex: (process.env.RULE_SPECS ?? 'RULE_SPECS is not set').split(',').map((spec) => `/${spec}\\.spec\\.ts$`),
  moduleNameMapper: base.moduleNameMapper,
};
