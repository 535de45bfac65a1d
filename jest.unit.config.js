import { createDefaultEsmPreset } from 'ts-jest';
import { base } from './jest.config.js';

/** The pure rules: no database, no network, no process. `npm run test:unit`, in seconds. */
export const UNIT_SUITES = [
  'test/admin/list-query',
  'test/database/clock-guard',
  'test/metering/recording/(event-id|usage-reading)',
  'test/metering/sealing/(allocation|balance-step|period-hours|planning-rule|record-draft|zero-records)',
  'test/metering/settlement/(deadlines|evidence|record-end|record-outcome)',
  'test/metering/submission/(answer-matcher|aws-error|batch-planner|call-breaker|known-agreement)',
  'test/module/options',
  'test/notifications/(lifecycle-parser|sns-certificates|sns-signature)',
  'test/registration/(arrival-limiter|registration-form)',
  'test/runtime/(backoff|decimal|single-flight|text-guards)',
  'test/subscription/(aws-names|product-mode|reconciliation-answer)',
  'test/subscription/agreements/',
];

export default {
  ...createDefaultEsmPreset({ tsconfig: 'tsconfig.json' }),
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testRegex: UNIT_SUITES.map((suite) => `/${suite}.*\\.spec\\.ts$`),
  moduleNameMapper: base.moduleNameMapper,
};
