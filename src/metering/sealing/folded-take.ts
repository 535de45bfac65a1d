import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type AlertBoard } from '../../events/alert-board.js';
import { modeAt } from '../../subscription/product-mode.js';
import { selectModes } from '../../subscription/product-mode.sql.js';
import { eventIdOf } from '../recording/event-id.js';
import { findUsage } from '../recording/usage-event.sql.js';
import { compareKeys } from './folded-keys.js';
import {
  type FoldedSubject,
  lockFold,
  lockIfUnsealed,
  type LockedUsage,
  lockUnsealed,
  selectKeys,
  selectProductsOf,
  selectRollupsOf,
  setApart,
  takeEvents,
} from './folded-usage.sql.js';
import { type DueUsage, hourOfNumber } from './usage-take.sql.js';

const REASONS = {
  duplicates: {
    disposition: 'void',
    reason: 'duplicateKey',
    message: 'The same usage was recorded under the same key by another id of this subscription: it is counted there.',
  },
  conflicts: {
    disposition: 'held',
    reason: 'keyConflict',
    message:
      'Other usage was recorded under the same key by another id of this subscription. A person decides whether ' +
      'it is billed as well.',
  },
} as const;

/**
 * The take for subscriptions that go by several ids: a key is unique under each id by itself, so what a host recorded
 * under one and repeated under the other is compared here. What was taken before the fold stays.
 */
export class FoldedTake {
  constructor(
    private readonly sellerAccount: string,
    private readonly alerts: AlertBoard,
  ) {}

  /** @returns how many events were taken of the subscription of which most were */
  async take(
    tx: LedgerSql,
    due: readonly DueUsage[],
    folded: readonly FoldedSubject[],
    limit: number,
    now: Date,
  ): Promise<number> {
    const bySubject = new Map(folded.map((subject) => [subject.subject, subject]));
    let most = 0;
    for (const rootId of [...new Set(folded.map((subject) => subject.rootId))].sort()) {
      const own = due.filter(({ subject }) => bySubject.get(subject)?.rootId === rootId);
      most = Math.max(most, await this.takeOne(tx, rootId, own, bySubject, limit, now));
    }
    return most;
  }

  private async takeOne(
    tx: LedgerSql,
    rootId: string,
    due: readonly DueUsage[],
    folded: ReadonlyMap<number, FoldedSubject>,
    limit: number,
    now: Date,
  ): Promise<number> {
    await lockFold(tx, this.sellerAccount, rootId);
    const taking = await selectKeys(tx, await lockUnsealed(tx, due, limit));
    const siblingIds = new Map(taking.map((usage) => [usage.id, this.siblingIdsOf(usage, folded.get(usage.subject))]));
    const known = await findUsage(tx, [...taking.map(({ id }) => id), ...new Set([...siblingIds.values()].flat())]);
    const elsewhere = [...new Set([...siblingIds.values()].flat())].filter(
      (id) => known.has(id) && !siblingIds.has(id),
    );
    const unsealed = await lockIfUnsealed(tx, elsewhere.length === 0 ? [] : await selectKeys(tx, elsewhere));
    const compared = compareKeys(
      taking.flatMap(({ id }) => {
        const usage = known.get(id);
        return usage
          ? [{ usage, siblings: (siblingIds.get(id) ?? []).flatMap((sibling) => known.get(sibling) ?? []) }]
          : [];
      }),
      (id) => unsealed.has(id),
    );

    const byId = new Map(taking.map((usage) => [usage.id, usage]));
    const usagesOf = (ids: readonly string[]): LockedUsage[] => ids.flatMap((id) => byId.get(id) ?? []);
    await takeEvents(tx, usagesOf(compared.kept));
    for (const kind of ['duplicates', 'conflicts'] as const) {
      if (compared[kind].length > 0) await this.setApart(tx, kind, usagesOf(compared[kind]), rootId, now);
    }
    return taking.length;
  }

  private siblingIdsOf({ key }: LockedUsage, subject: FoldedSubject | undefined): string[] {
    if (key === null || !subject) return [];
    const others = subject.memberIds.filter((id) => id !== subject.subscriptionId);
    return others.map((name) =>
      eventIdOf({ sellerAccount: this.sellerAccount, scope: { kind: 'subscription', name }, key }),
    );
  }

  private async setApart(
    tx: LedgerSql,
    kind: 'duplicates' | 'conflicts',
    usages: readonly LockedUsage[],
    rootId: string,
    now: Date,
  ): Promise<void> {
    await takeEvents(tx, usages);
    const products = await selectProductsOf(tx, [...new Set(usages.map(({ subject }) => subject))]);
    const modes = await selectModes(tx, this.sellerAccount, [...new Set(products.values())]);
    for (const apart of await selectRollupsOf(tx, usages)) {
      const hour = hourOfNumber(
        Math.min(...usages.filter(({ subject }) => subject === apart.subject).map((usage) => usage.hour)),
      );
      const mode = modeAt(modes.get(products.get(apart.subject) ?? '') ?? [], hour) ?? 'off';
      await setApart(tx, this.sellerAccount, apart, { ...REASONS[kind], id: uuidv7(), mode, at: now });
    }
    if (kind === 'conflicts') {
      await this.alerts.raise(tx, {
        kind: 'keyConflict',
        subject: rootId,
        severity: 'critical',
        message:
          `${usages.length} usage event(s) of subscription ${rootId} have keys under which other usage was ` +
          'recorded by another of its ids. They are held ' +
          'and not billed: write each off, or rebill it (POST /records/:id/write-off or /rebill).',
        details: { events: usages.slice(0, 20).map(({ id, key }) => ({ eventId: id, key })) },
      });
    }
  }
}
