import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { endOf, goesOn, type RecordEnd } from './record-outcome.js';
import { noticeOf } from './record-notice.js';
import {
  endRecords,
  evidenceOfRecords,
  type LockedRecord,
  lockBalancesOf,
  lockEnded,
  markDeadlineNear,
  resolveMendedAlerts,
  standingsOf,
} from '../submission/submission.sql.js';
import { SubmissionHold } from '../submission/submission-hold.js';

/** Records in one transaction. */
const CHUNK = 500;

interface Ended {
  record: LockedRecord;
  end: RecordEnd;
}

/** Tells of deadlines before they pass, and decides when they have. */
@Injectable()
export class DeadlineWatch {
  private readonly logger = new Logger('MarketplaceDeadlines');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly hold: SubmissionHold,
  ) {}

  async run(): Promise<void> {
    await this.warn();
    if (!this.hold.active) {
      await this.finish('pastCutoff');
      await this.finish('dryRun');
    }
    await resolveMendedAlerts(this.database, this.options.sellerAccount, this.options.clock.now());
  }

  private async warn(): Promise<void> {
    const { sellerAccount, clock, deadlineAlertMs } = this.options;
    for (let found = CHUNK; found === CHUNK;) {
      found = await this.database.transaction(async (tx) => {
        const now = clock.now();
        const near = await markDeadlineNear(tx, sellerAccount, now, plusMs(now, deadlineAlertMs), CHUNK);
        await this.outbox.append(
          tx,
          near.map((record): NewMarketplaceEvent<'metering.deadlineNear'> => {
            const payload = { ...noticeOf(record, record.reason), dueAt: record.due_at.toISOString() };
            return { type: 'metering.deadlineNear', subscriptionId: record.subscription_id, recordId: record.id, occurredAt: now, payload };
          }),
        );
        await this.raise(tx, groupsOf(near, waitingFor), deadlineAlertOf);
        return near.length;
      });
    }
  }

  private async finish(which: 'pastCutoff' | 'dryRun'): Promise<void> {
    for (let found = CHUNK; found === CHUNK;) {
      const ended = await this.database.transaction((tx) => this.finishChunk(tx, which));
      crashPoint('deadline.finished');
      this.report(ended);
      found = ended.length;
    }
  }

  private async finishChunk(tx: SqlExecutor, which: 'pastCutoff' | 'dryRun'): Promise<Ended[]> {
    const { sellerAccount, onExpired } = this.options;
    const now = this.options.clock.now();
    const records = await lockEnded(tx, sellerAccount, now, which, CHUNK);
    const ids = records.map((record) => record.id);
    // After the lock: a Success that came in while we waited for nothing (rows at work are skipped) has its own lock, so none can slip in between.
    const evidence = await evidenceOfRecords(tx, sellerAccount, ids);
    const standings = await standingsOf(tx, sellerAccount, [...new Set(records.map((record) => record.subscription_id))]);
    const living = new Set(standings.filter((standing) => goesOn(standing, now)).map(({ id }) => id));
    const ended = records.map((record): Ended => {
      const attempts = evidence.filter((row) => row.record_id === record.id).map((row) => row.evidence);
      const { reason, mode, subscription_id: subscriptionId } = record;
      const state = record.state === 'blocked' ? 'blocked' : 'pending';
      return { record, end: endOf({ state, reason, mode, attempts, subscriptionLives: living.has(subscriptionId) }, onExpired) };
    });
    const carried = ended.filter(({ end }) => end.to === 'closed' && end.disposition === 'carried');
    await lockBalancesOf(
      tx,
      sellerAccount,
      carried.map(({ record }) => record),
    );
    await endRecords(
      tx,
      sellerAccount,
      now,
      ended.map(({ record, end }) => ({
        id: record.id,
        state: end.to,
        reason: end.reason,
        message: messageOf(end),
        disposition: end.to === 'closed' ? end.disposition : null,
        closedBy: null,
      })),
    );
    await this.outbox.append(
      tx,
      ended.map((one) => noticeOfEnd(one, now)),
    );
    const live = ended.filter(({ record }) => record.mode === 'live');
    await this.raise(tx, groupsOf(live, endingAs), endingAlertOf);
    crashPoint('deadline.finishing');
    return ended;
  }

  private async raise<T>(
    tx: SqlExecutor,
    groups: ReadonlyMap<string, T[]>,
    alertOf: (subject: string, group: T[]) => Alert,
  ): Promise<void> {
    for (const [subject, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) await this.alerts.raise(tx, alertOf(subject, group));
  }

  private report(ended: readonly Ended[]): void {
    for (const [outcome, group] of groupsOf(ended, ({ end }) => `${end.to}: ${end.reason}`)) {
      const [first] = group;
      if (!first) continue;
      countMetric('marketplace.records.settled', group.length, { state: first.end.to, reason: first.end.reason });
      this.logger.warn(`records ${outcome}`, { records: group.length });
    }
  }
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

const waitingFor = (record: LockedRecord): string =>
  `${record.product_code}/${record.dimension}/${record.state === 'blocked' ? (record.reason ?? '') : 'waiting'}`;
const endingAs = ({ record, end }: Ended): string =>
  `${record.product_code}/${record.dimension}/${end.reason}/${end.to === 'closed' ? end.disposition : 'unknown'}`;

function deadlineAlertOf(subject: string, records: LockedRecord[]): Alert {
  const dueAt = records.map((record) => record.due_at.toISOString()).sort()[0] ?? '';
  return {
    kind: 'deadlineNear',
    subject,
    severity: 'critical',
    message: `${records.length} records (${subject}) are not with AWS yet; the first is due at ${dueAt}. After that AWS may refuse them.`,
    details: { records: records.length, firstDueAt: dueAt, recordIds: records.slice(0, 20).map((record) => record.id) },
  };
}

function messageOf(end: RecordEnd): string {
  if (end.to === 'unknown')
    return 'Its time to be sent has passed, and AWS may or may not have it: an audit decides, nothing is handed back.';
  if (end.reason === 'dryRun') return 'The product is in dry-run: this record would have been sent now.';
  if (end.reason === 'off') return 'The product is off: nothing was sent until the deadline.';
  const fate = end.disposition === 'carried' ? 'its units went back to the balance' : 'its units wait for a decision';
  return `Expired: its time to be sent has passed, AWS does not have it, and ${fate}.`;
}

function noticeOfEnd({ record, end }: Ended, now: Date): NewMarketplaceEvent {
  const about = { subscriptionId: record.subscription_id, recordId: record.id, occurredAt: now };
  const payload = noticeOf(record, end.reason);
  if (end.to === 'unknown') return { type: 'metering.unknown', ...about, payload };
  const type = record.mode === 'live' ? 'metering.expired' : 'metering.closed';
  return { type, ...about, payload: { ...payload, disposition: end.disposition } };
}

function endingAlertOf(subject: string, group: Ended[]): Alert {
  const [first] = group;
  const end = first?.end;
  const details = { records: group.length, recordIds: group.slice(0, 20).map(({ record }) => record.id) };
  if (end?.to === 'closed') {
    const carried = end.disposition === 'carried';
    return {
      kind: 'expired',
      subject,
      severity: carried ? 'warning' : 'critical',
      message:
        `${group.length} records (${subject}) were not taken by AWS before their deadline. ` +
        (carried
          ? 'Their units are back in the balance and go out with a later hour.'
          : 'Their units are held: carry them or write them off.'),
      details,
    };
  }
  return {
    kind: 'unknownOutcome',
    subject,
    severity: 'critical',
    message:
      `${group.length} records (${subject}) passed their deadline without an answer that tells whether AWS has them. Compare them with CloudTrail or ` +
      'the billed reports, and settle each; until then nothing of them is billed again.',
    details,
  };
}
