import { type FactType } from '../agreements/agreement-fact.js';
import { type LifecycleEvent } from '../inbox/lifecycle-event.js';
import { type ProductCatalog } from '../product-catalog.js';
import { agreementKeyOf, digestOf } from './aws-names.js';

/** What an event says, as a fact keeps it: agreements that it names beside its own stand as digests. */
export function factOfEvent(event: LifecycleEvent): { type: FactType; details: Record<string, unknown> } {
  if (event.isUntimed === true) return { type: 'message.untimed', details: { said: event.type } };
  switch (event.type) {
    case 'agreement.created': {
      const { previousAgreementId, ...details } = event.details;
      return { type: event.type, details: { ...details, previousDigest: agreementDigestOf(previousAgreementId) } };
    }
    case 'agreement.found': {
      const { previousAgreementId, initialAgreementId, ...details } = event.details;
      return {
        type: event.type,
        details: {
          ...details,
          previousDigest: agreementDigestOf(previousAgreementId),
          initialDigest: agreementDigestOf(initialAgreementId),
        },
      };
    }
    default:
      return { type: event.type, details: { ...event.details } };
  }
}

export function agreementDigestOf(agreementId: string | null): string | null {
  return agreementId === null ? null : digestOf(agreementKeyOf(agreementId));
}

/** The agreement that an event names as the one before. */
export function previousOf(event: LifecycleEvent): string | null {
  return event.type === 'agreement.created' || event.type === 'agreement.found'
    ? agreementDigestOf(event.details.previousAgreementId)
    : null;
}

/** Every other agreement that an event names, as digests: those that led to the one it speaks of. */
export function earlierOf(event: LifecycleEvent): string[] {
  const initial = event.type === 'agreement.found' ? agreementDigestOf(event.details.initialAgreementId) : null;
  return [previousOf(event), initial].filter((digest) => digest !== null);
}

export function offerOf({ details }: LifecycleEvent): string | null {
  return 'offerId' in details ? details.offerId : null;
}

/** Of an agreement that holds several products an event may name another one's: only what names both is believed. */
export function productIdOf(
  { event: { about }, productCode }: { event: LifecycleEvent; productCode: string },
  products: Pick<ProductCatalog, 'get'>,
): string | null {
  const isOurs = about.productCode !== undefined || products.get(productCode)?.productId === about.productId;
  return isOurs ? (about.productId ?? null) : null;
}
