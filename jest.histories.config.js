import { base } from './jest.config.js';

/** The long run of random lives: a command, not a part of `npm test`. In jest's own process, which a limit would forbid. */
/** @type {import('jest').Config} */
export default {
  ...base,
  testRegex: '/test/histories/run\\.ts$',
  testTimeout: 24 * 3_600_000,
  maxWorkers: 1,
  workerIdleMemoryLimit: undefined,
};
