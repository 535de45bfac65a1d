/**
 * Says whose a request is: a tenant's, or a subscription's by its id; null where it is nobody's.
 */
export type EntitlementOwnerOf = (
  request: unknown,
) =>
  | string
  | { tenantId: string; productCode?: string }
  | null
  | Promise<string | { tenantId: string; productCode?: string } | null>;

/** What buyers have bought in advance, and how long AWS's word of it counts. */
export interface EntitlementOptions {
  /**
   * Entitlements older than this are asked for again when `EntitlementService.get` is called.
   *
   * Lower it where an upgrade must work at once and no messages come in.
   *
   * @unit ms
   * @range 0 to 86,400,000 (24 h)
   * @defaultValue 900,000 (15 min)
   * @environment MARKETPLACE_ENTITLEMENT_MAX_AGE_MS
   */
  entitlementMaxAgeMs?: number | undefined;
  /**
   * How old the last answer of AWS may be for `EntitlementService.check` and `@RequireEntitlement` to go by it while AWS
   * cannot be asked. Then they say no.
   *
   * Lower it where nobody may use what they no longer hold; raise it where an outage of AWS must lock nobody out.
   *
   * @unit ms
   * @range 0 to 2,592,000,000 (30 days)
   * @defaultValue 86,400,000 (24 h)
   * @environment MARKETPLACE_ENTITLEMENT_STALE_FOR_MS
   */
  entitlementStaleForMs?: number | undefined;
  /**
   * Whose a request is that a route with `@RequireEntitlement` or `@Metered` gets.
   *
   * Needed with those decorators: only your application knows the tenant of a request.
   *
   * @range a function of the request: a tenant, a subscription's id, or null
   * @defaultValue none
   * @environment none
   */
  entitlementOwner?: EntitlementOwnerOf | undefined;
}
