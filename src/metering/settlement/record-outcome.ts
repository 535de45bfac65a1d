import { type Culprit } from '../../aws/aws-error.js';
import { HOUR_MS } from '../../runtime/clock.js';
import { STANDINGS, type SubscriptionState } from '../../subscription/agreements/state-policy.js';
import { confirmsEarlier, type Evidence, evidenceOf, type IdenticalResend, knownNotBilled, type RecordAnswer } from './evidence.js';

export type RecordState = 'pending' | 'sending' | 'metered' | 'blocked' | 'unknown' | 'closed';
export type Disposition = 'carried' | 'held' | 'void' | 'owed' | 'transferred';

/** Why a record is blocked: what AWS refused, in our words. */
export type BlockedReason = Culprit | 'notSubscribed' | 'conflict' | 'unrecognised';

/** Records of a cause that AWS refuses as a whole are set aside with it, so that they do not sink the batches of others. */
export type SuspectScope = 'product' | 'dimension' | 'subscription';

export const SUSPECT_SCOPE: Readonly<Partial<Record<BlockedReason, SuspectScope>>> = {
  invalidDimension: 'dimension',
  invalidLicense: 'subscription',
  invalidCustomer: 'subscription',
  invalidProduct: 'product',
};

/** After so many calls in a row that AWS failed to answer, a batch is halved, and travels apart from others: a record in it may be what AWS chokes on. */
export const FAILURES_BEFORE_SPLIT = 3;
/** A subscription first seen less than so long ago may be known to us before it is to metering: events of its start come in any order. */
const ACTIVATION_GRACE_MS = 24 * HOUR_MS;

/** Everything about a record and its subscription that decides what an answer means. */
export interface RecordFacts {
  state: RecordState;
  /** Whether the attempt that is answered still holds the record's lease. Negative answers count only then. */
  holdsLease: boolean;
  /** Evidence of the attempts committed before this one. */
  earlier: readonly Evidence[];
  consecutiveFailures: number;
  /** Records in the call. */
  batchSize: number;
  subscriptionMeteredBefore: boolean;
  /** Its registration or its activation, whichever came later: both may reach us before metering knows of them. */
  subscriptionSince: Date;
  /** A sign of its end is there. Whether AWS still takes usage then, and until when, its texts tell differently. */
  subscriptionEnding: boolean;
}

export interface OutcomeContext {
  now: Date;
  identicalResend: IdenticalResend;
}

/** How soon a record may be tried again. `now`: in the same run, since the parts of a divided batch were due when the whole was. */
export type RetryPace = 'now' | 'backoff' | 'throttled' | 'slow';

export type RecordStep =
  | { to: 'metered'; confirmedByDuplicate: boolean; meteringRecordId: string | null }
  | { to: 'pending'; reason: string; message: string; pace: RetryPace; consecutiveFailures: number; group: 'keep' | 'clear' | 'split' }
  | { to: 'blocked'; reason: BlockedReason; message: string }
  /** The record stays as it is; only the attempt learns something. */
  | { to: 'same' };

export interface RecordOutcome {
  evidence: Evidence;
  step: RecordStep;
  /** AWS has billed units that the ledger has already handed back or given up: a person must look. */
  overBilled: boolean;
}

/** What an answer does to a record. Pure: the whole of the answer table of docs/evidence.md is here. */
export function outcomeOf(answer: RecordAnswer, facts: RecordFacts, context: OutcomeContext): RecordOutcome {
  const evidence = evidenceOf(answer, facts.earlier, context.identicalResend);
  if (evidence === 'billed') return billed(answer, facts);
  // A sender whose lease has run out knows less than the one who came after it: its "no" proves nothing about the record, now or later.
  if (!facts.holdsLease) return { evidence: 'uncertain', step: { to: 'same' }, overBilled: false };
  return { evidence, step: negativeStep(answer, facts, context), overBilled: false };
}

function billed(answer: RecordAnswer, facts: RecordFacts): RecordOutcome {
  const isStatus = answer.kind === 'status';
  if (facts.state === 'metered') return { evidence: 'billed', step: { to: 'same' }, overBilled: false };
  if (facts.state === 'closed') return { evidence: 'billed', step: { to: 'same' }, overBilled: true };
  return {
    evidence: 'billed',
    step: {
      to: 'metered',
      confirmedByDuplicate: isStatus && answer.status === 'DuplicateRecord',
      meteringRecordId: isStatus ? answer.meteringRecordId : null,
    },
    overBilled: false,
  };
}

function negativeStep(answer: RecordAnswer, facts: RecordFacts, context: OutcomeContext): RecordStep {
  switch (answer.kind) {
    case 'unprocessed':
      return retry('unprocessed', 'AWS listed it as unprocessed.', facts, 'clear');
    case 'missing':
      return retry('missing', "AWS's answer does not say what became of it.", facts, 'clear');
    case 'status':
      return statusStep(answer.status, facts, context);
    case 'failure':
      return failureStep(answer.failure, facts);
  }
}

