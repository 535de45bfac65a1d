import { Inject, Injectable } from '@nestjs/common';
import { type BalanceView, type Clock, MeteringService } from 'nestjs-marketplace-metering';
import { type ApiCall, type BillLine, MarketplaceSimulator } from 'nestjs-marketplace-metering/simulator';
import { LARKSPUR_CLOCK } from '../larkspur/larkspur.clock.js';
import { type BreakageName, FaultDesk } from './fault-desk.js';
import { LedgerReader, type LedgerRecord, type OpenAlert } from './ledger-reader.js';

const HOURS_SHOWN = 14;
const CALLS_SHOWN = 6;

/** One grain: what the ledger says of it beside what AWS would charge. */
export interface FlowRow {
  record: LedgerRecord;
  billed: BillLine | null;
}

/** The way of the units, as it stands. */
export interface Flow {
  now: Date;
  broken: BreakageName[];
  balances: BalanceView[];
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
      this.ledger.alerts(),
    ]);
    const licenses = subscriptionId === undefined ? null : new Set(records.map((record) => record.licenseArn));
    const bill = this.simulator.bill().filter((line) => licenses === null || licenses.has(line.licenseArn ?? null));
    const lines = new Map(bill.map((line) => [grainOf(line.licenseArn ?? null, line.dimension, line.hour), line]));
    return {
      now: this.clock.now(),
      broken: this.faults.current,
      balances,
      rows: records.map((record) => ({
        record,
        billed: lines.get(grainOf(record.licenseArn, record.dimension, record.hour.toISOString())) ?? null,
      })),
      billedTotals: totalsOf(bill),
      alerts,
      calls: this.simulator.calls({ operation: 'BatchMeterUsage' }).slice(-CALLS_SHOWN).reverse(),
    };
  }
}

function grainOf(licenseArn: string | null, dimension: string, hour: string): string {
  return `${licenseArn ?? ''} ${dimension} ${hour}`;
}

function totalsOf(bill: readonly BillLine[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const { dimension, quantity } of bill) totals.set(dimension, (totals.get(dimension) ?? 0) + quantity);
  return totals;
}
