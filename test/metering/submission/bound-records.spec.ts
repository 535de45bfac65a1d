import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CallFailure } from '../../../src/aws/aws-error.js';
import { MeterUsageOperation } from '../../../src/metering/submission/meter-usage.operation.js';
import { clientTokenOf } from '../../../src/metering/submission/client-token.js';
import { boundTimestampOf } from '../../../src/metering/submission/metering-timestamp.js';
import { type RecordAnswer } from '../../../src/metering/settlement/evidence.js';
import { outcomeOf, type RecordFacts } from '../../../src/metering/settlement/record-outcome.js';

// What MeterUsage adds to the rules: the timestamp that a record is bound to, its token, and what AWS's errors say of it.

const at = (time: string): Date => new Date(`2026-11-11T${time}Z`);

describe('the timestamp of a record that is first sent', () => {
  it.each([
    ['of an ended hour: its last second', '10:00:00', '08:00:00', '11:10:00', '10:59:59'],
    ['of a resource that started inside it: likewise', '10:00:00', '10:17:30.250', '11:10:00', '10:59:59'],
    ['of a resource that started in the last second', '10:00:00', '10:59:58.200', '11:10:00', '10:59:59'],
    ['of the running hour: a minute ago', '10:00:00', '08:00:00', '10:30:00.900', '10:29:00'],
    ['of the running hour of a resource that just started: its start', '10:00:00', '10:29:30', '10:30:00', '10:29:30'],
    ['of a running hour that has just begun', '10:00:00', '08:00:00', '10:00:20', '10:00:00'],
  ])('%s', (_name, hour, started, now, expected) => {
    expect(boundTimestampOf(at(hour), at(started), at(now))).toEqual(at(expected));
  });

  it.each([
    ['10:00:00', '11:00:00'],
    ['10:00:00', '10:59:59.001'],
    ['09:00:00', '10:41:00'],
  ])('does not exist where the hour %s was over when the resource started at %s', (hour, started) => {
    expect(boundTimestampOf(at(hour), at(started), at('12:00:00'))).toBeNull();
  });

  it('lies in its hour, in whole seconds, after the start', () => {
    const instants = fc.integer({ min: 0, max: 48 * 3_600_000 }).map((ms) => new Date(at('00:00:00').getTime() + ms));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 47 }), instants, instants, (index, startedAt, now) => {
        const hour = new Date(at('00:00:00').getTime() + index * 3_600_000);
        const bound = boundTimestampOf(hour, startedAt, now);
        const isOver = startedAt.getTime() > hour.getTime() + 3_599_000;
        expect(bound === null).toBe(isOver);
        if (bound === null) return;
        expect(bound.getTime() % 1000).toBe(0);
        expect(bound >= hour && bound.getTime() < hour.getTime() + 3_600_000 && bound >= startedAt).toBe(true);
      }),
    );
  });
});

describe('the token', () => {
  it('is a function of record and resource, as long as AWS lets one be', () => {
    expect(clientTokenOf('record', 'i-1')).toBe(clientTokenOf('record', 'i-1'));
    expect(clientTokenOf('record', 'i-1')).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set([clientTokenOf('a', 'b'), clientTokenOf('b', 'a'), clientTokenOf('a', 'c')]).size).toBe(3);
  });
});

describe('what AWS says of a record by an error of the call', () => {
  const operation = new MeterUsageOperation({} as never, {} as never, {} as never);
  const failure = (code: string, over: Partial<CallFailure> = {}): CallFailure => ({
    ...{
      kind: 'unrecognised',
      culprit: null,
      effect: 'possible',
      code,
      message: 'said',
      httpStatus: 400,
      requestId: null,
    },
    ...over,
  });
  const facts: RecordFacts = {
    state: 'sending',
    holdsLease: true,
    isLatestAttempt: true,
    earlier: [],
    isGrainShared: false,
    isAnothersId: false,
    consecutiveFailures: 0,
    batchSize: 1,
    identityMeteredBefore: true,
    agreement: { inForceSince: null, isInFinalHour: false },
  };
  const outcome = (answer: RecordAnswer, over: Partial<RecordFacts> = {}) => {
    const context = { now: at('11:10:00'), identicalResend: 'unknown', duplicateConfirms: false } as const;
    const { evidence, step } = outcomeOf(answer, { ...facts, ...over }, context);
    return [evidence, step.to, 'reason' in step ? step.reason : null];
  };

  it.each([
    ['DuplicateRequestException', {}, ['conflict', 'blocked', 'conflict']],
    ['DuplicateRequestException', { earlier: ['uncertain'] }, ['conflict', 'blocked', 'conflict']],
    ['DuplicateRequestException', { earlier: ['refused', 'uncertain'] }, ['conflict', 'blocked', 'conflict']],
    ['IdempotencyConflictException', {}, ['uncertain', 'blocked', 'idempotencyConflict']],
    ['CustomerNotEntitledException', {}, ['refused', 'blocked', 'notSubscribed']],
    ['CustomerNotEntitledException', { earlier: ['uncertain'] }, ['refused', 'blocked', 'notSubscribed']],
    ['NobodyHasToldUsOfIt', {}, ['uncertain', 'blocked', 'unrecognised']],
  ] as const)('%s after %j', (code, over, expected) => {
    expect(outcome(operation.answerOfFailure(failure(code)), over as Partial<RecordFacts>)).toEqual(expected);
  });

  it.each([
    [{ kind: 'throttled', effect: 'none' }, ['refused', 'pending', 'throttled']],
    [{ kind: 'setUp', effect: 'none' }, ['refused', 'pending', 'setupError']],
    [{ kind: 'unavailable' }, ['uncertain', 'pending', 'unavailable']],
    [{ kind: 'culprit', culprit: 'invalidDimension', effect: 'none' }, ['refused', 'blocked', 'invalidDimension']],
  ] as const)('as any call: %j', (over, expected) => {
    expect(outcome(operation.answerOfFailure(failure('AsItMayBe', over)))).toEqual(expected);
  });

  it('an id is the bill; without one nothing is certain', () => {
    const answered = (results: object[]) =>
      operation.answersOf([], {
        kind: 'answered',
        results: results as never,
        unprocessed: [],
        httpStatus: 200,
        requestId: null,
      }).answers[0]!;
    expect(outcome(answered([{ status: 'Success', meteringRecordId: 'm-1' }]))).toEqual(['billed', 'metered', null]);
    expect(outcome(answered([]))).toEqual(['uncertain', 'pending', 'missing']);
  });
});
