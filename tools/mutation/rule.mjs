import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';
import ts from 'typescript';

/**
 * All mutants of one rule against its own specs, in one process: Stryker makes the mutants, all in one file, each behind
 * a switch; the specs run under each switch that they pass, until one of them fails. For a mutant that counts while
 * modules load, they are loaded afresh. Prints what survives, and last the counts.
 *
 * node --import ./test/support/typescript.mjs tools/mutation/rule.mjs <rule> <spec>…
 */
const HANG_MS = 20_000;
const [rule, ...specs] = process.argv.slice(2);
const file = path.resolve(`src/${rule}.ts`);
const text = readFileSync(file, 'utf8');
const silent = Object.fromEntries(
  ['debug', 'info', 'warn', 'error', 'fatal', 'trace'].map((level) => [level, () => undefined]),
);
const logger = { ...silent, isDebugEnabled: () => false };
const instrumenter = createInjector().provideValue('logger', logger).injectFunction(createInstrumenter);
const { files, mutants: made } = await instrumenter.instrument([{ name: file, content: text, mutate: true }], {
  ignorers: [],
  excludedMutations: [],
  noHeader: false,
  plugins: [],
});
// A comment in the rule says of some why no test could notice them.
const mutants = made.filter(({ status }) => status !== 'Ignored');
const { outputText } = ts.transpileModule(files[0].content, {
  fileName: file,
  compilerOptions: { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2023, experimentalDecorators: true },
});
register('./hooks.mjs', import.meta.url, { data: { url: pathToFileURL(file).href, source: outputText } });

const active = (globalThis.__stryker__ = {});
const { tests: collected } = await import('./jest-globals.mjs');

/** The tests of the specs, loaded once more for each `query`. */
async function load(query) {
  for (const spec of specs) await import(pathToFileURL(path.resolve(`test/${spec}.spec.ts`)).href + query);
  return collected.splice(0);
}

/** Whether the specs do without the mutant that is switched on, modules and all. */
async function passAfresh(mutant) {
  try {
    return (await pass(await load(`?mutant=${mutant.id}`))) === null;
  } catch {
    return false;
  } finally {
    // What was collected before a module failed to load.
    collected.length = 0;
  }
}

const tests = await load('');

/** What a mutant makes wait for ever has failed, too. */
async function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('it does not end')), HANG_MS)));
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first of the tests that fails. */
async function pass(chosen) {
  for (const { title, run } of chosen) {
    active.currentTestId = title;
    try {
      await inTime(run());
    } catch (error) {
      return { title, error };
    }
  }
  return null;
}

const failed = await pass(tests);
if (failed) {
  console.log(`without any mutant: ${failed.title}`, failed.error);
  process.exit(2);
}
if (!(await passAfresh({ id: 'none' }))) throw new Error('the specs fail when they are loaded afresh');
active.currentTestId = undefined;
const { static: atLoad = {}, perTest = {} } = active.mutantCoverage ?? {};

let dead = 0;
for (const mutant of mutants) {
  const covering = tests.filter(({ title }) => perTest[title]?.[mutant.id]);
  active.activeMutant = mutant.id;
  active.hitCount = 0;
  active.hitLimit = 1000 + 10 * covering.reduce((sum, { title }) => sum + perTest[title][mutant.id], 0);
  const isDead = (await pass(covering)) !== null || (atLoad[mutant.id] && !(await passAfresh(mutant)));
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
