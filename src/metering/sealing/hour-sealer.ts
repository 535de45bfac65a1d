import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { ClockGuard } from '../../database/clock-guard.js';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { followsLifecycle, type ProductOptions, type ResolvedOptions } from '../../marketplace-metering.options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { type Scaled, scaled } from '../../runtime/decimal.js';
import { Waker } from '../../runtime/waker.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type Standing, standingOf, STANDINGS, type SubscriptionState } from '../../subscription/agreements/state-policy.js';
import { deadlinesOf, windowStart } from '../settlement/deadlines.js';
import {
  type DimensionLedger,
  newestEdgeHour,
  newestSettledHour,
  newestZeroHour,
  type PlannedRecord,
  planSeal,
  type SealableSubscription,
  type SealPlan,
  type SealTiming,
} from './hour-planner.js';
import { draftRecord, endOfHour, type Identity, meteredIdentityOf, type RecordDraft } from './record-draft.js';
import {
  advanceZeros,
  type BalanceRow,
  clearLifeChanged,
  findPassedBy,
  findSealCandidates,
  forgetSuspects,
  insertRecords,
  loadOriginHours,
  loadSealedHours,
  loadSubscriptionFacts,
  lockBalances,
  lockSealCursors,
  lockUnchanged,
  lockUnfinishedRecords,
  markEnded,
  moveDeadlines,
  moveEventsToWinner,
  type OriginHour,
  requeueRefused,
  type Stamp,
  type StampedSum,
  stampEvents,
  type SubscriptionFacts,
} from './sealing.sql.js';

const CHUNK = 50;

interface Work {
  facts: SubscriptionFacts;
  subscription: SealableSubscription;
  plan: SealPlan;
  /** Of each planned record. */
  identities: Identity[];
  /** Hours are left out for want of an identity that AWS accepts. */
  lacksIdentity: boolean;
  carries: Map<string, Scaled>;
  recordIds: string[];
}

/** What a chunk has done. */
interface Sealed {
  records: number;
  /** Records that waited for another time and are to be sent now. */
  moved: number;
  closed: number;
}

const NOTHING: Sealed = { records: 0, moved: 0, closed: 0 };
const sumOf = (a: Sealed, b: Sealed): Sealed => ({ records: a.records + b.records, moved: a.moved + b.moved, closed: a.closed + b.closed });
/** Closing records keep the names that are known, if any: they are never sent. */
const NAMELESS = { license_arn: null, customer_aws_account_id: null, customer_identifier: null };

/**
 * Turns the unassigned events of ended hours into frozen metering records. Any number of replicas may run it; each takes the subscriptions that no
 * other is at. Everything about a chunk of subscriptions happens in one transaction, so that a crash leaves either all of it or none.
 */
@Injectable()
export class HourSealer {
  private readonly logger = new Logger('MarketplaceSealer');

  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly clockGuard: ClockGuard,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** One pass over every subscription that has something to seal. */
  async run(signal?: AbortSignal): Promise<void> {
    if (!(await this.isClockTrusted())) return;
    const ids = await this.candidates();
    let sealed = NOTHING;
    for (let start = 0; start < ids.length && signal?.aborted !== true; start += CHUNK) {
      sealed = sumOf(sealed, await this.sealChunk(ids.slice(start, start + CHUNK)));
    }
    if (sealed.records + sealed.moved > 0) this.waker.wake('submit');
    // What is near its new deadline is told of, and what a subscription leaves behind may go to its successor.
    if (sealed.moved + sealed.closed > 0) this.waker.wake('deadline');
  }

  /**
   * Seals what no other replica is at among these; when that fails, its halves, until the one bad subscription is skipped with an alert. It is blamed
   * when it has failed alone and again: a connection that was lost meanwhile says nothing about it.
   */
  private async sealChunk(ids: string[], isAgain = false): Promise<Sealed> {
    try {
      const sealed = await this.database.transaction(async (tx) => {
        const claimed = await lockSealCursors(tx, this.options.sellerAccount, ids);
        if (claimed.length === 0) return NOTHING;
        crashPoint('seal.claimed');
        const written = await this.sealClaimed(tx, claimed);
        crashPoint('seal.written');
        return written;
      });
      crashPoint('seal.committed');
      if (sealed.records > 0) countMetric('marketplace.records.sealed', sealed.records);
      return sealed;
    } catch (error) {
      const [first = '', ...others] = ids;
      if (others.length === 0) {
        if (!isAgain) return this.sealChunk(ids, true);
        await this.skip(first, error as Error);
        return NOTHING;
      }
      const middle = Math.ceil(ids.length / 2);
      return sumOf(await this.sealChunk(ids.slice(0, middle)), await this.sealChunk(ids.slice(middle)));
    }
  }

