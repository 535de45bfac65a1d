/**
 * The freeze of sealing, and the whole of a pass: `npm run bench:freezing`. Hours of a million events in 10,000
 * subjects and three dimensions, into a fresh ledger in which nothing was ever analysed: taken into rollups, planned,
 * frozen into records. Timelines are given, so that what is measured is sealing; another row says what reading them
 * from the facts costs. DATABASE_URL names a server to use; without it an embedded one is started.
 */
import { uuidv7 } from 'uuidv7';
import { ClockGuard } from '../src/database/clock-guard.js';
import { AlertBoard } from '../src/events/alert-board.js';
import { ClockWatch } from '../src/events/clock-watch.js';
import { Outbox } from '../src/events/outbox.js';
import { type TimelineLoader } from '../src/metering/sealing/customer-freezer.js';
import { HourSealer } from '../src/metering/sealing/hour-sealer.js';
import { UsageTaker } from '../src/metering/sealing/usage-taker.js';
import { Waker } from '../src/runtime/waker.js';
import { type CustomerTimeline } from '../src/subscription/agreements/timeline.js';
import { type BenchLedger, copyLines, keyedId, onBenchLedger, PRODUCT, SELLER } from './bench-ledger.js';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 1_000_000);
const SUBJECTS = Number(process.env.BENCH_SUBJECTS ?? 10_000);
const HOURS = Number(process.env.BENCH_HOURS ?? 3);
const DIMENSIONS = 3;
const LINES = 20_000;
const HOUR_MS = 3_600_000;

await onBenchLedger('freezing', SUBJECTS, bench);

async function bench(bench: BenchLedger): Promise<void> {
  const { client, ledger } = bench;
  const first = Math.floor(Date.now() / HOUR_MS) - 48;
  let now = new Date(first * HOUR_MS);
  const [product] = bench.options.products;
  if (!product) throw new Error('the bench has a product');
  const products = [{ ...product, dimensions: dimensionNames(), zeroRecords: 'off' as const }];
  const options = { ...bench.options, products, clock: { now: () => now } };
  const dimensions = await dimensionIds(bench);
  const timelines = await customers(bench, new Date((first - 24) * HOUR_MS));
  const load: TimelineLoader = (_tx, _seller, ids) => Promise.resolve(ids.flatMap((id) => timelines.get(id) ?? []));

  console.log(
    '| hour | events | take µs | freeze µs | both µs | records | idle pass ms |\n|---|---|---|---|---|---|---|',
  );
  for (let hour = 0; hour < HOURS; hour += 1) {
    await record(bench, first + hour, dimensions);
    now = new Date((first + hour + 1) * HOUR_MS + 15 * 60_000);
    const outbox = new Outbox(options);
    const alerts = new AlertBoard(options, outbox);
    const taker = new UsageTaker(options, ledger, alerts);
    const sealer = new HourSealer(
      ledger,
      options,
      new ClockWatch(new ClockGuard(ledger, options), ledger, alerts),
      outbox,
      alerts,
      new Waker(),
      taker,
      load,
    );
    const take = await timed(() => taker.run());
    const freeze = await timed(() => sealer.run());
    const idle = await timed(() => sealer.run());
    const { rows } = await client.query<{ count: string; sum: string }>(
      `SELECT count(*) AS count, sum(quantity) AS sum FROM marketplace.metering_record WHERE hour = $1`,
      [new Date((first + hour) * HOUR_MS)],
    );
    if (Number(rows[0]?.sum) !== EVENTS) throw new Error(`${EVENTS} recorded, ${rows[0]?.sum} in records`);
    const per = (ms: number): string => ((ms * 1000) / EVENTS).toFixed(2);
    console.log(
      `| ${hour + 1} | ${EVENTS} | ${per(take)} | ${per(freeze)} | ${per(take + freeze)} | ${rows[0]?.count} | ` +
        `${idle.toFixed(0)} |`,
    );
  }
}

function dimensionNames(): string[] {
  return ['requests', ...Array.from({ length: DIMENSIONS - 1 }, (_, index) => `dimension-${index + 2}`)];
}

