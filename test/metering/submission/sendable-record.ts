import { type UsageReport } from '../../../src/aws/metering-gateway.js';
import { type SendableRecord } from '../../../src/metering/submission/batch-planner.js';

export const HOUR = new Date('2026-11-11T09:00:00Z');
export const LICENSE = 'arn:aws:license-manager::111122223333:license:l-1';
export const report = (over: Partial<UsageReport> = {}): UsageReport => ({
  licenseArn: LICENSE,
  customerAwsAccountId: '012345678901',
  customerIdentifier: null,
  dimension: 'requests',
  timestamp: HOUR,
  quantity: 7,
  allocations: null,
  ...over,
});
let next = 0;
export const record = (over: Partial<UsageReport> = {}, productCode = 'larkspur'): SendableRecord => ({
  id: String((next += 1)),
  productCode,
  report: report(over),
  resourceId: null,
});
export const hour = (n: number): { timestamp: Date } => ({ timestamp: new Date(HOUR.getTime() - n * 3_600_000) });
