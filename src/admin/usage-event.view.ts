import { type EventRow } from './ledger-views.sql.js';
import { decimal, hostName, instant, json, message } from './shown.js';

/** A usage event as it was recorded. */
export interface UsageEventView {
  id: string;
  subscriptionId: string;
  dimension: string;
  quantity: string;
  occurredAt: string;
  recordedAt: string;
  idempotencyKey: string;
  tags: unknown;
  reason: string | null;
  /** The record that bills it; null while it waits to be sealed. */
  recordId: string | null;
}

export function usageEventViewOf(row: EventRow): UsageEventView {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    dimension: row.dimension,
    quantity: decimal(row.quantity),
    occurredAt: instant(row.occurred_at),
    recordedAt: instant(row.recorded_at),
    idempotencyKey: hostName(row.idempotency_key),
    tags: json(row.tags),
    reason: message(row.reason),
    recordId: row.record_id,
  };
}
