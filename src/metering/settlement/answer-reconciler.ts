import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type FailureKind } from '../../aws/aws-error.js';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { latest } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { answersOf } from '../submission/answer-matcher.js';
import { type SendableRecord } from '../submission/batch-planner.js';
import { type Evidence, type RecordAnswer } from './evidence.js';
import { noticeOf } from './record-notice.js';
import { outcomeOf, type RecordOutcome, type RecordStep, retryDelayMs } from './record-outcome.js';
import {
  type AttemptAnswer,
  changeRecords,
  evidenceOfRecords,
  type LockedRecord,
  lockRecords,
  markFirstMetered,
  type RecordChange,
  requeueReinstated,
  standingsOf,
  storeAnswers,
  type SuspectRow,
} from '../submission/submission.sql.js';
import { Suspects } from '../submission/quarantine.js';

/** Records under one lease, their attempt committed, in the order they are sent. */
export interface ClaimedBatch {
  attemptId: string;
  leaseToken: string;
  operation: 'BatchMeterUsage';
  productCode: string;
  region: string;
  records: readonly SendableRecord[];
  /** The suspect cause that this batch of one record tries. */
  probe: SuspectRow | null;
}

interface Settled {
  record: LockedRecord;
  answer: RecordAnswer;
  outcome: RecordOutcome;
  attempt: AttemptAnswer;
}

