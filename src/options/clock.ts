/**
 * Business time: hours, windows, deadlines. Every rule reads it from here and hands it to SQL as a parameter, so that a
 * test or a demo can run a month in seconds. Machine time (leases, backoff, call budget) is never read from this clock:
 * it is the database's own.
 */
export interface Clock {
  now(): Date;
}
