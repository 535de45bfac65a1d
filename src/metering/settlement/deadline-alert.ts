import { type Alert } from '../../events/alert-board.js';
import { type LockedRecord } from './metering-record.sql.js';
import { type RecordEnd } from './record-end.js';
import { nameOf } from './record-notice.js';

/** Records that an alert names; of more it gives the count. */
const NAMED_MAX = 20;

export function deadlineAlertOf(subject: string, records: readonly LockedRecord[]): Alert {
  const dueAt = records.map((record) => record.due_at.toISOString()).sort()[0] ?? '';
  return {
    kind: 'deadlineNear',
    subject,
    severity: 'critical',
    message:
      `${records.length} records (${subject}) are not with AWS yet; the first is due at ${dueAt}. After that AWS ` +
      'may refuse them.',
    details: {
      records: records.length,
      firstDueAt: dueAt,
      recordIds: records.slice(0, NAMED_MAX).map((record) => record.id),
    },
  };
}

export function endingAlertOf(subject: string, group: readonly { record: LockedRecord }[], to: RecordEnd['to']): Alert {
  const named = group.slice(0, NAMED_MAX).map(({ record }) => record);
  const units = group.reduce((sum, { record }) => sum + Number(record.quantity), 0);
  const about = {
    subject,
    details: {
      records: group.length,
      units: String(units),
      recordIds: named.map((record) => record.id),
      names: named.map(nameOf),
    },
  };
  switch (to) {
    case 'annulled':
      return {
        ...about,
        kind: 'expired',
        severity: 'warning',
        message:
          `${group.length} records (${subject}) of ${units} units were not taken by AWS before their deadline. ` +
          'Their usage waits again and is planned anew: for a free hour of its own period, else it is held.',
      };
    case 'held':
      return {
        ...about,
        kind: 'expired',
        severity: 'critical',
        message:
          `${group.length} records (${subject}) of ${units} units were not taken by AWS before their deadline. ` +
          'Their units are held: annul them to have them planned anew, rebill them, or write them off.',
      };
    case 'unknown':
      return {
        ...about,
        kind: 'unknownOutcome',
        severity: 'critical',
        message:
          `${group.length} records (${subject}) of ${units} units passed their deadline without an answer that ` +
          'tells whether AWS has them. ' +
          'Compare them with CloudTrail or the billed reports, and settle each; until then nothing of them is ' +
          'billed again.',
      };
  }
}

/** What the record itself says of its end. */
export function endingMessageOf(end: RecordEnd): string {
  if (end.to === 'unknown')
    return 'Its time to be sent has passed, and AWS may or may not have it: an audit decides, nothing is handed back.';
  if (end.reason === 'dryRun') return 'The product is in dry-run: this record would have been sent now.';
  return 'Expired: its time to be sent has passed, AWS does not have it, and its units wait for a decision.';
}
