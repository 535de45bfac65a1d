import { type Scaled } from '../../runtime/decimal.js';

/** An event under a folded subscription's name, as far as its key is compared with the same key under the others. */
export interface KeyedUsage {
  id: string;
  dimension: string;
  quantity: Scaled;
  /** Canonical JSON, null without tags. */
  tags: string | null;
  reason: string | null;
}

export interface ComparedUsage {
  /** Ids of events that count. */
  kept: string[];
  /** The same usage under another name: void. */
  duplicates: string[];
  /** Another usage under the same key: held until a person has decided. */
  conflicts: string[];
}

/**
 * What becomes of usage whose key also stands under another name of the same subscription: what was taken first counts.
 * Of two that are taken together the one with the lower id does; of one that is still unsealed nothing is said, for it
 * will find this one taken.
 * @param taking events to be taken now, with what stands under the same key by the other names
 * @param isUnsealed whether an event is neither taken, nor among those that are taken now
 */
export function compareKeys(
  taking: readonly { usage: KeyedUsage; siblings: readonly KeyedUsage[] }[],
  isUnsealed: (id: string) => boolean,
): ComparedUsage {
  const compared: ComparedUsage = { kept: [], duplicates: [], conflicts: [] };
  const now = new Set(taking.map(({ usage }) => usage.id));
  for (const { usage, siblings } of taking) {
    const earlier = siblings.filter(({ id }) => (now.has(id) ? id < usage.id : !isUnsealed(id)));
    const place =
      earlier.length === 0
        ? compared.kept
        : earlier.some((sibling) => isSame(usage, sibling))
          ? compared.duplicates
          : compared.conflicts;
    place.push(usage.id);
  }
  return compared;
}

function isSame(one: KeyedUsage, other: KeyedUsage): boolean {
  return (
    one.dimension === other.dimension &&
    one.quantity === other.quantity &&
    one.tags === other.tags &&
    one.reason === other.reason
  );
}
