import Sequencer from '@jest/test-sequencer';

// What takes longest goes first: begun last, as the size of its file would have it, it would leave one core idle at the
// end. Of processes the first starts one at a time, which leaves behind what the TypeScript hooks compiled; the crash
// tests start dozens at once, and would each compile it. Of a path that matches several, the first counts.
export const LONG = [
  '/test/examples/start',
  '/test/tooling/postgres-server',
  '/test/examples/',
  '/test/cases/strange-answers.spec',
  '/test/cases/refused-records.spec',
  '/test/cases/alert-stories.spec',
  '/test/cases/ledger-alone.spec',
  '/test/cases/renewed-agreements.spec',
  '/test/cases/trials.spec',
  '/test/cases/returning-buyers.spec',
  '/test/cases/frozen-steps.spec',
  '/test/cases/going-live.spec',
  '/test/cases/unknown-terms.spec',
  '/test/cases/installed-strange-answers.spec',
  '/test/cases/joined-subscriptions.spec',
  '/test/cases/erased-buyers.spec',
  '/test/cases/asking-aws.spec',
  '/test/cases/late-usage.spec',
  '/test/cases/contracts.spec',
  '/test/cases/readme-sample.spec',
  '/test/switches/money',
  '/test/crash/crash-points',
  '/test/crash/paused-replica',
  '/test/crash/worker',
  '/test/crash/registered-workers',
  '/test/crash/',
  '/test/histories/histories',
  '/test/metering/last-hour',
  '/test/concurrency/',
  '/test/module/module',
  '/test/admin/ledger-views',
  '/test/subscription/reconciliation',
  '/test/network/',
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
