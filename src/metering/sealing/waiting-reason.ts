/** Why usage has no record yet, or none for good: one list for planner, API and docs. */
export type WaitingReason =
  /** It goes with an hour that has not settled yet. */
  | 'nextHour'
  /** Its own hour has not settled yet. */
  | 'notSettled'
  /** No subscription was the tenant's at that time. */
  | 'noSubscription'
  /** It lies before the start of every agreement. */
  | 'beforeStart'
  /** Its agreement ended as renewed, replaced or superseded, and the successor is not known yet. */
  | 'awaitingSuccessor'
  /** Its agreement had ended. */
  | 'afterEnd'
  /** Several subscriptions could pay it. */
  | 'ambiguous'
  /** AWS has not told under which name it is metered. */
  | 'noIdentity'
  /** A contract includes units of it, and AWS has not said how many since it was used. */
  | 'awaitingEntitlement'
  /** AWS refuses what it would be sent under, or has refused it and would again. */
  | 'refused'
  /** AWS takes no hour of its period any more. */
  | 'noHour'
  /** The product was off at that time. */
  | 'notLive'
  /** The product is not listed in the options. */
  | 'notListed'
  /** Nobody is known under the name that it was recorded for. */
  | 'unknownSubject';
