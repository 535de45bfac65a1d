import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { insertAction, type OperatorAction } from '../../events/operator-action.sql.js';
import { type Decider } from '../../events/signed-decision.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { Waker } from '../../runtime/waker.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type BlockedSelection, BulkRequeue, type RequeuedRecords } from './bulk-requeue.js';
import { knownNotBilled } from './evidence.js';
import {
  type AttemptEvidence,
  decideEvidence,
  evidenceOfRecords,
  type LockedRecord,
  lockRecords,
  meteredUnder,
} from './metering-record.sql.js';
import { probeNow } from './record-requeue.sql.js';
import { closedAs, meteredAs } from './decided-target.js';
import { type RecordTarget, RecordTransitions, REQUEUED } from './record-transition.js';
import { type AuditFinding, type ConflictFinding, type Signed } from './resolution-finding.js';
import {
  decisionNotFound,
  refusedDecision,
  requireAuditFinding,
  requireConflictFinding,
  requireDecider,
  requireReachable,
  requireSigned,
  whyNotGivenUp,
} from './resolution-refusal.js';
import { UnitRebill } from './unit-rebill.js';

/**
 * What a person, or an audit, decides about a record. The only way to change a record from outside metering: each
 * decision is checked against the evidence, signed, told of, and stands in the trail.
 */
