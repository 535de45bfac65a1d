/** How the ledger is compared with CloudTrail, AWS's own log of calls: see [audit](audit.md). */
export interface AuditOptions {
  /**
   * Of which products the job `audit` looks up calls: `saas`, whose calls stand in the seller's account; `all`, also
   * those of container and AMI products, whose calls stand in the buyer's account; `off`, none.
   *
   * Give `all` where a container or AMI product may call `cloudtrail:LookupEvents` in the buyer's account; `off` where
   * only the files of a trail are read, or nothing.
   *
   * @range `saas`, `all` or `off`
   * @defaultValue `saas`
   * @environment MARKETPLACE_AUDIT_LOOKUP_EVENTS
   */
  lookupEvents?: 'saas' | 'all' | 'off' | undefined;
  /**
   * What becomes of a record whose outcome is unknown and which CloudTrail is known not to have: `wait` leaves it to a
   * person (`MarketplaceAudit.settleAbsent`); `settle` takes it as not billed, as `onExpired` says.
   *
   * Give `settle` where nobody should have to look: absent is said only where every log was read whole, a day later.
   *
   * @range `wait` or `settle`
   * @defaultValue `wait`
   * @environment MARKETPLACE_AUDIT_ON_ABSENT
   */
  onAbsent?: 'wait' | 'settle' | undefined;
}
