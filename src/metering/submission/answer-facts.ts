import { type LedgerSql } from '../../database/ledger-database.js';
import { loadCustomerTimelines } from '../../subscription/chain/customer-timelines.js';
import { type RecordAnswer } from '../settlement/evidence.js';
import { type LockedRecord, meteredUnder } from '../settlement/metering-record.sql.js';
import { type KnownAgreement } from '../settlement/record-outcome.js';
import { recordsInSharedGrain } from '../settlement/shared-grain.sql.js';
import { agreementsOfPeriods, meteredIdentities } from './attempt.sql.js';
import { knownAgreementOf } from './known-agreement.js';

/** What few answers need to know beyond the record and its attempts. */
export interface AnswerFacts {
  isGrainShared: boolean;
  isAnothersId: boolean;
  identityMeteredBefore: boolean;
  agreement: KnownAgreement;
}

const NOT_KNOWN: AnswerFacts = {
  isGrainShared: false,
  isAnothersId: false,
  identityMeteredBefore: true,
  agreement: { inForceSince: null, isInFinalHour: false },
};

const hasStatus = (answer: RecordAnswer, status: string): answer is Extract<RecordAnswer, { kind: 'status' }> =>
  answer.kind === 'status' && answer.status === status;

/**
 * Looks up what decides about the records whose answer asks for it: other records in the grain of a duplicate, and the
 * agreement of a customer who is said not to be subscribed. Of a Success, which is nearly every answer, only whether its
 * id is another record's.
 */
export async function factsOfAnswers(
  tx: LedgerSql,
  sellerAccount: string,
  answered: readonly { record: LockedRecord; answer: RecordAnswer }[],
  now: Date,
): Promise<(record: LockedRecord) => AnswerFacts> {
  const duplicates = answered.filter(({ answer }) => hasStatus(answer, 'DuplicateRecord')).map(({ record }) => record);
  const refused = answered
    .filter(({ answer }) => hasStatus(answer, 'CustomerNotSubscribed'))
    .map(({ record }) => record);
  const shared = await recordsInSharedGrain(
    tx,
    duplicates.map(({ id }) => id),
  );
  const metered = await meteredIdentities(tx, distinct(refused.map((record) => record.identity_id)));
  const known = await knownAgreementsOf(tx, sellerAccount, refused, now);
  const others = await recordsOfAnotherId(tx, answered);
  return (record) => ({
    ...NOT_KNOWN,
    isGrainShared: shared.has(record.id),
    isAnothersId: others.has(record.id),
    identityMeteredBefore: record.identity_id === null || metered.has(record.identity_id),
    agreement: known.get(record.id) ?? NOT_KNOWN.agreement,
  });
}

async function recordsOfAnotherId(
  tx: LedgerSql,
  answered: readonly { record: LockedRecord; answer: RecordAnswer }[],
): Promise<Set<string>> {
  const idOf = ({ answer }: { answer: RecordAnswer }): string | null =>
    hasStatus(answer, 'Success') || hasStatus(answer, 'DuplicateRecord') ? answer.meteringRecordId : null;
  const holders = await meteredUnder(tx, distinct(answered.map(idOf)));
  return new Set(
    answered
      .filter((one) => holders.some(({ id, meteringId }) => meteringId === idOf(one) && id !== one.record.id))
      .map(({ record }) => record.id),
  );
}

async function knownAgreementsOf(
  tx: LedgerSql,
  sellerAccount: string,
  records: readonly LockedRecord[],
  now: Date,
): Promise<Map<string, KnownAgreement>> {
  if (records.length === 0) return new Map();
  const agreements = await agreementsOfPeriods(tx, sellerAccount, distinct(records.map((record) => record.period_id)));
  const timelines = await loadCustomerTimelines(
    tx,
    sellerAccount,
    distinct(records.map((record) => record.customer_id)),
    now,
  );
  const spans = timelines.flatMap((timeline) => timeline.subscriptions.flatMap((subscription) => subscription.spans));
  return new Map(
    records.map((record) => {
      const agreementId = record.period_id === null ? undefined : agreements.get(record.period_id);
      const own = spans.filter(
        (span) => span.agreementId === agreementId || span.aliasAgreementIds.some((id) => id === agreementId),
      );
      return [record.id, knownAgreementOf(own, record.cutoff_at)];
    }),
  );
}

function distinct(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids.filter((id) => id !== null))];
}
