import { type IncludedBasis, includedMismatch } from './included-rule.js';

/** What a record says, and what the rows say that it must follow from, as decimals without trailing zeros. */
export interface RecordFooting {
  id: string;
  quantity: string;
  event_sum: string;
  event_count: string;
  carry_in: string;
  rollup_sum: string;
  rollup_count: string;
  /** Rollups named for it that are split, or of another dimension, product or seller. */
  strangers: number;
  /** Rollups named for it that the deep proof has found to differ from their events. */
  unproven: number;
  /** Units of its allocations; null where it has none. */
  allocated: string | null;
  /** The balance of its period and dimension; null where there is none. */
  balance_event_sum: string | null;
  balance_included: string | null;
  balance_quantity: string | null;
  /** The same as the sum over the period's standing records. */
  standing_event_sum: string;
  standing_included: string;
  standing_quantity: string;
  /** Units that a contract includes of it, and of its period's records so far. */
  included: string;
  included_total: string;
  included_by: IncludedBasis | null;
  /** The quantity that AWS's answer names to which it refers, as the ledger keeps it; null where it keeps none. */
  said_quantity: string | null;
  /** It counts nothing against included units, and records before it did. */
  is_uncounted: boolean;
  /** Usage that counts against included units, by hour and as the sum over records. */
  counted_sum: string;
  counting_sum: string;
  /** Its carry is one that another record of its period left; true also where nothing can be said of that. */
  continues: boolean;
}

/** One thing in which a record and the ledger differ. */
export interface Mismatch {
  what:
    | 'event sum'
    | 'event count'
    | 'rollups'
    | 'events'
    | 'allocations'
    | 'balance'
    | 'carry'
    | 'included units'
    | 'entitlement'
    | 'counted usage';
  says: string;
  found: string;
}

/** Invariant I10 for one record: empty where it says what its rollups, its allocations and its balance say. */
export function mismatchesOf(footing: RecordFooting): Mismatch[] {
  const found: Mismatch[] = [];
  const compare = (what: Mismatch['what'], says: string, inLedger: string): void => {
    if (says !== inLedger) found.push({ what, says, found: inLedger });
  };
  compare('event sum', footing.event_sum, footing.rollup_sum);
  compare('event count', footing.event_count, footing.rollup_count);
  if (footing.strangers > 0) compare('rollups', 'its own', `${footing.strangers} that cannot be its own`);
  if (footing.unproven > 0) compare('events', 'those of its rollups', `others, in ${footing.unproven} rollup(s)`);
  if (footing.allocated !== null) compare('allocations', footing.quantity, footing.allocated);
  compare(
    'balance',
    balanceText(footing.balance_event_sum, footing.balance_included, footing.balance_quantity),
    balanceText(footing.standing_event_sum, footing.standing_included, footing.standing_quantity),
  );
  const included = includedMismatch({
    included: footing.included,
    includedTotal: footing.included_total,
    basis: footing.included_by,
  });
  if (included) found.push({ what: 'included units', ...included });
  if (footing.is_uncounted)
    found.push({ what: 'included units', says: 'none', found: 'a contract that includes some' });
  const said = footing.included_by?.said;
  if (said) compare('entitlement', said.quantity, footing.said_quantity ?? 'no such answer of AWS');
  compare('counted usage', footing.counted_sum, footing.counting_sum);
  if (!footing.continues) compare('carry', footing.carry_in, 'none that a record of its period left');
  return found;
}

function balanceText(eventSum: string | null, included: string | null, quantity: string | null): string {
  return eventSum === null
    ? 'none'
    : `${eventSum} of events, ${included ?? '0'} included, ${quantity ?? '0'} in records`;
}

/** One sentence for a person. */
export function mismatchText(mismatches: readonly Mismatch[]): string {
  return mismatches
    .map(({ what, says, found }) =>
      what === 'balance'
        ? `the balance of its period says ${says}, its records sum to ${found}`
        : `${what}: it says ${says}, the ledger ${found}`,
    )
    .join('; ');
}
