import { createHash } from 'node:crypto';
import { type Agreement } from '../market/agreement.js';
import { type Listing } from '../market/listing.js';
import { type MarketEvent } from '../market/market-event.js';
import { type Switches } from '../switches.js';

const source = 'aws.agreement-marketplace';
const dayMs = 86_400_000;

/** An event of source `aws.agreement-marketplace` on the default bus of the seller's account in us-east-1 [SG-evt]. */
export interface EventBridgeEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: typeof source;
  readonly account: string;
  /** ISO 8601 without fractions of a second. */
  readonly time: string;
  readonly region: 'us-east-1';
  readonly resources: readonly string[];
  readonly detail: { readonly requestId: string; readonly catalog: 'AWSMarketplace' } & Readonly<
    Record<string, unknown>
  >;
}

export interface EventContext {
  readonly sellerAccountId: string;
  readonly listing: Listing;
  readonly switches: Readonly<Switches>;
  /** As AWS calls the agreement. */
  readonly status: Agreement['status'];
  /** A new UUID at each call. */
  readonly newId: () => string;
}

/** `role` is absent from detail-types that have none. */
interface Draft {
  readonly type: string;
  readonly role?: 'Proposer' | 'Manufacturer';
  /** Cancellation and billing events name no resource [SG-evt]. */
  readonly withoutResource?: true;
  readonly detail: Record<string, unknown>;
}

/** The event and its type without the role, or undefined where the seller hears nothing on the bus. */
export function eventBridgeEventOf(
  event: MarketEvent,
  context: EventContext,
): { type: string; body: EventBridgeEvent } | undefined {
  const draft = draftOf(event, context);
  if (!draft) return undefined;
  const { sellerAccountId, switches, newId } = context;
  const { agreement, at } = event;
  const { type, role, detail } = draft;
  const requestId = switches.eventRequestId === 'shared' ? transactionId(event) : newId();
  const body: EventBridgeEvent = {
    version: '0',
    id: newId(),
    'detail-type': role === undefined ? type : `${type} - ${role}`,
    source,
    account: sellerAccountId,
    time: `${at.toISOString().slice(0, 19)}Z`,
    region: 'us-east-1',
    resources: draft.withoutResource ? [] : [`arn:aws:aws-marketplace::aws:agreement:${agreement.agreementId}`],
    detail: {
      requestId,
      catalog: 'AWSMarketplace',
      ...detail,
      ...(switches.unknownEventFields === 'added' && { correlation: { version: 1 } }),
    },
  };
  return { type, body };
}

