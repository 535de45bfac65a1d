import { type Clock } from '../options/clock.js';

/** The wall clock, the default. */
export class SystemClock implements Clock {
  now(): Date {
    return new Date();
  }
}

/**
 * Time that runs `rate` times as fast as the wall, from `startsAt` (business) at `anchoredAt` (wall). Several processes
 * given the same three numbers agree on the time without talking to each other.
 */
export class AcceleratedClock implements Clock {
  constructor(
    private readonly startsAt: Date,
    private readonly rate: number,
    private readonly anchoredAt: Date = new Date(),
  ) {}

  now(): Date {
    return new Date(this.startsAt.getTime() + (Date.now() - this.anchoredAt.getTime()) * this.rate);
  }
}

export const HOUR_MS = 3_600_000;

/**
 * Start of the UTC clock hour that contains `instant`. UTC has no offset of less than an hour, so plain arithmetic is
 * right.
 */
export function hourOf(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / HOUR_MS) * HOUR_MS);
}

export function plusMs(instant: Date, ms: number): Date {
  return new Date(instant.getTime() + ms);
}

/** Midnight UTC of the first day of the month after the one that contains `instant`: the billing month ends there. */
export function nextMonthOf(instant: Date): Date {
  return new Date(Date.UTC(instant.getUTCFullYear(), instant.getUTCMonth() + 1, 1));
}

export function earliest(...instants: (Date | null)[]): Date {
  return new Date(Math.min(...instants.filter((instant) => instant !== null).map((instant) => instant.getTime())));
}

export function latest(...instants: (Date | null)[]): Date {
  return new Date(Math.max(...instants.filter((instant) => instant !== null).map((instant) => instant.getTime())));
}

/** Null where there is none. */
export function earliestOf(instants: readonly (Date | null)[]): Date | null {
  return instants.every((instant) => instant === null) ? null : earliest(...instants);
}

/** Null where there is none. */
export function latestOf(instants: readonly (Date | null)[]): Date | null {
  return instants.every((instant) => instant === null) ? null : latest(...instants);
}

/** The earliest of the instants that lie after `now`; null where none does. */
export function firstAfter(now: Date, instants: readonly (Date | null)[]): Date | null {
  return earliestOf(instants.filter((instant) => instant !== null && instant > now));
}