/** Writes what an answer means into the ledger: all of it in one transaction, or none, so that an answer is never half known. */
@Injectable()
export class AnswerReconciler {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly suspects: Suspects,
  ) {}

  /** Harmless when repeated: an attempt that has its answer keeps it. */
  async reconcile(batch: ClaimedBatch, answer: GatewayAnswer): Promise<void> {
    const matched = matchedAnswers(batch, answer);
    const settled = await this.database.transaction(async (tx) => {
      const result = await this.apply(tx, batch, answer, matched.answers);
      crashPoint('submit.reconciling');
      return result;
    });
    this.report(batch, answer, settled, matched.strangers);
    await this.requeueMended(batch, settled);
  }

  private async apply(
    tx: SqlExecutor,
    batch: ClaimedBatch,
    answer: GatewayAnswer,
    answers: ReadonlyMap<string, RecordAnswer>,
  ): Promise<Settled[]> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const ids = batch.records.map((record) => record.id);
    const locked = new Map((await lockRecords(tx, sellerAccount, ids)).map((record) => [record.id, record]));
    const evidence = await evidenceOfRecords(tx, sellerAccount, ids);
    const subscriptionIds = [...new Set(batch.records.map((record) => record.subscriptionId))];
    const standings = new Map((await standingsOf(tx, sellerAccount, subscriptionIds)).map((standing) => [standing.id, standing]));

    const settled: Settled[] = [];
    for (const { id } of batch.records) {
      const record = locked.get(id);
      const recordAnswer = answers.get(id);
      const standing = record && standings.get(record.subscription_id);
      if (!record || !recordAnswer || !standing) throw new Error(`record ${id} of attempt ${batch.attemptId} is not in the ledger`);
      const attempts = evidence.filter((row) => row.record_id === id);
      const own = attempts.findIndex((row) => row.attempt_id === batch.attemptId);
      const outcome = outcomeOf(
        recordAnswer,
        {
          state: record.state,
          holdsLease: record.state === 'sending' && record.lease_token === batch.leaseToken,
          earlier: attempts.slice(0, own).map((row) => row.evidence),
          consecutiveFailures: record.consecutive_failures,
          batchSize: batch.records.length,
          subscriptionMeteredBefore: standing.first_metered_at !== null,
          subscriptionSince: latest(standing.registered_at, standing.activated_at),
          subscriptionEnding: standing.state === 'ending',
        },
        { now, identicalResend: this.options.aws.identicalResend },
      );
      // Already answered, or already decided by an operator: only proof may still be added.
      const known = attempts[own];
      if (
        known === undefined ||
        known.evidence === 'billed' ||
        ((known.answered || known.evidence === 'refused') && outcome.evidence !== 'billed')
      )
        continue;
      settled.push({
        record,
        answer: recordAnswer,
        outcome,
        attempt: attemptAnswerOf(record, recordAnswer, outcome.evidence, outcome.step),
      });
    }
    await this.write(tx, batch, answer, settled, now);
    return settled;
  }

  private async write(tx: SqlExecutor, batch: ClaimedBatch, answer: GatewayAnswer, settled: readonly Settled[], now: Date): Promise<void> {
    const { sellerAccount } = this.options;
    const call =
      answer.kind === 'answered'
        ? { httpStatus: answer.httpStatus, requestId: answer.requestId, errorCode: null, errorMessage: null }
        : {
            httpStatus: answer.failure.httpStatus,
            requestId: answer.failure.requestId,
            errorCode: answer.failure.code,
            errorMessage: answer.failure.message,
          };
    await storeAnswers(
      tx,
      sellerAccount,
      batch.attemptId,
      call,
      settled.map(({ attempt }) => attempt),
    );
    await changeRecords(tx, sellerAccount, now, this.changesOf(settled));
    const metered = settled.filter(({ outcome }) => outcome.evidence === 'billed');
    await markFirstMetered(tx, sellerAccount, [...new Set(metered.map(({ record }) => record.subscription_id))], now);
    await this.judgeSuspects(tx, batch, settled);
    await this.outbox.append(tx, noticesOf(settled, now));
    await this.raiseAlerts(tx, batch, answer, settled);
  }

  private changesOf(settled: readonly Settled[]): RecordChange[] {
    const divided = settled.filter(({ outcome }) => outcome.step.to === 'pending' && outcome.step.group === 'split');
    const halves = [randomUUID(), randomUUID()];
    const groupOf = new Map(divided.map(({ record }, index) => [record.id, halves[index < divided.length / 2 ? 0 : 1] ?? null]));
    return settled.flatMap(({ record, outcome: { step } }): RecordChange[] => {
      const base = {
        id: record.id,
        delayMs: 0,
        consecutiveFailures: 0,
        probeGroup: null,
        meteringRecordId: null,
        confirmedByDuplicate: false,
      };
      switch (step.to) {
        case 'same':
          return [];
        case 'metered':
          return [
            {
              ...base,
              state: 'metered',
              reason: null,
              message: null,
              meteringRecordId: step.meteringRecordId,
              confirmedByDuplicate: step.confirmedByDuplicate,
            },
          ];
        case 'blocked':
          return [{ ...base, state: 'blocked', reason: step.reason, message: step.message }];
        case 'pending':
          return [
            {
              ...base,
              state: 'pending',
              reason: step.reason,
              message: step.message,
              delayMs: retryDelayMs(step.pace, step.consecutiveFailures, this.options.submission, Math.random()),
              consecutiveFailures: step.consecutiveFailures,
              probeGroup: { keep: record.probe_group, clear: null, split: groupOf.get(record.id) ?? null }[step.group],
            },
          ];
      }
    });
  }

  private async judgeSuspects(tx: SqlExecutor, { probe }: ClaimedBatch, settled: readonly Settled[]): Promise<void> {
    if (probe !== null && settled.some(({ answer }) => passes(answer, probe))) await this.suspects.clear(tx, probe);
    const marked = new Map<string, SuspectRow>();
    for (const { record, outcome } of settled) {
      if (outcome.step.to !== 'blocked') continue;
      const { product_code: productCode, dimension, subscription_id: subscriptionId } = record;
      const suspect = Suspects.of({ productCode, dimension, subscriptionId, reason: outcome.step.reason });
      if (suspect) marked.set(`${suspect.scope}/${suspect.key}`, suspect);
    }
    for (const [, suspect] of [...marked].sort()) await this.suspects.mark(tx, suspect);
  }

  private async raiseAlerts(tx: SqlExecutor, batch: ClaimedBatch, answer: GatewayAnswer, settled: readonly Settled[]): Promise<void> {
    const place = `${batch.productCode}/${batch.region}`;
    const alerts = settled.flatMap(({ record, outcome }) => alertsOf(record, outcome));
    if (answer.kind === 'failed' && answer.failure.kind === 'setUp') {
      alerts.push({
        kind: 'setupError',
        subject: place,
        severity: 'critical',
        message:
          `AWS takes no usage of product ${batch.productCode} in ${batch.region} (${answer.failure.code}: ${answer.failure.message}). Nothing is lost yet; ` +
          'mend credentials, permission, region or network before the deadlines of the waiting records.',
      });
    }
    const bySubject = new Map(alerts.map((alert) => [`${alert.kind} ${alert.subject}`, alert]));
    // In one order, so that two answers that raise the same alerts do not wait for each other in a circle.
    for (const [, alert] of [...bySubject].sort(([a], [b]) => (a < b ? -1 : 1))) await this.alerts.raise(tx, alert);
    if (answer.kind === 'answered') await this.alerts.resolve(tx, 'setupError', place);
  }

  private async requeueMended(batch: ClaimedBatch, settled: readonly Settled[]): Promise<void> {
    if (batch.probe !== null) await this.suspects.requeueMended();
    const proven = settled.filter(({ outcome }) => outcome.step.to === 'metered').map(({ record }) => record.subscription_id);
    if (proven.length === 0) return;
    const requeued = await requeueReinstated(this.database, this.options.sellerAccount, this.options.clock.now(), [...new Set(proven)]);
    if (requeued > 0) this.logger.log('records requeued: AWS takes usage of their subscription again', { records: requeued });
  }

  private report(batch: ClaimedBatch, answer: GatewayAnswer, settled: readonly Settled[], strangers: number): void {
    const outcome: FailureKind | 'answered' = answer.kind === 'answered' ? 'answered' : answer.failure.kind;
    countMetric('marketplace.calls', 1, { operation: batch.operation, outcome });
    const counts = new Map<string, number>();
    for (const { outcome: result } of settled) {
      const reason = 'reason' in result.step ? result.step.reason : '';
      const name = reason === '' ? result.step.to : `${result.step.to}: ${reason}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (result.step.to === 'metered' || result.step.to === 'blocked') {
        countMetric('marketplace.records.settled', 1, { state: result.step.to, reason });
      }
    }
    const fields = { attempt: batch.attemptId, product: batch.productCode, region: batch.region, ...Object.fromEntries(counts) };
    const allMetered = counts.size === 1 && counts.has('metered');
    if (allMetered) this.logger.debug('batch answered', fields);
    else if (settled.some(({ outcome: result }) => result.step.to === 'blocked')) this.logger.warn('batch answered', fields);
    else this.logger.log(answer.kind === 'answered' ? 'batch answered' : `call failed: ${answer.failure.code}`, fields);
    if (strangers > 0) this.logger.error('AWS answered about records that were not sent', { attempt: batch.attemptId, results: strangers });
  }
}

function matchedAnswers(batch: ClaimedBatch, answer: GatewayAnswer): { answers: Map<string, RecordAnswer>; strangers: number } {
  if (answer.kind === 'failed') {
    return { answers: new Map(batch.records.map(({ id }) => [id, { kind: 'failure', failure: answer.failure }])), strangers: 0 };
  }
  const { answers, strangers } = answersOf(batch.records, answer);
  return { answers: new Map(batch.records.map(({ id }, index) => [id, answers[index] ?? { kind: 'missing' }])), strangers };
}

/** Whether an answer shows that AWS no longer stumbles over the suspect's cause: it judged the record itself, or stumbled over something else. */
function passes(answer: RecordAnswer, suspect: SuspectRow): boolean {
  if (answer.kind === 'status') return true;
  return answer.kind === 'failure' && answer.failure.kind === 'culprit' && answer.failure.culprit !== suspect.reason;
}

function attemptAnswerOf(record: LockedRecord, answer: RecordAnswer, evidence: Evidence, step: RecordStep): AttemptAnswer {
  const late = step.to === 'same' ? { late: true, stateThen: record.state } : {};
  const said: Record<string, unknown> =
    answer.kind === 'failure'
      ? { message: answer.failure.message, httpStatus: answer.failure.httpStatus, requestId: answer.failure.requestId }
      : {};
  const detail = { ...said, ...late };
  return {
    recordId: record.id,
    evidence,
    answer: answer.kind === 'status' ? answer.status || '(no status)' : answer.kind === 'failure' ? answer.failure.code : answer.kind,
    meteringRecordId: answer.kind === 'status' ? answer.meteringRecordId : null,
    detail: Object.keys(detail).length === 0 ? null : detail,
  };
}

function noticesOf(settled: readonly Settled[], now: Date): NewMarketplaceEvent[] {
  return settled.flatMap(({ record, outcome }): NewMarketplaceEvent[] => {
    const about = { subscriptionId: record.subscription_id, recordId: record.id, occurredAt: now };
    if (outcome.overBilled) {
      const payload = { ...noticeOf(record, record.reason), disposition: record.disposition ?? 'held' };
      return [{ type: 'metering.overBilled', ...about, payload }];
    }
    if (outcome.step.to !== 'blocked') return [];
    const { reason } = outcome.step;
    return [{ type: reason === 'conflict' ? 'metering.conflict' : 'metering.blocked', ...about, payload: noticeOf(record, reason) }];
  });
}

function alertsOf(record: LockedRecord, { step, overBilled }: RecordOutcome): Alert[] {
  const what = `${record.quantity} of ${record.dimension} for the hour ${record.hour.toISOString()} of subscription ${record.subscription_id}`;
  if (overBilled) {
    return [
      {
        kind: 'overBilled',
        subject: record.id,
        severity: 'critical',
        message:
          `AWS has billed ${what}, but the record was closed as ${record.disposition ?? 'held'} (${record.reason ?? 'no reason'}). If its units were sealed again ` +
          'the buyer pays twice: compare with the later records of this dimension and refund through AWS Marketplace.',
        details: { recordId: record.id, subscriptionId: record.subscription_id, disposition: record.disposition },
      },
    ];
  }
  if (step.to !== 'blocked') return [];
  const details = { recordId: record.id, subscriptionId: record.subscription_id, reason: step.reason };
  switch (step.reason) {
    case 'notSubscribed':
      return [
        {
          kind: 'notSubscribed',
          subject: record.subscription_id,
          severity: 'warning',
          message: `AWS did not take ${what}: not subscribed. It is sent again when AWS takes usage of this subscription again before ${record.cutoff_at.toISOString()}.`,
          details,
        },
      ];
    case 'conflict':
      return [
        {
          kind: 'conflict',
          subject: `${record.subscription_id}/${record.dimension}`,
          severity: 'critical',
          message: `AWS did not take ${what}: it has another record for that hour. ${step.message} Find out which quantity is on file.`,
          details,
        },
      ];
    default:
      return [
        {
          kind: 'blocked',
          subject: `${record.product_code}/${record.dimension}/${step.reason}`,
          severity: 'critical',
          message: `AWS did not take ${what} (${step.message}). Mend the cause and requeue it before ${record.cutoff_at.toISOString()}.`,
          details,
        },
      ];
  }
}
