/** What a buyer has bought of one dimension. */
export interface Entitlement {
  dimension: string;
  /** Amount, yes or no, or text, as the listing has it; null when AWS named none. */
  value: number | boolean | string | null;
  /** The earliest end; with automatic renewal, the date of the renewal. Null when AWS named none. */
  expiresAt: Date | null;
}

/**
 * Whose entitlements: a subscription's, or those of what a tenant has in force, of one product or of all. `get` wants it
 * to be one; `check`, `isEntitled` and `@RequireEntitlement` take any.
 */
export type EntitlementOwner = string | { tenantId: string; productCode?: string };

/** AWS's last answer about a subscription. */
export interface EntitlementView {
  subscriptionId: string;
  /** Several may name the same dimension. */
  entitlements: Entitlement[];
  /** When AWS was asked, by the business clock. */
  fetchedAt: Date;
  /** Milliseconds since then. */
  ageMs: number;
  /** AWS could not be asked again, or lists nothing just now, and this is the last that it said. */
  stale: boolean;
}
