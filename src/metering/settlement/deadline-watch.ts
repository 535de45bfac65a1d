import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { byKey } from '../../runtime/order.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { deadlineAlertOf, endingAlertOf, endingMessageOf } from './deadline-alert.js';
import { lockEnded, markDeadlineNear, resolveOutdatedAlerts } from './deadline-watch.sql.js';
import { evidenceOfRecords, type LockedRecord } from './metering-record.sql.js';
import { endOf, type RecordEnd } from './record-end.js';
import { noticeOf } from './record-notice.js';
import { RecordTransitions, type Transition } from './record-transition.js';
import { SubmissionHold } from './submission-hold.js';

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
    private readonly transitions: RecordTransitions,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly hold: SubmissionHold,
  ) {}

  async run(): Promise<void> {
    await this.warn();
    if (!(await this.hold.isActive())) {
      await this.finish('pastCutoff');
      await this.finish('dryRun');
    }
    await resolveOutdatedAlerts(this.database, this.options.sellerAccount, this.options.clock.now());
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
            return {
              type: 'metering.deadlineNear',
              subscriptionId: record.subscription_id,
              recordId: record.id,
              occurredAt: now,
              payload,
            };
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
      for (const [outcome, group] of groupsOf(ended, ({ end }) => `${end.to}: ${end.reason}`)) {
        this.logger.warn(`records ${outcome}`, { records: group.length });
      }
      found = ended.length;
    }
  }

  private async finishChunk(tx: LedgerSql, which: 'pastCutoff' | 'dryRun'): Promise<Ended[]> {
    const { sellerAccount, onExpired, clock } = this.options;
    const now = clock.now();
    const records = await lockEnded(tx, sellerAccount, now, which, CHUNK);
    // After the lock: a Success that came in while we waited for nothing (rows at work are skipped) has its own lock,
    // so none can slip in between.
    const evidence = await evidenceOfRecords(
      tx,
      sellerAccount,
      records.map((record) => record.id),
    );
    const ended = records.map((record): Ended => {
      const attempts = evidence.filter((row) => row.record_id === record.id);
      const ending = {
        ...record,
        state: record.state === 'blocked' ? ('blocked' as const) : ('pending' as const),
        attempts: attempts.map((row) => row.evidence),
        wasNotEntitled: attempts.some((row) => row.not_entitled),
      };
      return { record, end: endOf(ending, onExpired) };
    });
    const expired = ended.filter(({ end }) => end.to === 'annulled').map(({ record }) => record);
    await this.transitions.annul(tx, expired, { reason: 'expired', isExpired: true, by: null }, now);
    await this.transitions.apply(tx, ended.flatMap(transitionOf), now);
    const live = ended.filter(({ record }) => record.mode === 'live');
    await this.raise(tx, groupsOf(live, endingAs), (subject, group) =>
      endingAlertOf(subject, group, group[0]?.end.to ?? 'unknown'),
    );
    crashPoint('deadline.finishing');
    return ended;
  }

  private async raise<T>(
    tx: LedgerSql,
    groups: ReadonlyMap<string, T[]>,
    alertOf: (subject: string, group: T[]) => Alert,
  ): Promise<void> {
    for (const [subject, group] of [...groups].sort(byKey)) await this.alerts.raise(tx, alertOf(subject, group));
  }
}

function transitionOf({ record, end }: Ended): Transition[] {
  const { reason } = end;
  const message = endingMessageOf(end);
  switch (end.to) {
    case 'annulled':
      return [];
    case 'unknown':
      return [{ record, to: { state: 'unknown', reason, message } }];
    case 'held': {
      const isExpired = record.mode === 'live';
      return [{ record, to: { state: 'closed', disposition: 'held', reason, message, by: null, isExpired } }];
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
  `${record.product_code}/${record.dimension}/${end.reason}/${end.to}`;
