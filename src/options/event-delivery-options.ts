/** How events are handed to the methods of your application that have `@OnMarketplaceEvent`. */
export interface EventDeliveryOptions {
  /**
   * Attempts of a handler on an event before it is dead-lettered for a person, with the alert `handlerDeadLettered`,
   * and no longer holds up what comes after it.
   *
   * Raise it where handlers depend on something that is away for long; lower it where order matters less than progress.
   *
   * @unit attempts
   * @range 1 to 1,000
   * @defaultValue 12
   * @environment MARKETPLACE_HANDLERS_DEAD_LETTER_AFTER_ATTEMPTS
   */
  deadLetterAfterAttempts?: number | undefined;
  /**
   * First pause after a handler failed; it doubles with each attempt, with jitter.
   *
   * Raise it where what handlers call needs time to recover.
   *
   * @unit ms
   * @range 1 to 60,000 (1 min)
   * @defaultValue 1,000 (1 s)
   * @environment MARKETPLACE_HANDLERS_BACKOFF_BASE_MS
   */
  backoffBaseMs?: number | undefined;
  /**
   * Longest pause between two attempts of a handler.
   *
   * Lower it where a handler should go on soon after a long outage.
   *
   * @unit ms
   * @range 1 to 86,400,000 (24 h)
   * @defaultValue 3,600,000 (1 h)
   * @environment MARKETPLACE_HANDLERS_BACKOFF_CAP_MS
   */
  backoffCapMs?: number | undefined;
  /**
   * A handler that takes longer has failed, and its signal aborts. The shutdown waits for a handler no longer either.
   *
   * Raise it where handlers do long work; lower it where the platform kills a process sooner after its signal.
   *
   * @unit ms
   * @range 100 to 1,800,000 (30 min)
   * @defaultValue 60,000 (1 min)
   * @environment MARKETPLACE_HANDLERS_TIMEOUT_MS
   */
  timeoutMs?: number | undefined;
}
