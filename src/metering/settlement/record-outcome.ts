// What AWS’s answer does to a record: the answer table of docs/evidence.md. Pure.
import { type CallFailure, type Culprit } from '../../aws/aws-error.js';
import { HOUR_MS } from '../../runtime/clock.js';
import {
  confirmsEarlier,
  type DuplicateReading,
  type Evidence,
  evidenceOf,
  type IdenticalResend,
  type RecordAnswer,
  type Verdict,
} from './evidence.js';
import { type RetryPace } from './retry-pace.js';

export type RecordState = 'pending' | 'sending' | 'metered' | 'blocked' | 'unknown' | 'closed';
export type Disposition = 'annulled' | 'held' | 'owed' | 'void';

/**
 * Why a record is blocked: what AWS refused, in our words; `idempotencyConflict`, AWS knows its ClientToken from
 * another request; or `ledgerMismatch`, the ledger does not bear it out, and it was not sent.
 */
export type BlockedReason =
  Culprit | 'notSubscribed' | 'conflict' | 'unrecognised' | 'idempotencyConflict' | 'ledgerMismatch';

/**
 * Records of a cause that AWS refuses as a whole are set aside with it, so that they do not sink the batches of others.
 * `reason`: nothing but the refusal says what they have in common. It sets aside what it has blocked, and no other record
 * of the product; what is refused for a reason that nobody understands may be taken at another time.
 */
export type CauseScope = 'product' | 'dimension' | 'identity' | 'reason';

export const CAUSE_SCOPE: Readonly<Partial<Record<BlockedReason, CauseScope>>> = {
  invalidDimension: 'dimension',
  invalidLicense: 'identity',
  invalidCustomer: 'identity',
  invalidProduct: 'product',
  invalidTag: 'reason',
  invalidAllocations: 'reason',
  invalidRequest: 'reason',
  timestampOutOfBounds: 'reason',
  unrecognised: 'reason',
};

/**
 * Refusals of what a record holds, and not of whom, what or when: that AWS takes other usage of the buyer says nothing
 * of them.
 */
export const REFUSED_CONTENTS: readonly string[] = ['invalidTag', 'invalidAllocations', 'invalidRequest'];

/**
 * Refusals that say something of the agreement: AWS is asked about it at once. A culprit's only where it is found, not
 * of all that travelled with it.
 */
const ASKED_ABOUT: Readonly<Record<'pending' | 'blocked', ReadonlySet<string>>> = {
  pending: new Set(['notSubscribedYet', 'finalHour']),
  blocked: new Set(['notSubscribed', 'invalidLicense', 'invalidCustomer']),
};

/**
 * After so many calls in a row that AWS failed to answer, a batch is halved, and travels apart from others: a record in
 * it may be what AWS chokes on.
 */
export const FAILURES_BEFORE_SPLIT = 3;
/**
 * An agreement in force for less than so long may be known to us before it is to metering: events of its start come in
 * any order.
 */
const ACTIVATION_GRACE_MS = 24 * HOUR_MS;

/**
 * What the agreement that prices a record is known to be. Asked only where AWS says that the customer is not
 * subscribed.
 */
export interface KnownAgreement {
  /** Since when it is in force; null where it is not known to have begun. */
  inForceSince: Date | null;
  /**
   * A sign of its end is there, and AWS takes its records until an hour after it. Until when exactly, its texts tell
   * differently.
   */
  isInFinalHour: boolean;
}

/** Everything about a record that decides what an answer means. */
export interface RecordFacts {
  state: RecordState;
  /** Whether the attempt that is answered still holds the record's lease. Negative answers count only then. */
  holdsLease: boolean;
  /** No attempt was committed after this one. */
  isLatestAttempt: boolean;
  /** Evidence of the attempts committed before this one, in the order of their commits. */
  earlier: readonly Evidence[];
  /** See `DuplicateReading`. */
  isGrainShared: boolean;
  isAnothersId: boolean;
  consecutiveFailures: number;
  /** Records in the call. */
  batchSize: number;
  /** AWS has taken a record under this metering identity. */
  identityMeteredBefore: boolean;
  agreement: KnownAgreement;
}

export interface OutcomeContext {
  now: Date;
  identicalResend: IdenticalResend;
  /** See `DuplicateReading`. */
  duplicateConfirms: boolean;
}

export type RecordStep =
  | { to: 'metered'; confirmedByDuplicate: boolean; meteringRecordId: string | null }
  | {
      to: 'pending';
      reason: string;
      message: string;
      pace: RetryPace;
      consecutiveFailures: number;
      group: 'keep' | 'clear' | 'split';
    }
  | { to: 'blocked'; reason: BlockedReason; message: string }
  /** The record stays as it is; only the attempt learns something. */
  | { to: 'same' };

export interface RecordOutcome {
  evidence: Evidence;
  step: RecordStep;
  /** AWS has billed units that the ledger has already handed back or given up: a person must look. */
  overBilled: boolean;
  /** AWS is asked about the chain of agreements. */
  asks: boolean;
}

/** What an answer does to a record. Pure: the whole of the answer table of docs/evidence.md is here. */
export function outcomeOf(answer: RecordAnswer, facts: RecordFacts, context: OutcomeContext): RecordOutcome {
  const { earlier, isGrainShared, isAnothersId } = facts;
  const reading: DuplicateReading = { ...context, earlier, isGrainShared, isAnothersId };
  const evidence = evidenceOf(answer, reading);
  if (evidence === 'billed') return billed(answer, facts);
  if (!facts.holdsLease) {
    // A sender whose lease has run out knows less than the one who came after it: its "no" proves nothing about the
    // record, now or later. While nobody came after it, what it found on file was there before us.
    const isProof = evidence === 'conflict' && facts.isLatestAttempt;
    return { evidence: isProof ? 'conflict' : 'uncertain', step: { to: 'same' }, overBilled: false, asks: false };
  }
  const step = negativeStep(answer, facts, context, reading);
  return {
    evidence,
    step,
    overBilled: false,
    asks: (step.to === 'pending' || step.to === 'blocked') && ASKED_ABOUT[step.to].has(step.reason),
  };
}

