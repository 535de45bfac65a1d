import { describe, expect, it } from '@jest/globals';
import { type AbsenceObstacle, type DoubtfulEvent, obstaclesToAbsence, obstacleText } from '../../src/audit/absence.js';
import { type OpenRecord } from '../../src/audit/look-plan.js';
import { type ReadInterval } from '../../src/audit/trail-coverage.js';

const DAY = new Date('2026-11-11T00:00:00Z').getTime();
const DAY_MINUTES = 1440;
const at = (minute: number): Date => new Date(DAY + minute * 60_000);
const read = (from: number, to: number, readAt: number): ReadInterval => ({
  from: at(from),
  to: at(to),
  readAt: at(readAt),
});
const whole = [read(0, 300, 300 + DAY_MINUTES)];
const REGIONS = ['eu-west-1', 'us-east-1'];
const ATTEMPTS: OpenRecord['attempts'] = [{ id: 'a', at: at(130), evidence: 'uncertain' }];
const doubtful = (over: Partial<DoubtfulEvent>): DoubtfulEvent => ({
  ...{ eventId: 'event', region: 'us-east-1', at: at(131), attemptId: null, kind: 'omitted' },
  ...over,
});

interface Given {
  attempts?: OpenRecord['attempts'];
  covered?: Record<string, ReadInterval[]>;
  events?: DoubtfulEvent[];
  now?: number;
}

const obstacles = ({ attempts = ATTEMPTS, covered = {}, events = [], now = 400 + DAY_MINUTES }: Given) =>
  obstaclesToAbsence({ attempts, regions: REGIONS }, (region) => covered[region] ?? whole, events, at(now));

describe('K36, K37: that AWS does not have a record', () => {
  it('is said where every region was read whole, a day later, and nothing is doubtful', () => {
    expect(obstacles({})).toEqual([]);
  });

  it.each<[string, Given, string[]]>([
    ['its log may still grow', { now: 134 + DAY_MINUTES - 1 }, ['tooYoung']],
    ['one region was not read', { covered: { 'eu-west-1': [] } }, ['gap']],
    ['a part of the window was not read', { covered: { 'us-east-1': [read(0, 130, 5000)] } }, ['gap']],
    ['it was read too soon', { covered: { 'us-east-1': [read(0, 300, 300)] } }, ['gap']],
    ['it was partly read too soon', { covered: { 'us-east-1': [read(0, 300, 131 + DAY_MINUTES)] } }, ['gap']],
    ['content is left out of a call that may be it', { events: [doubtful({})] }, ['omitted']],
    [
      'content is left out of its own call, whenever',
      { events: [doubtful({ attemptId: 'a', at: at(290) })] },
      ['omitted'],
    ],
    ['an event cannot be read', { events: [doubtful({ kind: 'unreadable' })] }, ['unreadable']],
    ['AWS has answered about it', { events: [doubtful({ kind: 'answered', attemptId: 'a' })] }, ['answered']],
    ['something is on file', { attempts: [...ATTEMPTS, { id: 'b', at: at(140), evidence: 'conflict' }] }, ['conflict']],
    ['nothing is uncertain', { attempts: [{ id: 'a', at: at(130), evidence: 'refused' }] }, ['noCall']],
    ['nothing was sent', { attempts: [] }, ['noCall']],
    ['two things at once', { covered: { 'eu-west-1': [] }, events: [doubtful({})] }, ['gap', 'omitted']],
  ])('cannot be said where %s', (_, given, kinds) => {
    const found = obstacles(given);
    expect(found.map(({ kind }) => kind)).toEqual(kinds);
    for (const obstacle of found) expect(obstacleText(obstacle)).toMatch(/\w{3}/);
  });

  it.each<[string, DoubtfulEvent]>([
    ['outside of its windows', doubtful({ at: at(200) })],
    ['of another attempt', doubtful({ attemptId: 'z' })],
  ])('is said beside a doubtful event %s', (_, event) => {
    expect(obstacles({ events: [event] })).toEqual([]);
  });

  it('is said a day after its last call might have come, to the minute', () => {
    expect(obstacles({ now: 134 + DAY_MINUTES })).toEqual([]);
    expect(obstacles({ now: 133 + DAY_MINUTES })).toEqual([{ kind: 'tooYoung', until: at(134 + DAY_MINUTES) }]);
  });

  it.each([
    [127, false],
    [128, true],
    [133, true],
    [134, false],
    [289, true],
    [294, false],
  ])('with an event of minute %d whose content is missing: that it may be one of its calls is %p', (minute, mayBe) => {
    const attempts: OpenRecord['attempts'] = [...ATTEMPTS, { id: 'b', at: at(290), evidence: 'uncertain' }];
    expect(obstacles({ attempts, events: [doubtful({ at: at(minute) })] })).toHaveLength(mayBe ? 1 : 0);
  });

  it('names what CloudTrail keeps no more: older than 90 days', () => {
    const lostAt = (now: number) => obstacles({ covered: { 'eu-west-1': [] }, now });
    const gap = { kind: 'gap', region: 'eu-west-1', from: at(128), to: at(134) };
    expect(lostAt(128 + 90 * DAY_MINUTES)).toEqual([{ ...gap, isLost: false }]);
    expect(lostAt(129 + 90 * DAY_MINUTES)).toEqual([{ ...gap, isLost: true }]);
  });

  const about = { region: 'us-east-1', eventId: 'e-1', at: at(0) };
  it.each<[AbsenceObstacle, string]>([
    [{ kind: 'noCall' }, 'no call of it is uncertain'],
    [{ kind: 'conflict' }, 'AWS has said that something is on file in its place'],
    [{ kind: 'tooYoung', until: at(0) }, 'events may come late: absent can be said from 2026-11-11T00:00:00.000Z on'],
    [
      { kind: 'gap', region: 'us-east-1', from: at(0), to: at(60), isLost: true },
      'the log of us-east-1 from 2026-11-11T00:00:00.000Z to 2026-11-11T01:00:00.000Z: ' +
        'CloudTrail keeps it no more, files of a trail may',
    ],
    [
      { kind: 'gap', region: 'us-east-1', from: at(0), to: at(60), isLost: false },
      'the log of us-east-1 from 2026-11-11T00:00:00.000Z to 2026-11-11T01:00:00.000Z: not read yet, or too soon',
    ],
    [
      { kind: 'omitted', ...about },
      'a call took place, content unknown: event e-1 (us-east-1, 2026-11-11T00:00:00.000Z)',
    ],
    [{ kind: 'unreadable', ...about }, 'event e-1 (us-east-1, 2026-11-11T00:00:00.000Z) cannot be read'],
    [{ kind: 'answered', ...about }, 'AWS has answered about it: event e-1 (us-east-1, 2026-11-11T00:00:00.000Z)'],
  ])('is told to a person: %j', (obstacle, text) => {
    expect(obstacleText(obstacle)).toBe(text);
  });
});
