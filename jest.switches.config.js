import base from './jest.config.js';

/**
 * The money tests, once per reading of every switch that touches metering: `npm run test:switches`. They are apart
 * because `npm test` runs under the preset `strict` only.
 */
export default { ...base, roots: ['<rootDir>/test/switches'], testPathIgnorePatterns: ['/node_modules/'] };
