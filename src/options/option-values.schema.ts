import { z } from 'zod';

export const SECONDS_MS = 1000;
export const MINUTES_MS = 60 * SECONDS_MS;
export const HOUR_MS = 60 * MINUTES_MS;

/** A whole number of milliseconds within the bounds. */
export const durationMs = (minMs: number, maxMs: number, defaultMs: number) =>
  z
    .number({ error: `give a whole number of milliseconds from ${minMs} to ${maxMs}` })
    .int({ error: 'give a whole number of milliseconds' })
    .min(minMs, { error: `give at least ${minMs} ms` })
    .max(maxMs, { error: `give at most ${maxMs} ms` })
    .default(defaultMs);

/** A whole number within the bounds. */
export const wholeNumber = (min: number, max: number) =>
  z
    .number({ error: `give a whole number from ${min} to ${max}` })
    .int({ error: 'give a whole number' })
    .min(min, { error: `give at least ${min}` })
    .max(max, { error: `give at most ${max}` });

export const count = (min: number, max: number, fallback: number) => wholeNumber(min, max).default(fallback);

/** What lets somebody in: long enough that nobody guesses it. */
export const secret = () =>
  z.string().min(24, { error: 'give at least 24 characters, for example the output of `openssl rand -hex 32`' });

/** Calls per second. */
export const rate = (fallback: number) =>
  z
    .number({ error: 'give calls per second' })
    .min(0.1, { error: 'give at least 0.1' })
    .max(1000, { error: 'give at most 1000' })
    .default(fallback);

/** An http(s) URL that carries no credentials; `what` names it in the error. */
export const webUrl = (what: string) =>
  z.string({ error: `give ${what}, for example https://app.example.com/sign-up` }).refine(
    (text) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      return (
        url !== null &&
        (url.protocol === 'https:' || url.protocol === 'http:') &&
        url.username === '' &&
        url.password === ''
      );
    },
    { error: `give ${what} as an absolute http(s) URL without user name or password` },
  );
