import { type RecordTarget } from './record-transition.js';

/** What a decision makes of a record: signed by a person, or by the audit. */

export function closedAs(
  disposition: 'held' | 'void',
  reason: string,
  signed: { by: string; reason: string },
): RecordTarget {
  return { state: 'closed', disposition, reason, message: signed.reason, by: signed.by, isExpired: false };
}

export function meteredAs(
  message: string,
  what: { meteringRecordId: string | null; settledQuantity?: string; by: string },
): RecordTarget {
  const { meteringRecordId, settledQuantity = null, by } = what;
  return { state: 'metered', message, meteringRecordId, confirmedByDuplicate: false, settledQuantity, by };
}
