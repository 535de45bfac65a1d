import { type Agreement } from 'aws-marketplace-simulator';
import { type LedgerHarness } from '../support/ledger-harness.js';

/** A usage record as it went over the wire. */
export interface SentRecord {
  LicenseArn: string;
  Dimension: string;
  /** Epoch seconds. */
  Timestamp: number;
  Quantity: number;
}

/** Everything that was ever sent to AWS of one agreement, repetitions included, in order. */
export function sentOf({ simulator }: LedgerHarness, { licenseArn }: Agreement): SentRecord[] {
  return simulator
    .calls({ operation: 'BatchMeterUsage' })
    .flatMap((call) => (call.request as { UsageRecords: SentRecord[] }).UsageRecords)
    .filter((record) => record.LicenseArn === licenseArn);
}

/** AWS's bill of one agreement: `<dimension> <hour>` to units. */
export function billOf({ simulator }: LedgerHarness, { licenseArn }: Agreement): Record<string, number> {
  return Object.fromEntries(simulator.bill({ licenseArn }).map((line) => [`${line.dimension} ${line.hour}`, line.quantity]));
}
