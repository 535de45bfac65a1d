import { base, PROCESS_SUITES } from './jest.config.js';

/** Processes that are started, killed, paused and outlasted: `npm run test:processes`. */
export default {
  ...base,
  testRegex: PROCESS_SUITES.map((suite) => `${suite}.*spec\\.ts$`),
  // Dozens of processes at once, on a machine that may be ten times as slow.
  testTimeout: 600_000,
};
