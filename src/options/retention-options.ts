/**
 * How long what is no evidence is kept. Business time. What money is made of, and its proof, is kept for good: see
 * [retention](retention.md).
 */
export interface RetentionOptions {
  /**
   * What a lifecycle message said is kept this long after it was received, where it was applied or is of no concern.
   * That it came stays for good, so that a repeat is known. What waits or was set aside is kept until it is decided.
   *
   * Lower it where bodies, which name buyers, should go sooner; raise it to look into old messages, and for a listing
   * that you take off and list again: messages that came meanwhile are taken up as long as they are kept.
   *
   * @unit ms
   * @range 1,209,600,000 (14 days) to 315,360,000,000 (3,650 days)
   * @defaultValue 7,776,000,000 (90 days)
   * @environment MARKETPLACE_RETENTION_MESSAGES_MS
   */
  messagesMs?: number | undefined;
  /**
   * Deliveries of events to your handlers are kept this long after they were delivered. The events stay, and so does
   * what was not delivered or was skipped by a person.
   *
   * Lower it where many events are told; raise it to look up who was told what, long after.
   *
   * @unit ms
   * @range 86,400,000 (24 h) to 315,360,000,000 (3,650 days)
   * @defaultValue 7,776,000,000 (90 days)
   * @environment MARKETPLACE_RETENTION_DELIVERIES_MS
   */
  deliveriesMs?: number | undefined;
  /**
   * Alerts are kept this long after they have ended. One that a person has acknowledged stays: it is not raised again
   * for the same reason.
   *
   * Raise it to look back on what has gone wrong.
   *
   * @unit ms
   * @range 86,400,000 (24 h) to 315,360,000,000 (3,650 days)
   * @defaultValue 31,536,000,000 (365 days)
   * @environment MARKETPLACE_RETENTION_ALERTS_MS
   */
  alertsMs?: number | undefined;
  /**
   * Registration codes (their digests) are kept this long after they have expired. Until then a claim that is repeated
   * gets the same answer; after that, `CODE_UNKNOWN`. What was claimed stays claimed.
   *
   * Lower it where nothing repeats a claim.
   *
   * @unit ms
   * @range 86,400,000 (24 h) to 315,360,000,000 (3,650 days)
   * @defaultValue 7,776,000,000 (90 days)
   * @environment MARKETPLACE_RETENTION_CODES_MS
   */
  codesMs?: number | undefined;
}
