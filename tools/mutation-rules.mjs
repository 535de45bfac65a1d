import { spawnSync } from 'node:child_process';

/**
 * Small mutants of each pure rule against its own specs: `npm run test:mutation`, or of some of them:
 * `npm run test:mutation -- deadlines decimal`. What no spec of its own notices can change in silence, whatever other
 * suites happen to pass through it.
 */
const AGREEMENTS = [
  ...['agreement-end', 'agreement-state', 'agreement-terms', 'cases', 'one-instant'].map(
    (spec) => `subscription/agreements/${spec}`,
  ),
];
const SPECS_BY_RULE = {
  'aws/aws-error': ['metering/submission/aws-error'],
  'metering/recording/event-id': ['metering/recording/event-id'],
  'metering/recording/usage-instant': ['metering/recording/usage-reading'],
  'metering/recording/usage-reading': ['metering/recording/usage-reading'],
  'metering/sealing/allocation': ['metering/sealing/allocation'],
  'metering/sealing/balance-step': ['metering/sealing/balance-step'],
  'metering/sealing/period-hours': ['metering/sealing/period-hours', 'metering/sealing/zero-records'],
  'metering/sealing/planning-rule': ['metering/sealing/planning-rule'],
  'metering/sealing/record-draft': ['metering/sealing/record-draft'],
  'metering/sealing/zero-records': ['metering/sealing/zero-records'],
  'metering/settlement/deadlines': ['metering/settlement/deadlines'],
  'metering/settlement/evidence': ['metering/settlement/evidence'],
  'metering/settlement/record-outcome': ['metering/settlement/record-outcome'],
  'metering/settlement/retry-pace': ['metering/settlement/retry-pace'],
  'metering/submission/answer-matcher': ['metering/submission/answer-matcher'],
  'metering/submission/batch-planner': ['metering/submission/batch-planner'],
  'metering/submission/known-agreement': ['metering/submission/known-agreement'],
  'runtime/backoff': ['runtime/backoff'],
  'runtime/clock': ['runtime/clock'],
  'runtime/decimal': ['runtime/decimal'],
  'subscription/agreements/agreement-end': AGREEMENTS,
  'subscription/agreements/agreement-start': AGREEMENTS,
  'subscription/agreements/agreement-state': AGREEMENTS,
  'subscription/agreements/agreement-terms': AGREEMENTS,
  'subscription/agreements/assignment-board': AGREEMENTS,
  'subscription/agreements/fact-assignment': AGREEMENTS,
  'subscription/agreements/joining-rule': ['subscription/agreements/joining-rule', ...AGREEMENTS],
  'subscription/agreements/subscription-state': AGREEMENTS,
  'subscription/agreements/timeline-rule': ['subscription/agreements/timeline-rule'],
  'subscription/chain/aws-names': ['subscription/aws-names'],
  'subscription/product-mode': ['subscription/product-mode'],
  'subscription/reconciliation/buyer-answer': ['subscription/reconciliation-answer'],
};
/** Killed mutants of all that a test could kill, per file; below this a rule can change and no test says so. */
const WANTED = 0.95;

const named = process.argv.slice(2);
const rules = Object.entries(SPECS_BY_RULE).filter(
  ([rule]) => named.length === 0 || named.some((name) => rule.endsWith(name)),
);
const scores = rules.map(([rule, specs]) => {
  const run = spawnSync(
    process.execPath,
    ['--import', './test/support/typescript.mjs', 'tools/mutation/rule.mjs', rule, ...specs],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  const lines = run.stdout.trimEnd().split('\n');
  const counts = run.status === 0 ? lines.pop() : '{ "dead": 0, "all": 0 }';
  for (const line of lines) console.log(line);
  const { dead, all } = JSON.parse(counts);
  const share = run.status === 0 ? dead / Math.max(all, 1) : 0;
  return { file: `src/${rule}.ts`, dead, all, share };
});
for (const { file, dead, all, share } of scores) console.log(`${(share * 100).toFixed(1)} %  ${dead}/${all}  ${file}`);
const short = scores.filter(({ share }) => share < WANTED);
console.log(`${scores.length - short.length} files at 95 % or more, ${short.length} below`);
process.exitCode = short.length === 0 && scores.length > 0 ? 0 : 1;
