import { type LedgerDatabase } from '../../src/database/ledger-database.js';
import { meteredRecords } from './ledger-judge.js';
import { grainOfLine, labelOf, type MarketplaceSimulator } from './market.js';

/** Where units are. A member, and a line in it, is absent where there are none. */
export interface Whereabouts {
  /**
   * By AWS's bill, per agreement (`l-1`, `l-2`, … in the order of signing); `l-1 trial`: in the trial's period of the
   * ledger.
   */
  billed?: Record<string, number>;
  /** Rollups without a record by reason; `unsealed`: taken by no rollup yet. */
  waiting?: Record<string, number>;
  /**
   * Records that are not billed: `held afterEnd`, `owed remainder`, `setApart noSubscription`, `pending`, `blocked
   * conflict`, …
   */
  records?: Record<string, number>;
  /** Sealed, but not (or no longer) a whole unit. */
  carry?: number;
  /** Within the agreement's entitlement. */
  included?: number;
}

const OTHERS = `
  SELECT 'waiting' AS part, coalesce(waiting_reason, 'unplanned') AS name, sum(event_sum)::text AS units
  FROM marketplace.rollup WHERE record_id IS NULL AND NOT is_split GROUP BY 2
  UNION ALL SELECT 'waiting', 'unsealed', sum(quantity)::text FROM marketplace.unsealed_usage
  UNION ALL SELECT 'records', concat_ws(' ', CASE WHEN kind = 'setApart' THEN 'setApart'
    ELSE coalesce(disposition, state) END, reason), sum(quantity * block)::text
  FROM marketplace.metering_record WHERE state <> 'metered' AND disposition IS DISTINCT FROM 'annulled' GROUP BY 2
  UNION ALL SELECT 'carry', 'carry', sum(carry)::text FROM marketplace.balance
  UNION ALL SELECT 'included', 'included', sum(included)::text FROM marketplace.balance`;

/** Where every unit is, by the bill and by the ledger's tables. */
export async function whereUnitsAre(database: LedgerDatabase, simulator: MarketplaceSimulator): Promise<Whereabouts> {
  const ledger = new Map((await meteredRecords(database, simulator)).map((record) => [record.grain, record]));
  const billed: Record<string, number> = {};
  for (const line of simulator.bill()) {
    const record = ledger.get(grainOfLine(simulator, line));
    // A license may serve several agreements one after the other; which of them an hour was priced by, only the ledger
    // knows.
    const isShared =
      line.licenseArn !== undefined &&
      simulator.agreements().filter(({ licenseArn }) => licenseArn === line.licenseArn).length > 1;
    const agreementId = isShared ? (record?.agreementId ?? line.agreementId) : line.agreementId;
    const label = `${labelOf(simulator, agreementId)}${record?.price === 'trial' ? ' trial' : ''}`;
    billed[label] = (billed[label] ?? 0) + line.quantity * (record?.block ?? 1);
  }
  const parts: Record<string, Record<string, number>> = { billed };
  const rows = await database.query<{ part: string; name: string; units: string | null }>(OTHERS);
  for (const { part, name, units } of rows) (parts[part] ??= {})[name] = Number(units ?? 0);
  const lines = (part: string): Record<string, number> =>
    Object.fromEntries(Object.entries(parts[part] ?? {}).filter(([, units]) => units !== 0));
  const carry = parts.carry?.carry ?? 0;
  const included = parts.included?.included ?? 0;
  return {
    ...(Object.keys(lines('billed')).length > 0 && { billed: lines('billed') }),
    ...(Object.keys(lines('waiting')).length > 0 && { waiting: lines('waiting') }),
    ...(Object.keys(lines('records')).length > 0 && { records: lines('records') }),
    ...(carry !== 0 && { carry }),
    ...(included !== 0 && { included }),
  };
}

/** All of it together: what was recorded. */
export function sumOf({ billed = {}, waiting = {}, records = {}, carry = 0, included = 0 }: Whereabouts): number {
  const all = [billed, waiting, records].flatMap((part) => Object.values(part));
  return all.reduce((sum, units) => sum + units, carry + included);
}
