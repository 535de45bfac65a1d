/**
 * The time by which the simulator judges windows, token lifetimes and terms of agreements. Never used for SigV4 dates
 * or call quotas.
 */
export interface SimulatorClock {
  /** Virtual milliseconds per wall millisecond. */
  readonly rate: number;
  now(): Date;
  /** Jumps to the given moment, forwards or backwards; the rate stays. */
  set(date: Date): void;
  /** Moves forward by the given number of milliseconds (>= 0); the rate stays. */
  advance(ms: number): void;
  /**
   * From now on, one millisecond of wall time counts as `rate` milliseconds here (>= 0; 0 freezes, 1 is wall speed).
   */
  run(options: { rate: number }): void;
  /**
   * Calls `ring` once, when the clock has reached the moment (a past one: with its next move). A clock that is moved
   * past several alarms stands at the moment of each while it rings, in order of time. While the clock runs, alarms
   * ring by themselves; they keep no process alive. Returns what takes the alarm away. `ring` does not move the clock
   * itself.
   */
  alarm(at: Date, ring: () => void): () => void;
  snapshot(): ClockSnapshot;
  /**
   * Goes on as if the clock had never stopped: time has passed at its rate since the snapshot was taken. Alarms are not
   * part of it.
   */
  restore(snapshot: ClockSnapshot): void;
}

export interface VirtualClockOptions {
  /** Where the clock starts. Default: the wall time at construction. */
  startAt?: Date;
  /** Virtual milliseconds per wall millisecond, >= 0. Default 1. With 0 only `set` and `advance` move the clock. */
  rate?: number;
}

/** A function of wall time: at `wallAnchor` (epoch ms) it stood at `virtualAnchor` (epoch ms), and ran at `rate`. */
export interface ClockSnapshot {
  readonly virtualAnchor: number;
  readonly wallAnchor: number;
  readonly rate: number;
}

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

/** What setTimeout can wait, in milliseconds; a longer wait is taken in steps. */
const timeoutMaxMs = 2 ** 31 - 1;

/** A clock that can be frozen, moved, and run faster than wall time. Without options it follows wall time. */
export class VirtualClock implements SimulatorClock {
  #virtualAnchor: number;
  #wallAnchor: number;
  #rate: number;
  /** By time; of one moment, in the order they were set. */
  #alarms: Alarm[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: VirtualClockOptions = {}) {
    this.#wallAnchor = Date.now();
    this.#virtualAnchor = validTime(options.startAt ?? new Date(this.#wallAnchor));
    this.#rate = validRate(options.rate ?? 1);
  }

  get rate(): number {
    return this.#rate;
  }

  now(): Date {
    return new Date(this.#read());
  }

  set(date: Date): void {
    this.#move(validTime(date));
  }

  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) {
      throw new RangeError(`advance() takes milliseconds >= 0, got ${ms}; to go back in time use set()`);
    }
    this.#move(this.#read() + ms);
  }

  run(options: { rate: number }): void {
    const rate = validRate(options.rate);
    this.#anchor(this.#read());
    this.#rate = rate;
    this.#wind();
  }

  alarm(at: Date, ring: () => void): () => void {
    const alarm = { at: validTime(at), ring };
    const position = this.#alarms.findIndex((other) => other.at > alarm.at);
    this.#alarms.splice(position === -1 ? this.#alarms.length : position, 0, alarm);
    this.#wind();
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
      this.#wind();
    };
  }

  snapshot(): ClockSnapshot {
    return { virtualAnchor: this.#virtualAnchor, wallAnchor: this.#wallAnchor, rate: this.#rate };
  }

  restore({ virtualAnchor, wallAnchor, rate }: ClockSnapshot): void {
    this.#virtualAnchor = virtualAnchor;
    this.#wallAnchor = wallAnchor;
    this.#rate = rate;
    this.#wind();
  }

  #read(): number {
    return this.#virtualAnchor + (Date.now() - this.#wallAnchor) * this.#rate;
  }

  #anchor(virtualTime: number): void {
    this.#virtualAnchor = virtualTime;
    this.#wallAnchor = Date.now();
  }

  #move(target: number): void {
    this.#ring(target);
    this.#anchor(target);
    this.#wind();
  }

  #ring(until: number): void {
    for (let alarm = this.#take(until); alarm; alarm = this.#take(until)) {
      // An alarm that is overdue rings now: time does not go back for it.
      if (alarm.at > this.#read()) this.#anchor(alarm.at);
      alarm.ring();
    }
  }

  /** The first alarm up to the moment, which is no longer set. */
  #take(until: number): Alarm | undefined {
    const [first] = this.#alarms;
    return first && first.at <= until ? this.#alarms.shift() : undefined;
  }

  /** The one timer waits for the first alarm. */
  #wind(): void {
    clearTimeout(this.#timer);
    const [first] = this.#alarms;
    if (!first || this.#rate === 0) return;
    const waitMs = Math.max(0, Math.ceil((first.at - this.#read()) / this.#rate));
    this.#timer = setTimeout(
      () => {
        this.#ring(this.#read());
        this.#wind();
      },
      Math.min(waitMs, timeoutMaxMs),
    );
    this.#timer.unref();
  }
}

function validTime(date: Date): number {
  const time = date.getTime();
  if (Number.isNaN(time)) throw new RangeError('The clock cannot be set to an invalid Date');
  return time;
}

function validRate(rate: number): number {
  if (!Number.isFinite(rate) || rate < 0)
    throw new RangeError(`The rate of a clock is a finite number >= 0, got ${rate}`);
  return rate;
}
