import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { Waker } from '../../runtime/waker.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { knownNotBilled } from './evidence.js';
import { noticeOf } from './record-notice.js';
import { goesOn } from './record-outcome.js';
import {
  type AttemptEvidence,
  changeRecords,
  decideEvidence,
  endRecords,
  evidenceOfRecords,
  type LockedRecord,
  lockBalancesOf,
  lockRecords,
  markFirstMetered,
  probeNow,
  requeueReinstated,
  type RecordEnding,
  standingsOf,
} from '../submission/submission.sql.js';
import { UnitTransfer } from '../unit-transfer.js';
import { findSuccessor } from '../unit-transfer.sql.js';

/** What an audit of CloudTrail or of the billed reports shows of a record whose outcome is unknown. */
export type AuditFinding = { found: { meteringRecordId: string | null } } | { absentWithFullCoverage: true };

const LABEL_MAX = 255;

/**
 * What a person, or an audit, decides about a record. The only way to change a record from outside metering: each decision is checked against the
 * evidence, signed, and told of.
 */
@Injectable()
export class RecordResolution {
  private readonly logger = new Logger('MarketplaceResolution');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    private readonly transfers: UnitTransfer,
  ) {}

  /**
   * Gives the units of a record up: they are not billed, by decision of `by`.
   * @param decision.by who decides, 1 to 255 characters
   * @param decision.reason why, 1 to 255 characters
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async writeOff(recordId: string, { by, reason }: { by: string; reason: string }): Promise<void> {
    named('by', by);
    named('reason', reason);
    await this.decide(recordId, async (tx, record) => {
      const open = record.state === 'blocked' || record.state === 'unknown';
      const waits = record.state === 'closed' && (record.disposition === 'held' || record.disposition === 'owed');
      if (!open && !waits) throw refused(record, 'written off', whyNotWrittenOff(record));
      await this.close(tx, record, { state: 'closed', reason: 'writtenOff', message: reason, disposition: 'void', closedBy: by });
      await this.alerts.resolve(tx, 'conflict', `${record.subscription_id}/${record.dimension}`);
      return { decision: 'written off', by };
    });
  }

  /**
   * Sends a blocked record again, because its cause is mended; if the cause is suspect it is probed at once.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async requeue(recordId: string, { by }: { by: string }): Promise<void> {
    named('by', by);
    await this.decide(recordId, async (tx, record) => {
      const { sellerAccount, clock } = this.options;
      const now = clock.now();
      if (record.state !== 'blocked') throw refused(record, 'requeued', 'only a blocked record can be');
      if (record.cutoff_at <= now) {
        throw refused(record, 'requeued', `AWS takes nothing of its hour since ${record.cutoff_at.toISOString()}; it closes by itself`);
      }
      await changeRecords(tx, sellerAccount, now, [
        {
          id: record.id,
          state: 'pending',
          reason: null,
          message: `Requeued by ${by}.`,
          delayMs: 0,
          consecutiveFailures: 0,
          probeGroup: null,
          meteringRecordId: null,
          confirmedByDuplicate: false,
        },
      ]);
      await probeNow(tx, sellerAccount, record);
      return { decision: 'requeued', by };
    });
    this.waker.wake('submit');
  }

  /**
   * Requeues what AWS refused of a subscription for want of a subscription: it has been activated or reinstated.
   * @returns how many records wait again
   */
  async requeueNotSubscribed(subscriptionId: string): Promise<number> {
    const requeued = await requeueReinstated(this.database, this.options.sellerAccount, this.options.clock.now(), [subscriptionId]);
    if (requeued > 0) this.waker.wake('submit');
    return requeued;
  }

  /**
   * Hands the units of a held record back to the balance, to be billed with a later hour.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when AWS may have billed it, or nothing would seal the units again
   */
  async carry(recordId: string, { by }: { by: string }): Promise<void> {
    named('by', by);
    await this.decide(recordId, async (tx, record) => {
      if (record.state !== 'closed' || record.disposition !== 'held' || record.kind !== 'hour') {
        throw refused(record, 'carried', 'only a closed record of an hour whose units are held can be');
      }
      if (record.reason === 'conflict')
        throw refused(record, 'carried', 'AWS has another record for its hour: find out which quantity is on file');
      if (record.mode !== 'live')
        throw refused(record, 'carried', `it was sealed in mode ${record.mode}, whose units are never billed by themselves`);
      if (!knownNotBilled(evidences(await this.attempts(tx, record)))) throw refused(record, 'carried', 'AWS may have billed it');
      if (!(await this.lives(tx, record))) throw refused(record, 'carried', 'its subscription has ended and seals no more hours');
      const { reason, closedBy } = { reason: record.reason ?? 'expired', closedBy: by };
      await this.close(tx, record, { state: 'closed', reason, message: `Carried by ${by}.`, disposition: 'carried', closedBy });
      return { decision: 'carried', by };
    });
    this.waker.wake('seal');
  }

  /**
   * Moves the units of a record that its ended subscription could not bill any more to the subscription that took over from it.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when AWS may have billed it, or nobody has taken over
   */
  async transfer(recordId: string, { by }: { by: string }): Promise<void> {
    named('by', by);
    await this.decide(recordId, async (tx, record) => {
      if (record.state !== 'closed' || (record.disposition !== 'held' && record.disposition !== 'owed')) {
        throw refused(record, 'transferred', 'only a closed record whose units are held or owed can be');
      }
      if (record.reason === 'conflict')
        throw refused(record, 'transferred', 'AWS has another record for its hour: find out which quantity is on file');
      const isLive = record.kind === 'closing' ? record.reason === 'ended' : record.mode === 'live';
      if (!isLive)
        throw refused(record, 'transferred', 'its units were recorded while the product was not live, and are never billed by themselves');
      if (!knownNotBilled(evidences(await this.attempts(tx, record)))) throw refused(record, 'transferred', 'AWS may have billed it');
      if (await this.lives(tx, record)) throw refused(record, 'transferred', 'its subscription goes on: carry it');
      const successor = await findSuccessor(tx, this.options.sellerAccount, record.subscription_id);
      if (!successor) throw refused(record, 'transferred', 'no subscription is linked that took over from its own');
      await this.transfers.move(tx, record, successor.id, by);
      return { decision: 'transferred', to: successor.id, by };
    });
    this.waker.wake('seal');
  }

  /**
   * Settles a record whose outcome is unknown by what an audit shows. Absent means that a record of its submission would have been seen: an audit with
   * gaps proves nothing.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async settleUnknown(recordId: string, finding: AuditFinding, { by }: { by: string }): Promise<void> {
    named('by', by);
    await this.decide(recordId, async (tx, record) => {
      if (record.state !== 'unknown') throw refused(record, 'settled', 'only a record whose outcome is unknown can be');
      const { sellerAccount, clock, onExpired } = this.options;
      const attempts = await this.attempts(tx, record);
      const uncertain = attempts.filter((attempt) => attempt.evidence === 'uncertain').map((attempt) => attempt.attempt_id);
      if ('found' in finding) {
        const { meteringRecordId } = finding.found;
        const proven = uncertain.slice(0, 1);
        await decideEvidence(tx, sellerAccount, record.id, { evidence: 'billed', attemptIds: proven, meteringRecordId, by });
        const now = clock.now();
        await changeRecords(tx, sellerAccount, now, [
          {
            id: record.id,
            state: 'metered',
            reason: null,
            message: `Found at AWS by ${by}.`,
            delayMs: 0,
            consecutiveFailures: 0,
            probeGroup: null,
            meteringRecordId,
            confirmedByDuplicate: false,
          },
        ]);
        await markFirstMetered(tx, sellerAccount, [record.subscription_id], now);
        countMetric('marketplace.records.settled', 1, { state: 'metered', reason: 'audit' });
        return { decision: 'found at AWS', by };
      }
      await decideEvidence(tx, sellerAccount, record.id, { evidence: 'refused', attemptIds: uncertain, meteringRecordId: null, by });
      const carried = onExpired === 'carry' && record.reason !== 'conflict' && (await this.lives(tx, record));
      await this.close(tx, record, {
        state: 'closed',
        reason: record.reason ?? 'expired',
        message: `Absent at AWS by an audit with full coverage, says ${by}.`,
        disposition: carried ? 'carried' : 'held',
        closedBy: by,
      });
      return { decision: 'absent at AWS', by };
    });
    this.waker.wake('seal');
  }

  private async decide(recordId: string, work: (tx: SqlExecutor, record: LockedRecord) => Promise<Record<string, unknown>>): Promise<void> {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(recordId)) throw notFound(recordId);
    const decision = await this.database.transaction(async (tx) => {
      const [record] = await lockRecords(tx, this.options.sellerAccount, [recordId]);
      if (!record) throw notFound(recordId);
      return { was: record.state, ...(await work(tx, record)) };
    });
    this.logger.log('record decided', { recordId, ...decision });
  }

  private async close(tx: SqlExecutor, record: LockedRecord, ending: Omit<RecordEnding, 'id'> & { disposition: string }): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    if (ending.disposition === 'carried') await lockBalancesOf(tx, sellerAccount, [record]);
    await endRecords(tx, sellerAccount, now, [{ id: record.id, ...ending }]);
    const payload = { ...noticeOf(record, ending.reason), disposition: ending.disposition };
    await this.outbox.append(tx, [
      { type: 'metering.closed', subscriptionId: record.subscription_id, recordId: record.id, occurredAt: now, payload },
    ]);
    countMetric('marketplace.records.settled', 1, { state: 'closed', reason: ending.reason });
  }

  private attempts(tx: SqlExecutor, record: LockedRecord): Promise<AttemptEvidence[]> {
    return evidenceOfRecords(tx, this.options.sellerAccount, [record.id]);
  }

  private async lives(tx: SqlExecutor, record: LockedRecord): Promise<boolean> {
    const [standing] = await standingsOf(tx, this.options.sellerAccount, [record.subscription_id]);
    return standing !== undefined && goesOn(standing, this.options.clock.now());
  }
}

const evidences = (attempts: readonly AttemptEvidence[]) => attempts.map((attempt) => attempt.evidence);

function named(what: string, value: string): void {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= LABEL_MAX) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    `Give ${what} as a text of 1 to ${LABEL_MAX} characters: decisions about money are signed.`,
  );
}

function notFound(recordId: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('NOT_FOUND', `There is no metering record ${recordId}.`);
}

function refused(record: LockedRecord, verb: string, why: string): MarketplaceMeteringError {
  const state = record.disposition === null ? record.state : `${record.state} (${record.disposition})`;
  return new MarketplaceMeteringError('TRANSITION_REFUSED', `Record ${record.id} is ${state} and cannot be ${verb}: ${why}.`);
}

function whyNotWrittenOff(record: LockedRecord): string {
  switch (record.state) {
    case 'metered':
      return 'AWS has billed it; a refund goes through AWS Marketplace';
    case 'pending':
    case 'sending':
      return 'it is on its way to AWS, and ends by itself at its cutoff';
    default:
      return record.disposition === 'void' ? 'that has been done' : 'its units have been handed on';
  }
}