function billed(answer: RecordAnswer, facts: RecordFacts): RecordOutcome {
  const isStatus = answer.kind === 'status';
  const same: RecordOutcome = { evidence: 'billed', step: { to: 'same' }, overBilled: false, asks: false };
  if (facts.state === 'metered') return same;
  if (facts.state === 'closed') return { ...same, overBilled: true };
  return {
    ...same,
    step: {
      to: 'metered',
      confirmedByDuplicate: isStatus && answer.status === 'DuplicateRecord',
      meteringRecordId: isStatus ? answer.meteringRecordId : null,
    },
  };
}

function negativeStep(
  answer: RecordAnswer,
  facts: RecordFacts,
  context: OutcomeContext,
  reading: DuplicateReading,
): RecordStep {
  switch (answer.kind) {
    case 'unprocessed':
      return retry('unprocessed', 'AWS listed it as unprocessed.', facts, 'clear');
    case 'missing':
      return retry('missing', "AWS's answer does not say what became of it.", facts, 'clear');
    case 'status':
      return statusStep(answer.status, facts, context, reading);
    case 'failure':
      return failureStep(answer.failure, facts);
    case 'verdict':
      return verdictStep(answer.verdict, answer.failure);
  }
}

/** MeterUsage: no verdict asks to be tried again, under another second, another token, or from another resource. */
function verdictStep(verdict: Verdict, { code, message }: CallFailure): RecordStep {
  switch (verdict) {
    case 'otherOnFile':
      return {
        to: 'blocked',
        reason: 'conflict',
        message:
          'AWS has another quantity on file from this resource for this hour. It would answer a resend of ours with ' +
          'its record, so what is there is not ours.',
      };
    case 'tokenReused':
      return { to: 'blocked', reason: 'idempotencyConflict', message: `${code}: ${message}` };
    case 'notEntitled':
      return {
        to: 'blocked',
        reason: 'notSubscribed',
        message: 'AWS says the buyer has no subscription of the product: it has ended, or the account is suspended.',
      };
  }
}

function statusStep(
  status: string,
  facts: RecordFacts,
  context: OutcomeContext,
  reading: DuplicateReading,
): RecordStep {
  if (status === 'DuplicateRecord' || reading.isAnothersId)
    return { to: 'blocked', reason: 'conflict', message: conflictMessage(reading) };
  if (status !== 'CustomerNotSubscribed') {
    return {
      to: 'blocked',
      reason: 'unrecognised',
      message: `AWS answered with a status that this version does not know: ${status}.`,
    };
  }
  const { inForceSince, isInFinalHour } = facts.agreement;
  if (isInFinalHour) {
    const message =
      'AWS takes nothing in the hour after the end, or not yet: its texts differ on which sign opens that hour.';
    return retry('finalHour', message, facts, 'clear');
  }
  const isYoung = inForceSince !== null && context.now.getTime() - inForceSince.getTime() < ACTIVATION_GRACE_MS;
  if (!facts.identityMeteredBefore && isYoung) {
    return retry('notSubscribedYet', 'AWS does not know the agreement as active yet.', facts, 'clear');
  }
  return {
    to: 'blocked',
    reason: 'notSubscribed',
    message: 'AWS says the customer is not subscribed: the agreement has ended or the account is suspended.',
  };
}

function conflictMessage(reading: DuplicateReading): string {
  if (reading.isAnothersId)
    return 'AWS has taken it for another record of ours in this hour, of the same quantity, and bills one of them.';
  if (reading.isGrainShared)
    return 'AWS has a record for this hour, which may be one of ours under another name of the buyer.';
  if (confirmsEarlier({ ...reading, identicalResend: 'unknown' })) {
    return (
      'AWS has another record for this hour. It says so only when the quantity differs (aws.identicalResend is ' +
      '"success").'
    );
  }
  return (
    'AWS has a record for this hour that this ledger never sent: another system, another identity, or a ledger ' +
    'restored from a backup.'
  );
}

function failureStep(failure: Extract<RecordAnswer, { kind: 'failure' }>['failure'], facts: RecordFacts): RecordStep {
  const said = `${failure.code}: ${failure.message}`;
  const later = (reason: string, pace: RetryPace, group: 'keep' | 'split' = 'keep'): RecordStep => ({
    ...{ to: 'pending', reason, message: said, pace, group, consecutiveFailures: facts.consecutiveFailures },
  });
  switch (failure.kind) {
    case 'dropped':
      return later('notSent', 'backoff');
    case 'throttled':
      return later('throttled', 'throttled');
    case 'setUp':
      return later('setupError', 'slow');
    case 'unavailable': {
      const split = facts.batchSize > 1 && facts.consecutiveFailures + 1 >= FAILURES_BEFORE_SPLIT;
      return retry('unavailable', said, facts, split ? 'split' : 'keep');
    }
    case 'culprit':
    case 'unrecognised': {
      const reason = failure.culprit ?? 'unrecognised';
      return facts.batchSize === 1 ? { to: 'blocked', reason, message: said } : later(reason, 'now', 'split');
    }
  }
}

function retry(reason: string, message: string, facts: RecordFacts, group: 'keep' | 'clear' | 'split'): RecordStep {
  return { to: 'pending', reason, message, pace: 'backoff', group, consecutiveFailures: facts.consecutiveFailures + 1 };
}
