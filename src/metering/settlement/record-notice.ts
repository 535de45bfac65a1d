import { type MeteringRecordNotice } from '../../events/marketplace-event.js';
import { type LockedRecord } from './metering-record.sql.js';

/** What an event tells of a record: no account, no license. */
export function noticeOf(record: LockedRecord, reason: string | null): MeteringRecordNotice {
  return {
    productCode: record.product_code,
    dimension: record.dimension,
    hour: record.hour?.toISOString() ?? null,
    quantity: record.quantity,
    reason,
  };
}

/** What an alert calls a record, for a person. */
export function nameOf(record: LockedRecord): string {
  const hour = record.hour === null ? '' : ` for the hour ${record.hour.toISOString()}`;
  const whose = record.subscription_id === null ? '' : ` of subscription ${record.subscription_id}`;
  return `${record.quantity} of ${record.dimension}${hour}${whose}`;
}
