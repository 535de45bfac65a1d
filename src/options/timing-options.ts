/** When hours are sealed, when a person is told, and when AWS is asked. All of it is business time. */
export interface TimingOptions {
  /**
   * How long after its end an hour is sealed. Usage that is recorded later than that is billed with a later hour.
   *
   * Raise it where usage is recorded late, as from batches; lower it where the bill should follow at once.
   *
   * @unit ms
   * @range 0 to 7,200,000 (2 h)
   * @defaultValue 600,000 (10 min)
   * @environment MARKETPLACE_SETTLE_DELAY_MS
   */
  settleDelayMs?: number | undefined;
  /**
   * When the hour in which an agreement ends is sealed: `atOnce` with the first sign of the end, or `atHourEnd`, when
   * it is over (ten minutes before it is due at the latest). Closed hours go out at once either way.
   *
   * Give `atHourEnd` where the last hour's usage is recorded with a delay.
   *
   * @range `atOnce` or `atHourEnd`
   * @defaultValue `atOnce`
   * @environment MARKETPLACE_FINAL_HOUR
   */
  finalHour?: 'atOnce' | 'atHourEnd' | undefined;
  /**
   * Units that AWS would take no more and that are known not billed: `carry` annuls the record and bills them with a
   * later hour while the agreement lives, `hold` waits for a person.
   *
   * Give `hold` where no unit may be billed with an hour in which it was not used, for example of a container's free
   * trial, which AWS counts by the hour.
   *
   * @range `carry` or `hold`
   * @defaultValue `carry`; `hold` where a product has `included: 'aws'`, whose prepaid units AWS counts by the hour
   * @environment MARKETPLACE_ON_EXPIRED
   */
  onExpired?: 'carry' | 'hold' | undefined;
  /**
   * How long before its deadline a record that is not with AWS yet raises the alert `deadlineNear`.
   *
   * Raise it where people need longer to answer a pager.
   *
   * @unit ms
   * @range 0 to 86,400,000 (24 h)
   * @defaultValue 7,200,000 (2 h)
   * @environment MARKETPLACE_DEADLINE_ALERT_MS
   */
  deadlineAlertMs?: number | undefined;
  /**
   * How long before its deadline an hour without usage gets its record of quantity 0, with `zeroRecords`
   * `atWindowEdge`.
   *
   * Raise it to leave more room for an outage of AWS; lower it to leave more for late usage.
   *
   * @unit ms
   * @range 60,000 (1 min) to 82,800,000 (23 h)
   * @defaultValue 10,800,000 (3 h)
   * @environment MARKETPLACE_ZERO_RECORD_LEAD_MS
   */
  zeroRecordLeadMs?: number | undefined;
  /**
   * After how long a silence AWS is asked about a subscription. What waits for an activation, and everything where no
   * way in for messages is set, is asked after an hour.
   *
   * Lower it where messages get lost; raise it where many subscriptions share AWS's quota.
   *
   * @unit ms
   * @range 60,000 (1 min) to 2,592,000,000 (30 days)
   * @defaultValue 86,400,000 (24 h)
   * @environment MARKETPLACE_RECONCILE_AFTER_MS
   */
  reconcileAfterMs?: number | undefined;
}
