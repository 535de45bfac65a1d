// Sealing, second half: rollups become metering records, a chunk of customers at a time.
import { type LedgerSql } from '../../database/ledger-database.js';
import { billedDimensionOf, billedDimensionsOf } from '../../options/included-pairing.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { earliestOf, HOUR_MS, hourOf, plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { planCustomer, type Rollup } from './customer-plan.js';
import { findCoTenants, lockSealCursors, takeChanged } from './due-customers.sql.js';
import { endedHours, hasRecentEnd } from './ended-hours.js';
import { replaceWanted } from './included-load.sql.js';
import { type PlannedCustomer } from './planned-customer.js';
import { RecordWriter } from './record-writer.js';
import { operationOf, SealingFacts } from './sealing-facts.js';
import { loadWaitingRollups, rollupOf, setPlanStable } from './sealing-load.sql.js';
import { nextLook, type SealingNotices } from './sealing-notices.js';
import { leaveShared, shareHours, withSharedSubjects } from './shared-hours.js';
import { markClosed, markWaiting, moveRecords, moveSealCursors, splitRollups } from './sealing-write.sql.js';
import { TimelineFollower } from './timeline-follower.js';
import { lastHourIsOverBefore } from './usage-taker.js';
import { type DueUsage, dueUsage } from './usage-take.sql.js';

/** Reads customers with their timelines, in the transaction that freezes them. */
export type TimelineLoader = (
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
  now: Date,
) => Promise<CustomerTimeline[]>;

/**
 * Takes usage of hours that have not settled, because an agreement ends inside them. Commits it: a rollup is whole by
 * itself.
 */
export type EarlyTake = (due: readonly DueUsage[], now: Date) => Promise<unknown>;

export interface Frozen {
  records: number;
  annulled: number;
  /** Why records that are never sent were closed as they were sealed, a reason each. */
  closed: readonly string[];
  /** Hours wait for AWS to say what a contract includes. */
  isAsking: boolean;
}

export interface FreezeOptions {
  /** Nothing more is recorded: see `HoursContext`. */
  isLastPass?: boolean;
  /** Without those who had the same subscriptions. */
  isAlone?: boolean;
}

/**
 * Freezes rollups into metering records: everything about a chunk of customers in one READ COMMITTED transaction, so
 * that a crash leaves either all of it or none. Cursors only share out the work; safety rests on the grain's index, on
 * rollups without a record, and on carry = balance. Who loses rolls back and plans again.
 */
