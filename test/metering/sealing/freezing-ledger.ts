import { Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { ClockGuard } from '../../../src/database/clock-guard.js';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { LedgerDatabase, type LedgerSql } from '../../../src/database/ledger-database.js';
import { AlertBoard } from '../../../src/events/alert-board.js';
import { ClockWatch } from '../../../src/events/clock-watch.js';
import { Outbox } from '../../../src/events/outbox.js';
import { type Options } from '../../../src/options/options.js';
import { resolveOptions, type ResolvedOptions } from '../../../src/options/resolved-options.js';
import { LedgerBalance } from '../../../src/metering/balance/ledger-balance.js';
import { HourSealer } from '../../../src/metering/sealing/hour-sealer.js';
import { UsageTaker } from '../../../src/metering/sealing/usage-taker.js';
import { Waker } from '../../../src/runtime/waker.js';
import {
  type CustomerTimeline,
  type SubscriptionTimeline,
  type Tenancy,
  type TimelineSpan,
} from '../../../src/subscription/agreements/timeline.js';
import { at, NOW, type SpanGiven, spanOf } from './given-timeline.js';
import { expectTablesConserved } from '../../support/conservation.js';
import { migrate } from '../../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../../support/postgres.js';

// These tests make things go wrong by the dozen; what they look at are the alerts.
Logger.overrideLogger(false);

export { at, type SpanGiven } from './given-timeline.js';

export const SELLER = 'seller';
export const PRODUCT = 'larkspur';
export interface Usage {
  quantity: number | string;
  at: Date | string;
  dimension?: string;
  tags?: Record<string, string>;
  subject?: number;
}

export interface LedgerRecord {
  id: string;
  kind: 'hour' | 'closing' | 'setApart';
  customer_id: string;
  period_id: string;
  identity_id: string;
  dimension: string;
  hour: Date;
  timestamp: Date;
  quantity: string;
  included: string;
  included_total: string;
  event_sum: string;
  event_count: number;
  carry_in: string;
  carry_out: string;
  notes: { late?: { hour: string; quantity: string; events: number }[] };
  mode: string;
  state: string;
  reason: string | null;
  disposition: string | null;
  due_at: Date;
  cutoff_at: Date;
  canonical: string | null;
  price: string | null;
}

/** A customer of the fixture: rows in the ledger, and a timeline that the test sets. */
export class FrozenCustomer {
  readonly subscriptions: SubscriptionTimeline[] = [];
  readonly tenancies: Tenancy[] = [];
  readonly payerChoices: { subscriptionId: string; from: Date }[] = [];
  readonly subjects: { id: number; subscriptionId: string | null }[] = [];

  constructor(
    readonly id: string,
    readonly tenantId: string | null,
  ) {}

  get timeline(): CustomerTimeline {
    return {
      sellerAccount: SELLER,
      customerId: this.id,
      productCode: PRODUCT,
      tenantId: this.tenantId,
      subjects: this.subjects.map(({ id, subscriptionId }) => ({
        ...{ id, tenantId: this.tenantId, subscriptionId, namedSubscriptionId: subscriptionId },
      })),
      subscriptions: this.subscriptions,
      tenancies: this.tenancies,
      payerChoices: this.payerChoices,
    };
  }
}

/**
 * A ledger of one seller on real Postgres with sealers as replicas have them; what the subscription room would say is
 * set by the test.
 */
export class FreezingLedger {
  now = NOW;
  readonly customers = new Map<string, FrozenCustomer>();
  private readonly agreements = new Map<string, string>();
  private readonly replicas: LedgerDatabase[] = [];
  readonly balance: LedgerBalance;

  private constructor(
    private readonly postgres: TestDatabase,
    readonly options: ResolvedOptions,
    readonly database: LedgerDatabase,
  ) {
    this.balance = new LedgerBalance(database, options);
  }

  static async open(given: Partial<Options> = {}): Promise<FreezingLedger> {
    const postgres = await migratedDatabase(migrate);
    const clock = { now: () => ledger.now };
    const options = resolveOptions(
      {
        sellerAccount: SELLER,
        database: { url: postgres.url, poolSize: 4 },
        products: [{ productCode: PRODUCT, dimensions: ['requests', 'storage'], zeroRecords: 'off' }],
        signUpUrl: 'https://app.example.com/sign-up',
        clock,
        ...given,
      },
      {},
    );
    const database = new LedgerDatabase(await createDataSource(options).initialize());
    const ledger: FreezingLedger = new FreezingLedger(postgres, options, database);
    await database.query(
      `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region)
        VALUES ($1, $2, 'saas', 'license', 'us-east-1')`,
      [SELLER, PRODUCT],
    );
    await database.query(
      `INSERT INTO marketplace.product_mode (seller_account, product_code, from_at, mode)
        VALUES ($1, $2, '-infinity', 'live')`,
      [SELLER, PRODUCT],
    );
    for (const dimension of ['requests', 'storage']) {
      await database.query(
        `INSERT INTO marketplace.dimension (seller_account, product_code, name) VALUES ($1, $2, $3)`,
        [...[SELLER, PRODUCT, dimension]],
      );
    }
    return ledger;
  }

  async close(): Promise<void> {
    for (const database of [this.database, ...this.replicas]) await database.dataSource.destroy();
    await this.postgres.drop();
  }

  /** Business time moves to `instant`. */
  at(instant: Date | string): this {
    this.now = typeof instant === 'string' ? at(instant) : instant;
    return this;
  }

  async mode(from: string, mode: string): Promise<void> {
    await this.database.query(
      `INSERT INTO marketplace.product_mode (seller_account, product_code, from_at, mode) VALUES ($1, $2, $3, $4)`,
      [...[SELLER, PRODUCT, at(from).toISOString(), mode]],
    );
    await this.changed(...this.customers.values());
  }

  /** A tenant with one subscription, and a subject under the tenant's name. */
  async tenant(...spans: SpanGiven[]): Promise<FrozenCustomer> {
    const customer = new FrozenCustomer(uuidv7(), `tenant-${this.customers.size}`);
    this.customers.set(customer.id, customer);
    await this.database.query(
      `INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id) VALUES ($1, $2, $3, $4)`,
      [...[SELLER, customer.id, PRODUCT, customer.tenantId]],
    );
    await this.subject(customer);
    if (spans.length > 0) await this.subscribe(customer, ...spans);
    return customer;
  }

  async subject(customer: FrozenCustomer, subscriptionId: string | null = null): Promise<number> {
    const [row] = await this.database.query<{ id: number }>(
      `INSERT INTO marketplace.subject (seller_account, product_code, customer_id, tenant_id, subscription_id)
        VALUES ($1, $2, $3, $4, $5) RETURNING id`,
      [SELLER, PRODUCT, customer.id, customer.tenantId, subscriptionId],
    );
    const id = row?.id ?? -1;
    customer.subjects.push({ id, subscriptionId });
    return id;
  }

  async subscribe(customer: FrozenCustomer, ...spans: SpanGiven[]): Promise<string> {
    const id = uuidv7();
    await this.database.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, state)
        VALUES ($1, $2, $3, $4, 'active')`,
      [SELLER, id, PRODUCT, customer.id],
    );
    customer.subscriptions.push({ subscriptionId: id, spans: [], askedAt: null, mayNotAsk: false, nextChangeAt: null });
    if (customer.tenantId !== null)
      customer.tenancies.push({ subscriptionId: id, tenantId: customer.tenantId, from: null, to: null });
    await this.timeline(customer, id, ...spans);
    return id;
  }

  /** What is known of a subscription's agreements from now on. */
  async timeline(customer: FrozenCustomer, subscriptionId: string, ...spans: SpanGiven[]): Promise<void> {
    const index = customer.subscriptions.findIndex((one) => one.subscriptionId === subscriptionId);
    const before = customer.subscriptions[index];
    if (!before) throw new Error('no such subscription');
    const known: TimelineSpan[] = [];
    for (const span of spans)
      known.push(spanOf(span, subscriptionId, await this.agreement(span.agreement, subscriptionId)));
    for (const [place, span] of known.entries()) {
      for (const alias of spans[place]?.aliases ?? []) {
        const aliasId = await this.agreement(alias, subscriptionId);
        await this.database.query(`UPDATE marketplace.agreement SET alias_of = $2 WHERE id = $1`, [
          aliasId,
          span.agreementId,
        ]);
        known[place] = {
          ...(known[place] ?? span),
          aliasAgreementIds: [...(known[place]?.aliasAgreementIds ?? []), aliasId],
        };
      }
    }
    customer.subscriptions[index] = { ...before, spans: known };
    await this.changed(customer);
  }

  /** AWS was asked about the customer's subscriptions. */
  async asked(customer: FrozenCustomer, when: string | Date): Promise<void> {
    for (const [index, subscription] of customer.subscriptions.entries()) {
      customer.subscriptions[index] = { ...subscription, askedAt: typeof when === 'string' ? at(when) : when };
    }
    await this.changed(customer);
  }

  async changed(...customers: FrozenCustomer[]): Promise<void> {
    for (const { id } of customers) {
      await this.database.query(
        `INSERT INTO marketplace.customer_changed (seller_account, customer_id) VALUES ($1, $2)`,
        [SELLER, id],
      );
    }
  }

  async record(customer: FrozenCustomer, ...usages: Usage[]): Promise<void> {
    await this.database.query(
      `INSERT INTO marketplace.usage_event (id, occurred_at, subject, dimension, quantity, detail)
       SELECT e.id, e.at, e.subject, d.id, e.quantity, e.detail
       FROM unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::text[], $5::numeric[], $6::jsonb[]) AS e (id, at,
         subject, name, quantity, detail)
       JOIN marketplace.dimension d ON d.name = e.name`,
      [
        usages.map(() => uuidv7()),
        usages.map((usage) => at(usage.at instanceof Date ? usage.at.toISOString() : usage.at).toISOString()),
        usages.map(({ subject }) => subject ?? customer.subjects[0]?.id ?? -1),
        usages.map(({ dimension }) => dimension ?? 'requests'),
        usages.map(({ quantity }) => String(quantity)),
        usages.map(({ tags, quantity }) =>
          tags || Number(quantity) < 0
            ? JSON.stringify({ ...(tags ? { tags } : {}), ...(Number(quantity) < 0 ? { reason: 'a correction' } : {}) })
            : null,
        ),
      ],
    );
  }

  /** A sealer made by hand, on a connection pool of its own where asked. */
  sealer(database = this.database, given: Partial<ResolvedOptions> = {}): HourSealer {
    const options = { ...this.options, ...given };
    const outbox = new Outbox(options);
    const alerts = new AlertBoard(options, outbox);
    const taker = new UsageTaker(options, database, alerts);
    const load = async (_tx: LedgerSql, _seller: string, ids: readonly string[]): Promise<CustomerTimeline[]> =>
      Promise.resolve(ids.flatMap((id) => this.customers.get(id)?.timeline ?? []));
    return new HourSealer(
      database,
      options,
      new ClockWatch(new ClockGuard(database, options), database, alerts),
      outbox,
      alerts,
      new Waker(),
      taker,
      load,
    );
  }

  async replica(given: Partial<ResolvedOptions> = {}): Promise<HourSealer> {
    const database = new LedgerDatabase(await createDataSource(this.options).initialize());
    this.replicas.push(database);
    return this.sealer(database, given);
  }

  /** Seals once, as the job does, at business time `when`. */
  async seal(when?: string | Date, given: Partial<ResolvedOptions> = {}): Promise<void> {
    if (when !== undefined) this.at(when);
    await this.sealer(this.database, given).run();
  }

  async records(where = 'true'): Promise<LedgerRecord[]> {
    return this.database.query<LedgerRecord>(
      `SELECT r.*, i.canonical, p.price FROM marketplace.metering_record r
       LEFT JOIN marketplace.metering_identity i ON i.id = r.identity_id
       LEFT JOIN marketplace.period p ON p.id = r.period_id
       WHERE ${where} ORDER BY r.id`,
    );
  }

  /** Standing records in short. */
  async standing(): Promise<string[]> {
    return (await this.records(`disposition IS DISTINCT FROM 'annulled'`)).map(brief);
  }

  /** Rollups that wait: units, hour and why. */
  async waiting(): Promise<string[]> {
    const rows = await this.database.query<{ event_sum: string; hour: number; waiting_reason: string | null }>(
      `SELECT event_sum, hour, waiting_reason FROM marketplace.rollup WHERE record_id IS NULL AND NOT is_split
        ORDER BY hour, id`,
    );
    return rows.map(
      (row) => `${Number(row.event_sum)} of ${hourText(new Date(row.hour * 3_600_000))}: ${row.waiting_reason}`,
    );
  }

  async openAlerts(): Promise<string[]> {
    const rows = await this.database.query<{ kind: string; details: { reason?: string } }>(
      `SELECT kind, details FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY kind, subject`,
    );
    return rows.map(({ kind, details }) => (details.reason ? `${kind} ${details.reason}` : kind));
  }

  /** AWS answers a record. */
  async answer(recordId: string, evidence: 'billed' | 'refused' | 'uncertain' | 'conflict'): Promise<void> {
    const attempt = uuidv7();
    await this.database.query(
      `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token,
        record_count, submitter, claimed_at)
       VALUES ($1, $2, 'BatchMeterUsage', $3, 'us-east-1', $2, 1, 'test', clock_timestamp())`,
      [SELLER, attempt, PRODUCT],
    );
    await this.database.query(
      `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id, evidence)
        VALUES ($1, $2, $3, $4)`,
      [SELLER, attempt, recordId, evidence],
    );
    if (evidence === 'billed')
      await this.database.query(
        `UPDATE marketplace.metering_record SET state = 'metered', metered_at = $2 WHERE id = $1`,
        [...[recordId, this.now.toISOString()]],
      );
    else if (evidence !== 'uncertain')
      for (const state of [
        `sending', lease_token = id, lease_until = clock_timestamp() + interval '1 minute`,
        `blocked', reason = '${evidence}`,
      ])
        await this.database.query(
          `UPDATE marketplace.metering_record SET state =
            '${state}'${state.startsWith('blocked') ? ', lease_token = NULL, lease_until = NULL' : ''} WHERE id = $1`,
          [recordId],
        );
  }

  /** Everything that stands is billed by AWS. */
  async billAll(): Promise<void> {
    for (const { id } of await this.records(`state = 'pending'`)) await this.answer(id, 'billed');
  }

  /** Units that AWS has billed. */
  async billed(): Promise<number> {
    const [row] = await this.database.query<{ sum: string }>(
      `SELECT coalesce(sum(quantity), 0) AS sum FROM marketplace.metering_record WHERE state = 'metered'`,
    );
    return Number(row?.sum);
  }

  /** Invariant I1, by the module's own reading and by the judge's. */
  async expectConserved(): Promise<void> {
    await expectTablesConserved(this.database);
    const broken = (await this.balance.read()).filter(({ conserved }) => !conserved);
    if (broken.length > 0) throw new Error(`not conserved: ${JSON.stringify(broken)}`);
    const proof = await this.balance.deepProof();
    if (proof.length > 0) throw new Error(`rollups that are not the sum of their events: ${JSON.stringify(proof)}`);
  }

  private async agreement(name: string, subscriptionId: string): Promise<string> {
    const known = this.agreements.get(name);
    if (known) return known;
    const id = uuidv7();
    this.agreements.set(name, id);
    await this.database.query(
      `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id) VALUES ($1, $2, $3, $4)`,
      [...[SELLER, id, PRODUCT, subscriptionId]],
    );
    return id;
  }
}

const hourText = (hour: Date): string => hour.toISOString().slice(8, 13).replace('T', ' ') + 'h';

/** The part of a record that most tables are about. */
export function brief(record: LedgerRecord): string {
  const { kind, dimension, hour, quantity, carry_out: carry, canonical, state, reason, disposition, price } = record;
  const what = kind === 'hour' ? `${canonical}${price === 'trial' ? ' trial' : ''}` : kind;
  const rest = `${Number(carry) === 0 ? '' : `, carry ${Number(carry)}`}${state === 'closed' ? `, ${disposition} ${reason}` : ''}`;
  return `${what} ${dimension === 'requests' ? '' : `${dimension} `}${hourText(hour)}: ${Number(quantity)}${rest}`;
}
