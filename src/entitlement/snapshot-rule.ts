/** An entitlement as the ledger keeps it. */
export interface StoredEntitlement {
  dimension: string;
  value: number | boolean | string | null;
  expiresAt: string | null;
}

/** The answer of AWS that counts. */
export interface Snapshot {
  entitlements: readonly StoredEntitlement[];
  /** When AWS last gave it. */
  fetched_at: Date;
  /** Since when AWS lists nothing, where that does not count yet. */
  empty_since: Date | null;
}

/**
 * An empty answer counts when it is given again this much later: AWS lists nothing for some minutes after a purchase,
 * and around a renewal.
 */
const EMPTY_COUNTS_AFTER_MS = 10 * 60_000;

/** What counts after an answer. */
export function snapshotAfter(
  before: Snapshot | null,
  { entitlements, fetchedAt }: { entitlements: readonly StoredEntitlement[]; fetchedAt: Date },
): Snapshot {
  const isEmpty = entitlements.length === 0;
  if (!isEmpty) {
    // AWS lists in any order: the same in another one is the same.
    const isSame = before !== null && fingerprintOf(before.entitlements) === fingerprintOf(entitlements);
    return { entitlements: isSame ? before.entitlements : entitlements, fetched_at: fetchedAt, empty_since: null };
  }
  const wasEmpty = before !== null && before.entitlements.length === 0;
  // Said before, and counted.
  if (wasEmpty && before.empty_since === null) return { ...before, fetched_at: fetchedAt };
  const since = before?.empty_since ?? fetchedAt;
  if (fetchedAt.getTime() - since.getTime() >= EMPTY_COUNTS_AFTER_MS)
    return { entitlements: [], fetched_at: fetchedAt, empty_since: null };
  // Where something was listed before, that goes on to count, with its age.
  return before && !wasEmpty
    ? { ...before, empty_since: since }
    : { entitlements: [], fetched_at: fetchedAt, empty_since: since };
}

function fingerprintOf(entitlements: readonly StoredEntitlement[]): string {
  const texts = entitlements.map(({ dimension, value, expiresAt }) => JSON.stringify([dimension, value, expiresAt]));
  return JSON.stringify(texts.sort());
}
