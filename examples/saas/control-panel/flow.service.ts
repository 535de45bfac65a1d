import { Inject, Injectable } from '@nestjs/common';
import { type BalanceView, type Clock, MeteringService } from 'nestjs-marketplace-metering';
import { type ApiCall, type BillLine, MarketplaceSimulator } from 'aws-marketplace-simulator';
import { LARKSPUR_CLOCK } from '../larkspur/larkspur.clock.js';
import { sum, textOf, type Units, unitsOf } from '../units.js';
import { type BreakageName, FaultDesk } from './fault-desk.js';
import { LedgerReader, type LedgerRecord, type OpenAlert } from './ledger-reader.js';
import { whereaboutsOf } from './whereabouts.js';

const HOURS_SHOWN = 14;
const CALLS_SHOWN = 6;

/** One grain: what the ledger says of it beside what AWS would charge. */
export interface FlowRow {
  record: LedgerRecord;
  billed: BillLine | null;
}

/** Where the units of a dimension stand, over all customers shown. Decimals as strings. */
export interface DimensionTotal {
  dimension: string;
  recorded: string;
  /** By state, with those that are in no record. */
  byState: Record<string, string>;
  /** Why units wait, by reason. */
  waiting: Record<string, string>;
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

  /** Of one tenant, or of all. */
  async read(tenantId?: string): Promise<Flow> {
    const customerIds = tenantId === undefined ? undefined : await this.ledger.customersOf(tenantId);
    const [records, balances, alerts, subscriptions] = await Promise.all([
      this.ledger.records({ ...(customerIds && { customerIds }), limit: HOURS_SHOWN }),
      this.metering.balance(),
      this.ledger.alerts(customerIds),
      this.ledger.subscriptions(),
    ]);
    const isShown = ({ customerId }: { customerId: string }): boolean => customerIds?.includes(customerId) ?? true;
    const names = new Set(subscriptions.filter(isShown).flatMap((subscription) => subscription.names));
    const bill = this.simulator.bill().filter(({ agreementId }) => customerIds === undefined || names.has(agreementId));
    const lines = new Map(bill.map((line) => [grainOf(line.licenseArn ?? null, line.dimension, line.hour), line]));
    return {
      now: this.clock.now(),
      broken: this.faults.current,
      totals: totalsByDimension(balances.filter(isShown)),
      rows: records.map((record) => ({
        record,
        // The others are never sent; the hour in which one stands may have a line of its own.
        billed:
          record.kind === 'hour'
            ? (lines.get(grainOf(record.licenseArn, record.dimension, record.hour?.toISOString() ?? '')) ?? null)
            : null,
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
    return {
      dimension,
      recorded: textOf(sum(own.map(({ recorded }) => unitsOf(recorded)))),
      byState: added(own.map(whereaboutsOf)),
      waiting: added(
        own.map(({ waiting }) =>
          Object.fromEntries(Object.entries(waiting).map(([reason, units]) => [reason, unitsOf(units)])),
        ),
      ),
      conserved: own.every(({ conserved }) => conserved),
    };
  });
}

function added(parts: readonly Record<string, Units>[]): Record<string, string> {
  const names = [...new Set(parts.flatMap((part) => Object.keys(part)))];
  return Object.fromEntries(names.map((name) => [name, textOf(sum(parts.map((part) => part[name] ?? 0n)))]));
}
