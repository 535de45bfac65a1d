import { type NewMarketplaceEvent, type StoredAgreementNotice } from '../../events/marketplace-event.js';
import { type ChainAgreement, type Telling } from '../agreements/subscription-state.js';

/** A change that the rules want told, as the host's handlers get it. */
export function eventOf(
  telling: Telling,
  {
    subscriptionId,
    productCode,
    chain,
    now,
  }: { subscriptionId: string; productCode: string; chain: readonly ChainAgreement[]; now: Date },
): NewMarketplaceEvent {
  const about = { subscriptionId, occurredAt: now };
  const noticeOf = (agreementId: string): StoredAgreementNotice | null => agreementNotice(agreementId, chain, now);
  switch (telling.type) {
    case 'activated': {
      const { startsAt, isTrial, previousState } = telling;
      const payload = {
        productCode,
        startsAt: startsAt.toISOString(),
        isTrial,
        previousState,
        agreement: noticeOf(telling.agreementId),
      };
      return { type: 'subscription.activated', ...about, payload };
    }
    case 'renewed': {
      const { startsAt, isTrial } = telling;
      const payload = {
        productCode,
        startsAt: startsAt.toISOString(),
        isTrial,
        agreement: noticeOf(telling.agreementId),
      };
      return { type: 'subscription.renewed', ...about, payload };
    }
    case 'converted': {
      const payload = { productCode, at: telling.at.toISOString(), agreement: noticeOf(telling.agreementId) };
      return { type: 'subscription.converted', ...about, payload };
    }
    case 'suspended':
      return {
        type: 'subscription.suspended',
        ...about,
        payload: { productCode, agreement: noticeOf(telling.agreementId) },
      };
    case 'ending':
    case 'ended': {
      const payload = { productCode, endsAt: telling.endsAt.toISOString(), agreement: noticeOf(telling.agreementId) };
      return { type: `subscription.${telling.type}`, ...about, payload };
    }
    case 'failed':
      return { type: 'subscription.failed', ...about, payload: { productCode } };
  }
}

/** Row ids and instants only: names are looked up at the delivery. */
export function agreementNotice(
  agreementId: string,
  chain: readonly ChainAgreement[],
  now: Date,
): StoredAgreementNotice | null {
  const agreement = chain.find(({ id, aliasIds }) => id === agreementId || aliasIds.includes(agreementId));
  if (!agreement) return null;
  const { life, previousId } = agreement;
  return {
    agreement: agreement.id,
    previous: previousId,
    startsAt: life.start?.at.toISOString() ?? null,
    endsAt: (life.end?.at ?? life.plannedEndAt)?.toISOString() ?? null,
    isTrial: isTrialAt(life, now),
  };
}

export function isTrialAt({ trial }: ChainAgreement['life'], at: Date): boolean {
  return trial !== null && (trial.until === null || trial.until > at);
}
