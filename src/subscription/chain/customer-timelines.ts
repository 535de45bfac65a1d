import { type SqlExecutor } from '../../database/ledger-database.js';
import { type CustomerTimeline } from '../agreements/timeline.js';

/**
 * All that sealing asks about these customers: subjects, subscriptions with their timelines, tenancies and chosen payers, from statements of the caller's
 * transaction. Unknown ids are left out.
 */
export function loadCustomerTimelines(
  tx: SqlExecutor,
  sellerAccount: string,
  customerIds: readonly string[],
  now: Date,
): Promise<CustomerTimeline[]> {
  void [tx, sellerAccount, customerIds, now];
  return Promise.reject(new Error('not built yet: waits for timelineOf'));
}
