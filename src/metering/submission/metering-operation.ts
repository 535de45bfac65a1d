import { type CallFailure } from '../../aws/aws-error.js';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { type BudgetedOperation } from '../../database/call-budget.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { type RecordAnswer } from '../settlement/evidence.js';
import { type MatchedAnswers } from './answer-matcher.js';
import { type SendableRecord, type WaitingWork } from './batch-planner.js';
import { type ClaimCandidate } from './claim.sql.js';

export interface OperationCall {
  attemptId: string;
  region: string;
  records: readonly SendableRecord[];
  /** For the whole call, credentials included, in milliseconds. Monotonic. */
  timeoutMs: number;
  /** Asked at the last instruction before the request goes out. False: it does not go out. */
  mayLeave: () => boolean;
}

/**
 * All that differs between one operation of the metering API and another: the way of a record to AWS and back is the
 * same for each.
 */
export interface MeteringOperationStrategy {
  readonly name: MeteringOperation;
  /** The quota that its calls count against. */
  readonly budget: BudgetedOperation;
  /** At most so many records in one call. */
  readonly recordsMax: number;
  /** Whether a DuplicateRecord can be the answer to a record that AWS has already taken from us. */
  readonly duplicateConfirms: boolean;
  /**
   * The longest useful beginning of `candidates` that can go out in one call. What does not fit stays for the next one.
   * @param candidates in the order in which they are due
   */
  plan<T extends SendableRecord>(candidates: readonly T[]): T[];
  /** At the beginning of each run: whatever must be known, or held, before anything is claimed. */
  prepare(): Promise<void>;
  /** Whether this process may claim work of the product in this run. */
  mayClaim(productCode: string): boolean;
  /** The region whose API is called for such work. */
  regionOf(work: WaitingWork): string;
  /**
   * In the transaction of the claim, just before its attempt is written.
   * @param records locked
   * @returns those that may go out from here, as they go out; what is bound at the first claim is bound
   */
  admit(tx: LedgerSql, records: readonly ClaimCandidate[], now: Date): Promise<readonly ClaimCandidate[]>;
  /** Never throws: every ending is an answer. */
  call(call: OperationCall): Promise<GatewayAnswer>;
  /** What an error of the whole call says of each of its records. */
  answerOfFailure(failure: CallFailure): RecordAnswer;
  /** Finds what became of each record. */
  answersOf(records: readonly SendableRecord[], answer: Extract<GatewayAnswer, { kind: 'answered' }>): MatchedAnswers;
}
