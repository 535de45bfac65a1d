/** The time by which the simulator judges windows, token lifetimes and terms of agreements. Never used for SigV4 dates or call quotas. */
export interface SimulatorClock {
  now(): Date;
  /** Jumps to the given moment, forwards or backwards; the rate stays. */
  set(date: Date): void;
  /** Moves forward by the given number of milliseconds (>= 0); the rate stays. */
  advance(ms: number): void;
  /** From now on, one millisecond of wall time counts as `rate` milliseconds here (>= 0; 0 freezes, 1 is wall speed). */
  run(options: { rate: number }): void;
}

export interface VirtualClockOptions {
  /** Where the clock starts. Default: the wall time at construction. */
  startAt?: Date;
  /** Virtual milliseconds per wall millisecond, >= 0. Default 1. With 0 only `set` and `advance` move the clock. */
  rate?: number;
}

/** A clock that can be frozen, moved, and run faster than wall time. Without options it follows wall time. */
export class VirtualClock implements SimulatorClock {
  #virtualAnchor: number;
  #wallAnchor: number;
  #rate: number;

  constructor(options: VirtualClockOptions = {}) {
    this.#wallAnchor = Date.now();
    this.#virtualAnchor = validTime(options.startAt ?? new Date(this.#wallAnchor));
    this.#rate = validRate(options.rate ?? 1);
  }

  now(): Date {
    return new Date(this.#read());
  }

  set(date: Date): void {
    this.#anchor(validTime(date));
  }

  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) {
      throw new RangeError(`advance() takes milliseconds >= 0, got ${ms}; to go back in time use set()`);
    }
    this.#anchor(this.#read() + ms);
  }

  run(options: { rate: number }): void {
    const rate = validRate(options.rate);
    this.#anchor(this.#read());
    this.#rate = rate;
  }

  #read(): number {
    return this.#virtualAnchor + (Date.now() - this.#wallAnchor) * this.#rate;
  }

  #anchor(virtualTime: number): void {
    this.#virtualAnchor = virtualTime;
    this.#wallAnchor = Date.now();
  }
}

function validTime(date: Date): number {
  const time = date.getTime();
  if (Number.isNaN(time)) throw new RangeError('The clock cannot be set to an invalid Date');
  return time;
}

function validRate(rate: number): number {
  if (!Number.isFinite(rate) || rate < 0) throw new RangeError(`The rate of a clock is a finite number >= 0, got ${rate}`);
  return rate;
}
