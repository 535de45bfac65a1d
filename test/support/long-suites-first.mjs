import Sequencer from '@jest/test-sequencer';

// What starts processes and waits for them takes longest. Begun last, as their size would have it, they would leave one
// core idle at the end. The first starts one process at a time, which leaves behind what the TypeScript hooks compiled;
// the crash tests start dozens at once, and would each compile it.
const LONG = [
  '/test/examples/start',
  '/test/tooling/postgres',
  '/test/examples/',
  '/test/crash/',
  '/test/concurrency/',
  '/test/metering/',
  '/test/module/',
];

function rank(path) {
  const index = LONG.findIndex((part) => path.includes(part));
  return index === -1 ? LONG.length : index;
}

/** The default order, which knows how long a suite took last time, after an order that holds on a fresh clone, too. */
export default class LongSuitesFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => rank(a.path) - rank(b.path));
  }
}
