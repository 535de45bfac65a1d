// Ahead of a build: what the next minute is spent on. A compiler says nothing until it is done, and a newcomer would
// think that nothing happens.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const isBuilt = existsSync(fileURLToPath(new URL('../dist/src/index.js', import.meta.url)));
console.log(
  isBuilt
    ? 'Building what has changed …'
    : 'Building first: the module, the simulator and the examples. It takes about a minute, this once …',
);