function draftOf(event: MarketEvent, context: EventContext): Draft | undefined {
  const { agreement } = event;
  // A direct offer makes the seller proposer and manufacturer at once; agreement events then come in the Proposer form
  // only [SG-eb].
  const role = agreement.resale ? ('Manufacturer' as const) : ('Proposer' as const);
  const proposing = role === 'Proposer';
  const parts = partsOf(agreement, context);
  const { offer, acceptor, proposer, namedProposer, product, titledProduct, resaleAuthorization } = parts;
  const id = { id: agreement.agreementId };
  switch (event.kind) {
    case 'created': {
      const { intent, previousAgreementId } = agreement;
      const naming = context.switches.previousAgreementInEvents;
      const named = naming !== 'none' && (intent === 'RENEW' || naming === 'renewalsAndReplacements');
      const terms = {
        ...{ ...id, intent, status: 'ACTIVE', ...parts.times },
        ...(named && previousAgreementId !== undefined && { previousAgreementId }),
      };
      const detail =
        intent === 'RENEW' && proposing
          ? { agreement: terms, product: titledProduct, acceptor, proposer: namedProposer, offer }
          : { agreement: terms, ...resaleAuthorization, acceptor, proposer, offer };
      return { type: 'Purchase Agreement Created', role, detail };
    }
    case 'amended': {
      const terms = { ...id, intent: 'AMEND', status: context.status, ...parts.times };
      const detail = proposing
        ? {
            agreement: { ...terms, autoRenewalEnabled: agreement.autoRenew },
            renewalSummary: parts.renewalSummary,
            product: titledProduct,
          }
        : { agreement: terms };
      return {
        type: 'Purchase Agreement Amended',
        role,
        detail: { ...detail, ...resaleAuthorization, acceptor, proposer, offer },
      };
    }
    case 'ended': {
      const named = context.switches.endedEventOffer === 'present' && { offer };
      const ended = {
        agreement: { ...id, status: context.status },
        ...resaleAuthorization,
        acceptor,
        proposer,
        ...named,
      };
      return { type: 'Purchase Agreement Ended', role, detail: ended };
    }
    case 'licenseUpdated':
    case 'licenseDeprovisioned': {
      const contract = context.listing.dimensions.some((dimension) => dimension.type === 'Entitled');
      if (event.kind === 'licenseUpdated' && !contract && context.switches.usageLicenseUpdated === 'notSent')
        return undefined;
      const type = event.kind === 'licenseUpdated' ? 'License Updated' : 'License Deprovisioned';
      const coded = { code: agreement.productCode, id: agreement.productId };
      const detail = {
        agreement: id,
        product: coded,
        license: { arn: parts.licenseArn },
        acceptor,
        proposer,
        offer: parts.licenseOffer,
      };
      return { type, role: 'Manufacturer', detail };
    }
    case 'ending': {
      if (!proposing) return undefined;
      const { startTime, endTime } = parts.times;
      const terms = { ...id, startTime, endTime, status: context.status, daysBeforeEndTime: event.daysBeforeEnd };
      const agreementPart = {
        agreement: { ...terms, autoRenewalEnabled: agreement.autoRenew },
        renewalSummary: parts.renewalSummary,
      };
      const detail = { ...agreementPart, product: titledProduct, acceptor, proposer: namedProposer, offer };
      return { type: 'Purchase Agreement Ending', role, detail };
    }
    case 'renewalTermsFinalized':
    case 'renewalUpcoming': {
      if (!proposing) return undefined;
      const { startTime, endTime } = parts.times;
      const finalized = event.kind === 'renewalTermsFinalized';
      const { tcv = '0.00', currency = 'USD' } = finalized ? event.terms : {};
      const lockout = parts.renewalSummary.lockoutStartTime;
      const lockoutReached = lockout === null ? null : event.at.getTime() >= Date.parse(lockout);
      const renewalSummary = finalized
        ? { tcv, currency, termsFinalizedTime: iso(event.at), lockoutReached, lockoutStartTime: lockout }
        : { lockoutReached: true, tcv, currency };
      const detail = {
        agreement: { ...id, startTime, endTime },
        renewalSummary,
        product: titledProduct,
        acceptor,
        proposer: namedProposer,
      };
      return { type: `Purchase Agreement Renewal ${finalized ? 'Terms Finalized' : 'Upcoming'}`, role, detail };
    }
    case 'advisoryIssued':
    case 'advisoryResolved': {
      const issued = event.kind === 'advisoryIssued';
      const advisory = { [issued ? 'issuedAt' : 'resolvedAt']: iso(event.at) };
      const type = `Purchase Agreement Advisory ${issued ? 'Issued' : 'Resolved'}`;
      return { type, role: 'Manufacturer', detail: { agreement: id, product, acceptor, proposer, offer, advisory } };
    }
    case 'spendVetted': {
      // No text shows one: the shape is that of the advisory, and no role stands in the tables of detail-types.
      const steps = { reached: 'Reached', succeeded: 'Vet Succeeded', failed: 'Vet Failed' };
      return {
        type: `Spend Threshold ${steps[event.step]}`,
        detail: { agreement: id, product, acceptor, proposer, offer },
      };
    }
    case 'cancellationRequest':
      return cancellationDraft(agreement, role);
    case 'billingAdjusted': {
      const {
        amount,
        outcome = 'completed',
        currency = 'USD',
        reason = 'OTHER',
        invoiceId = '2028746221',
      } = event.adjustment;
      if (outcome === 'failed' && !proposing) return undefined;
      const billingAdjustmentRequest = {
        id: `ba-${context.newId().replaceAll('-', '').slice(0, 25)}`,
        adjustmentAmount: amount,
        currencyCode: currency,
        adjustmentReasonCode: reason,
      };
      const type = `Purchase Agreement Billing Adjustment ${outcome === 'completed' ? 'Completed' : 'Failed'}`;
      return {
        type,
        role,
        withoutResource: true,
        detail: { agreement: id, billingAdjustmentRequest, invoice: { originalInvoiceId: invoiceId } },
      };
    }
    case 'finalHourEnded':
    case 'subscriptionFailed':
      return undefined;
  }
}

