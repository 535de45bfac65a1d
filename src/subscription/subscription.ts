import { type SubscriptionState } from './agreements/state-policy.js';

export type { SubscriptionState } from './agreements/state-policy.js';

/** One agreement of one buyer for one product, as the host sees it. */
export interface Subscription {
  id: string;
  productCode: string;
  /** The host's tenant, null until a registration code was claimed. Set once. */
  tenantId: string | null;
  /** As ResolveCustomer printed it; null until known. */
  licenseArn: string | null;
  state: SubscriptionState;
  /** When the buyer first registered. */
  startsAt: Date;
  endsAt: Date | null;
}

/** Text only: the row may come through a DataSource of the host, whose type parsers are the host's. */
export interface SubscriptionRow {
  id: string;
  product_code: string;
  tenant_id: string | null;
  license_arn: string | null;
  state: SubscriptionState;
  starts_at_ms: string;
  ends_at_ms: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Canonical form of a subscription id, or null for what can be none; Postgres would raise an error at it. */
export function subscriptionIdOf(text: unknown): string | null {
  const id = typeof text === 'string' ? text.toLowerCase() : '';
  return UUID.test(id) ? id : null;
}

export function subscriptionOf(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    productCode: row.product_code,
    tenantId: row.tenant_id,
    licenseArn: row.license_arn,
    state: row.state,
    startsAt: new Date(Number(row.starts_at_ms)),
    endsAt: row.ends_at_ms === null ? null : new Date(Number(row.ends_at_ms)),
  };
}
