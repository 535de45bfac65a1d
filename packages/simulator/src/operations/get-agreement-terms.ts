import { type Agreement } from '../market/agreement.js';
import { agreementInput, agreementPage } from './agreement-request.js';
import { type AgreementParty } from './agreement-party.js';
import { epochSeconds } from './agreement-shape.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type Listing } from '../market/listing.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type Switches } from '../switches.js';

const dayMs = 86_400_000;

export interface GetAgreementTermsOutput {
  /** Each with one member, which names its kind. */
  acceptedTerms: Readonly<Record<string, object>>[];
  nextToken?: string;
}

/** GetAgreementTerms [SDK-A]: trial, prices (all 0: the simulator knows none), entitlements, renewal and validity. */
export class GetAgreementTerms implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly party: AgreementParty,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute(call: OperationCall): GetAgreementTermsOutput {
    const input = agreementInput(call);
    const named = this.party.named(input, call.caller.accountId);
    const agreement = this.catalog.agreementAsOf(
      named,
      new Date(call.now.getTime() - this.switches.agreementTermsDelayMs),
    );
    const terms = termsOf(agreement, this.catalog.listing(agreement.productCode)?.dimensions ?? [], this.switches);
    const { page, nextToken } = agreementPage(input, terms, agreement.agreementId);
    return { acceptedTerms: page, ...(nextToken !== undefined && { nextToken }) };
  }
}

function termsOf(
  agreement: Agreement,
  dimensions: Listing['dimensions'],
  switches: Pick<Switches, 'trialTerms' | 'convertedTrialTerm' | 'endedTerms'>,
): GetAgreementTermsOutput['acceptedTerms'] {
  const { startsAt, freeTrial, trialEndsAt, paidSince, autoRenew, renewalDisabledBy, lockoutDays, entitlements } =
    agreement;
  const endsAt = switches.endedTerms === 'signed' ? agreement.signedEndsAt : agreement.endsAt;
  const duration = endsAt && durationBetween(startsAt, endsAt);
  const trialShown = freeTrial || (paidSince !== undefined && switches.convertedTrialTerm === 'kept');
  const trialEnd = paidSince ?? trialEndsAt ?? endsAt;
  // A trial that becomes paid by itself has its prices from the beginning.
  const paidShown = !freeTrial || trialEndsAt !== undefined || switches.trialTerms === 'besidePaid';
  const metered = dimensions.filter(({ type }) => type === 'ExternallyMetered');
  const grants = entitlements.map(({ dimension, value }) => ({
    dimensionKey: dimension,
    ...(typeof value === 'number' && { maxQuantity: Math.trunc(value) }),
  }));
  const price = (kind: string, term: object): Record<string, object> => {
    const type = kind.charAt(0).toUpperCase() + kind.slice(1);
    return { [kind]: { type, id: `term-${agreement.agreementId.slice(-13)}-${type}`, ...term } };
  };
  const timed = duration !== undefined && { duration };
  return [
    ...(trialShown
      ? [price('freeTrialPricingTerm', { ...(trialEnd && { duration: durationBetween(startsAt, trialEnd) }), grants })]
      : []),
    ...(metered.length > 0 && paidShown
      ? [
          price('usageBasedPricingTerm', {
            currencyCode: 'USD',
            rateCards: [{ rateCard: metered.map(({ name }) => ({ dimensionKey: name, price: '0.00' })) }],
          }),
        ]
      : []),
    ...(grants.length > 0 && !freeTrial
      ? [price('fixedUpfrontPricingTerm', { currencyCode: 'USD', price: '0.00', ...timed, grants })]
      : []),
    ...(autoRenew || renewalDisabledBy
      ? [
          price('renewalTerm', {
            configuration: { enableAutoRenew: autoRenew || renewalDisabledBy === 'PROPOSER' },
            ...(lockoutDays !== undefined && { lockoutPeriod: `P${lockoutDays}D` }),
          }),
        ]
      : []),
    price('validityTerm', {
      ...(duration !== undefined && { agreementDuration: duration }),
      agreementStartDate: epochSeconds(startsAt),
      ...(endsAt && { agreementEndDate: epochSeconds(endsAt) }),
    }),
  ];
}

/** ISO 8601: days, and what is left of them in seconds. */
function durationBetween(from: Date, until: Date): string {
  const ms = until.getTime() - from.getTime();
  const seconds = Math.round((ms % dayMs) / 1000);
  return `P${Math.floor(ms / dayMs)}D${seconds > 0 ? `T${seconds}S` : ''}`;
}
