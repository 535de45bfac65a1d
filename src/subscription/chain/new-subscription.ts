import { type LedgerSql } from '../../database/ledger-database.js';
import { type BuyerChains, type SubscriptionRecord } from './buyer-chains.js';
import { type ChainReading, tenantsOf } from './chain-reading.js';
import { customerOfTenant, insertUnclaimedCustomer } from './customer.sql.js';
import { insertInheritedClaim, insertSubscription } from './projection.sql.js';
import { insertSubjects } from './subject.sql.js';

/**
 * A subscription for an agreement that continues none: with its subject, and a customer of its own unless it inherits a
 * tenant.
 */
export async function insertClaimedSubscription(
  tx: LedgerSql,
  sellerAccount: string,
  { id, agreementId, at }: { id: string; agreementId: string; at: Date },
  chains: BuyerChains,
  reading: ChainReading,
): Promise<{ subscription: SubscriptionRecord; tenantId: string | null }> {
  const { productCode, buyerId } = chains;
  const tenantId = inheritedTenant(agreementId, chains, reading);
  const customerId =
    tenantId === null
      ? await insertUnclaimedCustomer(tx, sellerAccount, productCode)
      : await customerOfTenant(tx, sellerAccount, productCode, tenantId);
  await insertSubscription(tx, sellerAccount, { id, productCode, customerId, buyerId });
  const own = { productCode, customerId, tenantId: null, subscriptionId: id };
  await insertSubjects(tx, sellerAccount, tenantId === null ? [own] : [own, { ...own, tenantId }]);
  if (tenantId !== null)
    await insertInheritedClaim(tx, sellerAccount, { subscriptionId: id, productCode, tenantId, at });
  const subscription: SubscriptionRecord = {
    ...{
      id,
      productCode,
      customerId,
      aliasOf: null,
      state: 'registered',
      currentAgreementId: null,
      isTrial: false,
      endedTold: false,
    },
    ...{
      nextChangeAt: null,
      offerType: null,
      registeredAt: null,
      billedFrom: null,
      licenseFrom: null,
      askedAt: null,
      mayNotAsk: false,
    },
    nextAskAt: null,
  };
  return { subscription, tenantId };
}

/**
 * Where AWS meters by the buyer's name, the buyer's tenant stays its tenant: after a return, too. Elsewhere only a
 * second agreement that follows the same one has the tenant of that one; everything else is claimed by its own code.
 */
function inheritedTenant(agreementId: string, chains: BuyerChains, { joining }: ChainReading): string | null {
  const tenants =
    chains.identity === 'legacy'
      ? chains.claims.map(({ tenantId }) => tenantId)
      : tenantsOfFork(agreementId, chains, joining);
  const [tenant, ...others] = [...new Set(tenants)];
  return tenant !== undefined && others.length === 0 ? tenant : null;
}

function tenantsOfFork(agreementId: string, chains: BuyerChains, joining: ChainReading['joining']): string[] {
  const forks = joining.conflicts.filter(
    ({ kind, agreementIds }) => kind === 'fork' && agreementIds.includes(agreementId),
  );
  const subscriptionIds = chains.agreements
    .filter(({ id }) => forks.some(({ agreementIds }) => agreementIds.includes(id)))
    .flatMap((row) => row.subscriptionId ?? []);
  return subscriptionIds.flatMap((id) => tenantsOf(id, chains));
}
