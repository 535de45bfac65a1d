import { type CallFailure } from '../../aws/aws-error.js';

/**
 * What one attempt proves about one record.
 * `billed`: AWS has it. `refused`: AWS does not have it from this attempt. `uncertain`: nobody knows; every attempt begins so, before the call.
 */
export type Evidence = 'billed' | 'refused' | 'uncertain';

/** What came back for one record of a call. */
export type RecordAnswer =
  | { kind: 'status'; status: string; meteringRecordId: string | null }
  /** Listed in UnprocessedRecords. */
  | { kind: 'unprocessed' }
  /** In neither list, or in both, or with two statuses that contradict each other. */
  | { kind: 'missing' }
  /** The call as a whole brought no results. */
  | { kind: 'failure'; failure: CallFailure };

/** What AWS answers to a record that it already has with the same quantity: see docs/evidence.md. */
export type IdenticalResend = 'unknown' | 'success';

/**
 * Evidence of one answer. A DuplicateRecord says that AWS has a record in this grain; whether it is ours, only our own earlier attempts can tell.
 * @param earlier evidence of the record's attempts committed before this one
 */
export function evidenceOf(answer: RecordAnswer, earlier: readonly Evidence[], identicalResend: IdenticalResend): Evidence {
  switch (answer.kind) {
    case 'status':
      if (answer.status === 'Success') return 'billed';
      if (answer.status === 'DuplicateRecord') return confirmsEarlier(earlier, identicalResend) ? 'billed' : 'refused';
      return answer.status === 'CustomerNotSubscribed' ? 'refused' : 'uncertain';
    case 'failure':
      return answer.failure.effect === 'none' ? 'refused' : 'uncertain';
    case 'unprocessed':
    case 'missing':
      return 'uncertain';
  }
}

/**
 * Whether a DuplicateRecord can mean a record of ours: an earlier attempt may have reached AWS unanswered. If AWS answers Success to identical
 * resends, a duplicate has another quantity and is not ours, unless an earlier attempt is already proven.
 */
export function confirmsEarlier(earlier: readonly Evidence[], identicalResend: IdenticalResend): boolean {
  return earlier.includes('billed') || (identicalResend === 'unknown' && earlier.includes('uncertain'));
}

/** Only such a record may be closed with its units handed back: every attempt was refused, or there was none. */
export function knownNotBilled(attempts: readonly Evidence[]): boolean {
  return attempts.every((evidence) => evidence === 'refused');
}
