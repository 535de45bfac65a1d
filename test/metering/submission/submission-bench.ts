import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { uuidv7 } from 'uuidv7';
import { type Agreement, MarketplaceSimulator, type SimulatorOptions, VirtualClock } from 'aws-marketplace-simulator';
import { AwsClients } from '../../../src/aws/aws-clients.js';
import { MeteringGateway, type UsageAllocation } from '../../../src/aws/metering-gateway.js';
import { CallBudget } from '../../../src/database/call-budget.js';
import { createDataSource } from '../../../src/database/data-source.factory.js';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { AlertBoard } from '../../../src/events/alert-board.js';
import { Outbox } from '../../../src/events/outbox.js';
import { type Options, type ResolvedOptions, resolveOptions } from '../../../src/marketplace-metering.options.js';
import { AnswerReconciler } from '../../../src/metering/settlement/answer-reconciler.js';
import { BatchSubmitter } from '../../../src/metering/submission/batch-submitter.js';
import { DeadlineWatch } from '../../../src/metering/settlement/deadline-watch.js';
import { LeaseRecovery } from '../../../src/metering/submission/lease-recovery.js';
import { RecordResolution } from '../../../src/metering/settlement/record-resolution.service.js';
import { SubmissionHold } from '../../../src/metering/submission/submission-hold.js';
import { Suspects } from '../../../src/metering/submission/quarantine.js';
import { UnitTransfer } from '../../../src/metering/unit-transfer.js';
import { HOUR_MS, hourOf } from '../../../src/runtime/clock.js';
import { Waker } from '../../../src/runtime/waker.js';
import { migrate } from '../../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../../support/postgres.js';

export const PRODUCT_CODE = 'larkspur';
export const DIMENSIONS = ['requests', 'storage', 'seats'];
export const START = new Date('2026-11-11T10:00:00Z');

export interface BenchOptions {
  options?: Options;
  simulator?: SimulatorOptions;
  identity?: 'license' | 'legacy';
  /** Dimensions that the ledger knows and AWS does not are left out of the listing. */
  listed?: string[];
}

export interface TestSubscription {
  id: string;
  agreement: Agreement;
}

export interface SealOptions {
  dimension?: string;
  /** Start of the hour. Default: the hour before the running one. */
  hour?: Date;
  quantity?: number;
  allocations?: UsageAllocation[];
  mode?: 'live' | 'dry-run' | 'off';
  dueAt?: Date;
  cutoffAt?: Date;
  licenseArn?: string;
}

export interface RecordRow {
  id: string;
  subscription_id: string;
  dimension: string;
  hour: Date;
  quantity: string;
  state: string;
  reason: string | null;
  reason_message: string | null;
  disposition: string | null;
  attempt_count: number;
  consecutive_failures: number;
  probe_group: string | null;
  metering_record_id: string | null;
  confirmed_by_duplicate: boolean;
  lease_token: string | null;
  closed_by: string | null;
}

/** One replica's submission room, put together by hand. */
export class Replica {
  readonly clients: AwsClients;
  readonly budget: CallBudget;
  readonly hold: SubmissionHold;
  readonly suspects: Suspects;
  readonly reconciler: AnswerReconciler;
  readonly submitter: BatchSubmitter;
  readonly recovery: LeaseRecovery;
  readonly watch: DeadlineWatch;
  readonly resolution: RecordResolution;

  constructor(
    readonly options: ResolvedOptions,
    readonly database: LedgerDatabase,
    around: (gateway: MeteringGateway) => Pick<MeteringGateway, 'batchMeterUsage'> = (gateway) => gateway,
  ) {
    const outbox = new Outbox(options);
    const alerts = new AlertBoard(options, outbox);
    const waker = new Waker();
    this.clients = new AwsClients(options);
    this.budget = new CallBudget(options, database);
    this.hold = new SubmissionHold(options, waker);
    this.suspects = new Suspects(options, database, alerts);
    this.reconciler = new AnswerReconciler(options, database, outbox, alerts, this.suspects);
    this.submitter = new BatchSubmitter(
      options,
      database,
      around(new MeteringGateway(this.clients)) as MeteringGateway,
      this.budget,
      this.reconciler,
      this.hold,
    );
    this.recovery = new LeaseRecovery(options, database, this.suspects);
    this.watch = new DeadlineWatch(options, database, outbox, alerts, this.hold);
    const transfers = new UnitTransfer(options, database, outbox, alerts, this.hold, waker);
    this.resolution = new RecordResolution(options, database, outbox, alerts, waker, transfers);
  }

