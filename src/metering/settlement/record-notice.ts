import { type MeteringRecordNotice } from '../../events/marketplace-event.js';
import { type LockedRecord } from '../submission/submission.sql.js';

/** What an event tells of a record: no account, no license. */
export function noticeOf(record: LockedRecord, reason: string | null): MeteringRecordNotice {
  return {
    productCode: record.product_code,
    dimension: record.dimension,
    hour: record.hour.toISOString(),
    quantity: record.quantity,
    reason,
  };
}
