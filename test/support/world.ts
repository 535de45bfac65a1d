import { expect } from '@jest/globals';
import { type INestApplication, type LogLevel } from '@nestjs/common';
import {
  JobScheduler,
  type MarketplaceEvent,
  type MarketplaceEventType,
  MeteringService,
  type Options,
  QueueIntake,
  type RecordOptions,
  type RecordResult,
  RegistrationService,
  type StaticOptions,
  SubscriptionService,
  type UsageEvent,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { type JobName } from '../../src/runtime/job-scheduler.js';
import { type Queue, SqsEmulator } from '../notifications/sqs-emulator.js';
import { Buyer } from './buyer.js';
import { expectBillIsLedger, expectTablesConserved, meteredRecords } from './conservation.js';
import { type HostParts, startHost } from './host.js';
import { Mailbox } from './mailbox.js';
import {
  type Agreement,
  grainOfLine,
  MarketplaceSimulator,
  SELLER,
  type SimulatorOptions,
  type SubscribeOptions,
  VirtualClock,
} from './market.js';
import { migrate } from './migrate.js';
import { copyOf, migratedDatabase, type TestDatabase } from './postgres.js';
import { eventually } from './processes.js';
import { DIMENSIONS, PRODUCT_CODE, replicaOptions } from './replica-options.js';
import { sumOf, type Whereabouts, whereUnitsAre } from './whereabouts.js';

export { DIMENSIONS, PRODUCT_CODE } from './replica-options.js';
export const LEGACY_CODE = 'larkspur-legacy';
/** A plain hour in the middle of a month, far from every edge. */
export const START = new Date('2026-11-11T10:00:00Z');
export const SECRET = 'the-secret-of-the-api-destination';
const TOPIC_ARN = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${LEGACY_CODE}`;
/** Machine time stands in for nothing where the simulator holds no quota: then nothing has to wait for it. */
const UNPACED = { getEntitlements: 1000, searchAgreements: 1000, describeAgreement: 1000, getAgreementTerms: 1000 };
/**
 * A machine that stands still for two seconds is not an AWS that does not answer: what it did not answer is asked again
 * only minutes later, and a test that counts on the answer goes another way.
 */
const PATIENT = { requestTimeoutMs: 8000, leaseMs: 20_000 };
/** What a running module does again and again; `inbox` and `deliver` have their places in a turn. */
const JOBS = ['seal', 'submit', 'recovery', 'deadline'] as const satisfies JobName[];
const PLACED: readonly string[] = [...JOBS, 'inbox', 'reconcile', 'deliver', 'entitlements'];

/**
 * Ways in which AWS's word reaches the host: events of EventBridge by an API destination or through a queue; the topics
 * of a legacy product over HTTPS with real signatures, or through a queue in their envelope or raw. `queue`: a queue
 * that nothing sends to but a test. None: the module must ask.
 */
export type Way = 'eventBridge' | 'eventQueue' | 'sns' | 'snsQueue' | 'rawQueue' | 'queue';

export interface WorldOptions {
  startAt?: Date;
  /** Default: EventBridge, and SNS over HTTPS for the legacy product. */
  ways?: readonly Way[];
  /** Of the module; what stands here wins over the world's. */
  options?: Options & StaticOptions;
  /** More members of both products' options. */
  product?: Partial<NonNullable<Options['products']>[number]>;
  simulator?: SimulatorOptions;
  logger?: false | LogLevel[];
  /** Product codes that the module lists. Default: both, so that usage of a tenant must name its product. */
  lists?: readonly string[];
  /** Of both products. Default `requests` and `storage`. */
  dimensions?: string[];
  /** Metered dimensions of both listings at AWS. Default: `dimensions`. */
  listed?: string[];
  /** The host's own controllers and services. */
  parts?: HostParts;
  /** Default: a new one on the run's server. One that is given must be migrated by the module, or before. */
  database?: TestDatabase;
}

export type Usage = Partial<UsageEvent> & { quantity: NonNullable<UsageEvent['quantity']> };

/**
 * A host application with the module in it, on real Postgres and through the real AWS SDK against the simulator, whose
 * messages come over real HTTP. Business time stands still but for `pass` and `goTo`.
 */
export class World {
  /** Every event that the host was told, in the order of its deliveries. */
  readonly heard: MarketplaceEvent[] = [];
  /** Whether the module gets to ask AWS: false as long as a test says that AWS has not been asked yet. */
  asksAws = true;
  /** Units that the host recorded: the sum of the calls that said `recorded`. */
  private recordedMillionths = 0;
  /** Of the first application: whoever comes after it stands at its place. */
  private port = 0;

  private constructor(
    readonly apps: INestApplication[],
    readonly simulator: MarketplaceSimulator,
    readonly clock: VirtualClock,
    public postgres: TestDatabase,
    readonly mailbox: Mailbox,
    private readonly sqs: SqsEmulator | null,
    private moduleOptions: Options & StaticOptions,
    private readonly setting: { logger: false | LogLevel[]; parts: HostParts },
  ) {}

  static async start({
    startAt = START,
    ways = ['eventBridge', 'sns'],
    options = {},
    product = {},
    simulator: ofSimulator = {},
    // The module's own word, where a failing case is looked into.
    logger = process.env.WORLD_LOG === undefined ? false : ['error', 'warn'],
    dimensions = DIMENSIONS,
    listed = dimensions,
    lists = [PRODUCT_CODE, LEGACY_CODE],
    parts = {},
    database,
  }: WorldOptions = {}): Promise<World> {
    const clock = new VirtualClock({ startAt, rate: 0 });
    const postgres = database ?? (await migratedDatabase(migrate));
    const simulator = await MarketplaceSimulator.start({
      clock,
      callsPerSecond: 0,
      sellerAccountId: SELLER,
      ...ofSimulator,
    });
    simulator.createProduct({ productCode: PRODUCT_CODE, dimensions: listed });
    simulator.createProduct({ productCode: LEGACY_CODE, dimensions: listed, identity: 'legacy' });
    const needsQueue = ways.some((way) => way.toLowerCase().endsWith('queue'));
    const sqs = needsQueue ? await SqsEmulator.start() : null;
    const queue = sqs?.queue() ?? null;
    const moduleOptions: Options & StaticOptions = {
      sellerAccount: SELLER,
      products: lists.map((productCode) => ({
        ...{ productCode, dimensions, zeroRecords: 'off', ...product },
        ...(productCode === LEGACY_CODE && { identity: 'legacy' }),
      })),
      notifications: {
        eventBridgeSecrets: [SECRET],
        snsTopicArns: [TOPIC_ARN],
        ...(sqs && queue && { sqsQueueUrls: [queue.url], sqsEndpoint: sqs.endpoint }),
      },
      reconcileAfterMs: 3_600_000,
      ...options,
      aws: { ...('callsPerSecond' in ofSimulator ? {} : { callsPerSecond: UNPACED }), ...options.aws },
      submission: { ...PATIENT, ...options.submission },
    };
    const world = new World([], simulator, clock, postgres, new Mailbox(simulator, queue), sqs, moduleOptions, {
      logger,
      parts,
    });
    try {
      await world.addReplica();
      await world.listen(ways, queue);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  get app(): INestApplication {
    return this.apps[0]!;
  }

  get database(): LedgerDatabase {
    return this.app.get(LedgerDatabase);
  }

  get metering(): MeteringService {
    return this.app.get(MeteringService);
  }

  get subscriptions(): SubscriptionService {
    return this.app.get(SubscriptionService);
  }

  get registrations(): RegistrationService {
    return this.app.get(RegistrationService);
  }

  now(): Date {
    return this.clock.now();
  }

  /** Another process of the host would be the same: an application of its own over the same database. */
  async addReplica(options: Options & StaticOptions = {}, port = 0): Promise<INestApplication> {
    const { postgres, simulator, clock, moduleOptions, setting } = this;
    const place = { databaseUrl: postgres.url, awsEndpoint: simulator.url, clock };
    const app = await startHost(replicaOptions(place, { ...moduleOptions, ...options }), this.heard, {
      ...setting,
      port,
    });
    this.apps.push(app);
    if (this.port === 0) this.port = Number(new URL(await app.getUrl()).port);
    return app;
  }

  /** The host is stopped and started again at its place, with other options of its products or of the module. */
  async restart({ product = {}, options = {} }: Pick<WorldOptions, 'product' | 'options'> = {}): Promise<void> {
    const { port } = this;
    const { products = [], ...rest } = { ...this.moduleOptions, ...options };
    this.moduleOptions = { ...rest, products: products.map((one) => ({ ...one, ...product })) };
    for (const app of this.apps.splice(0)) await app.close();
    await this.addReplica({}, port);
  }

  /**
   * A backup of the database as it stands, taken while the host is down. What comes back restores it under the host.
   */
  async backUp(): Promise<() => Promise<void>> {
    const { port } = this;
    for (const app of this.apps.splice(0)) await app.close();
    const backup = await copyOf(this.postgres);
    const recorded = this.recordedMillionths;
    await this.addReplica({}, port);
    return async () => {
      for (const app of this.apps.splice(0)) await app.close();
      await this.postgres.drop();
      this.postgres = backup;
      this.recordedMillionths = recorded;
      await this.addReplica({}, port);
    };
  }

  /** A buyer signs at AWS, arrives at the landing page as a browser does, and signs up as `tenantId`. */
  async join(tenantId: string, options: Partial<SubscribeOptions> = {}): Promise<Buyer> {
    const buyer = this.sign(options);
    await buyer.arrive();
    await buyer.signUp(tenantId);
    await this.hear();
    return buyer;
  }

  /** A buyer signs at AWS, and does not arrive yet. */
  sign(options: Partial<SubscribeOptions> = {}): Buyer {
    return new Buyer(this, this.purchase({ productCode: PRODUCT_CODE, ...options }));
  }

  /**
   * An agreement that is signed now. A free trial has an end, as AWS's have: thirty days later, unless the options name
   * another.
   */
  purchase(options: SubscribeOptions): Agreement {
    const endsAt = new Date(this.now().getTime() + 30 * 24 * 3_600_000);
    return this.simulator.subscribe({ ...(options.freeTrial === true && { endsAt }), ...options });
  }

  /** Posts the registration form. */
  async post(form: Record<string, string>, url?: string): Promise<Response> {
    return fetch(`${url ?? (await this.app.getUrl())}/marketplace/registration`, {
      method: 'POST',
      body: new URLSearchParams(form),
      redirect: 'manual',
    });
  }

  /** Records usage of `requests`; what the host was told to be recorded counts. */
  async record(usage: Usage, options: RecordOptions = {}, app = this.app): Promise<RecordResult> {
    const [result] = await this.recordAll([usage], options, app);
    return result!;
  }

  async recordAll(usages: readonly Usage[], options: RecordOptions = {}, app = this.app): Promise<RecordResult[]> {
    const events = usages.map((usage) => ({ dimension: 'requests', ...usage }));
    const results = await app.get(MeteringService).record(events, options);
    for (const [index, { outcome }] of results.entries())
      if (outcome === 'recorded') this.count(events[index]!.quantity);
    return results;
  }

  /** Units that were recorded elsewhere, or (negative) whose transaction was rolled back. */
  count(quantity: UsageEvent['quantity']): void {
    this.recordedMillionths += Math.round(Number(quantity) * 1e6);
  }

  get recorded(): number {
    return this.recordedMillionths / 1e6;
  }

  /** Time goes by in steps, after each of which everything that a running module does is done. */
  async pass(hours: number, stepHours = 0.5): Promise<void> {
    const steps = Math.round(hours / stepHours);
    for (let step = 0; step < steps; step += 1) {
      this.clock.advance(Math.round(stepHours * 3_600_000));
      await this.turn();
    }
  }

  /** Business time jumps to that moment; on its way the market lives, and the module has been idle. */
  async goTo(at: Date | string): Promise<void> {
    const to = typeof at === 'string' ? new Date(at) : at;
    if (to < this.now()) throw new RangeError(`it is ${this.now().toISOString()} already`);
    this.clock.set(to);
    await this.turn();
  }

  /** Everything that a running module does, as often as it has something to do. */
  async turn(): Promise<void> {
    await this.hear();
    for (const app of this.apps) {
      const { names } = app.get(JobScheduler);
      if (this.asksAws) await this.runOn(app, 'reconcile');
      if ((await this.left()).messages) await this.runOn(app, 'inbox');
      await this.runOn(app, ...JOBS);
      // What hours of contracts wait for is asked as soon as they wait.
      await this.runOn(app, 'entitlements');
      if ((await this.left()).plans) await this.runOn(app, 'seal', 'submit');
      await this.runOn(app, ...names.filter((name) => !PLACED.includes(name)));
    }
    await this.settle();
    await this.run('deliver');
  }

  /** Whether a job would find something to do at this very instant that it has not seen yet. */
  private async left(): Promise<{ messages: boolean; plans: boolean }> {
    const [row] = await this.database.query<{ messages: boolean; plans: boolean }>(
      `SELECT EXISTS (SELECT FROM marketplace.inbox_message WHERE state IN ('pending', 'waiting')) AS messages,
         EXISTS (SELECT FROM marketplace.customer_changed) AS plans`,
    );
    return row!;
  }

  /** What AWS has sent arrives and takes effect; nothing is sealed. */
  async hear(): Promise<void> {
    await this.simulator.notifications.settled();
    if (this.sqs) await this.app.get(QueueIntake).receiveOnce();
    await this.run('inbox');
    // As it is woken, where something was heard that only AWS can settle.
    if (this.asksAws) await this.run('reconcile');
    await this.run('deliver');
  }

  run(...jobs: JobName[]): Promise<void> {
    return this.runOn(this.app, ...jobs);
  }

  async runOn(app: INestApplication, ...jobs: JobName[]): Promise<void> {
    for (const job of jobs) await app.get(JobScheduler).runOnce(job);
  }

  /** What the module was given: another process of the same host is given it too. */
  get options(): Options & StaticOptions {
    return this.moduleOptions;
  }

  /** As the module was given them. */
  products(): NonNullable<Options['products']> {
    return this.moduleOptions.products ?? [];
  }

  /** Sends until nothing is left that could be sent now; backoff is machine time of a few milliseconds here. */
  async settle(rounds = 4): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      const [row] = await this.database.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM marketplace.metering_record WHERE state IN ('pending', 'sending')
          AND mode = 'live' AND cutoff_at > $1`,
        [this.now().toISOString()],
      );
      if (row?.waiting === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 12));
      await this.run('submit', 'recovery');
    }
  }

  /** What is sealed now and sent, as often as it takes; of all jobs only these. */
  async work(rounds = 20): Promise<void> {
    await this.run('inbox', 'seal');
    await this.settle(rounds);
  }

  /** Other suites' transactions on this server may be open: the job then waits for its next run. */
  async prove(): Promise<void> {
    await eventually('every rollup is compared', async () => {
      await this.run('proof');
      const [row] = await this.database.query<{ is_proven: boolean }>(
        `SELECT proven_id = coalesce((SELECT max(id) FROM marketplace.rollup), 0) AS is_proven
         FROM marketplace.proof_cursor`,
      );
      return row?.is_proven === true;
    });
    await this.run('proof');
  }

  /** As if machine time had passed: every lease is over. */
  async expireLeases(): Promise<void> {
    await this.database.query(
      `UPDATE marketplace.metering_record SET lease_until = clock_timestamp() WHERE state = 'sending'`,
    );
  }

  /** As if machine time had passed: what AWS gave no answer to may be asked again. */
  async expireQuestions(): Promise<void> {
    await this.database.query(
      `UPDATE marketplace.subscription SET ask_lease_until = clock_timestamp() WHERE ask_lease_until IS NOT NULL`,
    );
  }

  records<Row = Record<string, unknown>>(where = 'true'): Promise<Row[]> {
    return this.database.query<Row>(
      `SELECT * FROM marketplace.metering_record WHERE ${where} ORDER BY hour, dimension, id`,
    );
  }

  /** Conserved, and every whole unit on AWS's bill: at most a fraction of one is carried, per period and dimension. */
  async expectAllBilled(): Promise<void> {
    const { waiting, records, included } = await this.expectConserved();
    expect({ waiting, records, included }).toEqual({});
    expect(
      await this.database.query(`SELECT * FROM marketplace.balance WHERE carry NOT BETWEEN 0 AND 0.999999999999`),
    ).toEqual([]);
  }

  /**
   * What holds at every moment, also while calls are under way: invariant I1, and nothing is metered that is not on the
   * bill.
   */
  async expectBalanced(): Promise<void> {
    expect((await this.metering.balance()).filter(({ conserved }) => !conserved)).toEqual([]);
    await expectTablesConserved(this.database);
    const bill = Object.fromEntries(
      this.simulator.bill().map((line) => [grainOfLine(this.simulator, line), line.quantity]),
    );
    const metered = await meteredRecords(this.database, this.simulator);
    expect(bill).toMatchObject(Object.fromEntries(metered.map(({ grain, quantity }) => [grain, quantity])));
  }

  /**
   * Conserved by the module's word and by the tables; AWS's bill is what the ledger holds as metered, grain by grain;
   * every unit is somewhere.
   */
  async expectConserved(): Promise<Whereabouts> {
    const balances = await this.metering.balance();
    expect(balances.filter(({ conserved }) => !conserved)).toEqual([]);
    await expectTablesConserved(this.database);
    await expectBillIsLedger(this.database, this.simulator);
    const where = await whereUnitsAre(this.database, this.simulator);
    expect(sumOf(where)).toBeCloseTo(this.recorded, 6);
    return where;
  }

  /** Conserved, and the units are there and nowhere else. */
  async expectUnits(where: Whereabouts): Promise<void> {
    expect(await this.expectConserved()).toEqual(where);
  }

  /** Lines of AWS's bill, as `hour of day` → units, of one agreement. Zeros are left out. */
  billByHour(agreement: Agreement): Record<string, number> {
    const lines = this.simulator
      .bill()
      .filter(({ agreementId, quantity }) => agreementId === agreement.agreementId && quantity !== 0);
    return Object.fromEntries(lines.map(({ hour, quantity }) => [hour.slice(0, 13), quantity]));
  }

  told(type: MarketplaceEventType, subscriptionId?: string): MarketplaceEvent[] {
    return this.heard.filter(
      (event) => event.type === type && (subscriptionId === undefined || event.subscriptionId === subscriptionId),
    );
  }

  /** Types of what the host heard of subscriptions, without their prefix, in order. */
  story(): string[] {
    return this.heard.flatMap(({ type }) =>
      type.startsWith('subscription.') ? [type.slice('subscription.'.length)] : [],
    );
  }

  /** Alerts that are open: kind and what it is about. */
  async alerts(
    kind?: string,
  ): Promise<{ kind: string; subject: string; severity: string; message: string; details: Record<string, unknown> }[]> {
    return this.database.query(
      `SELECT kind, subject, severity, message, details FROM marketplace.alert
       WHERE resolved_at IS NULL AND ($1::text IS NULL OR kind = $1) ORDER BY kind, subject`,
      [kind ?? null],
    );
  }

  /** Messages that the module gave up on. */
  async deadLetters(): Promise<{ type: string | null; error: string | null }[]> {
    return this.database.query(`SELECT type, error FROM marketplace.inbox_message WHERE state = 'deadLettered'`);
  }

  async stop(): Promise<void> {
    for (const app of this.apps) await app.close();
    await this.simulator.stop();
    await this.sqs?.stop();
    await this.postgres.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async listen(ways: readonly Way[], queue: Queue | null): Promise<void> {
    const { notifications } = this.simulator;
    const url = `${await this.app.getUrl()}/marketplace/notifications`;
    const topic = { productCode: LEGACY_CODE, topic: 'subscriptionTopic' } as const;
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' };
    const toQueue = {
      kind: 'sqs',
      queueUrl: queue?.url ?? '',
      endpoint: this.sqs?.endpoint ?? '',
      credentials,
    } as const;
    if (ways.includes('eventBridge'))
      notifications.addTarget({ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': SECRET } });
    if (ways.includes('eventQueue')) notifications.addTarget(toQueue);
    if (ways.includes('sns')) notifications.addTarget({ kind: 'snsHttp', url, ...topic });
    if (ways.includes('snsQueue')) notifications.addTarget({ ...toQueue, ...topic });
    if (ways.includes('rawQueue')) notifications.addTarget({ ...toQueue, ...topic, raw: true });
    await notifications.settled();
  }
}
