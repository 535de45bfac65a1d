import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type PriceSegment, priceSegmentsOf } from '../market/price-segment.js';
import { type AcceptedLine, type BillLine } from './usage-book.js';

/** A record that took effect: a line of the bill with what only the record knew, and the price that it comes under. */
export interface AcceptedUsage extends BillLine {
  /** As sent, ISO 8601. */
  readonly timestamp: string;
  /** When it was taken, by the simulator's clock, ISO 8601. */
  readonly acceptedAt: string;
  /**
   * That of its agreement in which the timestamp lies, as the agreement stands now. Absent where the agreement was
   * ended before it.
   */
  readonly segment?: PriceSegment;
}

/** Which price each record comes under. */
export class UsagePricing {
  constructor(private readonly catalog: MarketplaceCatalog) {}

  /** Of all agreements, in the order in which they were made, each by time. */
  segments(): PriceSegment[] {
    return this.catalog.agreements().flatMap((agreement) => this.#segmentsOf(agreement.agreementId));
  }

  priced({ line, timestamp, acceptedAt }: AcceptedLine): AcceptedUsage {
    const segment = this.#segmentsOf(line.agreementId).find(
      ({ from, until }) => from.getTime() <= timestamp && (!until || timestamp < until.getTime()),
    );
    return {
      ...{ ...line, timestamp: new Date(timestamp).toISOString(), acceptedAt: new Date(acceptedAt).toISOString() },
      ...(segment && { segment }),
    };
  }

  #segmentsOf(agreementId: string): PriceSegment[] {
    const agreement = this.catalog.agreement(agreementId);
    return priceSegmentsOf(agreement, this.catalog.listing(agreement.productCode)?.identity ?? 'license');
  }
}
