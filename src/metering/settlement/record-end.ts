import { type Evidence, knownNotBilled } from './evidence.js';

/**
 * A record whose time has come: `pending` or `blocked`, at or after its cutoff (or, in dry-run, at the moment it would
 * have been sent).
 */
export interface EndingRecord {
  state: 'pending' | 'blocked';
  reason: string | null;
  mode: 'live' | 'dry-run' | 'off';
  attempts: readonly Evidence[];
  /** MeterUsage: AWS has said that the buyer had no subscription. */
  wasNotEntitled?: boolean;
}

/** `annulled`: its rollups wait again and are planned anew. */
export type RecordEnd =
  { to: 'unknown'; reason: string } | { to: 'annulled'; reason: 'expired' } | { to: 'held'; reason: string };

/**
 * What the end of trying makes of a record. A `billed` attempt cannot occur: such a record is metered.
 * @param onExpired what becomes of units that AWS is known not to have: `carry` plans them anew, `hold` leaves them to
 * a person
 */
export function endOf(record: EndingRecord, onExpired: 'carry' | 'hold'): RecordEnd {
  if (record.mode !== 'live') return { to: 'held', reason: 'dryRun' };
  const reason = record.state === 'blocked' ? (record.reason ?? 'unrecognised') : 'expired';
  if (!knownNotBilled(record.attempts)) return { to: 'unknown', reason };
  // Planned anew on a ledger that is wrong, it would be wrong again.
  if (reason === 'ledgerMismatch') return { to: 'held', reason };
  // Nothing tells in the buyer's account when he was subscribed: no later hour may pay for one in which he was not.
  if (record.wasNotEntitled === true) return { to: 'held', reason: 'notSubscribed' };
  return onExpired === 'carry' ? { to: 'annulled', reason: 'expired' } : { to: 'held', reason };
}
