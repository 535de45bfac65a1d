import { type ApiRequest } from './api-request.js';
import { type UsageRecord } from './usage-record.js';

/**
 * Usage records by what they say: every member that is given must be equal. A predicate that can be sent and kept as
 * JSON.
 */
export interface RecordMatcher {
  dimension?: string;
  licenseArn?: string;
  customerAWSAccountId?: string;
  customerIdentifier?: string;
  quantity?: number;
}

/** Calls by what they say. The members of a record must all hold for one and the same record of the call. */
export interface CallMatcher extends RecordMatcher {
  region?: string;
  /** Whose credentials signed it: the seller's account, or a buyer's. */
  accountId?: string;
  /** By the ProductCode of the call, or by the license of one of its records. */
  productCode?: string;
}

export function matchesRecord(matcher: RecordMatcher, record: Partial<UsageRecord>): boolean {
  const {
    dimension = record.Dimension,
    licenseArn = record.LicenseArn,
    customerIdentifier = record.CustomerIdentifier,
  } = matcher;
  const { customerAWSAccountId = record.CustomerAWSAccountId, quantity = record.Quantity ?? 0 } = matcher;
  return (
    dimension === record.Dimension &&
    licenseArn === record.LicenseArn &&
    customerIdentifier === record.CustomerIdentifier &&
    customerAWSAccountId === record.CustomerAWSAccountId &&
    quantity === (record.Quantity ?? 0)
  );
}

export function matchesCall({ region, accountId, productCode, ...matcher }: CallMatcher, request: ApiRequest): boolean {
  if (region !== undefined && region !== request.region) return false;
  if (accountId !== undefined && accountId !== request.accountId) return false;
  if (productCode !== undefined && !request.productCodes.includes(productCode)) return false;
  if (Object.keys(matcher).length === 0) return true;
  return recordsOf(request).some((record) => matchesRecord(matcher, record));
}

/** MeterUsage is a single record under other names. */
function recordsOf({ operation, input, records }: ApiRequest): readonly Partial<UsageRecord>[] {
  if (operation !== 'MeterUsage') return records;
  return [{ Dimension: input.UsageDimension as string, Quantity: input.UsageQuantity as number }];
}