function statusStep(status: string, facts: RecordFacts, context: OutcomeContext): RecordStep {
  if (status === 'DuplicateRecord') {
    const message = confirmsEarlier(facts.earlier, 'unknown')
      ? 'AWS has another record for this hour. It says so only when the quantity differs (aws.identicalResend is "success").'
      : 'AWS has a record for this hour that this ledger never sent: another system, another identity, or a ledger restored from a backup.';
    return { to: 'blocked', reason: 'conflict', message };
  }
  if (status !== 'CustomerNotSubscribed') {
    return { to: 'blocked', reason: 'unrecognised', message: `AWS answered with a status that this version does not know: ${status}.` };
  }
  if (facts.subscriptionEnding) {
    const message = 'AWS takes nothing in the hour after the end, or not yet: its texts differ on which sign opens that hour.';
    return retry('finalHour', message, facts, 'clear');
  }
  const ageMs = context.now.getTime() - facts.subscriptionSince.getTime();
  if (!facts.subscriptionMeteredBefore && ageMs < ACTIVATION_GRACE_MS) {
    return retry('notSubscribedYet', 'AWS does not know the subscription as active yet.', facts, 'clear');
  }
  return {
    to: 'blocked',
    reason: 'notSubscribed',
    message: 'AWS says the customer is not subscribed: the agreement has ended or the account is suspended.',
  };
}

function failureStep(failure: Extract<RecordAnswer, { kind: 'failure' }>['failure'], facts: RecordFacts): RecordStep {
  const said = `${failure.code}: ${failure.message}`;
  const later = (reason: string, pace: RetryPace): RecordStep => ({
    ...{ to: 'pending', reason, message: said, pace, group: 'keep', consecutiveFailures: facts.consecutiveFailures },
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
      if (facts.batchSize === 1) return { to: 'blocked', reason, message: said };
      return { ...later(reason, 'now'), group: 'split' } as RecordStep;
    }
  }
}

function retry(reason: string, message: string, facts: RecordFacts, group: 'keep' | 'clear' | 'split'): RecordStep {
  return { to: 'pending', reason, message, pace: 'backoff', group, consecutiveFailures: facts.consecutiveFailures + 1 };
}

export interface RetryOptions {
  backoffBaseMs: number;
  backoffCapMs: number;
}

const SLOW_FACTOR = 30;

/**
 * Milliseconds until the next try, of machine time. Exponential with full jitter, so that records that failed together do not come back together.
 * There is no count after which trying ends: the cutoff ends it.
 * @param random in [0, 1)
 * @returns null where the record keeps the time at which it was due
 */
export function retryDelayMs(pace: RetryPace, consecutiveFailures: number, options: RetryOptions, random: number): number | null {
  const { backoffBaseMs, backoffCapMs } = options;
  switch (pace) {
    case 'now':
      return null;
    case 'throttled':
      // The shared budget sets the pace; this only mixes the order.
      return random * Math.min(backoffCapMs, 2 * backoffBaseMs);
    case 'slow':
      return (0.5 + random / 2) * Math.min(backoffCapMs, SLOW_FACTOR * backoffBaseMs);
    case 'backoff':
      return random * Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(consecutiveFailures, 30));
  }
}

/** A record whose time has come: `pending` or `blocked`, at or after its cutoff (or, in dry-run, at the moment it would have been sent). */
export interface EndingRecord {
  state: 'pending' | 'blocked';
  reason: string | null;
  mode: 'live' | 'dry-run' | 'off';
  attempts: readonly Evidence[];
  /** The subscription goes on: units that are handed back will be sealed again. */
  subscriptionLives: boolean;
}

export type RecordEnd = { to: 'unknown'; reason: string } | { to: 'closed'; reason: string; disposition: 'carried' | 'held' };

/** Whether units that are handed back will be sealed again: while it lives, and until an end that is announced has come. */
export function goesOn({ state, ends_at: endsAt }: { state: SubscriptionState; ends_at: Date | null }, now: Date): boolean {
  return STANDINGS[state].lives || (state === 'ending' && endsAt !== null && endsAt > now);
}

/** What the end of trying makes of a record. A `billed` attempt cannot occur: such a record is metered. */
export function endOf(record: EndingRecord, onExpired: 'carry' | 'hold'): RecordEnd {
  if (record.mode !== 'live') return { to: 'closed', reason: record.mode === 'off' ? 'off' : 'dryRun', disposition: 'held' };
  const reason = record.state === 'blocked' ? (record.reason ?? 'unrecognised') : 'expired';
  if (!knownNotBilled(record.attempts)) return { to: 'unknown', reason };
  const carried = onExpired === 'carry' && record.subscriptionLives && reason !== 'conflict';
  return { to: 'closed', reason, disposition: carried ? 'carried' : 'held' };
}
