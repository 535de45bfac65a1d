import { base, PROCESS_SUITES } from './jest.config.js';

/** Processes that are started, killed, paused and outlasted: `npm run test:processes`. */
export default { ...base, testRegex: PROCESS_SUITES.map((suite) => `${suite}.*spec\\.ts$`) };
