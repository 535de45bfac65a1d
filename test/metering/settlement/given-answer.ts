import { type CallFailure, type Culprit, type FailureKind } from '../../../src/aws/aws-error.js';
import { type RecordAnswer, type Verdict } from '../../../src/metering/settlement/evidence.js';
import { type RecordFacts } from '../../../src/metering/settlement/record-outcome.js';

export const NOW = new Date('2026-11-11T10:00:00Z');
export const status = (name: string): RecordAnswer => ({
  kind: 'status',
  status: name,
  meteringRecordId: name === 'Success' ? 'm-1' : null,
});
export const failure = (
  kind: FailureKind,
  effect: CallFailure['effect'],
  culprit: Culprit | null = null,
): RecordAnswer => ({
  kind: 'failure',
  failure: { kind, effect, culprit, code: 'Code', message: 'message', httpStatus: null, requestId: null },
});
export const facts = (over: Partial<RecordFacts> = {}): RecordFacts => ({
  state: 'sending',
  holdsLease: true,
  earlier: [],
  consecutiveFailures: 0,
  batchSize: 1,
  isLatestAttempt: true,
  isGrainShared: false,
  isAnothersId: false,
  identityMeteredBefore: true,
  agreement: { inForceSince: new Date('2026-10-01T00:00:00Z'), isInFinalHour: false },
  ...over,
});

/** An error of MeterUsage about its one record. */
export function verdict(kind: Verdict): RecordAnswer {
  const { failure: said } = failure('culprit', 'none') as Extract<RecordAnswer, { kind: 'failure' }>;
  return { kind: 'verdict', verdict: kind, failure: said };
}
