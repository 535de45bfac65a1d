import { refusesByName } from '../../aws/aws-error.js';
import { type Evidence, knownNotBilled } from './evidence.js';
import { type RecordState } from './record-outcome.js';

/** What AWS's own log of calls (CloudTrail) says that it answered about one record. */
export interface LoggedAnswer {
  /** The attempt of this ledger whose call it was; null: another sender's, or one that names nobody. */
  attemptId: string | null;
  /** AWS's status of the record (`Success`, `DuplicateRecord`, …), or the code of the error that the call ended with. */
  answer: { kind: 'status'; status: string } | { kind: 'error'; code: string };
  /** As it was sent. */
  quantity: number;
  meteringRecordId: string | null;
  /** Where it stands, and by what it was found: kept with the decision. */
  source: { eventId: string; requestId: string | null; at: string; matchedBy: 'attempt' | 'requestId' | 'content' };
}

/** What the ledger knows of the record, locked. */
export interface AuditedRecord {
  state: RecordState;
  quantity: number;
  attempts: readonly { attemptId: string; evidence: Evidence }[];
}

export type AuditStep =
  | { to: 'same' }
  /** AWS has taken it: from us, or the same units from another sender. */
  | { to: 'metered'; proof: LoggedAnswer; attemptIds: string[] }
  /** Another sender's units are on file in its place. */
  | { to: 'settled'; quantity: number; proof: LoggedAnswer; attemptIds: string[] }
  /** AWS has taken what the ledger had closed. */
  | { to: 'overBilled'; proof: LoggedAnswer; attemptIds: string[] }
  /** Some attempts had no effect. `isNotBilled`: none of them had. */
  | { to: 'refused'; refusals: { attemptId: string; proof: LoggedAnswer }[]; isNotBilled: boolean };

/**
 * What the log's answers do to a record. Pure. Only `Success` proves; an error refuses the attempt that it ended,
 * never the record; whatever else there is says nothing.
 */
export function auditStepOf(record: AuditedRecord, answers: readonly LoggedAnswer[]): AuditStep {
  // A record in the air gets its answer from its sender; a metered one has it.
  if (record.state === 'metered' || record.state === 'sending') return { to: 'same' };
  const successes = answers.filter(({ answer }) => answer.kind === 'status' && answer.status === 'Success');
  const attemptOf = (answer: LoggedAnswer) => record.attempts.find(({ attemptId }) => attemptId === answer.attemptId);
  const own = successes.find((answer) => attemptOf(answer) !== undefined);
  if (own !== undefined) return provenBy(record, own, attemptOf(own));
  const [foreign] = successes;
  const isOpen = record.state === 'unknown' || record.state === 'blocked';
  // Two quantities in one grain: which of them AWS bills, its log does not say.
  if (foreign !== undefined && isOpen && successes.every(({ quantity }) => quantity === foreign.quantity))
    return onFile(record, foreign);
  return refusedBy(record, answers);
}

function provenBy(
  record: AuditedRecord,
  proof: LoggedAnswer,
  attempt: AuditedRecord['attempts'][number] | undefined,
): AuditStep {
  const attemptIds = attempt === undefined ? [] : [attempt.attemptId];
  if (record.state !== 'closed') return { to: 'metered', proof, attemptIds };
  return attempt?.evidence === 'billed' ? { to: 'same' } : { to: 'overBilled', proof, attemptIds };
}

/** Somebody's record is on file in the record's grain, and AWS keeps the first. */
function onFile(record: AuditedRecord, proof: LoggedAnswer): AuditStep {
  const idsOf = (evidence: Evidence): string[] =>
    record.attempts.filter((attempt) => attempt.evidence === evidence).map(({ attemptId }) => attemptId);
  const conflicts = idsOf('conflict');
  const uncertain = idsOf('uncertain');
  if (conflicts.length > 0) return { to: 'settled', quantity: proof.quantity, proof, attemptIds: conflicts };
  if (uncertain.length === 0) return { to: 'same' };
  // Nothing says that it was not ours: the units are the same, and AWS has them once.
  if (proof.quantity === record.quantity) return { to: 'metered', proof, attemptIds: uncertain.slice(0, 1) };
  return { to: 'settled', quantity: proof.quantity, proof, attemptIds: uncertain };
}

function refusedBy(record: AuditedRecord, answers: readonly LoggedAnswer[]): AuditStep {
  const uncertain = record.attempts.filter(({ evidence }) => evidence === 'uncertain');
  const refusals = uncertain.flatMap(({ attemptId }) => {
    const said = answers.filter((answer) => answer.attemptId === attemptId);
    const [proof] = said;
    // One call has one end: two that contradict each other are none.
    return proof !== undefined && said.every(isRefusal) ? [{ attemptId, proof }] : [];
  });
  if (refusals.length === 0) return { to: 'same' };
  const refused = new Set(refusals.map(({ attemptId }) => attemptId));
  const left = record.attempts.map(({ attemptId, evidence }) => (refused.has(attemptId) ? 'refused' : evidence));
  return { to: 'refused', refusals, isNotBilled: knownNotBilled(left) };
}

function isRefusal({ answer }: LoggedAnswer): boolean {
  return answer.kind === 'error' ? refusesByName(answer.code) : answer.status === 'CustomerNotSubscribed';
}
