import { expect } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { type Options, type ResolvedOptions } from '../../../src/marketplace-metering.options.js';
import { type HourSealer } from '../../../src/metering/sealing/hour-sealer.js';
import { LedgerBalance } from '../../../src/metering/balance/ledger-balance.js';
import { migrate } from '../../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../../support/postgres.js';
import { PRODUCT, sealerOn, sealingOptions } from './sealing-options.js';

/** The subscriptions of these tests began long before, in the middle of an hour. */
export const STARTED = new Date('2026-10-05T08:20:00Z');
/** In the middle of a month: the hour from 10:00 is the newest that has ended and settled. */
export const NOW = new Date('2026-11-11T11:15:00Z');

export interface SealedRecord {
  id: string;
  kind: 'hour' | 'closing';
  subscription_id: string;
  dimension: string;
  hour: Date;
  timestamp: Date;
  quantity: string;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  allocations: { AllocatedUsageQuantity: number }[] | null;
  notes: { late?: { hour: string; quantity: string; events: number }[] };
  mode: string;
  state: string;
  reason: string | null;
  disposition: string | null;
  due_at: Date;
  cutoff_at: Date;
  license_arn: string | null;
}

export interface Usage {
  quantity: number | string;
  at: Date | string;
  dimension?: string;
  tags?: Record<string, string>;
  key?: string;
}

export interface NewSubscription {
  startsAt?: Date;
  withoutIdentity?: boolean;
  productCode?: string;
}

// These tests make things go wrong by the dozen; what they look at are the alerts.
Logger.overrideLogger(false);

/** A ledger of one seller on real Postgres, sealers as replicas have them, and a clock that stands until it is moved. */
export class SealingLedger {
  now = NOW;
  private readonly replicas: LedgerDatabase[] = [];

  private constructor(
    private readonly postgres: TestDatabase,
    readonly options: ResolvedOptions,
    readonly database: LedgerDatabase,
  ) {}

  static async open(given: Partial<Options> = {}): Promise<SealingLedger> {
    const postgres = await migratedDatabase(migrate);
    const clock = { now: () => ledger.now };
    const options = sealingOptions(postgres.url, clock, given);
    const database = new LedgerDatabase(await createDataSource(options).initialize());
    const ledger: SealingLedger = new SealingLedger(postgres, options, database);
    for (const product of options.products) {
      await database.query(
        `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode) VALUES ($1, $2, 'saas', $3, 'us-east-1', $4)`,
        [options.sellerAccount, product.productCode, product.identity, product.mode],
      );
    }
    return ledger;
  }

  get url(): string {
    return this.postgres.url;
  }

  async close(): Promise<void> {
    for (const database of [this.database, ...this.replicas]) await database.dataSource.destroy();
    await this.postgres.drop();
  }

  /** Business time moves to `instant`. */
  at(instant: Date | string): this {
    this.now = new Date(instant);
    return this;
  }

  /** A replica of its own, with its own connections. */
  async replica(given: Partial<ResolvedOptions> = {}): Promise<HourSealer> {
    const options = { ...this.options, ...given };
    const database = new LedgerDatabase(await createDataSource(options).initialize());
    this.replicas.push(database);
    return sealerOn(database, options);
  }

  /** Seals once, as the job does. */
  async seal(given: Partial<ResolvedOptions> = {}): Promise<void> {
    await sealerOn(this.database, { ...this.options, ...given }).run();
  }

  async subscribe({ startsAt = STARTED, withoutIdentity = false, productCode = PRODUCT }: NewSubscription = {}): Promise<string> {
    const [id] = await this.subscribeMany(1, { startsAt, withoutIdentity, productCode });
    return id ?? '';
  }