  private async skip(subscriptionId: string, error: Error): Promise<void> {
    this.logger.error(`subscription ${subscriptionId} cannot be sealed: ${error.message}`, error.stack);
    await this.alerts.raise(this.database, {
      kind: 'sealSkipped',
      subject: subscriptionId,
      severity: 'critical',
      message: `Usage of subscription ${subscriptionId} cannot be sealed and is not billed until this is mended: ${error.message}`,
    });
  }

  /** A replica whose clock runs ahead would seal hours that have not ended, and lock out their usage. */
  private async isClockTrusted(): Promise<boolean> {
    const { skewMs, verdict } = await this.clockGuard.check();
    const subject = hostname();
    if (verdict === 'trusted') {
      await this.alerts.resolve(this.database, 'clockSkew', subject);
      return true;
    }
    await this.alerts.raise(this.database, {
      kind: 'clockSkew',
      subject,
      severity: verdict === 'refused' ? 'critical' : 'warning',
      message:
        `The clock of ${subject} is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the database's. ` +
        (verdict === 'refused' ? 'It seals nothing until they agree; check time synchronisation.' : 'Check time synchronisation.'),
    });
    return verdict !== 'refused';
  }

  private timing(): SealTiming {
    const { clock, settleDelayMs, zeroRecordLeadMs, finalHour } = this.options;
    return { now: clock.now(), settleDelayMs, zeroRecordLeadMs, finalHour };
  }

  private standing(state: SubscriptionState): Standing {
    return standingOf(state, followsLifecycle(this.options));
  }

  private statesWhere(holds: (standing: Standing) => boolean): SubscriptionState[] {
    return (Object.keys(STANDINGS) as SubscriptionState[]).filter((state) => holds(this.standing(state)));
  }

  private async candidates(): Promise<string[]> {
    const timing = this.timing();
    const zeroEdges = this.options.products.flatMap((product) => {
      const hour = newestZeroHour(timing, product.zeroRecords, 'BatchMeterUsage');
      return hour === null || product.mode === 'off' ? [] : [{ productCode: product.productCode, hour }];
    });
    return findSealCandidates(this.database, {
      sellerAccount: this.options.sellerAccount,
      settledUntil: endOfHour(newestSettledHour(timing)),
      edgeUntil: endOfHour(newestEdgeHour(timing, 'BatchMeterUsage')),
      waitingStates: this.statesWhere(waits),
      zeroStates: this.statesWhere(({ zeroRecords }) => zeroRecords),
      now: timing.now,
      zeroEdges,
    });
  }

  private async sealClaimed(tx: SqlExecutor, ids: string[]): Promise<Sealed> {
    const { sellerAccount } = this.options;
    const timing = this.timing();
    const facts = await loadSubscriptionFacts(tx, sellerAccount, ids);
    const living = facts.filter((row) => row.merged_into === null);
    for (const loser of facts) if (loser.merged_into !== null) await this.follow(tx, loser.id, loser.merged_into);

    const balances = await lockBalances(tx, sellerAccount, ids);
    // Before anything is decided by a life that has changed, or that closes here: nobody writes about it until this transaction ends.
    const deciding = living.filter(
      (row) => row.life_changed || (row.state === 'ending' && row.ends_at !== null && row.ends_at <= timing.now),
    );
    const unchanged = await lockUnchanged(tx, sellerAccount, deciding);
    const origins = await loadOriginHours(
      tx,
      sellerAccount,
      living.map((row) => ({ subscriptionId: row.id, until: this.boundOf(row, timing) })),
    );
    const sealedHours = await loadSealedHours(tx, sellerAccount, ids, windowStart(timing.now, 'BatchMeterUsage'));
    const works: Work[] = [];
    for (const row of living) {
      const work = await this.plan(tx, row, ledgersOf(row.id, balances, origins, sealedHours), timing);
      // An end that may be taken back at this moment closes nothing.
      if (work.plan.closes && row.state !== 'ended' && !unchanged.has(row.id)) continue;
      works.push(work);
    }

    const stamps = works.flatMap(stampsOf);
    const stamped = stamps.length === 0 ? [] : await stampEvents(tx, sellerAccount, stamps);
    crashPoint('seal.stamped');
    const sums = new Map<string, StampedSum[]>(stamped.map((row) => [row.record_id, []]));
    for (const row of stamped) sums.get(row.record_id)?.push(row);
    const drafts = works.flatMap((work) => draftsOf(work, sums, timing.now));
    const rows = drafts.map((draft) => draft.row);
    if (rows.length > 0) await insertRecords(tx, sellerAccount, rows);
    const moved = await this.followLives(tx, works, unchanged);
    crashPoint('seal.followed');
    // What a closing sets apart is told before the end itself: nothing is told of a subscription after its end.
    for (const draft of drafts) await this.tell(tx, draft, timing.now);
    await this.finish(tx, works, timing);
    await this.tellNotActivated(tx, works, drafts, origins);
    return { records: drafts.length, moved, closed: works.filter(({ plan }) => plan.closes).length };
  }