function cancellationDraft(agreement: Agreement, role: 'Proposer' | 'Manufacturer'): Draft | undefined {
  const { agreementId, accountId, productId, offerId, cancellationRequest: request } = agreement;
  // A validation that failed is told to the one who asked, and that was the channel partner.
  if (!request || (request.status === 'VALIDATION_FAILED' && role === 'Manufacturer')) return undefined;
  const words = {
    PENDING_APPROVAL: 'Pending Approval',
    APPROVED: 'Approved',
    REJECTED: 'Rejected',
    CANCELLED: 'Cancelled',
  };
  const status = request.status === 'VALIDATION_FAILED' ? 'Validation Failed' : words[request.status];
  const detail = {
    agreement: { id: agreementId, acceptorId: accountId, productId, offerId },
    agreementCancellationRequest: {
      id: request.id,
      reasonCode: request.reasonCode,
      reasonMessage: request.reasonMessage,
      statusCode: request.status,
      statusMessage: request.statusMessage,
      createdAt: iso(request.createdAt),
      updatedAt: iso(request.updatedAt),
    },
  };
  return { type: `Agreement Cancellation Request ${status}`, role, withoutResource: true, detail };
}

/** What events say of an agreement, in the forms they say it. */
function partsOf(agreement: Agreement, { sellerAccountId, listing, switches }: EventContext) {
  const { resale, offerId, endsAt, lockoutDays, productId, licenseArn } = agreement;
  const [, , , , licenseOwner = '', , licenseId = ''] = licenseArn.split(':');
  const proposerAccountId = resale?.partnerAccountId ?? sellerAccountId;
  const open = switches.openEndInEvents === 'year9999' ? { endTime: '9999-01-01T00:00:00Z' } : {};
  const none = switches.directResaleAuthorization === 'nullId' ? { resaleAuthorization: { id: null } } : {};
  const lockoutStart =
    endsAt && lockoutDays !== undefined ? new Date(endsAt.getTime() - lockoutDays * dayMs) : undefined;
  const unknown = switches.unknownEventFields === 'added' && { partition: 'aws' };
  return {
    times: {
      acceptanceTime: iso(agreement.acceptedAt),
      startTime: iso(agreement.startsAt),
      ...(endsAt ? { endTime: iso(endsAt) } : open),
    },
    renewalSummary: {
      lockoutStartTime: lockoutStart ? iso(lockoutStart) : null,
      disabledBy: agreement.renewalDisabledBy ?? null,
    },
    resaleAuthorization: resale ? { resaleAuthorization: { id: resale.resaleAuthorizationId } } : none,
    acceptor: { accountId: agreement.accountId, ...unknown },
    proposer: { accountId: proposerAccountId },
    namedProposer: { name: `Seller ${proposerAccountId}`, accountId: proposerAccountId },
    product: { id: productId },
    titledProduct: { id: productId, title: listing.title },
    offer: { id: offerId },
    licenseOffer: { id: switches.licenseEventOfferId === 'bare' ? offerId.replace(/^offer-/, '') : offerId },
    licenseArn:
      switches.eventLicenseArn === 'api' ? licenseArn : `aws:license-manager:us-east-1:${licenseOwner}:${licenseId}`,
  };
}

/**
 * One id for everything that a purchase, a renewal or an end brings about, Deprovisioned half a minute later included.
 */
function transactionId({ kind, agreement, at }: MarketEvent): string {
  const moment = kind === 'licenseDeprovisioned' ? (agreement.endsAt ?? at) : at;
  const hex = createHash('md5').update(`${agreement.initialAgreementId} ${moment.toISOString()}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

/** ISO 8601; milliseconds only where there are some, as in AWS's events. */
function iso(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}
