// One call of `record()` that waits in the gatherer.
import { type MarketplaceErrorCode } from '../../errors/marketplace-metering-error.js';
import { type RecordResult } from './usage-event.js';
import { type PlacedUsage } from './usage-placement.js';
import { notRecorded, notRecordedBecause } from './usage-refusal.js';

/** One caller who waits for an answer. */
export interface WaitingCall {
  readonly usage: PlacedUsage;
  readonly id: string;
  /** Monotonic. */
  readonly deadline: number;
  /** Answers the caller and forgets it; null afterwards. */
  settle: ((answer: RecordResult | Error) => void) | null;
  inFlight: boolean;
  /** An answer of the database was lost: the event may stand in the ledger. */
  lost: boolean;
  lastError?: unknown;
}

export function unanswered(calls: readonly WaitingCall[]): WaitingCall[] {
  return calls.filter((call) => call.settle !== null);
}

export function giveUp(call: WaitingCall, code: MarketplaceErrorCode, why: string): void {
  const outcome = call.inFlight || call.lost ? 'unknown' : 'notWritten';
  call.settle?.(notRecorded(code, why, outcome, [call.usage], call.lastError));
}

export function fail(calls: readonly WaitingCall[], error: unknown): void {
  for (const call of unanswered(calls))
    call.settle?.(notRecordedBecause(error, call.lost ? 'unknown' : 'notWritten', [call.usage]));
}
