import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type RegistrationTokens } from './registration-tokens.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

export interface ResolveCustomerOutput {
  CustomerAWSAccountId: string;
  ProductCode: string;
  /** Legacy products only [SDK-M: not filled for new SaaS integrations]. */
  CustomerIdentifier?: string;
  LicenseArn?: string;
}

/** ResolveCustomer [SDK-M]. It answers for agreements in every state: resolved does not mean subscribed. */
export class ResolveCustomer implements ApiHandler {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly tokens: RegistrationTokens,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute({ input, caller, now }: OperationCall): ResolveCustomerOutput {
    const token = input.required('RegistrationToken', input.text('RegistrationToken', { min: 1 }));
    // Only the account that published the product can resolve it; to any other the token looks wrong
    // [SKILL/troubleshooting].
    if (caller.resource) throw new ServiceError('InvalidTokenException', 'Registration token is invalid.');
    const agreement = this.catalog.agreement(this.tokens.resolve(token, now));
    const legacy = agreement.customerIdentifier !== undefined;
    return {
      CustomerAWSAccountId: agreement.accountId,
      ProductCode: agreement.productCode,
      ...(legacy && { CustomerIdentifier: agreement.customerIdentifier }),
      ...((!legacy || this.switches.legacyLicenseArn === 'present') && { LicenseArn: agreement.licenseArn }),
    };
  }
}
