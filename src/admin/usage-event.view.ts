import { decimal, hostName, instant, json, message } from './shown.js';
import { type EventRow, type WaitingRow } from './usage-events.sql.js';

/** A usage event as it was recorded. */
export interface UsageEventView {
  id: string;
  /** As it was recorded: by tenant, with the payer where one was named, or by subscription alone. */
  tenantId: string | null;
  subscriptionId: string | null;
  productCode: string;
  dimension: string;
  quantity: string;
  occurredAt: string;
  idempotencyKey: string;
  tags: unknown;
  reason: string | null;
  /** The record that bills it; null while it waits. */
  recordId: string | null;
  /** Null once a record has it. `notSettled`: its hour has not been taken yet. */
  waitingReason: string | null;
}

export function usageEventViewOf(row: EventRow): UsageEventView {
  return {
    id: row.id,
    tenantId: hostName(row.tenant_id),
    subscriptionId: row.subscription_id,
    productCode: row.product_code,
    dimension: row.dimension,
    quantity: decimal(row.quantity),
    occurredAt: instant(row.occurred_at),
    idempotencyKey: hostName(row.idempotency_key ?? `evt_${row.id}`),
    tags: json(row.tags),
    reason: message(row.reason),
    recordId: row.record_id,
    waitingReason: row.record_id !== null ? null : row.is_sealed ? row.waiting_reason : 'notSettled',
  };
}

/** Usage of one subject, dimension and hour that no record has taken yet. */
export interface WaitingUsageView {
  id: string;
  tenantId: string | null;
  subscriptionId: string | null;
  productCode: string;
  dimension: string;
  hour: string;
  quantity: string;
  eventCount: number;
  firstUsedAt: string;
  lastUsedAt: string;
  /** Null before it was first planned. */
  reason: string | null;
  since: string | null;
}

export function waitingUsageViewOf(row: WaitingRow): WaitingUsageView {
  return {
    id: row.rollup_id,
    tenantId: hostName(row.tenant_id),
    subscriptionId: row.subscription_id,
    productCode: row.product_code,
    dimension: row.dimension,
    hour: new Date(row.hour * 3_600_000).toISOString(),
    quantity: decimal(row.quantity),
    eventCount: row.event_count,
    firstUsedAt: instant(row.first_at),
    lastUsedAt: instant(row.last_at),
    reason: row.reason,
    since: instant(row.since),
  };
}
