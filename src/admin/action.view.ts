import { type ActionRow } from './actions.sql.js';
import { hostName, instant, json, message } from './shown.js';

/** What a person decided, as it stands in the trail. */
export interface ActionView {
  /** Ascending; a gap is a decision that was rolled back. */
  number: string;
  at: string;
  by: string;
  /** `alert.acknowledged`, `record.writtenOff`, `submission.released`, …: docs/admin.md has all. */
  action: string;
  /** What it was about, as it stood. */
  target: unknown;
  /** Null where none was asked for, and none was given. */
  reason: string | null;
  /** What became of it. */
  result: unknown;
}

export function actionViewOf(row: ActionRow): ActionView {
  return {
    number: row.id,
    at: instant(row.decided_at),
    by: hostName(row.decided_by),
    action: row.action,
    target: json(row.target),
    reason: row.reason === null ? null : message(row.reason),
    result: json(row.result),
  };
}
