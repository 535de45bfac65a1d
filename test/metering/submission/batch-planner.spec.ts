import { describe, expect, it } from '@jest/globals';
import { CALL_BYTES_LIMIT, envelopeBytes, reportBytes } from '../../../src/aws/metering-gateway.js';
import {
  chooseWork,
  type Lane,
  planBatch,
  requestProductCodeOf,
  type SendableRecord,
  type WaitingWork,
} from '../../../src/metering/submission/batch-planner.js';
import { HOUR, hour, record } from './sendable-record.js';

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
    const heavy = record({ dimension: 'x'.repeat(CALL_BYTES_LIMIT) });
    const light = record();
    expect(planBatch([heavy, light])).toEqual([heavy]);
    expect(planBatch([light, heavy, record(hour(1))])).toHaveLength(2);
    expect(planBatch([light, heavy])).toEqual([light]);
  });

  it('K36 has fewer bytes than CloudTrail keeps, as the wire has it, and no fewer records than fit', () => {
    const sized = (n: number, tags: number) =>
      record({
        ...hour(n),
        quantity: tags,
        allocations: Array.from({ length: tags }, (_, tag) => ({
          ...{ AllocatedUsageQuantity: 1, Tags: [{ Key: 'team', Value: `team-${tag}-${'x'.repeat(40)}` }] },
        })),
      });
    const bytesOf = (records: readonly SendableRecord[]) =>
      envelopeBytes(null, records.length) + records.reduce((sum, { report }) => sum + reportBytes(report), 0);
    // From calls that 25 records fill by their number to records of which each goes alone.
    for (const [tags, expected] of [
      [0, 25],
      [20, 25],
      [30, 25],
      [50, 15],
      [400, 1],
      [800, 1],
      [2500, 1],
    ] as const) {
      const records = Array.from({ length: 25 }, (_, n) => sized(n, tags));
      const planned = planBatch(records);
      const more = records.slice(0, planned.length + 1);
      if (planned.length > 1) expect(bytesOf(planned)).toBeLessThan(CALL_BYTES_LIMIT);
      if (planned.length < 25) expect(bytesOf(more)).toBeGreaterThanOrEqual(CALL_BYTES_LIMIT);
      expect([tags, planned.length]).toEqual([tags, expected]);
    }
  });
});

describe('the product code of a request', () => {
  it('is named where no license names the product', () => {
    expect(requestProductCodeOf(record())).toBeNull();
    expect(requestProductCodeOf(record({ licenseArn: null }))).toBe('larkspur');
  });
});

describe('a batch of odd records', () => {
  it('is empty where nothing waits', () => {
    expect(planBatch([])).toEqual([]);
  });

  it('takes a record that names no customer alone, so that it fails by itself', () => {
    const nameless = record({ licenseArn: null, customerAwsAccountId: null });
    expect(planBatch([nameless, record(hour(1)), nameless])).toEqual([nameless]);
    expect(planBatch([record(), nameless])).toHaveLength(1);
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
    expect(turns).toEqual([
      ...['batch', 'batch', 'late', 'batch', 'troubled', 'batch', 'late', 'batch', 'troubled', 'probe'],
    ]);
    // The turn is a lane's that has nothing: the others follow in their order.
    const without = (...names: Lane[]) => lanes.filter((lane) => !names.includes(lane)).map((lane) => work(lane));
    expect(chooseWork(without('probe'), 9, idle)!.lane).toBe('batch');
    expect(chooseWork(without('batch'), 9, idle)!.lane).toBe('probe');
    expect(chooseWork(without('batch', 'probe'), 9, idle)!.lane).toBe('late');
    expect(chooseWork([work('probe'), work('troubled')], 0, idle)!.lane).toBe('troubled');
    expect(lanes.map((lane) => turns.filter((name) => name === lane).length)).toEqual([5, 2, 2, 1]);
    for (let turn = 0; turn < 10; turn += 1) expect(chooseWork([work('probe')], turn, idle)!.lane).toBe('probe');
  });
});