  /** The instant before which usage can be sealed; null where none of it waits for its hour to settle. */
  private boundOf({ state, ends_at: endsAt }: SubscriptionFacts, timing: SealTiming): Date | null {
    if (endsAt && endsAt <= timing.now) return null;
    return endOfHour(waits(this.standing(state)) ? newestEdgeHour(timing, 'BatchMeterUsage') : newestSettledHour(timing));
  }

  private async follow(tx: SqlExecutor, loserId: string, winnerId: string): Promise<void> {
    const left = await moveEventsToWinner(tx, this.options.sellerAccount, loserId, winnerId);
    if (left === 0) return;
    await this.alerts.raise(tx, {
      kind: 'sealSkipped',
      subject: loserId,
      severity: 'critical',
      message:
        `${left} event(s) of subscription ${loserId}, which lives on in ${winnerId}, have idempotency keys that are taken there: the same usage seems to ` +
        'be recorded under both. They are not billed; if they are other usage, record them again under keys of their own.',
    });
  }

  private async plan(tx: SqlExecutor, facts: SubscriptionFacts, ledgers: DimensionLedger[], timing: SealTiming): Promise<Work> {
    const product = this.options.products.find((candidate) => candidate.productCode === facts.product_code);
    const subscription = sealableOf(facts, product, this.standing(facts.state));
    const full = planSeal(subscription, ledgers, product?.dimensions ?? [], timing);
    const named = full.records.map((record) => ({ record, identity: identityOf(facts, record) }));
    const sendable = named.flatMap(({ record, identity }) => (identity === null ? [] : [{ record, identity }]));
    const lacksIdentity = sendable.length < named.length;
    if (lacksIdentity && ledgers.some((ledger) => ledger.originHours.length > 0)) {
      await this.alerts.raise(tx, {
        kind: 'identityMissing',
        subject: facts.id,
        severity: 'warning',
        message:
          `Subscription ${facts.id} has usage but no ${facts.identity} identity that AWS accepts; its usage waits unsealed. ` +
          'Ask the buyer to press "Set up your account" in AWS Marketplace again, or check the identity setting of the product.',
      });
    }
    return {
      facts,
      subscription,
      plan: { closes: full.closes, records: sendable.map(({ record }) => record) },
      identities: sendable.map(({ identity }) => identity),
      lacksIdentity,
      carries: new Map(ledgers.map((ledger) => [ledger.dimension, ledger.carry])),
      recordIds: sendable.map(() => uuidv7()),
    };
  }

  private async finish(tx: SqlExecutor, works: Work[], timing: SealTiming): Promise<void> {
    const { sellerAccount } = this.options;
    const idsOf = (some: Work[]): string[] => some.map(({ facts }) => facts.id);
    await this.alerts.resolve(tx, 'sealSkipped', idsOf(works));
    const sendable = works.filter(({ lacksIdentity }) => !lacksIdentity);
    await this.alerts.resolve(tx, 'identityMissing', idsOf(sendable));
    await this.alerts.resolve(tx, 'notActivated', idsOf(works.filter(({ subscription: { standing } }) => !waits(standing))));

    const marks = sendable.flatMap(({ facts, subscription }) => {
      const { standing, zeroRecords, operation } = subscription;
      const hour = standing.zeroRecords ? newestZeroHour(timing, zeroRecords, operation) : null;
      return hour ? [{ subscriptionId: facts.id, hour }] : [];
    });
    if (marks.length > 0) await advanceZeros(tx, sellerAccount, marks);

    for (const { facts, plan } of works) {
      if (!plan.closes || !(await markEnded(tx, sellerAccount, facts.id))) continue;
      const payload = { productCode: facts.product_code, endsAt: (facts.ends_at ?? timing.now).toISOString() };
      await this.outbox.append(tx, [{ type: 'subscription.ended', subscriptionId: facts.id, payload, occurredAt: timing.now }]);
    }
  }

