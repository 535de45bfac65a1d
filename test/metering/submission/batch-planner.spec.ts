import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { AwsClients } from '../../../src/aws/aws-clients.js';
import {
  MeteringGateway,
  REQUEST_BYTES_LIMIT,
  type ReportResult,
  type UsageReport,
} from '../../../src/aws/metering-gateway.js';
import { resolveOptions } from '../../../src/options/resolved-options.js';
import { answersOf } from '../../../src/metering/submission/answer-matcher.js';
import {
  chooseWork,
  type Lane,
  planBatch,
  type SendableRecord,
  type WaitingWork,
} from '../../../src/metering/submission/batch-planner.js';
import { CallBreaker } from '../../../src/metering/submission/call-breaker.js';
import { testCredentials } from './submission-bench.js';

const HOUR = new Date('2026-11-11T09:00:00Z');
const LICENSE = 'arn:aws:license-manager::111122223333:license:l-1';
const report = (over: Partial<UsageReport> = {}): UsageReport => ({
  licenseArn: LICENSE,
  customerAwsAccountId: '012345678901',
  customerIdentifier: null,
  dimension: 'requests',
  timestamp: HOUR,
  quantity: 7,
  allocations: null,
  ...over,
});
let next = 0;
const record = (over: Partial<UsageReport> = {}, productCode = 'larkspur'): SendableRecord => ({
  id: String((next += 1)),
  productCode,
  report: report(over),
});
const hour = (n: number): { timestamp: Date } => ({ timestamp: new Date(HOUR.getTime() - n * 3_600_000) });

describe('a batch', () => {
  it('has at most 25 records, in the order in which they are due (D32)', () => {
    const records = Array.from({ length: 60 }, (_, n) => record(hour(n)));
    expect(planBatch(records)).toEqual(records.slice(0, 25));
  });

  it('never mixes license, account and customer identifier, nor products (D4)', () => {
    const account = record({ licenseArn: null });
    const customer = record({ licenseArn: null, customerAwsAccountId: null, customerIdentifier: 'c' });
    const license = record();
    const foreign = record(hour(1), 'other');
    expect(planBatch([account, customer, license])).toEqual([account]);
    expect(planBatch([customer, account])).toEqual([customer]);
    expect(planBatch([license, foreign, account])).toEqual([license]);
  });

  it('never holds two records that one echo could mean, whatever their time within the hour', () => {
    const records = [
      record(),
      record({ timestamp: new Date(HOUR.getTime() + 60_000) }),
      record({ dimension: 'storage' }),
    ];
    expect(planBatch(records)).toEqual([records[0], records[2]]);
  });

  it('takes the first record whatever it weighs, and nothing beside it that does not fit', () => {
    const heavy = record({ dimension: 'x'.repeat(REQUEST_BYTES_LIMIT) });
    expect(planBatch([heavy, record()])).toEqual([heavy]);
  });

  it('stays under 1 MB as the wire has it, and no smaller than need be', async () => {
    await using simulator = await MarketplaceSimulator.start();
    const clients = new AwsClients(
      resolveOptions({
        database: { url: 'postgres://localhost/none' },
        products: [{ productCode: 'larkspur', dimensions: ['requests'] }],
        signUpUrl: 'http://localhost/',
        aws: { endpoint: simulator.url, credentials: testCredentials },
      }),
    );
    const sizes: number[] = [];
    clients.metering('us-east-1').middlewareStack.add(
      (proceed) => (args) => {
        sizes.push(Buffer.byteLength((args.request as { body: string }).body));
        return proceed(args);
      },
      { step: 'finalizeRequest' },
    );
    const allocations = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        AllocatedUsageQuantity: n,
        Tags: [{ Key: 'kö', Value: `"${'v'.repeat(100)}${n}` }],
      }));
    for (const legacy of [false, true]) {
      const identity = legacy ? { licenseArn: null, customerAwsAccountId: null, customerIdentifier: 'Zoë' } : {};
      const batch = planBatch(
        Array.from({ length: 25 }, (_, n) =>
          record({
            ...identity,
            ...hour(n),
            timestamp: new Date(HOUR.getTime() - n * 3_600_000 + 250),
            allocations: allocations(600),
          }),
        ),
      );
      expect(batch.length).toBeLessThan(25);
      const send = (reports: UsageReport[]) =>
        new MeteringGateway(clients).batchMeterUsage({
          region: 'us-east-1',
          productCode: legacy ? 'larkspur' : null,
          reports,
          timeoutMs: 5000,
          mayLeave: () => true,
        });
      await send(batch.map((sent) => sent.report));
      await send([
        ...batch.map((sent) => sent.report),
        record({ ...identity, ...hour(99), allocations: allocations(600) }).report,
      ]);
      const [planned, oneMore] = sizes.splice(0);
      expect(planned).toBeLessThan(REQUEST_BYTES_LIMIT);
      expect(oneMore).toBeGreaterThanOrEqual(REQUEST_BYTES_LIMIT - 3000);
    }
    clients.onApplicationShutdown();
  });
});

