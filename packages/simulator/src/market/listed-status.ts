import { type Agreement } from './agreement.js';
import { type MarketplaceCatalog } from './marketplace-catalog.js';
import { type Switches } from '../switches.js';

/** How AWS calls an agreement: from when on RENEWED, if ever, it does not say. */
export function listedStatusOf(
  { status, nextAgreementId }: Pick<Agreement, 'status' | 'nextAgreementId'>,
  catalog: Pick<MarketplaceCatalog, 'agreement'>,
  { renewedFrom }: Pick<Switches, 'renewedFrom'>,
): Agreement['status'] {
  if (status === 'RENEWED') return renewedFrom === 'never' ? 'EXPIRED' : status;
  if (status !== 'ACTIVE' || renewedFrom !== 'signing' || nextAgreementId === undefined) return status;
  const next = catalog.agreement(nextAgreementId);
  return next.intent === 'RENEW' && next.status === 'ACTIVE' ? 'RENEWED' : status;
}
