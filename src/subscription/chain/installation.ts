import { type LedgerSql } from '../../database/ledger-database.js';
import { digestUuid } from '../../runtime/digest-uuid.js';
import { factIdOf } from '../agreements/agreement-fact.js';
import { insertSubjects } from './subject.sql.js';

/**
 * The subscription that stands for a product in its buyer's account. The installation is its one customer: AWS knows
 * the buyer by the credentials that a container or AMI runs with, and tells such a product nothing of agreements. So
 * there is one subscription, known from the options alone, with one agreement that nothing ends but the host's word.
 */
export function installationIdOf(sellerAccount: string, productCode: string): string {
  return digestUuid(['installation', sellerAccount, productCode]);
}

/**
 * Makes the customer, the subscription and the agreement of an installation where they are not there yet. Whatever
 * usage `record()` takes lies after its start.
 * @param startsAt the earliest instant at which usage may have occurred
 */
export async function enterInstallation(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  { startsAt, now }: { startsAt: Date; now: Date },
): Promise<void> {
  const subscriptionId = installationIdOf(sellerAccount, productCode);
  const [customerId, buyerId, agreementId] = ['customer', 'buyer', 'agreement'].map((what) =>
    digestUuid(['installation', sellerAccount, productCode, what]),
  ) as [string, string, string];
  const keys = [sellerAccount, productCode];
  await tx.query(
    `INSERT INTO marketplace.customer (seller_account, product_code, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [...keys, customerId],
  );
  await tx.query(
    `INSERT INTO marketplace.seal_cursor (seller_account, customer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    [sellerAccount, customerId],
  );
  // A row to hang the agreement on; the names of the buyer are AWS's to know.
  await tx.query(
    `INSERT INTO marketplace.buyer (seller_account, product_code, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [...keys, buyerId],
  );
  // Nobody is told of a state that AWS has not told us: the projection begins where the host says that it ends.
  await tx.query(
    `INSERT INTO marketplace.subscription (seller_account, product_code, id, customer_id, buyer_id, state,
       current_agreement_id, may_not_ask)
     VALUES ($1, $2, $3, $4, $5, 'active', $6, true) ON CONFLICT DO NOTHING`,
    [...keys, subscriptionId, customerId, buyerId, agreementId],
  );
  await tx.query(
    `INSERT INTO marketplace.agreement (seller_account, product_code, id, subscription_id, buyer_id)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    [...keys, agreementId, subscriptionId, buyerId],
  );
  const startTime = startsAt.toISOString();
  const details = { intent: null, status: null, startTime, endTime: null, previousDigest: null, offerId: null };
  await tx.query(
    `INSERT INTO marketplace.fact (seller_account, id, agreement_id, buyer_id, subscription_id, type, at, heard_at,
       details, origin, message_id)
     VALUES ($1, $2, $3, $4, $5, 'agreement.created', $6, $7, $8, 'host', $9) ON CONFLICT DO NOTHING`,
    [
      ...[sellerAccount, factIdOf('host', subscriptionId, 'agreement.created'), agreementId, buyerId, subscriptionId],
      ...[startTime, now.toISOString(), JSON.stringify(details), subscriptionId],
    ],
  );
  await insertSubjects(tx, sellerAccount, [{ productCode, customerId, tenantId: null, subscriptionId }]);
}