describe('which record an answer means', () => {
  const echo = (of: UsageReport, status: string): ReportResult => ({ ...of, status, meteringRecordId: null });
  const answered = (results: ReportResult[], unprocessed: UsageReport[] = []) =>
    ({ kind: 'answered', results, unprocessed, httpStatus: 200, requestId: null }) as const;

  it('is found by what AWS echoes, in any order, with any of them left out', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ license: fc.nat(3), dimension: fc.constantFrom('a', 'b'), hours: fc.nat(5) }), {
          minLength: 1,
          maxLength: 25,
          selector: (key: object) => JSON.stringify(key),
        }),
        fc.array(fc.constantFrom('Success', 'CustomerNotSubscribed', 'unprocessed', 'missing'), {
          minLength: 25,
          maxLength: 25,
        }),
        fc.array(fc.nat(), { minLength: 25, maxLength: 25 }),
        (keys, fates, order) => {
          const sent = keys.map((key) =>
            record({ licenseArn: `${LICENSE}${key.license}`, dimension: key.dimension, ...hour(key.hours) }),
          );
          const expected = fates.slice(0, sent.length);
          const shuffled = sent
            .map((one, index) => ({ one, fate: expected[index]!, rank: order[index]! }))
            .sort((a, b) => a.rank - b.rank);
          const results = shuffled
            .filter(({ fate }) => fate !== 'missing' && fate !== 'unprocessed')
            .map(({ one, fate }) => echo(one.report, fate));
          const unprocessed = shuffled.filter(({ fate }) => fate === 'unprocessed').map(({ one }) => one.report);
          const { answers, strangers } = answersOf(sent, answered(results, unprocessed));
          expect(answers.map((answer) => (answer.kind === 'status' ? answer.status : answer.kind))).toEqual(expected);
          expect(strangers).toBe(0);
        },
      ),
    );
  });

  it('may name more ids than were sent; what means no record is counted', () => {
    const account = record({ licenseArn: null });
    const { answers, strangers } = answersOf(
      [account],
      answered([
        echo(report({ licenseArn: null, customerIdentifier: 'c' }), 'Success'),
        echo(report({ dimension: 'other' }), 'Success'),
      ]),
    );
    expect(answers).toMatchObject([{ status: 'Success' }]);
    expect(strangers).toBe(1);
  });

  it('that contradicts itself says nothing, except that a Success stands', () => {
    const one = record();
    const said = (...statuses: string[]) =>
      answersOf([one], answered(statuses.map((status) => echo(one.report, status)))).answers[0];
    expect(said('CustomerNotSubscribed', 'DuplicateRecord')).toEqual({ kind: 'missing' });
    expect(said('CustomerNotSubscribed', 'Success')).toMatchObject({ status: 'Success' });
    expect(answersOf([one], answered([echo(one.report, 'DuplicateRecord')], [one.report])).answers).toEqual([
      { kind: 'missing' },
    ]);
  });
});

describe('what is sent next', () => {
  const work = (lane: Lane, region = 'us-east-1', minutes = 0): WaitingWork => ({
    product_code: 'p',
    region,
    operation: 'BatchMeterUsage',
    lane,
    due_at: new Date(HOUR.getTime() + minutes * 60_000),
  });
  const idle = new Map<string, number>();

  it('is what is due earliest, where fewest calls are under way', () => {
    const waiting = [work('batch', 'us-east-1', 5), work('batch', 'us-east-1', 1), work('batch', 'eu-west-1', 9)];
    expect(chooseWork(waiting, 0, idle)).toBe(waiting[1]);
    expect(chooseWork(waiting, 0, new Map([['us-east-1', 1]]))).toBe(waiting[2]);
    expect(chooseWork([], 0, idle)).toBeUndefined();
  });

  it('gives each lane its turns in ten, and all of them where it is alone', () => {
    const lanes: Lane[] = ['batch', 'late', 'troubled', 'probe'];
    const turns = Array.from(
      { length: 10 },
      (_, turn) =>
        chooseWork(
          lanes.map((lane) => work(lane)),
          turn,
          idle,
        )!.lane,
    );
    expect(lanes.map((lane) => turns.filter((name) => name === lane).length)).toEqual([5, 2, 2, 1]);
    for (let turn = 0; turn < 10; turn += 1) expect(chooseWork([work('probe')], turn, idle)!.lane).toBe('probe');
  });
});

describe('the breaker', () => {
  it('opens at once for a set-up error, after three silences, and never for throttling or refusals', () => {
    const breaker = new CallBreaker();
    const call = (failure: Parameters<CallBreaker['ended']>[1]) => {
      breaker.started('p');
      breaker.ended('p', failure);
    };
    for (const failure of ['throttled', 'culprit', 'dropped', 'unrecognised', null] as const)
      for (let n = 0; n < 5; n += 1) call(failure);
    call('unavailable');
    call('unavailable');
    expect(breaker.allows('p')).toBe(true);
    call('unavailable');
    expect(breaker.allows('p')).toBe(false);
    expect(breaker.allows('q')).toBe(true);
    breaker.beginRun();
    expect(breaker.allows('p')).toBe(true);
    breaker.started('p');
    expect(breaker.allows('p')).toBe(false);
    breaker.ended('p', null);
    expect(breaker.allows('p')).toBe(true);
    call('setUp');
    expect(breaker.allows('p')).toBe(false);
  });
});
