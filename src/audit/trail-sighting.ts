import { type LoggedAnswer } from '../metering/settlement/logged-answer.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';

export type TrailIdentityKind = 'license' | 'account' | 'customerIdentifier' | 'resource';

/** One name of a payer, as the ledger compares them. */
export interface TrailIdentity {
  kind: TrailIdentityKind;
  /** SHA-256 of the canonical form, lower-case hex. */
  digest: string;
}

/** One record of a call, its payer by digest. */
export interface SightedEntry {
  /** AWS dedupes by the first; of a legacy buyer both names may stand there. */
  identities: TrailIdentity[];
  accountDigest: string | null;
  dimension: string;
  hour: Date;
  quantity: number;
  answer: string;
  meteringRecordId: string | null;
}

/** A call, as far as it is compared. */
export interface SightedCall {
  eventId: string;
  operation: MeteringOperation;
  region: string;
  at: Date;
  requestId: string | null;
  attemptId: string | null;
  productCode: string | null;
  errorCode: string | null;
  entries: SightedEntry[];
}

/** A record of the ledger in the grain of an entry, or of an attempt. */
export interface LedgerRecord {
  id: string;
  productCode: string;
  identity: TrailIdentity;
  dimension: string;
  hour: Date;
  region: string;
  isStanding: boolean;
}

/** What the ledger knows of what a page of the log may speak of. */
export interface LedgerExcerpt {
  attempts: readonly { id: string; requestId: string | null; recordIds: readonly string[] }[];
  records: readonly LedgerRecord[];
}

/** What the log says, by the record of ours that it is about. */
export interface Sightings {
  byRecord: Map<string, LoggedAnswer[]>;
  /** Entries that no record of ours explains. */
  strangers: { call: SightedCall; entry: SightedEntry }[];
}

/**
 * Finds the records that calls were about: by the attempt id in the user agent, else by the request id of an attempt,
 * else by content (identity, dimension, hour). Pure.
 */
export function sightingsOf(calls: readonly SightedCall[], ledger: LedgerExcerpt): Sightings {
  const byRecord = new Map<string, LoggedAnswer[]>();
  const strangers: Sightings['strangers'] = [];
  const records = new Map(ledger.records.map((record) => [record.id, record]));
  for (const call of calls) {
    const own = attemptOf(call, ledger);
    for (const entry of call.entries) {
      // Stryker disable next-line ArrayDeclaration: what is no record cannot be the one that was sent.
      const sent = (own?.attempt.recordIds ?? []).flatMap((id) => records.get(id) ?? []);
      const ours = sent.find((record) => wasSentAs(call, entry, record));
      const record = ours ?? ledger.records.find((one) => one.isStanding && isAbout(call, entry, one));
      if (record === undefined) {
        strangers.push({ call, entry });
        continue;
      }
      const sentBy = ours === undefined ? null : own;
      const answers = byRecord.get(record.id) ?? [];
      answers.push(loggedAnswerOf(call, entry, sentBy?.attempt.id ?? null, sentBy?.matchedBy ?? 'content'));
      byRecord.set(record.id, answers);
    }
  }
  return { byRecord, strangers };
}

function attemptOf(
  call: SightedCall,
  { attempts }: LedgerExcerpt,
): { attempt: LedgerExcerpt['attempts'][number]; matchedBy: 'attempt' | 'requestId' } | null {
  const named = attempts.find(({ id }) => id === call.attemptId);
  if (named !== undefined) return { attempt: named, matchedBy: 'attempt' };
  const answered = attempts.find(({ requestId }) => requestId !== null && requestId === call.requestId);
  return answered === undefined ? null : { attempt: answered, matchedBy: 'requestId' };
}

/** Of a call of ours: its region and product are known to be the record's. MeterUsage has one record, and names nobody. */
function wasSentAs({ operation }: SightedCall, entry: SightedEntry, record: LedgerRecord): boolean {
  return isInPlace(entry, record) && (operation === 'MeterUsage' || isOf(entry, record));
}

function isAbout(call: SightedCall, entry: SightedEntry, record: LedgerRecord): boolean {
  return (
    (call.productCode === null || call.productCode === record.productCode) &&
    call.region === record.region &&
    isInPlace(entry, record) &&
    isOf(entry, record)
  );
}

function isInPlace(entry: SightedEntry, record: LedgerRecord): boolean {
  return entry.dimension === record.dimension && entry.hour.getTime() === record.hour.getTime();
}

function isOf(entry: SightedEntry, { identity }: LedgerRecord): boolean {
  return entry.identities.some(({ kind, digest }) => kind === identity.kind && digest === identity.digest);
}

function loggedAnswerOf(
  call: SightedCall,
  entry: SightedEntry,
  attemptId: string | null,
  matchedBy: LoggedAnswer['source']['matchedBy'],
): LoggedAnswer {
  return {
    attemptId,
    answer:
      call.errorCode === null ? { kind: 'status', status: entry.answer } : { kind: 'error', code: call.errorCode },
    quantity: entry.quantity,
    meteringRecordId: entry.meteringRecordId,
    source: { eventId: call.eventId, requestId: call.requestId, at: call.at.toISOString(), matchedBy },
  };
}
