// Records sealed before, held against what is known of their agreements now; those that moved are annulled.
import { type LedgerSql } from '../../database/ledger-database.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { type CustomerTimeline } from '../../subscription/agreements/timeline.js';
import { markCustomersChanged } from '../../subscription/chain/customer-changed.sql.js';
import { type Deadlines } from '../settlement/deadlines.js';
import { annulRecords } from '../settlement/record-annulment.sql.js';
import { hasMoved } from './moved-records.js';
import { type PlanningRule } from './planning-rule.js';
import { type SealingFacts } from './sealing-facts.js';
import { loadMovable, type MovableRow } from './sealing-load.sql.js';
import { type SealingNotices } from './sealing-notices.js';
import { moveDeadlines, noteMoved } from './sealing-write.sql.js';
import { hourOfNumber } from './usage-take.sql.js';

/** How far back a billed hour is held against a timeline that has moved. */
const NOTED_FOR_MS = 35 * 24 * HOUR_MS;
/** Has records that were sealed before follow what is known of their agreements now. */
export class TimelineFollower {
  constructor(
    private readonly sellerAccount: string,
    private readonly notices: SealingNotices,
  ) {}

  /**
   * What the facts no longer bear out, and AWS is known not to have billed, is annulled before anything is planned.
   * What AWS has billed, or may have, stands with a note and an alert. What goes on towards AWS has the deadlines that
   * the facts now give it. What is under way is looked at again by the next pass.
   */
  async follow(
    tx: LedgerSql,
    facts: SealingFacts,
    customers: readonly CustomerTimeline[],
    now: Date,
  ): Promise<string[]> {
    if (customers.length === 0) return [];
    const { sellerAccount } = this;
    const byId = new Map(customers.map((customer) => [customer.customerId, customer]));
    const notedSince = plusMs(now, -NOTED_FOR_MS);
    const rows = await loadMovable(tx, sellerAccount, [...byId.keys()], { since: facts.since, notedSince });
    const moved = rows.filter((row) => {
      const customer = byId.get(row.customer_id);
      return customer !== undefined && isMoved(row, customer, facts);
    });
    const isFinal = (row: MovableRow): boolean =>
      row.state === 'metered' || row.state === 'unknown' || row.has_conflict;
    const standing = moved.filter((row) => isFinal(row) && row.may_be_billed && row.rollups.length > 0);
    const unnoted = standing.filter((row) => !row.is_noted);
    if (unnoted.length > 0) {
      const ids = unnoted.map(({ id }) => id);
      await noteMoved(tx, sellerAccount, ids, now);
      await this.notices.tellBilledElsewhere(tx, unnoted);
    }
    const annulled = await annulRecords(
      tx,
      sellerAccount,
      moved.filter((row) => !row.may_be_billed && row.state !== 'sending').map(({ id }) => id),
      'moved',
      now,
    );
    const done = new Set(annulled);
    const underWay = moved.filter((row) => !isFinal(row) && !done.has(row.id));
    const passedBy = await this.followDeadlines(
      tx,
      facts,
      byId,
      rows.filter((row) => !done.has(row.id)),
    );
    await markCustomersChanged(
      tx,
      sellerAccount,
      [...underWay, ...passedBy].map((row) => row.customer_id),
    );
    return annulled;
  }

  /** @returns records at which somebody is right now */
  private async followDeadlines(
    tx: LedgerSql,
    facts: SealingFacts,
    customers: ReadonlyMap<string, CustomerTimeline>,
    rows: readonly MovableRow[],
  ): Promise<MovableRow[]> {
    const moves = rows.flatMap((row) => {
      const customer = customers.get(row.customer_id);
      const deadlines = customer && deadlinesNow(row, facts.rule(customer), facts);
      return deadlines ? [{ row, ...deadlines }] : [];
    });
    if (moves.length === 0) return [];
    const moved = await moveDeadlines(
      tx,
      this.sellerAccount,
      moves.map(({ row, dueAt, cutoffAt }) => ({ id: row.id, dueAt, cutoffAt })),
    );
    return moves.flatMap(({ row }) => (moved.has(row.id) ? [] : [row]));
  }
}

/**
 * The deadlines of a record on its way, where an end, or an end that was taken back, has made them others; null where
 * they stand.
 */
function deadlinesNow(row: MovableRow, rule: PlanningRule, facts: SealingFacts): Deadlines | null {
  if (row.kind !== 'hour' || row.hour === null || !['pending', 'sending', 'blocked'].includes(row.state)) return null;
  const period = facts.periodOf(rule, row.period_id);
  const own = period && rule.hoursOf(period).at(row.hour);
  if (!own) return null;
  const { dueAt, cutoffAt } = own.deadlines;
  const stands = dueAt.getTime() === row.due_at.getTime() && cutoffAt.getTime() === row.cutoff_at.getTime();
  return stands ? null : own.deadlines;
}

function isMoved(row: MovableRow, customer: CustomerTimeline, facts: SealingFacts): boolean {
  const rule = facts.rule(customer);
  const record = {
    ...{ id: row.id, kind: row.kind, hour: row.hour },
    identity: row.identity_id && (facts.identityKeyOf(row.identity_id, customer) ?? row.identity_id),
    rollups: row.rollups.map((rollup) => ({
      ...{ subject: rollup.subject, dimension: row.dimension, isCorrection: rollup.isCorrection },
      ...{ hour: hourOfNumber(rollup.hour), firstAt: new Date(rollup.firstAt), lastAt: new Date(rollup.lastAt) },
      refusal: null,
    })),
  };
  return hasMoved(record, facts.periodOf(rule, row.period_id), rule);
}
