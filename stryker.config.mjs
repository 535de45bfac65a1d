/** Small mutants of one pure rule against its own specs; tools/mutation-rules.mjs has the rules and runs it on each. */
export default {
  packageManager: 'npm',
  plugins: ['@stryker-mutator/jest-runner'],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'],
  jest: { configFile: 'jest.mutation.config.js', enableFindRelatedTests: false },
  coverageAnalysis: 'perTest',
  reporters: ['clear-text', 'json'],
  clearTextReporter: { logTests: false, allowColor: false, reportScoreTable: false },
  jsonReporter: { fileName: '.tmp/mutation.json' },
  tempDirName: '.tmp/stryker',
  // A mutant that never ends shows itself soon enough.
  timeoutMS: 20_000,
  concurrency: 2,
};
