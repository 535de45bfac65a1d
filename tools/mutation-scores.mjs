import { readFileSync } from 'node:fs';

/** Killed mutants of all that a test could kill, per file; below this a rule can change and no test says so. */
const WANTED = 0.95;
const DEAD = ['Killed', 'Timeout'];
const ALIVE = ['Survived', 'NoCoverage'];

const { files } = JSON.parse(readFileSync('.tmp/mutation.json', 'utf8'));
const scores = Object.entries(files).map(([name, { mutants }]) => {
  const counted = mutants.filter(({ status }) => DEAD.includes(status) || ALIVE.includes(status));
  const dead = counted.filter(({ status }) => DEAD.includes(status)).length;
  return { name, dead, all: counted.length, share: counted.length === 0 ? 1 : dead / counted.length };
});
for (const { name, dead, all, share } of scores) console.log(`${(share * 100).toFixed(1)} %  ${dead}/${all}  ${name}`);
const short = scores.filter(({ share }) => share < WANTED);
console.log(`${scores.length - short.length} files at 95 % or more, ${short.length} below`);
process.exitCode = short.length === 0 ? 0 : 1;