  async subscribeMany(count: number, given: NewSubscription = {}): Promise<string[]> {
    const { startsAt = STARTED, withoutIdentity = false, productCode = PRODUCT } = given;
    const ids = Array.from({ length: count }, () => uuidv7());
    await this.database.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, license_arn, customer_aws_account_id, registered_at, starts_at)
       SELECT $1, id, $3, 'registered', CASE WHEN $5 THEN NULL ELSE 'arn:aws:license-manager::123456789012:license:l-' || id END, '210987654321', $4, $4
       FROM unnest($2::uuid[]) AS id`,
      [this.options.sellerAccount, ids, productCode, startsAt.toISOString(), withoutIdentity],
    );
    await this.database.query(
      `INSERT INTO marketplace.seal_cursor (seller_account, subscription_id) SELECT $1, id FROM unnest($2::uuid[]) AS id`,
      [this.options.sellerAccount, ids],
    );
    return ids;
  }

  async record(subscriptionId: string, ...usages: Usage[]): Promise<void> {
    const { sql, parameters } = this.insertUsage(subscriptionId, usages);
    await this.database.query(sql, parameters);
  }

  /** The statement that records usage, for a transaction of the host. */
  insertUsage(subscriptionId: string, usages: Usage[]): { sql: string; parameters: unknown[] } {
    return {
      sql: `INSERT INTO marketplace.usage_event (seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key, tags, reason)
            SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::numeric[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::jsonb[], $10::text[])`,
      parameters: [
        this.options.sellerAccount,
        subscriptionId,
        usages.map(() => uuidv7()),
        usages.map(({ dimension }) => dimension ?? 'requests'),
        usages.map(({ quantity }) => String(quantity)),
        usages.map(({ at }) => new Date(at).toISOString()),
        usages.map(() => this.now.toISOString()),
        usages.map(({ key }) => key ?? uuidv7()),
        usages.map(({ tags }) => (tags ? JSON.stringify(tags) : null)),
        usages.map(({ quantity }) => (Number(quantity) < 0 ? 'a correction' : null)),
      ],
    };
  }

  /** What `SubscriptionService.end` writes. */
  async end(subscriptionId: string, endsAt: Date | string, lastSign: Date | string = endsAt): Promise<void> {
    await this.database.query(
      `UPDATE marketplace.subscription SET state = 'ending', ends_at = $2, first_end_sign_at = $2, last_end_sign_at = $3 WHERE id = $1`,
      [subscriptionId, new Date(endsAt).toISOString(), new Date(lastSign).toISOString()],
    );
  }

  /** What `ProductCatalog.sync` writes when a product's mode changes. */
  async setMode(mode: string, liveFrom: string | null = null, modeBeforeLive: string | null = null): Promise<void> {
    await this.database.query(`UPDATE marketplace.product SET mode = $1, live_from = $2, mode_before_live = $3`, [
      mode,
      liveFrom,
      modeBeforeLive,
    ]);
  }

  /** Records in the order in which they were sealed. */
  async records(subscriptionId?: string): Promise<SealedRecord[]> {
    return this.database.query<SealedRecord>(
      `SELECT * FROM marketplace.metering_record WHERE $1::uuid IS NULL OR subscription_id = $1 ORDER BY id`,
      [subscriptionId ?? null],
    );
  }

  async alerts(): Promise<{ kind: string; subject: string; open: boolean }[]> {
    return this.database.query(`SELECT kind, subject, resolved_at IS NULL AS open FROM marketplace.alert ORDER BY kind, subject`);
  }

  async unassigned(subscriptionId?: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM marketplace.usage_event WHERE record_id IS NULL AND ($1::uuid IS NULL OR subscription_id = $1)`,
      [subscriptionId ?? null],
    );
    return row?.count ?? -1;
  }

  /**
   * Invariant I1: the balance of every subscription and dimension holds, and every record says of itself exactly what its events sum to. Returns the
   * units of all events, so that a test can compare them with what it recorded.
   */
  async expectConserved(): Promise<string> {
    const balances = await new LedgerBalance(this.database, this.options).read();
    expect(balances.filter((balance) => !balance.conserved)).toEqual([]);
    const wrong = await this.database.query(
      `SELECT r.id, r.event_sum, r.event_count, e.* FROM marketplace.metering_record r
       CROSS JOIN LATERAL (
         SELECT coalesce(sum(quantity), 0) AS sum, count(*) AS count,
                count(*) FILTER (WHERE (e.subscription_id, e.dimension) <> (r.subscription_id, r.dimension)) AS strangers
         FROM marketplace.usage_event e WHERE e.seller_account = r.seller_account AND e.record_id = r.id
       ) AS e
       WHERE (e.sum, e.count, e.strangers) IS DISTINCT FROM (r.event_sum, r.event_count, 0)`,
    );
    expect(wrong).toEqual([]);
    const [row] = await this.database.query<{ sum: string }>(
      `SELECT trim_scale(coalesce(sum(quantity), 0))::text AS sum FROM marketplace.usage_event`,
    );
    return row?.sum ?? '';
  }
}

/** The part of a record that most tables are about. */
export function brief({ kind, dimension, hour, quantity, event_count, carry_out, state }: SealedRecord): string {
  const at = hour.toISOString().slice(5, 13).replace('T', ' ');
  return `${kind === 'closing' ? 'closing ' : ''}${dimension} ${at}h: ${quantity} of ${event_count} event(s), carry ${carry_out}, ${state}`;
}
