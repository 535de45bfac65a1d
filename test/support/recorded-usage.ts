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
    const metered = await this.harness.database.query<{ grain: string; units: string }>(
      `SELECT subscription_id || ' ' || dimension AS grain, sum(quantity)::text AS units FROM marketplace.metering_record
       WHERE state = 'metered' GROUP BY 1`,
    );
    const units = Object.fromEntries(metered.map(({ grain, units }) => [grain, Number(units)]));
    // Less than a whole unit of a grain may never have come to a record that is sent.
    const expected = this.wholeUnits();
    expect(Object.fromEntries(Object.keys(expected).map((grain) => [grain, units[grain] ?? 0]))).toEqual(expected);
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
    const recorded = await this.harness.database.query<{ grain: string; units: string }>(
      `SELECT s.subscription_id || ' ' || d.name AS grain, sum(e.quantity)::text AS units
       FROM marketplace.usage_event e JOIN marketplace.subject s ON s.id = e.subject JOIN marketplace.dimension d ON d.id = e.dimension
       GROUP BY 1`,
    );
    const units = Object.fromEntries(recorded.map(({ grain, units }) => [grain, Number(units)]));
    expect(units).toEqual(Object.fromEntries([...this.thousandths].map(([grain, sum]) => [grain, sum / SCALE])));
    const byState: Record<string, number> = {};
    for (const balance of await this.harness.metering.balance()) {
      for (const [state, quantity] of Object.entries(balance.byState)) byState[state] = (byState[state] ?? 0) + Number(quantity);
    }
    return byState;
  }
}
