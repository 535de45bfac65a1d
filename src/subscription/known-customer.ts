import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { HOUR_MS } from '../runtime/clock.js';
import { isTenantId, TENANT_ID_FIX } from './tenant-id.js';

/** A customer from before the module, as another system knows it. */
export interface KnownCustomer {
  productCode: string;
  /** The host's tenant; left out, the subscription waits to be claimed. */
  tenantId?: string;
  /** At least one name that AWS meters by: of a license product the LicenseArn or the agreement id. */
  licenseArn?: string;
  /** `agmt-…` */
  agreementId?: string;
  /** Twelve digits. */
  customerAwsAccountId?: string;
  /** AWS's older name of the buyer, for a `legacy` product. */
  customerIdentifier?: string;
  /** First UTC hour whose usage this module bills: everything before was billed by the system that came before. */
  billedFrom: Date;
}

/** What became of a customer that was entered, or would become of it. */
export interface KnownCustomerResult {
  /** Null in a dry run of a customer who is new. */
  subscriptionId: string | null;
  /** `linked`: the subscription was known, and has this tenant or hour from now on. */
  outcome: 'registered' | 'linked' | 'unchanged' | 'refused';
  /** First UTC hour that this module bills; null where it was refused. */
  billedFrom: Date | null;
  /** Why it was refused; nothing of it was written. */
  error: MarketplaceMeteringError | null;
}

/** @throws MarketplaceMeteringError `CUSTOMER_INVALID` that names the field and the fix */
export function refuseInvalid(customer: KnownCustomer): void {
  const { billedFrom, tenantId } = customer;
  const isHour = billedFrom instanceof Date && billedFrom.getTime() % HOUR_MS === 0;
  if (!isHour) {
    throw new MarketplaceMeteringError(
      'CUSTOMER_INVALID',
      'Give billedFrom as the start of a UTC hour, a Date such as new Date("2026-12-01T00:00:00Z"): usage before ' +
        'it is never billed by this module.',
    );
  }
  if (tenantId === undefined || isTenantId(tenantId)) return;
  throw new MarketplaceMeteringError('CUSTOMER_INVALID', `${TENANT_ID_FIX}, or leave it out.`);
}