  submit(signal: AbortSignal = new AbortController().signal): Promise<void> {
    return this.submitter.run(signal);
  }
}

/** The submission room on a real Postgres and the real SDK, with records put in by SQL in the shape that sealing gives them. */
export class SubmissionBench {
  private readonly replicas: Replica[] = [];
  private readonly dataSources: DataSource[] = [];

  private constructor(
    private readonly given: BenchOptions,
    readonly postgres: TestDatabase,
    readonly simulator: MarketplaceSimulator,
    readonly clock: VirtualClock,
  ) {}

  static async start(given: BenchOptions = {}): Promise<SubmissionBench> {
    Logger.overrideLogger(false);
    const clock = new VirtualClock({ startAt: START, rate: 0 });
    const postgres = await migratedDatabase(migrate);
    const simulator = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...given.simulator });
    simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: given.listed ?? DIMENSIONS, identity: given.identity ?? 'license' });
    const bench = new SubmissionBench(given, postgres, simulator, clock);
    const { database } = await bench.replica();
    await database.query(
      `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode) VALUES ('default', $1, 'saas', $2, 'us-east-1', 'live')`,
      [PRODUCT_CODE, given.identity ?? 'license'],
    );
    return bench;
  }

  get first(): Replica {
    return this.replicas[0]!;
  }

  get database(): LedgerDatabase {
    return this.first.database;
  }

  /** One more replica with a connection pool of its own. */
  async replica(options: Options = {}, around?: ConstructorParameters<typeof Replica>[2]): Promise<Replica> {
    const resolved = resolveOptions({
      database: { url: this.postgres.url, poolSize: 6 },
      products: [{ productCode: PRODUCT_CODE, dimensions: DIMENSIONS, identity: this.given.identity ?? 'license' }],
      signUpUrl: 'http://localhost/sign-up',
      clock: this.clock,
      ...this.given.options,
      ...options,
      aws: { endpoint: this.simulator.url, credentials: testCredentials, ...this.given.options?.aws, ...options.aws },
      submission: {
        callsPerSecond: 1000,
        backoffBaseMs: 1,
        backoffCapMs: 5,
        probeIntervalMs: 5,
        requestTimeoutMs: 500,
        leaseMs: 1500,
        ...this.given.options?.submission,
        ...options.submission,
      },
    });
    const dataSource = await createDataSource(resolved).initialize();
    this.dataSources.push(dataSource);
    const replica = new Replica(resolved, new LedgerDatabase(dataSource), around);
    this.replicas.push(replica);
    return replica;
  }

  /** A buyer, at AWS and in the ledger. `registeredAt` defaults to 30 days ago: an old customer. */
  async subscribe(
    o: { registeredAt?: Date; accountId?: string; by?: 'account' | 'customer'; unknownToAws?: boolean } = {},
  ): Promise<TestSubscription> {
    const startsAt = new Date(START.getTime() - 30 * 24 * HOUR_MS);
    const agreement = this.simulator.subscribe({ productCode: PRODUCT_CODE, startsAt, ...(o.accountId ? { accountId: o.accountId } : {}) });
    const id = uuidv7();
    const legacy = this.given.identity === 'legacy';
    await this.database.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, state, license_arn, customer_aws_account_id, customer_identifier, registered_at, starts_at)
       VALUES ('default', $1, $2, 'registered', $3, $4, $5, $6, $7)`,
      [
        id,
        PRODUCT_CODE,
        legacy
          ? null
          : o.unknownToAws
            ? agreement.licenseArn.replace(/:l-.*/, `:l-${randomUUID().replaceAll('-', '')}`)
            : agreement.licenseArn,
        legacy && o.by === 'customer' ? null : agreement.accountId,
        legacy && o.by === 'customer' ? agreement.customerIdentifier : null,
        (o.registeredAt ?? startsAt).toISOString(),
        startsAt.toISOString(),
      ],
    );
    await this.database.query(`INSERT INTO marketplace.seal_cursor (seller_account, subscription_id) VALUES ('default', $1)`, [id]);
    return { id, agreement };
  }

  /** A sealed record with one event of the same quantity, as sealing writes it. */
  async seal({ id: subscriptionId }: TestSubscription, o: SealOptions = {}): Promise<string> {
    const hour = o.hour ?? new Date(hourOf(this.clock.now()).getTime() - HOUR_MS);
    const { dimension = 'requests', quantity = 7 } = o;
    const recordId = uuidv7();
    const dueAt = o.dueAt ?? new Date(hour.getTime() + 24 * HOUR_MS);
    const cutoffAt = o.cutoffAt ?? new Date(Math.max(hour.getTime() + 25 * HOUR_MS, dueAt.getTime()));
    await this.database.transaction(async (tx) => {
      const eventId = uuidv7();
      await tx.query(
        `INSERT INTO marketplace.usage_event (seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key)
         VALUES ('default', $1, $2, $3, $4, $5, $5, $6)`,
        [subscriptionId, eventId, dimension, quantity, hour.toISOString(), eventId],
      );
      await tx.query(
        `UPDATE marketplace.usage_event SET record_id = $1 WHERE seller_account = 'default' AND subscription_id = $2 AND id = $3`,
        [recordId, subscriptionId, eventId],
      );
      await tx.query(
        `INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity, event_sum,
           event_count, carry_in, carry_out, allocations, operation, region, mode, identity, license_arn, customer_aws_account_id, customer_identifier,
           sealed_at, state, due_at, cutoff_at)
         SELECT 'default', $1, 'hour', s.id, s.product_code, $3, $4, $4, $5, $5, 1, coalesce(b.carry, 0), coalesce(b.carry, 0), $6::jsonb, 'BatchMeterUsage',
           p.region, $7, p.identity, coalesce($11, s.license_arn), s.customer_aws_account_id, s.customer_identifier, $8, 'pending', $9, $10
         FROM marketplace.subscription s JOIN marketplace.product p ON p.product_code = s.product_code
         LEFT JOIN marketplace.balance b ON b.subscription_id = s.id AND b.dimension = $3
         WHERE s.id = $2`,
        [
          recordId,
          subscriptionId,
          dimension,
          hour.toISOString(),
          quantity,
          o.allocations ? JSON.stringify(o.allocations) : null,
          o.mode ?? 'live',
          this.clock.now().toISOString(),
          dueAt.toISOString(),
          cutoffAt.toISOString(),
          o.licenseArn ?? null,
        ],
      );
    });
    return recordId;
  }

  records(where = 'true'): Promise<RecordRow[]> {
    return this.database.query<RecordRow>(`SELECT * FROM marketplace.metering_record WHERE ${where} ORDER BY id`);
  }

  async record(id: string): Promise<RecordRow> {
    return (await this.records(`id = '${id}'`))[0]!;
  }

  /** Evidence and answers of a record's attempts, oldest first. */
  attempts(
    recordId: string,
  ): Promise<{ evidence: string; answer: string | null; detail: Record<string, unknown> | null; decided_by: string | null }[]> {
    return this.database.query(
      `SELECT e.evidence, e.answer, e.detail, e.decided_by FROM marketplace.attempt_record e JOIN marketplace.attempt a ON a.id = e.attempt_id
       WHERE e.record_id = $1 ORDER BY a.committed_at`,
      [recordId],
    );
  }

  async alerts(): Promise<string[]> {
    const rows = await this.database.query<{ kind: string }>(
      `SELECT kind FROM marketplace.alert WHERE resolved_at IS NULL ORDER BY kind, subject`,
    );
    return rows.map((row) => row.kind);
  }

  async events(): Promise<string[]> {
    const rows = await this.database.query<{ type: string }>(
      `SELECT type FROM marketplace.outbox_event WHERE type <> 'alert.raised' ORDER BY position`,
    );
    return rows.map((row) => row.type);
  }

  calls(): number {
    return this.simulator.calls({ operation: 'BatchMeterUsage' }).length;
  }

  /** Submits with all replicas until nothing waits any more that could still be sent; backoff is machine time of a few milliseconds here. */
  async settle(rounds = 200): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(this.replicas.map((replica) => replica.submit()));
      await this.first.recovery.run();
      const [row] = await this.database.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM marketplace.metering_record
         WHERE state IN ('pending', 'sending') AND mode = 'live' AND cutoff_at > $1`,
        [this.clock.now().toISOString()],
      );
      if (row?.waiting === 0) return;
      await sleep(5);
    }
  }

  /** I1 by SQL, per subscription and dimension, and the bill of AWS against what the ledger holds as metered, per grain. */
  async expectConserved({ bill = true }: { bill?: boolean } = {}): Promise<void> {
    const wrong = await this.database.query(
      `WITH recorded AS (
         SELECT subscription_id, dimension, sum(quantity) AS total, sum(quantity) FILTER (WHERE record_id IS NULL) AS unassigned
         FROM marketplace.usage_event GROUP BY 1, 2),
       placed AS (
         SELECT subscription_id, dimension, sum(quantity) FILTER (WHERE disposition IS DISTINCT FROM 'carried') AS total
         FROM marketplace.metering_record GROUP BY 1, 2)
       SELECT * FROM recorded FULL JOIN placed USING (subscription_id, dimension) FULL JOIN marketplace.balance b USING (subscription_id, dimension)
       WHERE coalesce(recorded.total, 0) <> coalesce(recorded.unassigned, 0) + coalesce(placed.total, 0) + coalesce(b.carry, 0)`,
    );
    expect(wrong).toEqual([]);
    if (bill) expect(await this.metered()).toEqual(this.bill());
  }

  bill(): Record<string, number> {
    return Object.fromEntries(
      this.simulator
        .bill()
        .map((line) => [`${line.licenseArn ?? line.customerAWSAccountId ?? ''} ${line.dimension} ${line.hour}`, line.quantity]),
    );
  }

  async metered(): Promise<Record<string, number>> {
    const rows = await this.database.query<{
      license_arn: string | null;
      account: string;
      dimension: string;
      hour: Date;
      quantity: string;
    }>(
      `SELECT license_arn, coalesce(customer_aws_account_id, customer_identifier) AS account, dimension, hour, quantity
       FROM marketplace.metering_record WHERE state = 'metered'`,
    );
    // The bill knows a legacy customer by the account, whichever id the record used.
    const accounts = new Map(this.simulator.agreements().map(({ customerIdentifier, accountId }) => [customerIdentifier, accountId]));
    return Object.fromEntries(
      rows.map((row) => [
        `${row.license_arn ?? accounts.get(row.account) ?? row.account} ${row.dimension} ${row.hour.toISOString()}`,
        Number(row.quantity),
      ]),
    );
  }

  /** Hours before the running one, the latest first. */
  hours(count: number): Date[] {
    const running = hourOf(this.clock.now()).getTime();
    return Array.from({ length: count }, (_, index) => new Date(running - (index + 1) * HOUR_MS));
  }

  async stop(): Promise<void> {
    for (const replica of this.replicas) replica.clients.onApplicationShutdown();
    await Promise.all(this.dataSources.map((dataSource) => dataSource.destroy()));
    await this.simulator.stop();
    await this.postgres.drop();
  }
}

export const testCredentials = (): Promise<{ accessKeyId: string; secretAccessKey: string }> =>
  Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' });
