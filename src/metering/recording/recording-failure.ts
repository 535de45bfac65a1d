import { sqlStateOf } from '../../database/ledger-database.js';

/**
 * What the failure of a recording statement means for its events:
 * - `waits`: an event waits for the uncommitted duplicate of its key in another transaction (or the table is locked);
 *   nothing was written
 * - `data`: the database refuses the content of an event; nothing was written
 * - `unavailable`: no answer, or none for now; the events may stand in the ledger, and the same statement may be sent
 *   again, since keys are stable
 * - `fatal`: set-up is wrong (no table, no right); nothing was written and nothing mends itself
 */
export type RecordingFailure = 'waits' | 'data' | 'unavailable' | 'fatal';

/** Between attempts at what `waits` or is `unavailable`: a caller waits for the answer. */
export const RECORDING_PAUSES = { backoffBaseMs: 10, backoffCapMs: 500 };

const BY_STATE: readonly [pattern: RegExp, failure: RecordingFailure][] = [
  [/^55P03$/, 'waits'],
  [/^2[23]/, 'data'],
  // Connection trouble, out of resources, serialization or deadlock, cancelled or shutting down, a standby that has not
  // been promoted yet.
  [/^(08|53|40|57)|^25006$/, 'unavailable'],
];

export function recordingFailureOf(error: unknown): RecordingFailure {
  const state = sqlStateOf(error);
  if (state === undefined) return 'unavailable';
  return BY_STATE.find(([pattern]) => pattern.test(state))?.[1] ?? 'fatal';
}