async function dimensionIds({ client }: BenchLedger): Promise<number[]> {
  for (const name of dimensionNames()) {
    await client.query(
      `INSERT INTO marketplace.dimension (seller_account, product_code, name) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING`,
      [SELLER, PRODUCT, name],
    );
  }
  const { rows } = await client.query<{ id: number }>(`SELECT id FROM marketplace.dimension ORDER BY id`);
  return rows.map(({ id }) => id);
}

/** A customer with one agreement for each subject, with the timeline that the subscription room would give. */
async function customers(
  { client, subjects, tenants }: BenchLedger,
  from: Date,
): Promise<Map<string, CustomerTimeline>> {
  const timelines = subjects.map((subject, index): CustomerTimeline => {
    const [customerId, subscriptionId, agreementId] = [uuidv7(), uuidv7(), uuidv7()];
    const tenantId = tenants[index] ?? '';
    const licenseId = `l-${index}`;
    const identity = {
      ...{
        kind: 'license' as const,
        licenseId,
        licenseArn: `arn:aws:license-manager::123456789012:license:${licenseId}`,
      },
      customerAwsAccountId: '123456789012',
    };
    const span = {
      ...{
        subscriptionId,
        agreementId,
        aliasAgreementIds: [],
        price: 'paid' as const,
        from,
        to: null,
        startsAt: from,
        isProvisional: false,
      },
      ...{
        seals: 'whenSettled' as const,
        zeroRecords: true,
        termsUnknownFrom: null,
        end: null,
        identities: [{ fromHour: null, identity, alsoKnownAs: [] }],
      },
    };
    return {
      ...{ sellerAccount: SELLER, customerId, productCode: PRODUCT, tenantId, payerChoices: [] },
      subjects: [{ id: subject, tenantId, subscriptionId: null, namedSubscriptionId: null }],
      subscriptions: [{ subscriptionId, spans: [span], askedAt: null, mayNotAsk: false, nextChangeAt: null }],
      tenancies: [{ subscriptionId, tenantId, from: null, to: null }],
    };
  });
  const subscriptions = timelines.map(({ subscriptions: [subscription] }) => subscription);
  await client.query(
    `INSERT INTO marketplace.customer (seller_account, id, product_code, tenant_id) SELECT $1, id, $2, tenant
      FROM unnest($3::uuid[], $4::text[]) AS c (id, tenant)`,
    [SELLER, PRODUCT, timelines.map(({ customerId }) => customerId), tenants],
  );
  await client.query(
    `INSERT INTO marketplace.subscription (seller_account, id, product_code, customer_id, state)
     SELECT $1, id, $2, customer, 'active' FROM unnest($3::uuid[], $4::uuid[]) AS s (id, customer)`,
    [SELLER, PRODUCT, subscriptions.map((one) => one?.subscriptionId), timelines.map(({ customerId }) => customerId)],
  );
  await client.query(
    `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id)
     SELECT $1, id, $2, subscription FROM unnest($3::uuid[], $4::uuid[]) AS a (id, subscription)`,
    [
      SELLER,
      PRODUCT,
      subscriptions.map((one) => one?.spans[0]?.agreementId),
      subscriptions.map((one) => one?.subscriptionId),
    ],
  );
  await client.query(
    `UPDATE marketplace.subject s SET customer_id = c.id FROM marketplace.customer c WHERE c.tenant_id = s.tenant_id`,
  );
  return new Map(timelines.map((timeline) => [timeline.customerId, timeline]));
}

async function record({ client, subjects }: BenchLedger, hour: number, dimensions: readonly number[]): Promise<void> {
  for (let written = 0; written < EVENTS; written += LINES) {
    const lines = Array.from({ length: Math.min(LINES, EVENTS - written) }, (_, line) => {
      const place = written + line;
      const at = new Date(hour * HOUR_MS + (place % 3_600) * 1000).toISOString();
      const dimension = dimensions[Math.floor(place / subjects.length) % dimensions.length];
      return [keyedId(), at, subjects[place % subjects.length], dimension, '1', `key ${place}`, '\\N'].join('\t');
    });
    await copyLines(client, 'marketplace.usage_event', lines);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
