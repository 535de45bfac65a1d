import { type Agreement } from './agreement.js';
import { type Listing } from './listing.js';

/** A stretch of time in which usage of an agreement has one price: the trial's, or the paid one. */
export interface PriceSegment {
  readonly agreementId: string;
  readonly productCode: string;
  readonly identity: Listing['identity'];
  readonly licenseArn: string;
  readonly accountId: string;
  /** Legacy products only. */
  readonly customerIdentifier?: string;
  readonly terms: 'trial' | 'paid';
  readonly from: Date;
  /** The first moment that is no longer in it. Absent while it has no end. */
  readonly until?: Date;
}

/** All segments of an agreement as it stands now, by time; none of one that never began. */
export function priceSegmentsOf(agreement: Agreement, identity: Listing['identity']): PriceSegment[] {
  const { agreementId, productCode, licenseArn, accountId, customerIdentifier, startsAt, endsAt } = agreement;
  if (agreement.status === 'ROLLED_BACK') return [];
  const common = {
    ...{ agreementId, productCode, identity, licenseArn, accountId },
    ...(customerIdentifier !== undefined && { customerIdentifier }),
  };
  const paidFrom = agreement.freeTrial ? agreement.trialEndsAt : (agreement.paidSince ?? startsAt);
  const segment = (terms: 'trial' | 'paid', from: Date, until: Date | undefined): PriceSegment[] =>
    until && until <= from ? [] : [{ ...common, terms, from, ...(until && { until }) }];
  const trialUntil =
    paidFrom && endsAt ? new Date(Math.min(paidFrom.getTime(), endsAt.getTime())) : (paidFrom ?? endsAt);
  return [...segment('trial', startsAt, trialUntil), ...(paidFrom ? segment('paid', paidFrom, endsAt) : [])];
}
