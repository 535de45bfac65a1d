import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { ClockGuard } from '../database/clock-guard.js';
import { LedgerDatabase, type SqlExecutor } from '../database/ledger-database.js';
import { AlertBoard } from '../events/alert-board.js';
import { Outbox } from '../events/outbox.js';
import { type ProductOptions, type ResolvedOptions } from '../marketplace-metering.options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { type Scaled, scaled } from '../runtime/decimal.js';
import { Doorbell } from '../runtime/doorbell.js';
import { countMetric } from '../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { deadlinesOf, windowStart } from './deadlines.js';
import {
  type DimensionLedger,
  newestSettledHour,
  newestZeroHour,
  planSeal,
  type SealableSubscription,
  type SealPlan,
  type SealTiming,
} from './hour-planner.js';
import { draftRecord, endOfHour, type Identity, meteredIdentityOf, type RecordDraft } from './record-draft.js';
import {
  advanceZeros,
  type BalanceRow,
  findSealCandidates,
  insertRecords,
  loadOriginHours,
  loadSealedHours,
  loadSubscriptionFacts,
  lockBalances,
  lockSealCursors,
  lockUnfinishedRecords,
  markEnded,
  moveDeadlines,
  moveEventsToWinner,
  type OriginHour,
  type Stamp,
  type StampedSum,
  stampEvents,
  type SubscriptionFacts,
} from './sealing.sql.js';

const CHUNK = 50;

