import { type InputReader } from '../wire/input-reader.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type RegistrationTokens } from './registration-tokens.js';
import { type Switches } from '../switches.js';

export interface ResolveCustomerOutput {
  CustomerAWSAccountId: string;
  ProductCode: string;
  /** Legacy products only [SDK-M: not filled for new SaaS integrations]. */
  CustomerIdentifier?: string;
  LicenseArn?: string;
}

/** ResolveCustomer [SDK-M]. It answers for agreements in every state: resolved does not mean subscribed. */
export class ResolveCustomer {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly tokens: RegistrationTokens,
    private readonly switches: Readonly<Switches>,
  ) {}

  execute(input: InputReader, now: Date): ResolveCustomerOutput {
    const token = input.required('RegistrationToken', input.text('RegistrationToken', { min: 1 }));
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