  /**
   * What a change of life means for records that wait: an end brings their deadlines nearer, its being taken back restores them, and whatever AWS
   * refused for want of a subscription is worth another try. A record at which somebody is right now is passed by; the change stays noted until all
   * records have followed it.
   * @returns how many records it moved or set free
   */
  private async followLives(tx: SqlExecutor, works: Work[], unchanged: ReadonlySet<string>): Promise<number> {
    const { sellerAccount } = this.options;
    const followed = new Map(
      works.filter(({ facts, subscription }) => facts.life_changed || subscription.end).map((work) => [work.facts.id, work]),
    );
    if (followed.size === 0) return 0;
    const locked = await lockUnfinishedRecords(tx, sellerAccount, [...followed.keys()]);
    const deadlines = locked.map((record) => {
      const end = followed.get(record.subscription_id)?.subscription.end ?? null;
      return { record, ...deadlinesOf(record.hour, record.operation, end) };
    });
    const moved = deadlines.filter(
      ({ record, dueAt, cutoffAt }) => dueAt.getTime() !== record.due_at.getTime() || cutoffAt.getTime() !== record.cutoff_at.getTime(),
    );
    await moveDeadlines(
      tx,
      sellerAccount,
      moved.map(({ record, dueAt, cutoffAt }) => ({ id: record.id, dueAt, cutoffAt })),
    );

    const changed = works.filter(({ facts }) => facts.life_changed).map(({ facts }) => facts.id);
    if (changed.length === 0) return moved.length;
    const now = this.options.clock.now();
    const refused = deadlines.filter(
      ({ record, cutoffAt }) =>
        changed.includes(record.subscription_id) && record.state === 'blocked' && record.reason === 'notSubscribed' && cutoffAt > now,
    );
    await requeueRefused(
      tx,
      sellerAccount,
      refused.map(({ record }) => record.id),
    );
    const forgiven = await forgetSuspects(tx, sellerAccount, changed);
    await this.alerts.resolve(tx, 'suspect', forgiven);
    const passedBy = await findPassedBy(
      tx,
      sellerAccount,
      changed,
      locked.map(({ id }) => id),
    );
    await clearLifeChanged(
      tx,
      sellerAccount,
      changed.filter((id) => unchanged.has(id) && !passedBy.has(id)),
    );
    return moved.length + refused.length + forgiven.length;
  }

  /** Usage that waits for an activation which does not come is sealed at the last moment, or, of a purchase that failed, not at all: someone has to know. */
  private async tellNotActivated(tx: SqlExecutor, works: Work[], drafts: RecordDraft[], origins: OriginHour[]): Promise<void> {
    for (const { facts, subscription } of works) {
      const { seals } = subscription.standing;
      if (!waits(subscription.standing) || facts.state === 'ended') continue;
      const isSealed = drafts.some(({ row }) => row.subscription_id === facts.id);
      const isStuck = seals === 'never' && origins.some((origin) => origin.subscription_id === facts.id);
      if (!isSealed && !isStuck) continue;
      await this.alerts.raise(tx, {
        kind: 'notActivated',
        subject: facts.id,
        severity: isStuck ? 'critical' : 'warning',
        message: isStuck
          ? `The purchase of subscription ${facts.id} failed, but usage was recorded for it: AWS will take none of it, and it is not billed. If the ` +
            'buyer does not buy after all, end the subscription (SubscriptionService.end): the usage is then tried once more, and set apart.'
          : `Usage of subscription ${facts.id} has waited for its activation until its hour would have been lost. It is sent all the same, and AWS ` +
            'decides. Check that lifecycle messages arrive.',
      });
    }
  }

  private async tell(tx: SqlExecutor, draft: RecordDraft, now: Date): Promise<void> {
    if (draft.trimmedUnits > 0n) await this.tellTrimmed(tx, draft);
    if (draft.row.kind === 'closing') await this.tellClosing(tx, draft, now);
  }

  private async tellTrimmed(tx: SqlExecutor, { row, trimmedUnits }: RecordDraft): Promise<void> {
    await this.alerts.raise(tx, {
      kind: 'allocationsTrimmed',
      subject: `${row.subscription_id}/${row.dimension}`,
      severity: 'warning',
      message: `${trimmedUnits} unit(s) of ${row.dimension} at ${row.hour} are billed without their tags: AWS takes 5 tag keys and 2,500 tag sets a record.`,
    });
  }

