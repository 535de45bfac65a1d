import { type OpenMoney } from './open-money.sql.js';

/** Why a buyer cannot be erased yet, and what ends that. */
export interface ErasureObstacle {
  kind: 'agreement' | 'message' | 'usage' | 'record' | 'refund' | 'remainder';
  /** What is open, with its numbers; names nobody. */
  found: string;
  fix: string;
}

const RECORD_FIX: Record<string, string> = {
  pending: 'wait for the job submit: it is sent, or given up at its cutoff',
  sending: 'wait for the answer of AWS',
  blocked: 'end what AWS refuses it for, requeue it, or write it off (RecordResolution)',
  unknown: 'let the audit, or a person, find out whether AWS has it (MarketplaceAudit, RecordResolution)',
};

/** Pure. Everything that stands against an erasure, in the order in which it can be ended. */
export function obstaclesIn(open: OpenMoney): ErasureObstacle[] {
  return [
    ...open.subscriptions.map(({ id, state }): ErasureObstacle => ({
      kind: 'agreement',
      found: `subscription ${id} is ${state}`,
      fix:
        state === 'ending'
          ? 'wait until AWS’s window after its end is over and AWS was asked: event subscription.ended'
          : state === 'registered'
            ? 'AWS may yet tell of the purchase: wait seven days from the arrival'
            : 'wait for its end, or have the buyer cancel at AWS',
    })),
    ...open.messages.map(({ state, count }): ErasureObstacle => ({
      kind: 'message',
      found: `${count} message(s) of the buyer are ${state}`,
      fix:
        state === 'pending'
          ? 'wait for the job inbox'
          : 'they may speak of an agreement that is not known yet: wait fourteen days, or retry them (LifecycleMessages)',
    })),
    ...open.usage.map(({ dimension, reason, units }): ErasureObstacle => ({
      kind: 'usage',
      found: `${units} of ${dimension} ${reason === null ? 'are not sealed' : `wait (${reason})`}`,
      fix:
        reason === 'ambiguous'
          ? 'say who pays: subscriptions.choosePayer'
          : 'wait for the job seal: it is billed or held at the latest when AWS takes no more of it',
    })),
    ...open.records.map(({ state, count }): ErasureObstacle =>
      state === 'owed'
        ? {
            kind: 'refund',
            found: `${count} record(s) say that the buyer is owed a refund`,
            fix: 'make the refund in the AWS Marketplace Management Portal, then write the record off (RecordResolution)',
          }
        : { kind: 'record', found: `${count} record(s) are ${state}`, fix: RECORD_FIX[state] ?? 'wait' },
    ),
    ...open.remainders.map(({ dimension, carry }): ErasureObstacle => ({
      kind: 'remainder',
      found: `${carry} of ${dimension} are carried by a period whose books are open`,
      fix: 'wait for the job seal: it closes the period after its last cutoff, once AWS was asked',
    })),
  ];
}
