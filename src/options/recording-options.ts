/** What `record()` takes, and how long it waits. */
export interface RecordingOptions {
  /**
   * Single `record()` calls of one tenant that may wait in a process while no other's do; beyond it they are refused with
   * `QUEUE_FULL`. All together have twice the room, and none gets more of it than is left for the others.
   *
   * Raise it for bursts that are higher than the database is fast; each waiting call holds its event in memory.
   *
   * @unit calls
   * @range 100 to 1,000,000
   * @defaultValue 20,000
   * @environment MARKETPLACE_RECORDING_QUEUE_SIZE
   */
  queueSize?: number | undefined;
  /**
   * How far in the future `occurredAt` may lie.
   *
   * Raise it where machines that stamp usage have clocks that run ahead.
   *
   * @unit ms
   * @range 0 to 3,600,000 (1 h)
   * @defaultValue 300,000 (5 min)
   * @environment MARKETPLACE_RECORDING_FUTURE_SKEW_MS
   */
  futureSkewMs?: number | undefined;
  /**
   * How old `occurredAt` may be: older usage is refused.
   *
   * Raise it where usage of long ago is brought in. AWS takes no record that old: it is billed with a later hour.
   *
   * @unit ms
   * @range 86,400,000 (24 h) to 316,224,000,000 (3,660 days)
   * @defaultValue 3,024,000,000 (35 days)
   * @environment MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS
   */
  idempotencyHorizonMs?: number | undefined;
  /**
   * How long a `record()` waits, for example for another transaction's uncommitted event of the same key, before it
   * fails with `RECORD_TIMEOUT`.
   *
   * Lower it where requests of yours have to answer sooner.
   *
   * @unit ms
   * @range 100 to 600,000 (10 min)
   * @defaultValue 30,000 (30 s)
   * @environment MARKETPLACE_RECORDING_TIMEOUT_MS
   */
  timeoutMs?: number | undefined;
  /**
   * What `record()` does for a tenant that has claimed no subscription of the product. `refuse`: it fails with
   * `TENANT_UNKNOWN`. `ignore`: it answers `ignored`, writes nothing, and counts it in the metric of recorded usage.
   *
   * Give `ignore` where only a part of your tenants are AWS customers and you record for all of them. Unknown tenants
   * are remembered for a second, so that they cost no look-up per call; a tenant that another process has claimed is
   * known here within that second. `ifUnknown` of a call wins.
   *
   * @range `refuse` or `ignore`
   * @defaultValue `refuse`
   * @environment MARKETPLACE_RECORDING_UNKNOWN_TENANTS
   */
  unknownTenants?: 'refuse' | 'ignore' | undefined;
}
