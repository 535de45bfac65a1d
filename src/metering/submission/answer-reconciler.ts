// Writes an answered call into the ledger: match, decide (settlement/record-outcome), change, tell.
import { Inject, Injectable } from '@nestjs/common';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { LedgerDatabase, type LedgerSql, sqlStateOf } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { byKey } from '../../runtime/order.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { askAbout } from '../../subscription/chain/next-ask.sql.js';
import { isKnownStatus, type RecordAnswer } from '../settlement/evidence.js';
import {
  type AttemptEvidence,
  evidenceOfRecords,
  type LockedRecord,
  lockRecords,
} from '../settlement/metering-record.sql.js';
import { outcomeOf } from '../settlement/record-outcome.js';
import { RecordRequeue } from '../settlement/record-requeue.js';
import { RecordTransitions } from '../settlement/record-transition.js';
import { AnswerAlerts } from './answer-alerts.js';
import { type AnswerFacts, factsOfAnswers } from './answer-facts.js';
import { AnswerLog } from './answer-log.js';
import { storeAnswers } from './attempt.sql.js';
import { type MeteringOperationStrategy } from './metering-operation.js';
import { causeOf, Quarantine } from './quarantine.js';
import { type QuarantinedCause } from './quarantine.sql.js';
import { type SendableRecord } from './batch-planner.js';
import { attemptAnswerOf, type Settled, transitionsOf } from './settled-answer.js';

/** Records under one lease, their attempt committed, in the order they are sent. */
export interface ClaimedBatch {
  attemptId: string;
  leaseToken: string;
  operation: MeteringOperationStrategy;
  productCode: string;
  region: string;
  records: readonly SendableRecord[];
  /** The quarantined cause that this batch of one record tries. */
  probe: QuarantinedCause | null;
}

const UNIQUE_VIOLATION = '23505';

/**
 * Writes what an answer means into the ledger: all of it in one transaction, or none, so that an answer is never half
 * known.
 */
