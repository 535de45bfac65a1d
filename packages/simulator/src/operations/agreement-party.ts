import { type Agreement } from '../market/agreement.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type InputReader } from '../wire/input-reader.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

/**
 * Who may see which agreement: its proposer and its acceptor [SDK-A]. A manufacturer whose product a channel partner
 * sold is neither.
 */
export class AgreementParty {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly sellerAccountId: string,
    private readonly switches: Readonly<Switches>,
  ) {}

  proposerOf({ resale }: Agreement): string {
    return resale?.partnerAccountId ?? this.sellerAccountId;
  }

  /** As SearchAgreements knows them: a while ago. */
  agreementsOf(accountId: string, role: 'Proposer' | 'Acceptor', now: Date): Agreement[] {
    const indexedAt = new Date(now.getTime() - this.switches.searchIndexDelayMs);
    const partyOf = (agreement: Agreement): string =>
      role === 'Proposer' ? this.proposerOf(agreement) : agreement.accountId;
    return this.catalog.agreementsAsOf(indexedAt).filter((agreement) => partyOf(agreement) === accountId);
  }

  /** The agreement that the request names by `agreementId`. */
  named(input: InputReader, accountId: string): Agreement {
    const pattern = /^[A-Za-z0-9_/-]+$/;
    const agreementId = input.required('agreementId', input.text('agreementId', { min: 1, max: 64, pattern }));
    const agreement = this.catalog.agreements().find((one) => one.agreementId === agreementId);
    if (!agreement) throw notFound(agreementId);
    if (accountId !== this.proposerOf(agreement) && accountId !== agreement.accountId) {
      const { resoldAgreement } = this.switches;
      const manufacturer = accountId === this.sellerAccountId;
      if (manufacturer && resoldAgreement === 'answered') return agreement;
      if (manufacturer && resoldAgreement === 'ResourceNotFoundException') throw notFound(agreementId);
      throw new ServiceError(
        'AccessDeniedException',
        `The account ${accountId} is not a party of the agreement ${agreementId}.`,
      );
    }
    return agreement;
  }
}

function notFound(agreementId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `The agreement ${agreementId} was not found.`);
}
