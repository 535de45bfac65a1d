import { type CallFailure } from '../../aws/aws-error.js';

/**
 * What one attempt proves about one record. `billed`: AWS has it. `refused`: AWS does not have it from this attempt.
 * `conflict`: AWS has something else on file in its place. `uncertain`: nobody knows; every attempt begins so, before
 * the call.
 */
export type Evidence = 'billed' | 'refused' | 'conflict' | 'uncertain';

/** What came back for one record of a call. */
export type RecordAnswer =
  | { kind: 'status'; status: string; meteringRecordId: string | null }
  /** Listed in UnprocessedRecords. */
  | { kind: 'unprocessed' }
  /** In neither list, or in both, or with two statuses that contradict each other. */
  | { kind: 'missing' }
  /** The call as a whole brought no results. */
  | { kind: 'failure'; failure: CallFailure }
  /** An error of MeterUsage, which has one record a call, and so speaks of that record. */
  | { kind: 'verdict'; verdict: Verdict; failure: CallFailure };

/**
 * What MeterUsage says of a record by an error. `otherOnFile`: the resource has another quantity on file for the hour.
 * `tokenReused`: the ClientToken came with other parameters before. `notEntitled`: the buyer has no subscription.
 */
export type Verdict = 'otherOnFile' | 'tokenReused' | 'notEntitled';

/**
 * The evidence of each. A resend of the same is answered with the record's id, so another quantity on file is never the
 * record itself, whatever was tried before; and a token that means two requests is a fault of ours, of which nobody
 * knows what it did.
 */
const VERDICT_EVIDENCE: Readonly<Record<Verdict, Evidence>> = {
  otherOnFile: 'conflict',
  tokenReused: 'uncertain',
  notEntitled: 'refused',
};

/** What AWS answers to a record that it already has with the same quantity: see docs/evidence.md. */
export type IdenticalResend = 'unknown' | 'success';

/** What decides whether a DuplicateRecord can mean a record of ours. */
export interface DuplicateReading {
  /** Evidence of the record's attempts committed before this one, in the order of their commits. */
  earlier: readonly Evidence[];
  /**
   * Another standing record of ours lies in the product, dimension and hour, under some name of the buyer: AWS may mean
   * that one.
   */
  isGrainShared: boolean;
  /** The MeteringRecordId of the answer is that of another standing record of ours: AWS has taken the two for one. */
  isAnothersId: boolean;
  identicalResend: IdenticalResend;
  /** Whether the operation ever says so of the same record. */
  duplicateConfirms: boolean;
}

/**
 * Evidence of one answer. A DuplicateRecord says that AWS has a record in this grain; whether it is ours, only our own
 * attempts can tell.
 */
export function evidenceOf(answer: RecordAnswer, reading: DuplicateReading): Evidence {
  switch (answer.kind) {
    case 'status':
      // One id is one bill. Under two names of one buyer AWS answers the second of two equal records as a resend of the
      // first.
      if (reading.isAnothersId) return 'conflict';
      if (answer.status === 'Success') return 'billed';
      if (answer.status === 'DuplicateRecord') return confirmsEarlier(reading) ? 'billed' : 'conflict';
      return answer.status === 'CustomerNotSubscribed' ? 'refused' : 'uncertain';
    case 'failure':
      return answer.failure.effect === 'none' ? 'refused' : 'uncertain';
    case 'verdict':
      return VERDICT_EVIDENCE[answer.verdict];
    case 'unprocessed':
    case 'missing':
      return 'uncertain';
  }
}

/**
 * Whether a DuplicateRecord is the lost answer of an earlier attempt. It is not where AWS answers Success to identical
 * resends, for then a duplicate has another quantity; nor where something else was seen on file already. An attempt
 * that is proven stays proven.
 */
export function confirmsEarlier({
  earlier,
  isGrainShared,
  identicalResend,
  duplicateConfirms,
}: DuplicateReading): boolean {
  if (earlier.includes('billed')) return true;
  if (isGrainShared || identicalResend !== 'unknown' || !duplicateConfirms) return false;
  return earlier.includes('uncertain') && !earlier.includes('conflict');
}

/** Statuses that AWS has told of; of any other nobody knows what it says. */
export function isKnownStatus(status: string): boolean {
  return status === 'Success' || status === 'DuplicateRecord' || status === 'CustomerNotSubscribed';
}

/** Only such a record may be annulled: every attempt was refused, or there was none. */
export function knownNotBilled(attempts: readonly Evidence[]): boolean {
  return attempts.every((evidence) => evidence === 'refused');
}
