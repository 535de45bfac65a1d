import { sources } from './jest.config.js';

/** The pure rules: no database, no network, no process. `npm run test:unit`, in seconds. */
export const UNIT_SUITES = [
  'test/admin/list-query',
  'test/audit/(absence|audit-report-csv|incident|look-plan|look-schedule|record-splitter)',
  'test/audit/trail-(coverage|event|sighting)',
  'test/container/(credential|region)-rule',
  'test/container/(metering-guarantee|registration-proof|start-refusal|start-schedule|worker-round)',
  'test/database/clock-guard',
  'test/entitlement/snapshot-rule',
  'test/events/delivery-backoff',
  'test/metering/balance/(included-rule|record-proof)',
  'test/metering/erasure/',
  'test/metering/recording/(event-id|javascript-input|usage-reading)',
  'test/metering/sealing/(allocation|answer-wait|balance-step|contract-history|contract-terms|folded-keys)',
  'test/metering/sealing/(included-quantity|ledger-spread|period-hours|planning-rule|quantity-steps|record-draft)',
  'test/metering/sealing/(refused-usage|shared-hours|zero-records)',
  'test/metering/settlement/(deadlines|evidence|logged-answer|record-end|record-outcome|retry-pace)',
  'test/metering/submission/(answer-matcher|aws-error|batch-planner|bound-records|call-breaker|known-agreement)',
  'test/module/options',
  'test/notifications/(lifecycle-parser|sns-certificates|sns-signature)',
  'test/options/(included-units|option-fixes|product-rules|public-key)',
  'test/registration/(arrival-limiter|registration-form)',
  'test/runtime/(backoff|clock|decimal|fair-turns|fault-log|order|single-flight|text-guards)',
  'test/subscription/(aws-names|buyer-return|dimension-unit|money-settings|product-mode|reconciliation-answer)',
  'test/subscription/agreements/',
];

export default {
  ...sources,
  // Rules compute, and wait for nothing.
  maxWorkers: '100%',
  roots: ['<rootDir>/test'],
  testRegex: UNIT_SUITES.map((suite) => `/${suite}.*\\.spec\\.ts$`),
};