  /** A closing record is usage that AWS will not bill: someone has to know. */
  private async tellClosing(tx: SqlExecutor, { row }: RecordDraft, now: Date): Promise<void> {
    const owed = row.disposition === 'owed';
    await this.alerts.raise(tx, {
      kind: owed ? 'owed' : row.reason === 'ended' ? 'ended' : 'beforeLive',
      subject: `${row.subscription_id}/${row.dimension}`,
      severity: 'critical',
      message: owed
        ? `The buyer of subscription ${row.subscription_id} is owed ${row.quantity.replace('-', '')} unit(s) of ${row.dimension}: refund them outside metering.`
        : `${row.quantity} unit(s) of ${row.dimension} of subscription ${row.subscription_id} are not billed: ${row.reason_message ?? ''}.`,
      details: { recordId: row.id, quantity: row.quantity, reason: row.reason },
    });
    countMetric('marketplace.records.settled', 1, { state: 'closed', reason: row.reason ?? '' });
    await this.outbox.append(tx, [
      {
        type: 'metering.closed',
        subscriptionId: row.subscription_id,
        recordId: row.id,
        payload: {
          productCode: row.product_code,
          dimension: row.dimension,
          hour: row.hour,
          quantity: row.quantity,
          reason: row.reason,
          disposition: row.disposition ?? 'held',
        },
        occurredAt: now,
      },
    ]);
  }
}

const waits = ({ seals }: Pick<Standing, 'seals'>): boolean => seals === 'lastMoment' || seals === 'never';

/** Null where AWS has not told enough to send the record; what is never sent needs no name. */
function identityOf(facts: SubscriptionFacts, { kind, hour }: PlannedRecord): Identity | null {
  return meteredIdentityOf(facts, hour) ?? (kind === 'closing' ? { identity: facts.identity, ...NAMELESS } : null);
}

function sealableOf(facts: SubscriptionFacts, product: ProductOptions | undefined, standing: Standing): SealableSubscription {
  const { ends_at: endsAt, first_end_sign_at: firstEndSignAt, last_end_sign_at: lastEndSignAt } = facts;
  return {
    standing,
    startsAt: facts.starts_at,
    licenseFrom: facts.license_from,
    end: endsAt && firstEndSignAt && lastEndSignAt ? { endsAt, firstEndSignAt, lastEndSignAt } : null,
    operation: 'BatchMeterUsage',
    mode: facts.mode,
    liveFrom: facts.live_from,
    modeBeforeLive: facts.mode_before_live,
    // A product that has left the options is no longer kept warm; what was recorded for it is still billed.
    zeroRecords: product?.zeroRecords ?? 'off',
  };
}

function ledgersOf(id: string, balances: BalanceRow[], origins: OriginHour[], sealedHours: OriginHour[]): DimensionLedger[] {
  const own = <Row extends { subscription_id: string }>(rows: Row[]): Row[] => rows.filter((row) => row.subscription_id === id);
  const ownBalances = own(balances);
  const ownOrigins = own(origins);
  const ownSealed = own(sealedHours);
  const dimensions = new Set([...ownBalances, ...ownOrigins, ...ownSealed].map((row) => row.dimension));
  return [...dimensions].sort().map((dimension) => {
    const balance = ownBalances.find((row) => row.dimension === dimension);
    const hours = (rows: OriginHour[]): Date[] =>
      rows
        .filter((row) => row.dimension === dimension)
        .map((row) => row.hour)
        .sort((a, b) => a.getTime() - b.getTime());
    return {
      dimension,
      carry: scaled(balance?.carry ?? '0'),
      carryNotLive: scaled(balance?.carry_not_live ?? '0'),
      originHours: hours(ownOrigins),
      sealedHours: hours(ownSealed),
    };
  });
}

function stampsOf({ facts, plan, recordIds }: Work): Stamp[] {
  return plan.records.flatMap((record, index) =>
    record.originHours.map((hour) => ({ subscriptionId: facts.id, dimension: record.dimension, hour, recordId: recordIds[index] ?? '' })),
  );
}

function draftsOf(work: Work, sums: Map<string, StampedSum[]>, now: Date): RecordDraft[] {
  const { facts, subscription, plan, identities, carries, recordIds } = work;
  return plan.records.flatMap((planned, index) => {
    const id = recordIds[index] ?? '';
    const identity = identities[index];
    if (!identity) throw new RangeError('each planned record has an identity');
    const carryIn = carries.get(planned.dimension) ?? 0n;
    const draft = draftRecord({ id, facts, identity, subscription, planned, sums: sums.get(id) ?? [], carryIn, now });
    if (draft) carries.set(planned.dimension, draft.carryOut);
    return draft ? [draft] : [];
  });
}