export class CustomerFreezer {
  private readonly follower: TimelineFollower;
  private readonly writer: RecordWriter;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly loadTimelines: TimelineLoader,
    private readonly takeEarly: EarlyTake,
    private readonly notices: SealingNotices,
  ) {
    this.follower = new TimelineFollower(options.sellerAccount, notices);
    this.writer = new RecordWriter(options);
  }

  async freeze(tx: LedgerSql, customerIds: readonly string[], how: FreezeOptions = {}): Promise<Frozen> {
    const { sellerAccount, clock, settleDelayMs, zeroRecordLeadMs, products, submission } = this.options;
    const times = { now: clock.now(), settleDelayMs, zeroRecordLeadMs, spreadMs: submission.spreadMs };
    await setPlanStable(tx);
    const { claimed, incomplete } = await this.claim(tx, customerIds, how.isAlone ?? false);
    if (claimed.length === 0) return { records: 0, annulled: 0, closed: [], isAsking: false };
    const changed = await takeChanged(tx, sellerAccount, claimed);
    crashPoint('seal.claimed');
    const timelines = withSharedSubjects(await this.loadTimelines(tx, sellerAccount, claimed, times.now));
    if (changed.size > 0) await moveRecords(tx, sellerAccount, [...changed]);
    await this.takeLastHours(tx, timelines, times.now);

    const load = (): Promise<SealingFacts> =>
      SealingFacts.load(tx, sellerAccount, timelines, products, times, how.isLastPass ?? false);
    let facts = await load();
    const annulled = await this.follower.follow(
      tx,
      facts,
      timelines.filter((customer) => changed.has(customer.customerId) || hasRecentEnd(customer, times.now)),
      times.now,
    );
    if (annulled.length > 0) facts = await load();

    let planned = await this.plan(tx, facts);
    const splits = planned.flatMap(({ plan }) => plan.splits.map(({ rollup, at }) => ({ rollupId: rollup.id, at })));
    if (splits.length > 0) {
      await splitRollups(tx, splits);
      facts = await load();
      planned = await this.plan(tx, facts);
    }
    planned = leaveShared(planned, incomplete, times.now);
    const drafts = await this.writer.write(tx, facts, planned);
    const isAsking = await this.finish(tx, facts, planned, claimed, times.now);
    await this.notices.tell(tx, planned, drafts, annulled, times.now);
    crashPoint('seal.written');
    const closed = drafts.flatMap(({ row }) => (row.state === 'closed' ? [row.reason ?? ''] : []));
    return { records: drafts.length, annulled: annulled.length, closed, isAsking };
  }

  /**
   * Who had one subscription one after the other is sealed together: AWS keeps one record an hour of both.
   * @returns with subscriptions of which somebody who had them is not among the claimed
   */
  private async claim(
    tx: LedgerSql,
    customerIds: readonly string[],
    isAlone: boolean,
  ): Promise<{ claimed: string[]; incomplete: Set<string> }> {
    const { sellerAccount } = this.options;
    const own = isAlone ? [] : await findCoTenants(tx, sellerAccount, customerIds);
    const others = [...new Set(own.map((pair) => pair.other_id))].filter((id) => !customerIds.includes(id));
    const theirs = others.length === 0 ? [] : await findCoTenants(tx, sellerAccount, others);
    const claimed = await lockSealCursors(tx, sellerAccount, [...customerIds, ...others]);
    const isClaimed = new Set(claimed);
    const incomplete = [...own, ...theirs].filter(
      ({ id, other_id: other }) => isClaimed.has(id) && !isClaimed.has(other),
    );
    return { claimed, incomplete: new Set(incomplete.map((pair) => pair.subscription_id)) };
  }

  /** The running hour of who has an end inside it: AWS takes it for one hour after the end only. */
  private async takeLastHours(tx: LedgerSql, timelines: readonly CustomerTimeline[], now: Date): Promise<void> {
    const { finalHour, settleDelayMs } = this.options;
    const endedBefore = finalHour === 'atOnce' ? now : lastHourIsOverBefore(now);
    const ended = endedHours(timelines, { now, endedBefore, settleDelayMs });
    if (ended.length === 0) return;
    const wanted = new Set(ended.map(({ subject, hour }) => `${subject} ${hour}`));
    const subjects = [...new Set(ended.map(({ subject }) => subject))];
    const due = await dueUsage(tx, this.options.sellerAccount, plusMs(hourOf(now), HOUR_MS), subjects);
    const mine = due.filter(({ subject, hour }) => wanted.has(`${subject} ${hour}`));
    if (mine.length > 0) await this.takeEarly(mine, now);
  }

  private async plan(tx: LedgerSql, facts: SealingFacts): Promise<PlannedCustomer[]> {
    const { sellerAccount, clock } = this.options;
    const rollups = new Map<string, Rollup[]>();
    const ids = facts.timelines.map(({ customerId }) => customerId);
    for (const row of await loadWaitingRollups(tx, sellerAccount, ids)) {
      const list = rollups.get(row.customer_id);
      if (list) list.push(rollupOf(row));
      else rollups.set(row.customer_id, [rollupOf(row)]);
    }
    const { now } = facts.times;
    const planned = facts.timelines.map((customer) => {
      const { customerId, productCode } = customer;
      const rule = facts.rule(customer);
      const listed = facts.optionsOf(productCode);
      const waiting = (rollups.get(customerId) ?? []).map((rollup) =>
        listed ? { ...rollup, dimension: billedDimensionOf(listed, rollup.dimension) } : rollup,
      );
      const plan = planCustomer({
        rule,
        rollups: waiting,
        zeroRecords: listed?.zeroRecords ?? 'off',
        dimensions: listed ? billedDimensionsOf(listed) : [],
        carries: facts.carriesOf(rule),
        blockOf: (period, dimension) => facts.blockOf(productCode, period, dimension),
        heldUntil: (period, rollup, hour) =>
          facts.included.poolOf(productCode, period, rollup.dimension)?.heldUntil(rollup, hour, now) ?? null,
        hasUnfinished: (period) => facts.hasUnfinished(period),
        isZeroAnnulled: (period, dimension, hour) => facts.isZeroAnnulled(period, dimension, hour),
        take: (period, dimension, hour) => {
          facts.give(productCode, period, dimension, hour);
        },
      });
      const product = facts.productOf(productCode);
      const frame = {
        customerId,
        productCode,
        operation: operationOf(product),
        region: product?.region ?? '',
        now: clock.now(),
      };
      return { customer, plan, frame };
    });
    return shareHours(planned);
  }

  private async finish(
    tx: LedgerSql,
    facts: SealingFacts,
    planned: readonly PlannedCustomer[],
    claimed: readonly string[],
    now: Date,
  ): Promise<boolean> {
    const { sellerAccount } = this.options;
    const news = planned.flatMap(({ plan }) =>
      plan.waits.flatMap(({ rollup, reason }) =>
        rollup.waitingReason === reason ? [] : [{ rollupId: rollup.id, reason, since: rollup.waitingSince ?? now }],
      ),
    );
    if (news.length > 0) await markWaiting(tx, news);
    const closed = planned.flatMap(({ plan }) =>
      plan.closed.flatMap((period) => facts.rowsOf(period).map(({ id }) => id)),
    );
    if (closed.length > 0) await markClosed(tx, sellerAccount, closed, now);
    const isAsking = await this.wantAnswers(tx, facts, planned, now);
    const looks = new Map(
      planned.map(({ customer, plan }) => [
        customer.customerId,
        earliestOf([nextLook(plan, now), facts.included.toAskOf(customer).lookAt]),
      ]),
    );
    await moveSealCursors(
      tx,
      sellerAccount,
      claimed.map((customerId) => ({ customerId, lookAt: looks.get(customerId) ?? null })),
    );
    return isAsking;
  }

  /** Hours that wait for AWS's answer have it asked, and so has an amendment; what waits no more, no longer. */
  private async wantAnswers(
    tx: LedgerSql,
    facts: SealingFacts,
    planned: readonly PlannedCustomer[],
    now: Date,
  ): Promise<boolean> {
    const asks = (productCode: string): boolean =>
      this.options.products.some(
        (product) =>
          product.productCode === productCode && product.includedUnits.some(({ units }) => units === undefined),
      );
    const asking = planned.filter(({ customer }) => asks(customer.productCode));
    if (asking.length === 0) return false;
    const wanted = new Map(
      asking.flatMap(({ customer, plan }) => {
        const waiting = plan.waits.flatMap(({ asks: isAsked, period }) =>
          isAsked && period ? [period.agreementId] : [],
        );
        return [...waiting, ...facts.included.toAskOf(customer).ids].map(
          (agreementId) => [agreementId, { agreementId, customerId: customer.customerId, since: now }] as const,
        );
      }),
    );
    const ids = asking.map(({ customer }) => customer.customerId);
    await replaceWanted(tx, this.options.sellerAccount, ids, [...wanted.values()]);
    return wanted.size > 0;
  }
}
