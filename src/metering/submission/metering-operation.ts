import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { type BudgetedOperation } from '../../database/call-budget.js';
import { type MeteringOperation } from '../settlement/deadlines.js';
import { type MatchedAnswers } from './answer-matcher.js';
import { type SendableRecord } from './batch-planner.js';

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
  /** Never throws: every ending is an answer. */
  call(call: OperationCall): Promise<GatewayAnswer>;
  /** Finds what became of each record. */
  answersOf(records: readonly SendableRecord[], answer: Extract<GatewayAnswer, { kind: 'answered' }>): MatchedAnswers;
}
