import { base } from './jest.config.js';

/** Whole stories of buyers, agreements and money, one after the other of the cases: `npm run test:cases`. */
export default { ...base, roots: ['<rootDir>/test/cases'] };
