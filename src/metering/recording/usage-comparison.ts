import { type PlacedUsage } from './usage-placement.js';
import { shown, type UsageContent } from './usage-reading.js';
import { type CodedProblem } from './usage-refusal.js';

/**
 * Fields in which an event differs from the earlier one of its key; only what the caller gave now is compared. Neither
 * the product nor the payer is: which subscription the tenant's usage comes to may have changed between a call and its
 * retry.
 */
export function differences(now: PlacedUsage, earlier: UsageContent): string[] {
  return [
    ...(now.tenantId === earlier.tenantId ? [] : ['tenantId']),
    ...(now.tenantId !== null || now.subscriptionId === earlier.subscriptionId ? [] : ['subscriptionId']),
    ...(now.dimension === earlier.dimension ? [] : ['dimension']),
    ...(now.quantity === earlier.quantity ? [] : ['quantity']),
    ...(!now.given.occurredAt || now.occurredAt.getTime() === earlier.occurredAt.getTime() ? [] : ['occurredAt']),
    ...(!now.given.tags || now.tags === earlier.tags ? [] : ['tags']),
    ...(!now.given.reason || now.reason === earlier.reason ? [] : ['reason']),
  ];
}

export function conflictProblem(
  usage: PlacedUsage,
  fields: readonly string[],
  earlier = 'an earlier event',
): CodedProblem {
  return {
    code: 'IDEMPOTENCY_CONFLICT',
    index: usage.index,
    field: 'idempotencyKey',
    message:
      `"${shown(usage.idempotencyKey)}" already names ${earlier} that differs in ${fields.join(', ')}; ` +
      // One thing that happened, counted twice: the commonest reason by far.
      (fields.includes('dimension')
        ? `a key names one event of one dimension: give each its own, such as "${shown(usage.dimension)}:…"`
        : 'give new usage a new key, or repeat the usage as it was'),
  };
}

/** Events of one call by key: the first of each is written, the others answer as it does. */
export interface DistinctUsage {
  unique: PlacedUsage[];
  /** For each event of the call, the position in `unique` of the one that stands for it. */
  standsAt: number[];
}

/** Tells events of one call that repeat a key; what repeats a key with other content goes to `problems`. */
export function distinctUsage(usages: readonly PlacedUsage[], problems: CodedProblem[]): DistinctUsage {
  const unique: PlacedUsage[] = [];
  const positions = new Map<string, number>();
  const standsAt = usages.map((usage) => {
    const position = positions.get(usage.id) ?? unique.length;
    const first = unique[position];
    if (first === undefined) {
      positions.set(usage.id, position);
      unique.push(usage);
    } else {
      const fields = differences(usage, first);
      if (fields.length > 0) problems.push(conflictProblem(usage, fields, `events[${first.index}] of this call`));
    }
    return position;
  });
  return { unique, standsAt };
}
