import { AcceleratedClock } from 'nestjs-marketplace-metering';

/** Business time of a demo: three numbers, so that processes that know them agree on the time. */
export interface Timeline {
  /** Business time at `anchoredAt`, ISO. */
  startsAt: string;
  /** Wall time, ISO. */
  anchoredAt: string;
  /** How many times as fast as the wall clock. */
  rate: number;
}

export function clockOf({ startsAt, anchoredAt, rate }: Timeline): AcceleratedClock {
  return new AcceleratedClock(new Date(startsAt), rate, new Date(anchoredAt));
}

/** `6 s`, or `1.5 minutes`: what an hour of business takes. */
export function hourTakes(rate: number): string {
  const seconds = 3600 / rate;
  return seconds < 90 ? `${Number(seconds.toPrecision(3))} s` : `${Number((seconds / 60).toPrecision(3))} minutes`;
}
