import { agreementShape, type AgreementShape, endTimeBehaviorOf, type EndTimeBehavior } from './agreement-shape.js';
import { agreementInput } from './agreement-request.js';
import { type AgreementParty } from './agreement-party.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { listedStatusOf } from '../market/listed-status.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type Switches } from '../switches.js';

export interface DescribeAgreementOutput extends AgreementShape {
  estimatedCharges: { currencyCode: string; agreementValue: string };
  endTimeBehavior?: EndTimeBehavior;
}

/** DescribeAgreement [SDK-A]. */
export class DescribeAgreement implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly party: AgreementParty,
    private readonly switches: Pick<Switches, 'cancelledEndTime' | 'renewedFrom'>,
  ) {}

  execute(call: OperationCall): DescribeAgreementOutput {
    const agreement = this.party.named(agreementInput(call), call.caller.accountId);
    const listing = this.catalog.listing(agreement.productCode);
    const status = listedStatusOf(agreement, this.catalog, this.switches);
    const proposer = this.party.proposerOf(agreement);
    const shape = agreementShape(agreement, { listing, proposer, status }, this.switches);
    const endTimeBehavior = endTimeBehaviorOf(agreement, status, this.catalog);
    // The simulator knows no prices.
    return {
      ...shape,
      estimatedCharges: { currencyCode: 'USD', agreementValue: '0.00' },
      ...(endTimeBehavior && { endTimeBehavior }),
    };
  }
}
