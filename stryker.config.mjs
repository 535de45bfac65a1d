/**
 * Small mutants of each pure rule against its own specs: `npm run test:mutation`. tools/mutation-scores.mjs then asks
 * 95 % of every file. A part of it: `npx stryker run --mutate src/metering/settlement/deadlines.ts`.
 */
export default {
  packageManager: 'npm',
  plugins: ['@stryker-mutator/jest-runner'],
  mutate: [
    'src/aws/aws-error.ts',
    'src/metering/recording/{event-id,usage-event}.ts',
    'src/metering/sealing/{allocation,balance-step,period-hours,planning-rule,record-draft,zero-records}.ts',
    'src/metering/settlement/{conflict-explanation,deadlines,evidence,record-outcome}.ts',
    'src/metering/submission/{answer-facts,answer-matcher,batch-planner}.ts',
    'src/runtime/{backoff,decimal}.ts',
    'src/subscription/agreements/*.ts',
    'src/subscription/{chain/aws-names,product-mode,reconciliation/buyer-answer}.ts',
  ],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'],
  jest: { configFile: 'jest.unit.config.js', enableFindRelatedTests: true },
  coverageAnalysis: 'perTest',
  reporters: ['clear-text', 'json'],
  clearTextReporter: { logTests: false, allowColor: false },
  jsonReporter: { fileName: '.tmp/mutation.json' },
  tempDirName: '.tmp/stryker',
  concurrency: 2,
};