@Injectable()
export class AnswerReconciler {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly quarantine: Quarantine,
    private readonly requeue: RecordRequeue,
    private readonly alerts: AnswerAlerts,
    private readonly log: AnswerLog,
  ) {}

  /** Harmless when repeated: an attempt that has its answer keeps it. */
  async reconcile(batch: ClaimedBatch, answer: GatewayAnswer): Promise<void> {
    const matched = matchedAnswers(batch, answer);
    const write = (): Promise<Settled[]> =>
      this.database.transaction(async (tx) => {
        const result = await this.apply(tx, batch, answer, matched.answers);
        crashPoint('submit.reconciling');
        return result;
      });
    const settled = await write().catch((error: unknown) => {
      // Another call was answered at the same time with the same id: by now it can be seen.
      if (sqlStateOf(error) === UNIQUE_VIOLATION) return write();
      throw error;
    });
    crashPoint('submit.answered');
    this.log.report(batch, answer, settled, matched.strangers);
    if (batch.probe !== null) await this.requeue.resolved();
  }

  private async apply(
    tx: LedgerSql,
    batch: ClaimedBatch,
    answer: GatewayAnswer,
    answers: ReadonlyMap<string, RecordAnswer>,
  ): Promise<Settled[]> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const ids = batch.records.map((record) => record.id);
    const locked = new Map((await lockRecords(tx, sellerAccount, ids)).map((record) => [record.id, record]));
    const evidence = await evidenceOfRecords(tx, sellerAccount, ids);
    const answered = ids.map((id) => {
      const record = locked.get(id);
      const recordAnswer = answers.get(id);
      if (!record || !recordAnswer) throw new Error(`record ${id} of attempt ${batch.attemptId} is not in the ledger`);
      return { record, answer: recordAnswer };
    });
    const factsOf = await factsOfAnswers(tx, sellerAccount, answered, now);
    const settled = answered.flatMap(({ record, answer: recordAnswer }): Settled[] => {
      const attempts = evidence.filter((row) => row.record_id === record.id);
      const one = this.judge(batch, record, recordAnswer, attempts, factsOf(record), now);
      return one === null ? [] : [one];
    });
    await this.write(tx, batch, answer, settled, now);
    return settled;
  }

  /** Null where the attempt has been answered already, or decided by a person: only proof may still be added. */
  private judge(
    batch: ClaimedBatch,
    record: LockedRecord,
    answer: RecordAnswer,
    attempts: readonly AttemptEvidence[],
    facts: AnswerFacts,
    now: Date,
  ): Settled | null {
    const own = attempts.findIndex((row) => row.attempt_id === batch.attemptId);
    const outcome = outcomeOf(
      answer,
      {
        ...facts,
        state: record.state,
        holdsLease: record.state === 'sending' && record.lease_token === batch.leaseToken,
        isLatestAttempt: own === attempts.length - 1,
        earlier: attempts.slice(0, own).map((row) => row.evidence),
        consecutiveFailures: record.consecutive_failures,
        batchSize: batch.records.length,
      },
      { now, identicalResend: this.options.aws.identicalResend, duplicateConfirms: batch.operation.duplicateConfirms },
    );
    const known = attempts[own];
    if (known === undefined || known.evidence === 'billed') return null;
    const isDecided = known.answered || known.evidence !== 'uncertain';
    if (isDecided && outcome.evidence !== 'billed') return null;
    return { record, answer, outcome, attempt: attemptAnswerOf(record, answer, outcome) };
  }

  private async write(
    tx: LedgerSql,
    batch: ClaimedBatch,
    answer: GatewayAnswer,
    settled: readonly Settled[],
    now: Date,
  ): Promise<void> {
    const { sellerAccount, submission } = this.options;
    const call =
      answer.kind === 'answered'
        ? { httpStatus: answer.httpStatus, requestId: answer.requestId, errorCode: null, errorMessage: null }
        : {
            httpStatus: answer.failure.httpStatus,
            requestId: answer.failure.requestId,
            errorCode: answer.failure.code,
            errorMessage: answer.failure.message,
          };
    const attempts = settled.map(({ attempt }) => attempt);
    await storeAnswers(tx, sellerAccount, batch.attemptId, call, attempts);
    await this.transitions.apply(tx, transitionsOf(settled, submission), now);
    await this.requeue.metered(tx, identitiesOf(settled), now);
    // A refusal says that the chain may stand otherwise than we know.
    const doubtful = settled.filter(({ outcome }) => outcome.asks).map(({ record }) => record.subscription_id);
    const subscriptionIds = [...new Set(doubtful.filter((id) => id !== null))];
    await askAbout(tx, sellerAccount, subscriptionIds, now);
    await this.judgeCauses(tx, batch, settled);
    await this.alerts.raise(tx, batch, answer, settled, now);
  }

  private async judgeCauses(tx: LedgerSql, { probe }: ClaimedBatch, settled: readonly Settled[]): Promise<void> {
    if (probe !== null && settled.some(({ answer }) => passes(answer, probe))) await this.quarantine.lift(tx, probe);
    const imposed = new Map<string, { cause: QuarantinedCause; record: LockedRecord }>();
    for (const { record, outcome } of settled) {
      const cause = outcome.step.to === 'blocked' ? causeOf(record, outcome.step.reason) : null;
      // What stands against the refused alone says nothing of others when it refuses one of them again.
      const isKnown = probe?.scope === 'reason' && probe.reason === cause?.reason;
      if (cause && !isKnown) imposed.set(`${cause.scope}/${cause.key}`, { cause, record });
    }
    for (const [, { cause, record }] of [...imposed].sort(byKey)) await this.quarantine.impose(tx, cause, record);
  }
}

function matchedAnswers(
  batch: ClaimedBatch,
  answer: GatewayAnswer,
): { answers: Map<string, RecordAnswer>; strangers: number } {
  if (answer.kind === 'failed') {
    return {
      answers: new Map(batch.records.map(({ id }) => [id, batch.operation.answerOfFailure(answer.failure)])),
      strangers: 0,
    };
  }
  const { answers, strangers } = batch.operation.answersOf(batch.records, answer);
  return {
    answers: new Map(batch.records.map(({ id }, index) => [id, answers[index] ?? { kind: 'missing' }])),
    strangers,
  };
}

/**
 * Whether an answer shows that AWS no longer stumbles over the cause: it judged the record itself, or stumbled over
 * something else.
 */
function passes(answer: RecordAnswer, cause: QuarantinedCause): boolean {
  if (answer.kind === 'status') return isKnownStatus(answer.status) || cause.reason !== 'unrecognised';
  if (answer.kind === 'verdict') return answer.verdict === 'otherOnFile';
  return answer.kind === 'failure' && answer.failure.kind === 'culprit' && answer.failure.culprit !== cause.reason;
}

/** Identities of which AWS has just taken usage. */
function identitiesOf(settled: readonly Settled[]): string[] {
  const metered = settled
    .filter(({ outcome }) => outcome.step.to === 'metered')
    .map(({ record }) => record.identity_id);
  return [...new Set(metered.filter((id) => id !== null))];
}
