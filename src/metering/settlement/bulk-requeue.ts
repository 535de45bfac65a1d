import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { markCustomersChanged } from '../../subscription/chain/customer-changed.sql.js';
import { isStorable } from '../../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { LOCKED_COLUMNS, type LockedRecord } from './metering-record.sql.js';
import { reachableFrom } from './metering-sender.sql.js';
import { probeNow } from './record-requeue.sql.js';
import { RecordTransitions, requeuedApart } from './record-transition.js';
import { byKey } from '../../runtime/order.js';

/** Which blocked records: all that are given must hold, and at least one must be given. */
export interface BlockedSelection {
  productCode?: string | undefined;
  dimension?: string | undefined;
  /** As it stands in the record, such as `unrecognised` or `invalidDimension`. */
  reason?: string | undefined;
  subscriptionId?: string | undefined;
}

/** What became of the blocked records that were selected. */
export interface RequeuedRecords {
  records: number;
  /** Whole units, as a decimal. */
  units: string;
  /** Not requeued, by why: AWS has another record (`conflict`), too late (`pastCutoff`), or its resource is gone. */
  left: { why: 'conflict' | 'pastCutoff' | 'unreachable'; records: number }[];
}

/** Records in one transaction. */
const CHUNK = 500;
const VALUE_MAX = 255;
const KEYS = ['productCode', 'dimension', 'reason', 'subscriptionId'] as const;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

// Of an installation what was tried stays with the resource that tried it.
const REACHABLE = `(r.operation <> 'MeterUsage' OR EXISTS (SELECT FROM marketplace.metering_sender w
  WHERE w.seller_account = r.seller_account AND w.product_code = r.product_code AND ${reachableFrom('w')}))`;
const WHY_LEFT = `CASE WHEN r.reason = 'conflict' THEN 'conflict' WHEN r.cutoff_at <= $2 THEN 'pastCutoff'
  WHEN NOT ${REACHABLE} THEN 'unreachable' END`;
const SELECTED = `r.seller_account = $1 AND r.state = 'blocked' AND ($3::text IS NULL OR r.product_code = $3)
  AND ($4::text IS NULL OR r.dimension = $4) AND ($5::text IS NULL OR r.reason = $5)
  AND ($6::uuid IS NULL OR r.subscription_id = $6)`;
// Of usage in no record the subscription is that of its customer.
const REFUSED = `FROM marketplace.rollup u JOIN marketplace.subject s ON s.id = u.subject
  JOIN marketplace.dimension d ON d.id = u.dimension
  WHERE u.record_id IS NULL AND NOT u.is_split AND u.refused_for IS NOT NULL AND s.seller_account = $1 AND $2::text <> ''
    AND ($3::text IS NULL OR s.product_code = $3) AND ($4::text IS NULL OR coalesce(d.billed_as, d.name) = $4)
    AND ($5::text IS NULL OR u.refused_for = $5)
    AND ($6::uuid IS NULL OR s.customer_id = (SELECT customer_id FROM marketplace.subscription
      WHERE seller_account = $1 AND id = $6))`;

