import { types } from 'node:util';
import { type TemporalInstant } from './usage-event.js';

/** Business time and the window around it in which usage is taken. */
export interface UsageWindow {
  now: Date;
  futureSkewMs: number;
  idempotencyHorizonMs: number;
  /** The products run in their buyer's account: the installation is the customer, and no event names another. */
  isInstallation?: boolean;
}

/** Takes note of what is wrong with a field. */
export type Refuse = (field: string, message: string) => void;

/** A date, a time to the minute at least, and a zone: without one the text means another instant on every server. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)$/;

/** When usage happened, within the window in which it is taken; null where it was refused. */
export function readInstant(
  value: unknown,
  { now, futureSkewMs, idempotencyHorizonMs }: UsageWindow,
  refuse: Refuse,
): Date | null {
  const at = instantMs(value);
  if (!Number.isFinite(at)) {
    refuse('occurredAt', `${INSTANT_RULE}${instantFix(value)}`);
  } else if (at > now.getTime() + futureSkewMs) {
    refuse(
      'occurredAt',
      `lies more than ${futureSkewMs} ms in the future; correct the clock, or raise recording.futureSkewMs ` +
        '(MARKETPLACE_RECORDING_FUTURE_SKEW_MS)',
    );
  } else if (at < now.getTime() - idempotencyHorizonMs) {
    refuse(
      'occurredAt',
      `lies more than ${idempotencyHorizonMs} ms back, beyond recording.idempotencyHorizonMs ` +
        '(MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS); ' +
        'record what is still owed as usage of today',
    );
  } else {
    // A copy: the caller may go on to change its Date while the event waits in the queue.
    return new Date(at);
  }
  return null;
}

const INSTANT_RULE =
  'must be a valid Date, a Temporal.Instant, or ISO 8601 text with a zone such as "2026-11-10T10:30:00Z"';

/** What else callers have in their hands for an instant, and what to make of it. */
function instantFix(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint')
    return '; a number may be seconds or milliseconds: give new Date(milliseconds)';
  if (typeof value !== 'object' || value === null) return '';
  // dayjs, moment; luxon; Temporal.ZonedDateTime.
  const way = ['toDate', 'toJSDate', 'toInstant'].find((name) => name in value);
  return way === undefined ? '' : `; give its ${way}()`;
}

/**
 * Milliseconds since the epoch, NaN for what names no instant. Finer text is cut to its millisecond. A Date may come
 * from another realm: out of a vm, or a test under jest.
 */
function instantMs(value: unknown): number {
  if (types.isDate(value)) return Date.prototype.getTime.call(value);
  if (typeof value === 'string') return textMs(value);
  const isInstant = Object.prototype.toString.call(value) === '[object Temporal.Instant]';
  return isInstant ? (value as TemporalInstant).epochMilliseconds : Number.NaN;
}

function textMs(text: string): number {
  if (!INSTANT.test(text)) return Number.NaN;
  // The forms of ISO 8601 that Date does not read: a comma, an offset without colon or minutes.
  const at = Date.parse(
    text
      .replace(',', '.')
      .replace(/([+-]\d{2}):?(\d{2})?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`),
  );
  // Date moves the 30th of February into March, and 24:00 into the next day.
  const isReal =
    Number(text.slice(8, 10)) <= new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return isReal ? at : Number.NaN;
}
