// From what an answer means to what is written of it: the attempt’s row and the record’s next state. Pure.
import { randomUUID } from 'node:crypto';
import { type BackoffBounds } from '../../runtime/backoff.js';
import { type RecordAnswer } from '../settlement/evidence.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { type RecordOutcome } from '../settlement/record-outcome.js';
import { retryDelayMs } from '../settlement/retry-pace.js';
import { type RecordTarget, type Transition } from '../settlement/record-transition.js';
import { type AttemptAnswer } from './attempt.sql.js';

/** One record of an answered call: what AWS said, and what it means. */
export interface Settled {
  record: LockedRecord;
  answer: RecordAnswer;
  outcome: RecordOutcome;
  attempt: AttemptAnswer;
}

/** What the ledger keeps of an answer. */
export function attemptAnswerOf(
  record: LockedRecord,
  answer: RecordAnswer,
  { evidence, step }: RecordOutcome,
): AttemptAnswer {
  const late = step.to === 'same' ? { late: true, stateThen: record.state } : {};
  const said: Record<string, unknown> =
    'failure' in answer
      ? { message: answer.failure.message, httpStatus: answer.failure.httpStatus, requestId: answer.failure.requestId }
      : {};
  const detail = { ...said, ...late };
  return {
    recordId: record.id,
    evidence,
    answer:
      answer.kind === 'status'
        ? answer.status || '(no status)'
        : 'failure' in answer
          ? answer.failure.code
          : answer.kind,
    meteringRecordId: answer.kind === 'status' ? answer.meteringRecordId : null,
    detail: Object.keys(detail).length === 0 ? null : detail,
  };
}

/** The changes of records that follow from a call. Those of a batch that is divided go into two groups. */
export function transitionsOf(settled: readonly Settled[], bounds: BackoffBounds): Transition[] {
  const divided = settled.filter(({ outcome }) => outcome.step.to === 'pending' && outcome.step.group === 'split');
  const halves = [randomUUID(), randomUUID()];
  const groupOf = new Map(
    divided.map(({ record }, index) => [record.id, halves[index < divided.length / 2 ? 0 : 1] ?? null]),
  );
  return settled.flatMap(({ record, outcome }): Transition[] => {
    const to = targetOf(record, outcome, groupOf.get(record.id) ?? null, bounds);
    return to === null ? [] : [{ record, to }];
  });
}

function targetOf(
  record: LockedRecord,
  { step }: RecordOutcome,
  half: string | null,
  bounds: BackoffBounds,
): RecordTarget | null {
  switch (step.to) {
    case 'same':
      return null;
    case 'metered': {
      const { meteringRecordId, confirmedByDuplicate } = step;
      return {
        state: 'metered',
        message: null,
        meteringRecordId,
        confirmedByDuplicate,
        settledQuantity: null,
        by: null,
      };
    }
    case 'blocked':
      return { state: 'blocked', reason: step.reason, message: step.message };
    case 'pending':
      return {
        state: 'pending',
        reason: step.reason,
        message: step.message,
        delayMs: retryDelayMs(step.pace, step.consecutiveFailures, bounds, Math.random()),
        consecutiveFailures: step.consecutiveFailures,
        probeGroup: { keep: record.probe_group, clear: null, split: half }[step.group],
      };
  }
}