interface Work {
  facts: SubscriptionFacts;
  identity: Identity;
  subscription: SealableSubscription;
  plan: SealPlan;
  carries: Map<string, Scaled>;
  recordIds: string[];
}

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
    private readonly doorbell: Doorbell,
  ) {}

  /** One pass over every subscription that has something to seal. */
  async run(signal?: AbortSignal): Promise<void> {
    if (!(await this.isClockTrusted())) return;
    const ids = await this.candidates();
    let sealed = 0;
    for (let start = 0; start < ids.length && signal?.aborted !== true; start += CHUNK) {
      sealed += await this.sealChunk(ids.slice(start, start + CHUNK));
    }
    if (sealed > 0) this.doorbell.ring('submit');
  }

  /**
   * Seals what no other replica is at among these; when that fails, its halves, until the one bad subscription is skipped with an alert. It is blamed
   * when it has failed alone and again: a connection that was lost meanwhile says nothing about it.
   * @returns how many records were written
   */
  private async sealChunk(ids: string[], isAgain = false): Promise<number> {
    try {
      const sealed = await this.database.transaction(async (tx) => {
        const claimed = await lockSealCursors(tx, this.options.sellerAccount, ids);
        if (claimed.length === 0) return 0;
        crashPoint('seal.claimed');
        const written = await this.sealClaimed(tx, claimed);
        crashPoint('seal.written');
        return written;
      });
      crashPoint('seal.committed');
      if (sealed > 0) countMetric('marketplace.records.sealed', sealed);
      return sealed;
    } catch (error) {
      const [first = '', ...others] = ids;
      if (others.length === 0) {
        if (!isAgain) return this.sealChunk(ids, true);
        await this.skip(first, error as Error);
        return 0;
      }
      const middle = Math.ceil(ids.length / 2);
      return (await this.sealChunk(ids.slice(0, middle))) + (await this.sealChunk(ids.slice(middle)));
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
    const { clock, settleDelayMs, zeroRecordLeadMs } = this.options;
    return { now: clock.now(), settleDelayMs, zeroRecordLeadMs };
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
      now: timing.now,
      zeroEdges,
    });
  }

  private async sealClaimed(tx: SqlExecutor, ids: string[]): Promise<number> {
    const { sellerAccount } = this.options;
    const timing = this.timing();
    const facts = await loadSubscriptionFacts(tx, sellerAccount, ids);
    const living = facts.filter((row) => row.merged_into === null);
    for (const loser of facts) if (loser.merged_into !== null) await this.follow(tx, loser.id, loser.merged_into);

    const balances = await lockBalances(tx, sellerAccount, ids);
    const settledUntil = endOfHour(newestSettledHour(timing));
    const bounds = living.map(({ id, ends_at: endsAt }) => ({
      subscriptionId: id,
      until: endsAt && endsAt <= timing.now ? null : settledUntil,
    }));
    const origins = await loadOriginHours(tx, sellerAccount, bounds);
    const sealedHours = await loadSealedHours(tx, sellerAccount, ids, windowStart(timing.now, 'BatchMeterUsage'));
    const works: Work[] = [];
    for (const subscriptionFacts of living) {
      const work = await this.plan(tx, subscriptionFacts, ledgersOf(subscriptionFacts.id, balances, origins, sealedHours), timing);
      if (work) works.push(work);
    }

    const stamps = works.flatMap(stampsOf);
    const stamped = stamps.length === 0 ? [] : await stampEvents(tx, sellerAccount, stamps);
    crashPoint('seal.stamped');
    const sums = new Map<string, StampedSum[]>(stamped.map((row) => [row.record_id, []]));
    for (const row of stamped) sums.get(row.record_id)?.push(row);
    const drafts = works.flatMap((work) => draftsOf(work, sums, timing.now));
    const rows = drafts.map((draft) => draft.row);
    if (rows.length > 0) await insertRecords(tx, sellerAccount, rows);
    await this.finish(tx, works, timing);
    for (const draft of drafts) await this.tell(tx, draft, timing.now);
    return drafts.length;
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

  private async plan(tx: SqlExecutor, facts: SubscriptionFacts, ledgers: DimensionLedger[], timing: SealTiming): Promise<Work | null> {
    const identity = meteredIdentityOf(facts);
    const product = this.options.products.find((candidate) => candidate.productCode === facts.product_code);
    const subscription = sealableOf(facts, product);
    const plan = planSeal(subscription, ledgers, product?.dimensions ?? [], timing);
    if (identity === null && !plan.closes) {
      if (ledgers.some((ledger) => ledger.originHours.length > 0)) {
        await this.alerts.raise(tx, {
          kind: 'identityMissing',
          subject: facts.id,
          severity: 'warning',
          message:
            `Subscription ${facts.id} has usage but no ${facts.identity} identity that AWS accepts; its usage waits unsealed. ` +
            'Ask the buyer to press "Set up your account" in AWS Marketplace again, or check the identity setting of the product.',
        });
      }
      return null;
    }
    return {
      facts,
      identity: identity ?? { license_arn: null, customer_aws_account_id: null, customer_identifier: null },
      subscription,
      plan,
      carries: new Map(ledgers.map((ledger) => [ledger.dimension, ledger.carry])),
      recordIds: plan.records.map(() => uuidv7()),
    };
  }

  private async finish(tx: SqlExecutor, works: Work[], timing: SealTiming): Promise<void> {
    const { sellerAccount } = this.options;
    const ids = works.map(({ facts }) => facts.id);
    await this.alerts.resolve(tx, 'sealSkipped', ids);
    await this.alerts.resolve(tx, 'identityMissing', ids);

    const marks = works.flatMap(({ facts, subscription }) => {
      const hour = subscription.end ? null : newestZeroHour(timing, subscription.zeroRecords, subscription.operation);
      return hour ? [{ subscriptionId: facts.id, hour }] : [];
    });
    if (marks.length > 0) await advanceZeros(tx, sellerAccount, marks);
    await this.moveDeadlines(tx, works);

    for (const { facts, plan } of works) {
      if (!plan.closes || !(await markEnded(tx, sellerAccount, facts.id))) continue;
      const payload = { productCode: facts.product_code, endsAt: (facts.ends_at ?? timing.now).toISOString() };
      await this.outbox.append(tx, [{ type: 'subscription.ended', subscriptionId: facts.id, payload, occurredAt: timing.now }]);
    }
  }

  /** The end of a subscription moves the deadlines of its records that still wait. */
  private async moveDeadlines(tx: SqlExecutor, works: Work[]): Promise<void> {
    const ends = new Map(works.map(({ facts, subscription }) => [facts.id, subscription.end]));
    const ending = [...ends].flatMap(([id, end]) => (end ? [id] : []));
    if (ending.length === 0) return;
    const moved = (await lockUnfinishedRecords(tx, this.options.sellerAccount, ending)).flatMap((record) => {
      const { dueAt, cutoffAt } = deadlinesOf(record.hour, record.operation, ends.get(record.subscription_id) ?? null);
      const stays = dueAt.getTime() === record.due_at.getTime() && cutoffAt.getTime() === record.cutoff_at.getTime();
      return stays ? [] : [{ id: record.id, dueAt, cutoffAt }];
    });
    if (moved.length > 0) await moveDeadlines(tx, this.options.sellerAccount, moved);
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

function sealableOf(facts: SubscriptionFacts, product: ProductOptions | undefined): SealableSubscription {
  const { ends_at: endsAt, first_end_sign_at: firstEndSignAt, last_end_sign_at: lastEndSignAt } = facts;
  return {
    startsAt: facts.starts_at,
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
  const { facts, identity, subscription, plan, carries, recordIds } = work;
  return plan.records.flatMap((planned, index) => {
    const id = recordIds[index] ?? '';
    const carryIn = carries.get(planned.dimension) ?? 0n;
    const draft = draftRecord({ id, facts, identity, subscription, planned, sums: sums.get(id) ?? [], carryIn, now });
    if (draft) carries.set(planned.dimension, draft.carryOut);
    return draft ? [draft] : [];
  });
}
