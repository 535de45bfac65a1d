import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { type Scaled } from '../../runtime/decimal.js';
import { wholeBlocks } from './balance-step.js';
import { type PlannedHour } from './customer-plan.js';
import { type IncludedPool } from './included-pool.js';
import { ensureIdentities, productIdentityKey } from './metering-identity.sql.js';
import { insertRecords } from './new-record.sql.js';
import { type Period } from './period.js';
import { type PlannedCustomer } from './planned-customer.js';
import { type BalanceBefore, draftClosing, draftHour, draftSettingApart, type RecordDraft } from './record-draft.js';
import { type SealingFacts } from './sealing-facts.js';
import { loadPeriods } from './sealing-load.sql.js';
import { insertPeriods } from './sealing-write.sql.js';

/** Writes what is planned as metering records, with the periods, identities and rollups that belong to them. */
export class RecordWriter {
  constructor(private readonly options: ResolvedOptions) {}

  async write(tx: LedgerSql, facts: SealingFacts, planned: readonly PlannedCustomer[]): Promise<RecordDraft[]> {
    const { sellerAccount } = this.options;
    const periodIds = await this.periodRows(tx, facts, planned);
    // Of periods, which tenants who had one subscription one after the other share.
    const balances = new Map<string, { carry: Scaled; included: Scaled }>();
    const drafts = planned.flatMap(({ plan, frame }) => {
      const { productCode } = frame;
      const balanceOf = (period: Period, dimension: string): { carry: Scaled; included: Scaled } => {
        const key = `${period.key} ${dimension}`;
        const known = balances.get(key) ?? facts.balanceOf(period, dimension);
        balances.set(key, known);
        return known;
      };
      const poolOf = (period: Period, dimension: string): IncludedPool | undefined =>
        facts.included.poolOf(productCode, period, dimension);
      const idOf = (period: Period): string => periodIds.get(period.key) ?? '';
      return [
        // Of periods that are over, and have no hour among these: what they leave may roll over.
        ...plan.closings.map((closing) => {
          const { period, dimension, rollups } = closing;
          const share = poolOf(period, dimension)?.take(dimension, rollups, false) ?? null;
          return draftClosing(frame, closing, idOf(period), { ...balanceOf(period, dimension), share });
        }),
        ...plan.hours.map((hour) => {
          const { period, dimension, rollups } = hour;
          const balance = balanceOf(period, dimension);
          const pool = poolOf(period, dimension);
          const share = pool?.take(dimension, rollups, !isFresh(pool, hour)) ?? null;
          const block = facts.blockOf(productCode, period, dimension);
          const draft = draftHour(frame, hour, idOf(period), { ...balance, share }, block);
          balances.set(`${period.key} ${dimension}`, after(balance, draft));
          // A whole unit is left over: the next pass plans it.
          if (wholeBlocks(draft.carryOut, block) >= 1n) plan.lookAt = frame.now;
          return draft;
        }),
        ...plan.settingsApart.map((apart) => draftSettingApart(frame, apart)),
      ];
    });
    if (drafts.length === 0) return [];
    const named = drafts.flatMap(({ row, identity }) =>
      identity ? [{ productCode: row.product_code, name: identity }] : [],
    );
    const identities = await ensureIdentities(tx, named);
    for (const { row, identity } of drafts) {
      if (identity)
        row.identity_id = identities.get(productIdentityKey({ productCode: row.product_code, name: identity })) ?? null;
    }
    crashPoint('seal.planned');
    await insertRecords(
      tx,
      sellerAccount,
      drafts.map(({ row }) => row),
      drafts.flatMap(({ row, rollups }) => rollups.map(({ id }) => ({ rollupId: id, recordId: row.id }))),
    );
    return drafts;
  }

  /** Row ids of the periods that are written to, by key. */
  private async periodRows(
    tx: LedgerSql,
    facts: SealingFacts,
    planned: readonly PlannedCustomer[],
  ): Promise<Map<string, string>> {
    const { sellerAccount } = this.options;
    const periods = new Map(
      planned.flatMap(({ plan }) =>
        [...plan.hours, ...plan.closings].map(({ period }) => [period.key, period] as const),
      ),
    );
    const rowIds = new Map<string, string>();
    const missing: Period[] = [];
    for (const [key, period] of periods) {
      const [row] = facts.rowsOf(period);
      if (row) rowIds.set(key, row.id);
      else missing.push(period);
    }
    if (missing.length === 0) return rowIds;
    await insertPeriods(tx, sellerAccount, missing);
    const rows = await loadPeriods(
      tx,
      sellerAccount,
      missing.map(({ agreementId }) => agreementId),
    );
    for (const row of rows) {
      const key = `${row.agreement_id}/${row.price}/${row.mode}`;
      if (!rowIds.has(key)) rowIds.set(key, row.id);
    }
    return rowIds;
  }
}

function isFresh(pool: IncludedPool, { hour, rollups }: PlannedHour): boolean {
  return rollups.every((rollup) => pool.isFresh(rollup.hour, hour));
}

function after({ included }: Pick<BalanceBefore, 'included'>, draft: RecordDraft): { carry: Scaled; included: Scaled } {
  return { carry: draft.carryOut, included: included + draft.included };
}
