import base from './jest.config.js';

/** The tests that drive a browser: `npm run test:browser`. They are apart because `npm test` needs nothing preinstalled. */
export default { ...base, roots: ['<rootDir>/test/browser'], testPathIgnorePatterns: ['/node_modules/'] };
