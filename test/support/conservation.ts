import { expect } from '@jest/globals';
import { type LedgerDatabase } from '../../src/database/ledger-database.js';
import { meteredRecords, tableViolations } from './ledger-judge.js';
import { grainOfLine, type MarketplaceSimulator } from './market.js';

export { meteredRecords } from './ledger-judge.js';

/** Invariant I1 as the tables say it. */
export async function expectTablesConserved(database: LedgerDatabase): Promise<void> {
  expect(await tableViolations(database)).toEqual([]);
}

/**
 * No grain with usage twice, and the simulator's bill is what the ledger holds as metered, grain by grain, zeros
 * included.
 */
export async function expectBillIsLedger(database: LedgerDatabase, simulator: MarketplaceSimulator): Promise<void> {
  const metered = await meteredRecords(database, simulator);
  // Zeros under two names of a buyer who was not known to be one are no usage twice.
  const grains = metered.flatMap(({ grain, quantity }) => (quantity === 0 ? [] : [grain])).sort();
  expect(grains).toEqual([...new Set(grains)]);
  const bill = simulator.bill().map((line) => [grainOfLine(simulator, line), line.quantity]);
  const billed = bill.map(([grain]) => grain).sort();
  expect(billed).toEqual([...new Set(billed)]);
  expect(Object.fromEntries(metered.map(({ grain, quantity }) => [grain, quantity]))).toEqual(Object.fromEntries(bill));
}
