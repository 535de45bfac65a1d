import { type SenderRow } from '../metering/settlement/metering-sender.sql.js';
import { identifier, instant } from './shown.js';

/** Who sends usage of a product in its buyer's account. Identifiers of AWS show their last four characters. */
export interface SenderView {
  productCode: string;
  /** The replica: host, process, and a part that tells two of one process apart. */
  replica: string;
  /** Instance, task or pod. */
  resource: string | null;
  region: string;
  /** Of the resource: no record is dated before. */
  startedAt: string;
  /** Since when this replica sends. Machine time. */
  since: string;
  leaseUntil: string;
  /** False: it has not been heard of, and the next replica that looks takes over. */
  isHeld: boolean;
}

export function senderViewOf(row: SenderRow): SenderView {
  return {
    productCode: row.product_code,
    replica: row.holder,
    resource: identifier(row.resource_id),
    region: row.region,
    startedAt: instant(row.started_at),
    since: instant(row.since),
    leaseUntil: instant(row.lease_until),
    isHeld: row.is_held,
  };
}
