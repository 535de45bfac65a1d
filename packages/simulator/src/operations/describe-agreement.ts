import { agreementShape, type AgreementShape, endTimeBehaviorOf, type EndTimeBehavior } from './agreement-shape.js';
import { agreementInput } from './agreement-request.js';
import { type AgreementParty } from './agreement-party.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
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
    private readonly switches: Pick<Switches, 'cancelledEndTime'>,
  ) {}

  execute(call: OperationCall): DescribeAgreementOutput {
    const agreement = this.party.named(agreementInput(call), call.caller.accountId);
    const listing = this.catalog.listing(agreement.productCode);
    const shape = agreementShape(agreement, { listing, proposer: this.party.proposerOf(agreement) }, this.switches);
    const endTimeBehavior = endTimeBehaviorOf(agreement, this.catalog);
    // The simulator knows no prices.
    return {
      ...shape,
      estimatedCharges: { currencyCode: 'USD', agreementValue: '0.00' },
      ...(endTimeBehavior && { endTimeBehavior }),
    };
  }
}
