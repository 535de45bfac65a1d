import { describe, expect, it } from '@jest/globals';
import { attemptWindows, lookPlanOf, type OpenRecord, windowsOf } from '../../src/audit/look-plan.js';
import { type Interval, type ReadInterval } from '../../src/audit/trail-coverage.js';

const DAY = new Date('2026-11-11T00:00:00Z').getTime();
const at = (minute: number): Date => new Date(DAY + minute * 60_000);
const shown = (intervals: readonly Interval[]): [number, number][] =>
  intervals.map(({ from, to }) => [(from.getTime() - DAY) / 60_000, (to.getTime() - DAY) / 60_000]);
const read = (from: number, to: number, readAt: number): ReadInterval => ({
  from: at(from),
  to: at(to),
  readAt: at(readAt),
});

const record = (over: Partial<OpenRecord> = {}): OpenRecord => ({
  ...{ id: 'r1', operation: 'BatchMeterUsage', hour: at(60), regions: ['us-east-1'], lookedAt: null },
  attempts: [{ id: 'a', at: at(130), evidence: 'uncertain' }],
  ...over,
});
const plan = (records: OpenRecord[], now: number, covered: Record<string, ReadInterval[]> = {}) => {
  const { reads, done } = lookPlanOf(records, ({ region }) => covered[region] ?? [], at(now));
  return { reads: reads.map(({ region, from, to }) => [region, ...(shown([{ from, to }])[0] ?? [])]), done };
};

describe('where a record is looked for', () => {
  it('is around its calls that may have arrived, and for a conflict from the beginning of its hour', () => {
    const attempts: OpenRecord['attempts'] = [
      { id: 'a', at: at(130), evidence: 'uncertain' },
      { id: 'b', at: at(132), evidence: 'uncertain' },
      { id: 'c', at: at(200), evidence: 'refused' },
      { id: 'd', at: at(300), evidence: 'uncertain' },
    ];
    expect(shown(attemptWindows({ attempts }))).toEqual([
      [128, 136],
      [298, 304],
    ]);
    expect(shown(windowsOf({ attempts, hour: at(60) }))).toEqual(shown(attemptWindows({ attempts })));
    const inConflict = [...attempts, { id: 'e', at: at(320), evidence: 'conflict' } as const];
    expect(shown(windowsOf({ attempts: inConflict, hour: at(60) }))).toEqual([[58, 324]]);
  });
});

describe('the plan of a look', () => {
  const whole = ['us-east-1', 128, 134];
  it.each<[string, Partial<OpenRecord>, number, Record<string, ReadInterval[]>, unknown[], boolean]>([
    ['is empty before the first look', {}, 144, {}, [], false],
    ['is the window at the first look', {}, 145, {}, [whole], false],
    [
      'is every region that was ever called',
      { regions: ['eu-west-1', 'us-east-1'] },
      145,
      {},
      [['eu-west-1', 128, 134], whole],
      false,
    ],
    ['is done when all was read since it was due', {}, 146, { 'us-east-1': [read(128, 134, 145)] }, [], true],
    ['goes on where it stopped', {}, 146, { 'us-east-1': [read(131, 134, 145)] }, [['us-east-1', 128, 131]], false],
    ['reads again what was read before it was due', {}, 145, { 'us-east-1': [read(128, 134, 140)] }, [whole], false],
    ['is empty until the next is due', { lookedAt: at(146) }, 159, {}, [], false],
    ['is due again', { lookedAt: at(146) }, 160, { 'us-east-1': [read(128, 134, 146)] }, [whole], false],
    [
      'reads no more what was read a day later',
      { lookedAt: at(146) },
      4000,
      { 'us-east-1': [read(100, 200, 134 + 1440)] },
      [],
      true,
    ],
    ['reads only what CloudTrail keeps', {}, 130 + 90 * 1440, {}, [['us-east-1', 130, 134]], false],
    ['is done where CloudTrail keeps nothing of it', {}, 200 + 90 * 1440, {}, [], true],
    ['is empty for what was never sent', { attempts: [] }, 1000, {}, [], false],
  ])('%s', (_, over, now, covered, reads, isDone) => {
    expect(plan([record(over)], now, covered)).toEqual({ reads, done: isDone ? ['r1'] : [] });
  });

  it.each([[[130, 300]], [[300, 130]]])(
    'is due by the last call of a record, in whatever order they stand: %j',
    (minutes) => {
      const attempts = minutes.map((minute) => ({ id: `${minute}`, at: at(minute), evidence: 'uncertain' as const }));
      expect(plan([record({ attempts })], 314)).toEqual({ reads: [], done: [] });
      expect(plan([record({ attempts })], 315).reads).toEqual([
        ['us-east-1', 128, 134],
        ['us-east-1', 298, 304],
      ]);
    },
  );

  it('reads one window for two records once it was read', () => {
    const records = [record(), record({ id: 'r2', attempts: [{ id: 'b', at: at(131), evidence: 'uncertain' }] })];
    expect(plan(records, 150).reads).toHaveLength(2);
    expect(plan(records, 150, { 'us-east-1': [read(128, 135, 149)] })).toEqual({ reads: [], done: ['r1', 'r2'] });
  });
});
