/** The jobs that run in every process; what two of them must not do at once is locked in the database. Machine time. */
export interface JobOptions {
  /**
   * Whether jobs run by themselves. Where false, they run only by `JobScheduler.runOnce`.
   *
   * Give false in tests, in processes that should only record, and where a scheduler of yours runs them.
   *
   * @range true or false
   * @defaultValue true
   * @environment MARKETPLACE_JOBS_AUTO_START
   */
  autoStart?: boolean | undefined;
  /**
   * Time between two runs of the job `seal`, which seals hours that are settled.
   *
   * Raise it to spare the database; lower it to bill sooner.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_JOBS_SEAL_INTERVAL_MS
   */
  sealIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `submit`, which sends sealed records to AWS. A seal wakes it at once.
   *
   * Lower it where records of other processes should go out sooner.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 15,000 (15 s)
   * @environment MARKETPLACE_JOBS_SUBMIT_INTERVAL_MS
   */
  submitIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `deadline`, which looks for records whose deadline is near or over.
   *
   * Lower it where business time runs faster than the wall.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_JOBS_DEADLINE_INTERVAL_MS
   */
  deadlineIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `recovery`, which takes over what killed processes left behind.
   *
   * Lower it to take over sooner; `submission.leaseMs` says when.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 30,000 (30 s)
   * @environment MARKETPLACE_JOBS_RECOVERY_INTERVAL_MS
   */
  recoveryIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `inbox`, which applies lifecycle messages. A message wakes it at once.
   *
   * Lower it where messages that other processes took should be applied sooner.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 15,000 (15 s)
   * @environment MARKETPLACE_JOBS_INBOX_INTERVAL_MS
   */
  inboxIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `deliver`, which hands events to your handlers. An event that this process wrote
   * wakes it at once.
   *
   * Lower it where events that other processes wrote should arrive sooner.
   *
   * @unit ms
   * @range 10 to 3,600,000 (1 h)
   * @defaultValue 15,000 (15 s)
   * @environment MARKETPLACE_JOBS_DELIVER_INTERVAL_MS
   */
  deliverIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `reconcile`, which asks AWS about subscriptions.
   *
   * Raise it to spare the database; whom it asks, `reconcileAfterMs` says.
   *
   * @unit ms
   * @range 10 to 86,400,000 (24 h)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_JOBS_RECONCILE_INTERVAL_MS
   */
  reconcileIntervalMs?: number | undefined;
  /**
   * Time between two runs of the job `audit`, which looks in CloudTrail for records whose outcome is open.
   *
   * Raise it to spare the database; how often a record is looked for, [audit](audit.md) says.
   *
   * @unit ms
   * @range 10 to 86,400,000 (24 h)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_JOBS_AUDIT_INTERVAL_MS
   */
  auditIntervalMs?: number | undefined;
}
