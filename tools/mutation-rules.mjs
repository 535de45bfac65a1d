import { spawnSync } from 'node:child_process';
import { SPECS_BY_RULE } from './mutation/rules.ts';

/**
 * Small mutants of each pure rule against its own specs: `npm run test:mutation`, or of some of them:
 * `npm run test:mutation -- deadlines decimal`. What no spec of its own notices can change in silence, whatever other
 * suites happen to pass through it.
 */
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
