import { Inject, Injectable } from '@nestjs/common';
import { type BalanceView, type Clock, MeteringService } from 'nestjs-marketplace-metering';
import { type ApiCall, type BillLine, MarketplaceSimulator } from 'aws-marketplace-simulator';
import { LARKSPUR_CLOCK } from '../larkspur/larkspur.clock.js';
import { sum, textOf, unitsOf } from '../units.js';
import { type BreakageName, FaultDesk } from './fault-desk.js';
import { LedgerReader, type LedgerRecord, type OpenAlert } from './ledger-reader.js';

const HOURS_SHOWN = 14;
const CALLS_SHOWN = 6;

/** One grain: what the ledger says of it beside what AWS would charge. */
export interface FlowRow {
  record: LedgerRecord;
  billed: BillLine | null;
}

/** Where the units of a dimension stand, over all subscriptions shown. Decimals as strings. */
export interface DimensionTotal {
  dimension: string;
  recorded: string;
  /** By state, with `unassigned` and `carry`. */
  byState: Record<string, string>;
  conserved: boolean;
}

/** The way of the units, as it stands. */
export interface Flow {
  now: Date;
  broken: BreakageName[];
  totals: DimensionTotal[];
  rows: FlowRow[];
  /** Units that AWS would charge for, over all hours, by dimension. */
  billedTotals: ReadonlyMap<string, number>;
  alerts: OpenAlert[];
  calls: ApiCall[];
}

/** Brings together what the two sides know: the ledger, and the bill on the other side of the wire. */
@Injectable()
export class FlowService {
  constructor(
    private readonly ledger: LedgerReader,
    private readonly metering: MeteringService,
    private readonly simulator: MarketplaceSimulator,
    private readonly faults: FaultDesk,
    @Inject(LARKSPUR_CLOCK) private readonly clock: Clock,
  ) {}

  /** Of one subscription, or of all. */
  async read(subscriptionId?: string): Promise<Flow> {
    const filter = subscriptionId === undefined ? {} : { subscriptionId };
    const [records, balances, alerts] = await Promise.all([
      this.ledger.records({ ...filter, limit: HOURS_SHOWN }),
      this.metering.balance(filter),
      this.ledger.alerts(subscriptionId),
    ]);
    const licenses = subscriptionId === undefined ? null : new Set(records.map((record) => record.licenseArn));
    const bill = this.simulator.bill().filter((line) => licenses === null || licenses.has(line.licenseArn ?? null));
    const lines = new Map(bill.map((line) => [grainOf(line.licenseArn ?? null, line.dimension, line.hour), line]));
    return {
      now: this.clock.now(),
      broken: this.faults.current,
      totals: totalsByDimension(balances),
      rows: records.map((record) => ({
        record,
        // A closing record is never sent; the hour in which it stands may have a line of its own.
        billed:
          record.kind === 'closing' ? null : (lines.get(grainOf(record.licenseArn, record.dimension, record.hour.toISOString())) ?? null),
      })),
      billedTotals: billedByDimension(bill),
      alerts,
      calls: this.simulator.calls({ operation: 'BatchMeterUsage' }).slice(-CALLS_SHOWN).reverse(),
    };
  }
}

function grainOf(licenseArn: string | null, dimension: string, hour: string): string {
  return `${licenseArn ?? ''} ${dimension} ${hour}`;
}

function billedByDimension(bill: readonly BillLine[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const { dimension, quantity } of bill) totals.set(dimension, (totals.get(dimension) ?? 0) + quantity);
  return totals;
}

function totalsByDimension(balances: readonly BalanceView[]): DimensionTotal[] {
  const dimensions = [...new Set(balances.map(({ dimension }) => dimension))].sort().reverse();
  return dimensions.map((dimension) => {
    const own = balances.filter((balance) => balance.dimension === dimension);
    const states = own.map(({ unassigned, carry, byState }): Record<string, string> => ({ unassigned, carry, ...byState }));
    const names = [...new Set(states.flatMap((state) => Object.keys(state)))];
    return {
      dimension,
      recorded: textOf(sum(own.map(({ recorded }) => unitsOf(recorded)))),
      byState: Object.fromEntries(names.map((name) => [name, textOf(sum(states.map((state) => unitsOf(state[name] ?? 0))))])),
      conserved: own.every(({ conserved }) => conserved),
    };
  });
}
