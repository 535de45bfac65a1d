import { z } from 'zod';

const durationPattern = /^P(?=\d|T\d)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const unitsMs = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000];

/** A moment in ISO 8601 with its zone, as a Date. */
export const moment = z.iso
  .datetime({ offset: true, error: 'expected a moment such as 2026-11-18T12:30:00Z' })
  .transform((text) => new Date(text))
  .meta({ description: 'ISO 8601 with its zone' });

/**
 * An ISO 8601 duration of weeks, days, hours, minutes and seconds, as milliseconds. Months and years have no length of
 * their own.
 */
export const durationText = z
  .string()
  .regex(durationPattern, 'expected a duration such as PT1H30M or P2D')
  .transform(durationMs);

/** Milliseconds, or an ISO 8601 duration; as milliseconds. */
export const duration = z
  .union([z.number().min(0), durationText], {
    error: 'expected milliseconds >= 0, or a duration such as PT1H30M or P2D',
  })
  .meta({ description: 'Milliseconds, or an ISO 8601 duration such as PT1H30M or P2D' });

function durationMs(text: string): number {
  const [, ...units] = durationPattern.exec(text) ?? [];
  return unitsMs.reduce((sum, unitMs, index) => sum + Number(units[index] ?? 0) * unitMs, 0);
}
