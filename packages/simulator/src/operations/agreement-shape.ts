import { type Agreement } from '../market/agreement.js';
import { type Listing } from '../market/listing.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type Switches } from '../switches.js';

export const agreementType = 'PurchaseAgreement';

const resourceTypes = { saas: 'SaaSProduct', ami: 'AmiProduct', container: 'ContainerProduct' } as const;

/** Timestamps in epoch seconds. */
export interface AgreementShape {
  agreementId: string;
  agreementType: typeof agreementType;
  acceptor: { accountId: string };
  proposer: { accountId: string };
  acceptanceTime: number;
  startTime: number;
  /** Absent where the agreement has no end. */
  endTime?: number;
  proposalSummary: { resources: { id: string; type: string }[]; offerId: string };
  status: Agreement['status'];
  initialAgreementId: string;
}

export interface EndTimeBehavior {
  type: 'RENEW' | 'REPLACE' | 'EXPIRE';
  reasonCode?: 'PROPOSER_RENEW_OPTED_OUT' | 'ACCEPTOR_RENEW_OPTED_OUT' | 'NO_RENEWAL_TERM';
  /** Of a renewal, and of one that was opted out of. */
  renewalSummary?: { offerId: string };
}

/** What SearchAgreements and DescribeAgreement both say [SDK-A]. */
export function agreementShape(
  agreement: Agreement,
  { listing, proposer, status }: { listing: Listing | undefined; proposer: string; status: Agreement['status'] },
  switches: Pick<Switches, 'cancelledEndTime'>,
): AgreementShape {
  const { agreementId, accountId, acceptedAt, startsAt, productId, offerId, initialAgreementId } = agreement;
  const isAsSigned = switches.cancelledEndTime === 'signed' && (status === 'CANCELLED' || status === 'TERMINATED');
  const endsAt = isAsSigned ? agreement.signedEndsAt : agreement.endsAt;
  return {
    agreementId,
    agreementType,
    acceptor: { accountId },
    proposer: { accountId: proposer },
    acceptanceTime: epochSeconds(acceptedAt),
    startTime: epochSeconds(startsAt),
    ...(endsAt && { endTime: epochSeconds(endsAt) }),
    proposalSummary: { resources: [{ id: productId, type: resourceTypeOf(listing) }], offerId },
    status,
    initialAgreementId,
  };
}

function resourceTypeOf(listing: Listing | undefined): string {
  return resourceTypes[listing?.type ?? 'saas'];
}

/** Of active agreements that have an end; undefined for others [SDK-A]. What is signed already is what will come. */
export function endTimeBehaviorOf(
  agreement: Agreement,
  status: Agreement['status'],
  catalog: Pick<MarketplaceCatalog, 'agreement'>,
): EndTimeBehavior | undefined {
  const { endsAt, autoRenew, renewalDisabledBy, nextAgreementId, offerId } = agreement;
  if (status !== 'ACTIVE' || !endsAt) return undefined;
  const next = nextAgreementId === undefined ? undefined : catalog.agreement(nextAgreementId);
  if (next?.intent === 'REPLACE') return { type: 'REPLACE' };
  if (autoRenew || next) return { type: 'RENEW', renewalSummary: { offerId: next?.offerId ?? offerId } };
  if (!renewalDisabledBy) return { type: 'EXPIRE', reasonCode: 'NO_RENEWAL_TERM' };
  return { type: 'EXPIRE', reasonCode: `${renewalDisabledBy}_RENEW_OPTED_OUT`, renewalSummary: { offerId } };
}

export function epochSeconds(date: Date): number {
  return date.getTime() / 1000;
}
