import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';
import ts from 'typescript';

/**
 * All mutants of one rule against its own specs, in one process: Stryker makes the mutants, all in one file, each behind
 * a switch; the specs run under each switch that they pass, until one of them fails. A mutant that counts while modules
 * load has a process of its own. Prints what survives, and last the counts.
 *
 * node --import ./test/support/typescript.mjs tools/mutation/rule.mjs <rule> <spec>… [--only <mutant>]
 */
const only = process.argv.indexOf('--only');
const [rule, ...specs] = process.argv.slice(2, only === -1 ? undefined : only);
const file = path.resolve(`src/${rule}.ts`);
const text = readFileSync(file, 'utf8');
const silent = Object.fromEntries(
  ['debug', 'info', 'warn', 'error', 'fatal', 'trace'].map((level) => [level, () => undefined]),
);
const logger = { ...silent, isDebugEnabled: () => false };
const instrumenter = createInjector().provideValue('logger', logger).injectFunction(createInstrumenter);
const { files, mutants } = await instrumenter.instrument([{ name: file, content: text, mutate: true }], {
  ignorers: [],
  excludedMutations: [],
  noHeader: false,
  plugins: [],
});
const { outputText } = ts.transpileModule(files[0].content, {
  fileName: file,
  compilerOptions: { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2023, experimentalDecorators: true },
});
register('./hooks.mjs', import.meta.url, { data: { url: pathToFileURL(file).href, source: outputText } });

const active = (globalThis.__stryker__ = {});
if (only !== -1) active.activeMutant = process.argv[only + 1];
const { tests } = await import('./jest-globals.mjs');
try {
  for (const spec of specs) await import(pathToFileURL(path.resolve(`test/${spec}.spec.ts`)).href);
} catch (error) {
  if (only !== -1) process.exit(1);
  throw error;
}

/** Whether each of the tests passes. */
async function pass(chosen) {
  for (const { title, run } of chosen) {
    active.currentTestId = title;
    try {
      await run();
    } catch (error) {
      return { title, error };
    }
  }
  return null;
}

if (only !== -1) process.exit((await pass(tests)) === null ? 0 : 1);
const failed = await pass(tests);
if (failed) {
  console.log(`without any mutant: ${failed.title}`, failed.error);
  process.exit(2);
}
active.currentTestId = undefined;
const { static: atLoad = {}, perTest = {} } = active.mutantCoverage ?? {};

let dead = 0;
for (const mutant of mutants) {
  const covering = tests.filter(({ title }) => perTest[title]?.[mutant.id]);
  active.activeMutant = mutant.id;
  active.hitCount = 0;
  active.hitLimit = 1000 + 100 * covering.reduce((sum, { title }) => sum + perTest[title][mutant.id], 0);
  const isDead =
    (await pass(covering)) !== null ||
    (atLoad[mutant.id] &&
      spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1), '--only', mutant.id]).status !== 0);
  active.activeMutant = undefined;
  if (isDead) {
    dead += 1;
    continue;
  }
  const { start, end } = mutant.location;
  const seen = covering.length > 0 || atLoad[mutant.id] ? 'survives' : 'no test passes it';
  console.log(`src/${rule}.ts:${start.line + 1}:${start.column + 1} ${seen}: ${mutant.mutatorName}`);
  console.log(`    ${text.split('\n')[start.line].trim()}`);
  console.log(`  → ${mutant.replacement.replace(/\s+/g, ' ')}${start.line === end.line ? '' : ' (several lines)'}`);
}
console.log(JSON.stringify({ dead, all: mutants.length }));
process.exit(0);
