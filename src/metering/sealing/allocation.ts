import { floorUnits, fromUnits, type Scaled } from '../../runtime/decimal.js';
import { byText } from '../../runtime/order.js';

/** One allocation in the form that goes on the wire. Without tags it is the untagged bucket. */
export interface UsageAllocation {
  AllocatedUsageQuantity: number;
  Tags?: { Key: string; Value: string }[];
}

/** Units of a record's events under one set of tags; `tags` null for untagged events. */
export interface TaggedSum {
  tags: Record<string, string> | null;
  sum: Scaled;
}

export interface AllocationPlan {
  /** Null where there is nothing to tag: AWS then books the whole quantity untagged. */
  allocations: UsageAllocation[] | null;
  /** Units of tag sets that AWS's limits left no room for; they went to the untagged bucket. */
  trimmedUnits: bigint;
}

/** [SDK-M] at most 2,500 allocations a record. */
const ALLOCATIONS_MAX = 2500;
/** The stricter reading of "5 tags": five distinct keys over all allocations of a record. */
const KEYS_MAX = 5;
/** A request must stay under 1 MB; half of it leaves room for everything else and for other records. */
const BYTES_MAX = 500_000;

interface Share {
  /** Empty: the untagged bucket. */
  tags: { Key: string; Value: string }[];
  sum: Scaled;
}

/** A tag set; the canonical text makes the result independent of the order of rows. */
interface TagSet extends Share {
  key: string;
}

/**
 * Splits a record's whole quantity over its tag sets by largest remainder, so that the allocations sum to the quantity
 * exactly. Units that this hour's tags do not explain (carry, untagged events) go to the untagged bucket, and so do tag
 * sets beyond AWS's limits: the largest are kept.
 */
export function allocate(quantity: bigint, carryIn: Scaled, sums: readonly TaggedSum[]): AllocationPlan {
  if (quantity === 0n) return { allocations: null, trimmedUnits: 0n };
  // Stryker disable next-line EqualityOperator: a sum of nothing has no unit, and comes after all that could lose a place.
  const tagged = mergeByTags(sums).filter((share) => share.tags.length > 0 && share.sum > 0n);
  const { kept, trimmed } = withinLimits(tagged);
  const total = carryIn + sums.reduce((sum, item) => sum + item.sum, 0n);
  const untaggedSum = total - kept.reduce((sum, share) => sum + share.sum, 0n);
  // Stryker disable next-line EqualityOperator: a sum of nothing has no unit.
  const shares: Share[] = untaggedSum > 0n ? [...kept, { tags: [], sum: untaggedSum }] : kept;
  const units = largestRemainder(quantity, shares);
  const allocations = shares
    .map((share, index): UsageAllocation => {
      const allocated = { AllocatedUsageQuantity: Number(units[index] ?? 0n) };
      return share.tags.length === 0 ? allocated : { ...allocated, Tags: share.tags };
    })
    .filter((allocation) => allocation.AllocatedUsageQuantity > 0);
  const onlyUntagged = allocations.every((allocation) => allocation.Tags === undefined);
  return {
    allocations: onlyUntagged ? null : allocations,
    trimmedUnits: floorUnits(trimmed.reduce((sum, share) => sum + share.sum, 0n)),
  };
}

function mergeByTags(sums: readonly TaggedSum[]): TagSet[] {
  const byKey = new Map<string, TagSet>();
  for (const { tags, sum } of sums) {
    const pairs = Object.entries(tags ?? {})
      .map(([Key, Value]) => ({ Key, Value }))
      .sort((a, b) => byText(a.Key, b.Key));
    const key = JSON.stringify(pairs);
    const share = byKey.get(key) ?? { key, tags: pairs, sum: 0n };
    byKey.set(key, { ...share, sum: share.sum + sum });
  }
  return [...byKey.values()].sort(bySizeThenKey);
}

/** No two have one key. */
function bySizeThenKey(a: TagSet, b: TagSet): number {
  // Stryker disable next-line EqualityOperator: they differ.
  if (a.sum !== b.sum) return a.sum > b.sum ? -1 : 1;
  return byText(a.key, b.key);
}

function withinLimits(shares: readonly Share[]): { kept: Share[]; trimmed: Share[] } {
  const keys = new Set<string>();
  const kept: Share[] = [];
  const trimmed: Share[] = [];
  let bytes = 0;
  for (const share of shares) {
    const newKeys = share.tags.filter((tag) => !keys.has(tag.Key));
    const size = Buffer.byteLength(JSON.stringify({ AllocatedUsageQuantity: 2147483647, Tags: share.tags })) + 1;
    // One place is left for the untagged bucket.
    const fits =
      kept.length < ALLOCATIONS_MAX - 1 && keys.size + newKeys.length <= KEYS_MAX && bytes + size <= BYTES_MAX;
    if (!fits) {
      trimmed.push(share);
      continue;
    }
    for (const tag of newKeys) keys.add(tag.Key);
    bytes += size;
    kept.push(share);
  }
  return { kept, trimmed };
}

/** Whole units for each share, proportional to its sum, that add up to `quantity`; ties go to the earlier share. */
function largestRemainder(quantity: bigint, shares: readonly Share[]): bigint[] {
  const total = shares.reduce((sum, share) => sum + share.sum, 0n);
  const scaledQuantity = fromUnits(quantity);
  const one = fromUnits(1);
  const quotas = shares.map((share) => {
    const numerator = share.sum * scaledQuantity;
    const units = numerator / (total * one);
    return { units, remainder: numerator - units * total * one };
  });
  let left = quantity - quotas.reduce((sum, quota) => sum + quota.units, 0n);
  // The sort keeps the order of equals.
  for (const quota of [...quotas].sort(
    (a, b) => Number(b.remainder > a.remainder) - Number(a.remainder > b.remainder),
  )) {
    if (left === 0n) break;
    quota.units += 1n;
    left -= 1n;
  }
  return quotas.map(({ units }) => units);
}