/** Sends all blocked records of a cause again that may be, because a person says that it is resolved. */
@Injectable()
export class BulkRequeue {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
  ) {}

  /** In transactions of bounded size, each with its row of the trail. */
  async requeue(selection: BlockedSelection, { by, reason }: { by: string; reason: string }): Promise<RequeuedRecords> {
    requireSelection(selection);
    let [records, units] = [0, 0n];
    let after: string | null = null;
    do {
      const chunk: LockedRecord[] = await this.database.transaction((tx) =>
        this.requeueChunk(tx, selection, { by, reason }, after),
      );
      records += chunk.length;
      units += chunk.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
      after = chunk.length < CHUNK ? null : (chunk.at(-1)?.id ?? null);
    } while (after !== null);
    await this.forgetRefusals(selection, { by, reason });
    return { records, units: String(units), left: await this.left(selection) };
  }

  private async requeueChunk(
    tx: LedgerSql,
    selection: BlockedSelection,
    { by, reason }: { by: string; reason: string },
    after: string | null,
  ): Promise<LockedRecord[]> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const records = await tx.query<LockedRecord>(
      `SELECT ${LOCKED_COLUMNS} FROM marketplace.metering_record r
       WHERE ${SELECTED} AND ${WHY_LEFT} IS NULL AND ($7::uuid IS NULL OR r.id > $7)
       ORDER BY r.id LIMIT $8 FOR NO KEY UPDATE OF r`,
      [...this.parameters(selection, now), after, CHUNK],
    );
    if (records.length === 0) return [];
    const to = { ...requeuedApart(), message: `Requeued by ${by}: ${reason}` };
    await this.transitions.apply(
      tx,
      records.map((record) => ({ record, to })),
      now,
    );
    const causes = new Map(
      records.map((record) => [
        JSON.stringify([record.product_code, record.dimension, record.identity_id, record.reason]),
        record,
      ]),
    );
    for (const [, record] of [...causes].sort(byKey)) await probeNow(tx, sellerAccount, record);
    const result = { records: records.length, recordIds: records.map(({ id }) => id) };
    await insertAction(tx, sellerAccount, {
      action: 'records.requeued',
      target: selection,
      result,
      by,
      reason,
      at: now,
    });
    return records;
  }

  /** What waits as AWS has refused it is sealed anew, as if it had not. Cursors first: no freeze is at it meanwhile. */
  private async forgetRefusals(
    selection: BlockedSelection,
    { by, reason }: { by: string; reason: string },
  ): Promise<void> {
    const { sellerAccount, clock } = this.options;
    await this.database.transaction(async (tx) => {
      const now = clock.now();
      const parameters = this.parameters(selection, now);
      const customers = await tx.query<{ id: string }>(
        `SELECT DISTINCT s.customer_id AS id ${REFUSED} AND s.customer_id IS NOT NULL ORDER BY 1`,
        parameters,
      );
      if (customers.length === 0) return;
      const ids = customers.map(({ id }) => id);
      await tx.query(
        `SELECT FROM marketplace.seal_cursor WHERE seller_account = $1 AND customer_id = ANY ($2::uuid[])
         ORDER BY customer_id FOR UPDATE`,
        [sellerAccount, ids],
      );
      const [freed] = await tx.query<{ units: string }>(
        `WITH freed AS (
           UPDATE marketplace.rollup SET refusals = NULL, refused_for = NULL, refused_hour = NULL
           WHERE id = ANY (ARRAY(SELECT u.id ${REFUSED})) AND record_id IS NULL RETURNING event_sum)
         SELECT coalesce(sum(event_sum), 0)::text AS units FROM freed`,
        parameters,
      );
      await markCustomersChanged(tx, sellerAccount, ids);
      const result = { records: 0, recordIds: [], waitingUnits: freed?.units ?? '0' };
      await insertAction(tx, sellerAccount, {
        ...{ action: 'records.requeued', target: selection, result, by, reason, at: now },
      });
    });
  }

  private left(selection: BlockedSelection): Promise<RequeuedRecords['left']> {
    return this.database.query(
      `SELECT why, count(*)::int AS records FROM (SELECT ${WHY_LEFT} AS why FROM marketplace.metering_record r
       WHERE ${SELECTED}) blocked WHERE why IS NOT NULL GROUP BY why ORDER BY why`,
      this.parameters(selection, this.options.clock.now()),
    );
  }

  private parameters({ productCode, dimension, reason, subscriptionId }: BlockedSelection, now: Date): unknown[] {
    const selected = [productCode ?? null, dimension ?? null, reason ?? null, subscriptionId ?? null];
    return [this.options.sellerAccount, now.toISOString(), ...selected];
  }
}

function requireSelection(selection: BlockedSelection): void {
  const refuse = (why: string): never => {
    throw new MarketplaceMeteringError('TRANSITION_REFUSED', why);
  };
  const given = KEYS.filter((key) => selection[key] !== undefined);
  if (given.length === 0) refuse(`Give at least one of ${KEYS.join(', ')}: what is requeued is named.`);
  for (const key of given) {
    const value: unknown = selection[key];
    const isText = typeof value === 'string' && value !== '' && value.length <= VALUE_MAX && isStorable(value);
    if (!isText) refuse(`Give ${key} as a text of 1 to ${VALUE_MAX} characters without NUL.`);
    if (key === 'subscriptionId' && !UUID.test(String(value))) refuse('Give subscriptionId as a UUID.');
  }
}
