import { ClockGuard } from '../../../src/database/clock-guard.js';
import { type LedgerDatabase } from '../../../src/database/ledger-database.js';
import { AlertBoard } from '../../../src/events/alert-board.js';
import { Outbox } from '../../../src/events/outbox.js';
import { type Options, resolveOptions, type ResolvedOptions } from '../../../src/marketplace-metering.options.js';
import { HourSealer } from '../../../src/metering/sealing/hour-sealer.js';
import { Waker } from '../../../src/runtime/waker.js';

export const PRODUCT = 'larkspur';

/** Options of a sealer on the database with the given URL. */
export function sealingOptions(url: string, clock: { now: () => Date }, given: Partial<Options> = {}): ResolvedOptions {
  return resolveOptions(
    {
      sellerAccount: 'seller',
      database: { url, poolSize: 4 },
      products: [{ productCode: PRODUCT, dimensions: ['requests', 'storage'], zeroRecords: 'off' }],
      signUpUrl: 'https://app.example.com/sign-up',
      clock,
      ...given,
    },
    {},
  );
}

/** A sealer made by hand. */
export function sealerOn(database: LedgerDatabase, options: ResolvedOptions): HourSealer {
  const outbox = new Outbox(options);
  return new HourSealer(database, options, new ClockGuard(database, options), outbox, new AlertBoard(options, outbox), new Waker());
}
