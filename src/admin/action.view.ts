import { type ActionRow } from './actions.sql.js';
import { hostName, instant, json, message } from './shown.js';

/** What a person decided, as it stands in the trail. */
export interface ActionView {
  /** Ascending; a gap is a decision that was rolled back. */
  number: string;
  at: string;
  by: string;
  /** `alert.acknowledged`, `records.requeued`, `subscription.unlinked`, … */
  action: string;
  /** What it was about, as it stood. */
  target: unknown;
  reason: string;
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
    reason: message(row.reason),
    result: json(row.result),
  };
}
