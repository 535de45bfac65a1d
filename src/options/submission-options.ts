/** How sealed records go to AWS. These are machine time: the database's clock. */
export interface SubmissionOptions {
  /**
   * Calls in flight in each process.
   *
   * Raise it where answers are slow and records queue up below the quota.
   *
   * @unit calls
   * @range 1 to 64
   * @defaultValue 4
   * @environment MARKETPLACE_SUBMISSION_CONCURRENCY
   */
  concurrency?: number | undefined;
  /**
   * Calls of BatchMeterUsage a second, per account and region, shared by all replicas; AWS allows 10.
   *
   * Lower it where other tools of the account meter as well.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 10
   * @environment MARKETPLACE_SUBMISSION_CALLS_PER_SECOND
   */
  callsPerSecond?: number | undefined;
  /**
   * Containers and AMIs: within how long after an hour has settled it is sealed and sent. Each ledger has its own
   * moment in it, so that many installations in one buyer's account do not call at once.
   *
   * Raise it where hundreds of installations share an account and region; give 0 where there is one.
   *
   * @unit ms
   * @range 0 to 3,600,000 (1 h)
   * @defaultValue 300,000 (5 min)
   * @environment MARKETPLACE_SUBMISSION_SPREAD_MS
   */
  spreadMs?: number | undefined;
  /**
   * Containers and AMIs: how long the platform waits between SIGTERM and SIGKILL. Five seconds before, the shutdown
   * gives up what it could not send, and names it.
   *
   * Give what the manifest says: `terminationGracePeriodSeconds`, `stopTimeout`.
   *
   * @unit ms
   * @range 1,000 (1 s) to 3,600,000 (1 h)
   * @defaultValue 30,000 (30 s)
   * @environment MARKETPLACE_SUBMISSION_SHUTDOWN_GRACE_MS
   */
  shutdownGraceMs?: number | undefined;
  /**
   * A call that takes longer counts as uncertain: AWS may have billed it.
   *
   * Raise it where AWS answers slowly, as fewer outcomes are uncertain then; lower it to notice a dead connection
   * sooner.
   *
   * @unit ms
   * @range 100 to 120,000 (2 min)
   * @defaultValue 15,000 (15 s)
   * @environment MARKETPLACE_SUBMISSION_REQUEST_TIMEOUT_MS
   */
  requestTimeoutMs?: number | undefined;
  /**
   * How long a replica may hold a batch, or rows in a transaction that stands still, before another takes it over. At
   * least twice `requestTimeoutMs`, so that a lease outlives the call it covers.
   *
   * Lower it to recover sooner from a killed process.
   *
   * @unit ms
   * @range 500 to 1,800,000 (30 min)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_SUBMISSION_LEASE_MS
   */
  leaseMs?: number | undefined;
  /**
   * First pause after a failed call; it doubles with each attempt, with jitter.
   *
   * Raise it to be gentler to AWS; lower it in tests.
   *
   * @unit ms
   * @range 1 to 60,000 (1 min)
   * @defaultValue 1,000 (1 s)
   * @environment MARKETPLACE_SUBMISSION_BACKOFF_BASE_MS
   */
  backoffBaseMs?: number | undefined;
  /**
   * Longest pause between two attempts of a record.
   *
   * Lower it to go on sooner after a long outage.
   *
   * @unit ms
   * @range 1 to 3,600,000 (1 h)
   * @defaultValue 300,000 (5 min)
   * @environment MARKETPLACE_SUBMISSION_BACKOFF_CAP_MS
   */
  backoffCapMs?: number | undefined;
  /**
   * How often one record of a quarantined cause is tried, to see whether AWS takes it again.
   *
   * Lower it to go on sooner once the cause is resolved; each probe is a call.
   *
   * @unit ms
   * @range 1 to 86,400,000 (24 h)
   * @defaultValue 300,000 (5 min)
   * @environment MARKETPLACE_SUBMISSION_PROBE_INTERVAL_MS
   */
  probeIntervalMs?: number | undefined;
}
