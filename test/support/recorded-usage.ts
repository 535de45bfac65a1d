import { expect } from '@jest/globals';
import { type UsageEvent } from '../../src/index.js';
import { type LedgerHarness } from './ledger-harness.js';

const SCALE = 1000;

/** What the application recorded, kept apart from the ledger: the sum of the calls that resolved. At most three decimals. */
export class RecordedUsage {
  private readonly thousandths = new Map<string, number>();

  constructor(private readonly harness: LedgerHarness) {}

  async record(...events: UsageEvent[]): Promise<void> {
    await this.harness.metering.record(events);
    this.add(...events);
  }

  /** Usage that was recorded elsewhere, in a transaction of the host that has committed. */
  add(...events: UsageEvent[]): void {
    for (const { subscriptionId, dimension, quantity } of events) {
      const grain = `${subscriptionId} ${dimension}`;
      this.thousandths.set(grain, (this.thousandths.get(grain) ?? 0) + Math.round(Number(quantity) * SCALE));
    }
  }

  /** Whole units recorded, per subscription and dimension. */
  wholeUnits(): Record<string, number> {
    return Object.fromEntries([...this.thousandths].map(([grain, sum]) => [grain, Math.floor(sum / SCALE)] as const).sort());
  }

  /** Conserved, the bill equal to the ledger, and every whole unit on that bill. */
  async expectAllMetered(): Promise<void> {
    await this.harness.expectConserved();
    const balances = await this.harness.metering.balance();
    expect(
      Object.fromEntries(balances.map((row) => [`${row.subscriptionId} ${row.dimension}`, Number(row.byState.metered ?? 0)]).sort()),
    ).toEqual(this.wholeUnits());
  }

  /**
   * Conserved, the bill equal to the ledger, and every unit recorded either on the bill or in the ledger with what became of it.
   * @returns units by what became of them
   */
  async expectAllAccounted(): Promise<Record<string, number>> {
    await this.harness.expectConserved();
    return this.expectAllRecorded();
  }

  /**
   * Conserved, and every unit recorded in the ledger; the bill may hold what the ledger does not know yet.
   * @returns units by what became of them
   */
  async expectAllRecorded(): Promise<Record<string, number>> {
    await this.harness.expectBalanced();
    const balances = await this.harness.metering.balance();
    const byState: Record<string, number> = {};
    for (const row of balances) {
      const recorded = (this.thousandths.get(`${row.subscriptionId} ${row.dimension}`) ?? 0) / SCALE;
      expect([row.subscriptionId, row.dimension, Number(row.recorded)]).toEqual([row.subscriptionId, row.dimension, recorded]);
      for (const [state, units] of Object.entries(row.byState)) byState[state] = (byState[state] ?? 0) + Number(units);
    }
    expect(balances.length).toBe(this.thousandths.size);
    return byState;
  }
}
