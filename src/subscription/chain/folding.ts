import { type LedgerSql } from '../../database/ledger-database.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { type BuyerChains, type SubscriptionRecord } from './buyer-chains.js';
import { giveSubscription } from './claim-adoption.js';
import { tenantsOf } from './chain-reading.js';
import { customerOfTenant } from './customer.sql.js';
import { foldSubscription } from './projection.sql.js';
import { giveSubjects, insertSubjects } from './subject.sql.js';

/**
 * Two subscriptions turned out to be one. Its tenant, if either has one, has both; subjects and with them the usage
 * follow, events keep their subject. Agreements are moved by who joined them.
 * @returns the customer that has the living one now
 */
export async function fold(
  tx: LedgerSql,
  sellerAccount: string,
  { folded, living }: { folded: SubscriptionRecord; living: SubscriptionRecord },
  chains: BuyerChains,
): Promise<string> {
  await foldSubscription(tx, sellerAccount, { id: folded.id, into: living.id });
  const [tenantId = null] = [...tenantsOf(living.id, chains), ...tenantsOf(folded.id, chains)];
  const { productCode } = chains;
  const customerId =
    tenantId === null ? living.customerId : await customerOfTenant(tx, sellerAccount, productCode, tenantId);
  const subscriptionIds = await giveSubscription(tx, sellerAccount, living.id, customerId);
  await giveSubjects(tx, sellerAccount, { customerId, productCode, tenantId, subscriptionIds });
  if (tenantId !== null)
    await insertSubjects(tx, sellerAccount, [{ productCode, customerId, tenantId, subscriptionId: living.id }]);
  crashPoint('fold.folded');
  return customerId;
}