@Injectable()
export class RecordResolution {
  private readonly logger = new Logger('MarketplaceResolution');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly rebills: UnitRebill,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    private readonly bulk: BulkRequeue,
  ) {}

  /**
   * Gives the units of a record up: they are not billed, by decision of `by`. A blocked, unknown, held or owed record
   * (owed: the refund was made).
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async writeOff(recordId: string, signed: Signed): Promise<void> {
    requireSigned(signed);
    await this.decide(recordId, 'record.writtenOff', signed, async (tx, record) => {
      const open = record.state === 'blocked' || record.state === 'unknown';
      const waits = record.state === 'closed' && (record.disposition === 'held' || record.disposition === 'owed');
      if (!open && !waits) throw refusedDecision(record, 'written off', whyNotGivenUp(record));
      await this.become(tx, record, closedAs('void', 'writtenOff', signed));
    });
  }

  /**
   * Keeps the units of a blocked record for a later decision, whatever its deadline does.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when AWS may have billed it
   */
  async hold(recordId: string, signed: Signed): Promise<void> {
    requireSigned(signed);
    await this.decide(recordId, 'record.held', signed, async (tx, record) => {
      if (record.state !== 'blocked') throw refusedDecision(record, 'held', 'only a blocked record can be');
      await this.requireNotBilled(tx, record, 'held');
      await this.become(tx, record, closedAs('held', record.reason ?? 'unrecognised', signed));
    });
  }

  /**
   * Sends a blocked record again, because its cause is resolved; if the cause is quarantined it is probed at once.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async requeue(recordId: string, decider: Decider): Promise<void> {
    requireDecider(decider);
    await this.decide(recordId, 'record.requeued', decider, async (tx, record) => {
      if (record.state !== 'blocked') {
        await requireReachable(tx, this.options.sellerAccount, record);
        throw refusedDecision(record, 'requeued', 'only a blocked record can be');
      }
      if (record.cutoff_at <= this.options.clock.now()) {
        const why = `AWS takes nothing of its hour since ${record.cutoff_at.toISOString()}; it closes by itself`;
        throw refusedDecision(record, 'requeued', why);
      }
      await requireReachable(tx, this.options.sellerAccount, record);
      await this.become(tx, record, { ...REQUEUED, message: `Requeued by ${decider.by}.` });
      await probeNow(tx, this.options.sellerAccount, record);
    });
    this.waker.wake('submit');
  }

  /**
   * Sends all blocked records of a cause again, because it is resolved. Those that sending again cannot help are left,
   * and counted. Usage that waits as AWS refused it twice is sealed anew. Who and why stay in the trail, with the ids.
   * @throws MarketplaceMeteringError `TRANSITION_REFUSED` where nothing is selected, or it is not signed
   */
  async requeueAll(selection: BlockedSelection, { by, reason }: Signed): Promise<RequeuedRecords> {
    requireSigned({ by, reason });
    const requeued = await this.bulk.requeue(selection, { by, reason });
    this.logger.log('blocked records requeued', { ...selection, records: requeued.records, by });
    this.waker.wake('submit');
    this.waker.wake('seal');
    return requeued;
  }

  /**
   * Has the usage of a record planned anew: a held record's, or a blocked one's before its deadline.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when AWS may have billed it, or it was sealed
   * while the product was not live
   */
  async annul(recordId: string, decider: Decider): Promise<void> {
    requireDecider(decider);
    await this.decide(recordId, 'record.annulled', decider, async (tx, record) => {
      const isHeld = record.state === 'closed' && record.disposition === 'held';
      if (!isHeld && record.state !== 'blocked')
        throw refusedDecision(record, 'annulled', 'only a held or a blocked record can be');
      if (record.mode !== 'live') {
        const why = `it was sealed in mode ${record.mode}, and would be planned so again: rebill it`;
        throw refusedDecision(record, 'annulled', why);
      }
      await this.requireNotBilled(tx, record, 'annulled');
      await this.annulNow(tx, record, decider.by);
    });
    this.waker.wake('seal');
  }

  /**
   * Bills the units of a record anew, as one new event of a subscription of the same product, for example when what one
   * period left unbilled is to be priced by another. The record is void.
   * @param target.subscriptionId who pays; default: the record's own subscription
   * @param target.occurredAt when the units count as used, not in the future; default: now
   * @returns id of the new event
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when AWS may have billed it, or there is nothing
   * to bill
   */
  async rebill(
    recordId: string,
    signed: Signed,
    target: { subscriptionId?: string; occurredAt?: Date } = {},
  ): Promise<string> {
    requireSigned(signed);
    const { clock } = this.options;
    const eventId = await this.decide(recordId, 'record.rebilled', signed, async (tx, record) => {
      const isHeld = record.state === 'closed' && record.disposition === 'held';
      if (!isHeld && record.state !== 'blocked')
        throw refusedDecision(record, 'rebilled', 'only a held or a blocked record can be');
      await this.requireNotBilled(tx, record, 'rebilled');
      if (Number(record.quantity) <= 0) throw refusedDecision(record, 'rebilled', 'it holds no units to bill');
      const subscriptionId = target.subscriptionId ?? record.subscription_id;
      if (subscriptionId === null)
        throw refusedDecision(record, 'rebilled', 'no subscription is known for it: give subscriptionId');
      return this.rebills.rebill(tx, record, { subscriptionId, occurredAt: target.occurredAt ?? clock.now() }, signed);
    });
    this.waker.wake('seal');
    return eventId;
  }

  /**
   * Settles a record whose outcome is unknown by what an audit shows. Absent means that a record of its submission
   * would have been seen: an audit with gaps proves nothing.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async settleUnknown(recordId: string, finding: AuditFinding, decider: Decider): Promise<void> {
    requireDecider(decider);
    requireAuditFinding(finding);
    const { by } = decider;
    const settle = async (tx: LedgerSql, record: LockedRecord): Promise<void> => {
      if (record.state !== 'unknown')
        throw refusedDecision(record, 'settled', 'only a record whose outcome is unknown can be');
      const attempts = await this.attempts(tx, record);
      const open = attempts.filter(({ evidence }) => evidence === 'uncertain' || evidence === 'conflict');
      const { sellerAccount, onExpired } = this.options;
      if ('found' in finding) {
        const { meteringRecordId } = finding.found;
        const holders = await meteredUnder(tx, meteringRecordId === null ? [] : [meteringRecordId]);
        const [holder] = holders.filter(({ id }) => id !== record.id);
        if (holder)
          throw refusedDecision(
            record,
            'settled',
            `MeteringRecordId ${meteringRecordId} is that of record ${holder.id}: one id is one bill. Give its own`,
          );
        // What is on file as ours was sent by an attempt that nobody answered, if there is one.
        const proven = open.find(({ evidence }) => evidence === 'uncertain') ?? open[0];
        const attemptIds = proven === undefined ? [] : [proven.attempt_id];
        await decideEvidence(tx, sellerAccount, record.id, { evidence: 'billed', attemptIds, meteringRecordId, by });
        await this.become(tx, record, meteredAs(`Found at AWS by ${by}.`, { meteringRecordId, by }));
        return;
      }
      // A conflict is something on file: an audit that finds nothing contradicts AWS's own answer.
      if (attempts.some(({ evidence }) => evidence === 'conflict')) {
        throw refusedDecision(
          record,
          'settled',
          'AWS has said that something is on file for its hour: settle the conflict',
        );
      }
      const attemptIds = open.map((attempt) => attempt.attempt_id);
      await decideEvidence(tx, sellerAccount, record.id, {
        evidence: 'refused',
        attemptIds,
        meteringRecordId: null,
        by,
      });
      if (onExpired === 'carry') await this.annulNow(tx, record, by);
      else
        await this.become(
          tx,
          record,
          closedAs('held', record.reason ?? 'expired', { by, reason: `Absent at AWS, says ${by}.` }),
        );
    };
    await this.decide(recordId, 'record.settled', decider, settle, finding);
    this.waker.wake('seal');
  }

  /**
   * Settles a conflict by what is on file. A record of ours: this one was not billed and its usage is planned anew.
   * Another system's: this one counts as metered at the quantity on file, and the difference stays in the carry of its
   * period.
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED`
   */
  async settleConflict(recordId: string, finding: ConflictFinding, decider: Decider): Promise<void> {
    requireDecider(decider);
    requireConflictFinding(finding);
    const { by } = decider;
    const settle = async (tx: LedgerSql, record: LockedRecord): Promise<void> => {
      const isOpen = record.state === 'blocked' || record.state === 'unknown';
      const attempts = await this.attempts(tx, record);
      if (!isOpen || !attempts.some(({ evidence }) => evidence === 'conflict')) {
        throw refusedDecision(record, 'settled', 'only a blocked or unknown record in conflict can be');
      }
      if ('recordOfOurs' in finding) {
        await this.annulNow(tx, record, by);
      } else {
        const settledQuantity = String(finding.quantityOnFile);
        const message = `AWS has ${settledQuantity} on file from another system, says ${by}.`;
        await this.become(tx, record, meteredAs(message, { meteringRecordId: null, settledQuantity, by }));
      }
      await this.alerts.resolve(tx, 'conflict', `${record.subscription_id ?? record.id}/${record.dimension}`);
    };
    await this.decide(recordId, 'record.settled', decider, settle, finding);
    this.waker.wake('seal');
  }

  private async decide<T>(
    recordId: string,
    action: OperatorAction['action'],
    { by, reason }: Decider,
    work: (tx: LedgerSql, record: LockedRecord) => Promise<T>,
    finding: object = {},
  ): Promise<T> {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(recordId)) throw decisionNotFound(recordId);
    const { sellerAccount, clock } = this.options;
    const { was, result } = await this.database.transaction(async (tx) => {
      const [record] = await lockRecords(tx, sellerAccount, [recordId]);
      if (!record) throw decisionNotFound(recordId);
      const done = await work(tx, record);
      const outcome = { was: record.state, ...finding, ...(typeof done === 'string' && { eventId: done }) };
      const decided = { action, target: { recordId }, result: outcome, by, reason, at: clock.now() };
      await insertAction(tx, sellerAccount, decided);
      return { was: record.state, result: done };
    });
    this.logger.log('record decided', { recordId, was, action, by });
    return result;
  }

  private become(tx: LedgerSql, record: LockedRecord, to: RecordTarget): Promise<void> {
    return this.transitions.apply(tx, [{ record, to }], this.options.clock.now());
  }

  private async annulNow(tx: LedgerSql, record: LockedRecord, by: string): Promise<void> {
    const why = { reason: 'rewritten', isExpired: false, by } as const;
    const annulled = await this.transitions.annul(tx, [record], why, this.options.clock.now());
    if (annulled.length === 0)
      throw refusedDecision(record, 'annulled', 'AWS may have billed it, and no billed record of ours explains it');
  }

  private async requireNotBilled(tx: LedgerSql, record: LockedRecord, verb: string): Promise<void> {
    const evidence = (await this.attempts(tx, record)).map((attempt) => attempt.evidence);
    if (evidence.includes('conflict'))
      throw refusedDecision(record, verb, 'AWS has another record for its hour: settle the conflict first');
    if (!knownNotBilled(evidence)) throw refusedDecision(record, verb, 'AWS may have billed it');
  }

  private attempts(tx: LedgerSql, record: LockedRecord): Promise<AttemptEvidence[]> {
    return evidenceOfRecords(tx, this.options.sellerAccount, [record.id]);
  }
}
