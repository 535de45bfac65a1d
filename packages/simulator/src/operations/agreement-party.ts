import { type Agreement } from '../market/agreement.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { type InputReader } from '../wire/input-reader.js';
import { ServiceError } from '../wire/service-error.js';

/** Who may see which agreement: its proposer and its acceptor [SDK-A]. A manufacturer whose product a channel partner sold is neither. */
export class AgreementParty {
  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly sellerAccountId: string,
  ) {}

  proposerOf({ resale }: Agreement): string {
    return resale?.partnerAccountId ?? this.sellerAccountId;
  }

  agreementsOf(accountId: string, role: 'Proposer' | 'Acceptor'): Agreement[] {
    const partyOf = (agreement: Agreement): string => (role === 'Proposer' ? this.proposerOf(agreement) : agreement.accountId);
    return this.catalog.agreements().filter((agreement) => partyOf(agreement) === accountId);
  }

  /** The agreement that the request names by `agreementId`. */
  named(input: InputReader, accountId: string): Agreement {
    const pattern = /^[A-Za-z0-9_/-]+$/;
    const agreementId = input.required('agreementId', input.text('agreementId', { min: 1, max: 64, pattern }));
    const agreement = this.catalog.agreements().find((one) => one.agreementId === agreementId);
    if (!agreement) throw new ServiceError('ResourceNotFoundException', `The agreement ${agreementId} was not found.`);
    if (accountId !== this.proposerOf(agreement) && accountId !== agreement.accountId) {
      throw new ServiceError('AccessDeniedException', `The account ${accountId} is not a party of the agreement ${agreementId}.`);
    }
    return agreement;
  }
}
