import { type AttemptRow, type RecordDetailRow, type RecordRow } from './records.sql.js';
import { decimal, hostName, identifier, instant, json, message } from './shown.js';

/** Under which identity a record is metered. Identifiers of AWS show their last four characters. */
export interface IdentityView {
  kind: string;
  licenseArn: string | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
}

/** One API call that carried the record, and what came back for it. */
export interface AttemptView {
  id: string;
  operation: string;
  /** Records in the call, this one included. */
  recordCount: number;
  submitter: string;
  /** Committed to the ledger, before the call. */
  committedAt: string;
  /** Null while no answer was stored: the call is under way, or its answer was lost. */
  answeredAt: string | null;
  httpStatus: number | null;
  requestId: string | null;
  errorCode: string | null;
  errorMessage: string | null;
  evidence: string;
  /** AWS's status of this record within the answer. */
  answer: string | null;
  meteringRecordId: string | null;
  detail: unknown;
  /** The person or audit that settled what the answer left open. */
  decidedBy: string | null;
}

/** A metering record. Decimals are strings, instants ISO UTC. */
export interface RecordView {
  id: string;
  /**
   * `hour`: sent to AWS. Never sent: `closing` (the end of a period's books), `setApart` (usage that no agreement
   * covers).
   */
  kind: string;
  customerId: string;
  subscriptionId: string | null;
  /** Of our row; and what the period prices. */
  agreementId: string | null;
  price: string | null;
  productCode: string;
  dimension: string;
  hour: string | null;
  timestamp: string | null;
  /** First and last instant of its usage, where they lie outside its hour. */
  firstUsedAt: string | null;
  lastUsedAt: string | null;
  quantity: string;
  /** Units of usage that one unit of the quantity stands for. */
  block: string;
  /** Units that a contract includes; negative where a correction gives units back to it. */
  included: string;
  eventSum: string;
  eventCount: number;
  carryIn: string;
  carryOut: string;
  /** `late`: usage of other hours in it, by hour; `untaggedForLimits`: units whose tags were left out. */
  notes: unknown;
  operation: string;
  region: string;
  mode: string;
  identity: IdentityView | null;
  sealedAt: string;
  state: string;
  reason: { code: string; message: string } | null;
  disposition: string | null;
  dueAt: string;
  cutoffAt: string;
  /** Machine time; null unless the record waits to be sent. */
  nextAttemptAt: string | null;
  attemptCount: number;
  meteringRecordId: string | null;
  confirmedByDuplicate: boolean;
  /** What AWS has on file where another system's record stands in the grain. */
  settledQuantity: string | null;
  meteredAt: string | null;
  closedAt: string | null;
  closedBy: string | null;
  /** Oldest first. In lists the latest 10, by id the latest 1,000. */
  attempts: AttemptView[];
}

export interface RecordDetailView extends RecordView {
  /** As they go to AWS. Null when the hour's usage has no tags. */
  allocations: unknown;
  /**
   * What its included units were reckoned from: AWS's answer, and each term with its units and what was used of them.
   * Null where no contract includes anything.
   */
  includedBy: unknown;
}

export function recordViewOf(row: RecordRow, attempts: readonly AttemptRow[]): RecordView {
  return {
    id: row.id,
    kind: row.kind,
    customerId: row.customer_id,
    subscriptionId: row.subscription_id,
    agreementId: row.period?.agreement_id ?? null,
    price: row.period?.price ?? null,
    productCode: row.product_code,
    dimension: row.dimension,
    hour: instant(row.hour),
    timestamp: instant(row.timestamp),
    firstUsedAt: instant(row.first_used_at),
    lastUsedAt: instant(row.last_used_at),
    quantity: decimal(row.quantity),
    block: decimal(row.block),
    included: decimal(row.included),
    eventSum: decimal(row.event_sum),
    eventCount: row.event_count,
    carryIn: decimal(row.carry_in),
    carryOut: decimal(row.carry_out),
    notes: row.notes,
    operation: row.operation,
    region: row.region,
    mode: row.mode,
    identity: row.identity && {
      kind: row.identity.kind,
      licenseArn: identifier(row.identity.license_arn),
      customerAwsAccountId: identifier(row.identity.customer_aws_account_id),
      customerIdentifier: identifier(row.identity.customer_identifier),
    },
    sealedAt: instant(row.sealed_at),
    state: row.state,
    reason: row.reason === null ? null : { code: row.reason, message: message(row.reason_message) ?? row.reason },
    disposition: row.disposition,
    dueAt: instant(row.due_at),
    cutoffAt: instant(row.cutoff_at),
    nextAttemptAt: row.state === 'pending' ? instant(row.next_attempt_at) : null,
    attemptCount: row.attempt_count,
    meteringRecordId: message(row.metering_record_id),
    confirmedByDuplicate: row.confirmed_by_duplicate,
    settledQuantity: row.settled_quantity === null ? null : decimal(row.settled_quantity),
    meteredAt: instant(row.metered_at),
    closedAt: instant(row.closed_at),
    closedBy: hostName(row.closed_by),
    attempts: attempts.map(attemptViewOf),
  };
}

export function recordDetailViewOf(row: RecordDetailRow, attempts: readonly AttemptRow[]): RecordDetailView {
  return { ...recordViewOf(row, attempts), allocations: json(row.allocations), includedBy: json(row.included_by) };
}

function attemptViewOf(row: AttemptRow): AttemptView {
  return {
    id: row.id,
    operation: row.operation,
    recordCount: row.record_count,
    submitter: row.submitter,
    committedAt: instant(row.committed_at),
    answeredAt: instant(row.answered_at),
    httpStatus: row.http_status,
    requestId: message(row.aws_request_id),
    errorCode: row.error_code,
    errorMessage: message(row.error_message),
    evidence: row.evidence,
    answer: message(row.answer),
    meteringRecordId: message(row.metering_record_id),
    detail: json(row.detail),
    decidedBy: hostName(row.decided_by),
  };
}
