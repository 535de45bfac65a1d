import {
  type AgreementFact,
  factIdOf,
  type FactDetails,
  type FactType,
} from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';

const DEFAULTS: FactDetails = {
  'agreement.created': {
    intent: 'NEW',
    status: 'ACTIVE',
    startTime: null,
    endTime: null,
    previousDigest: null,
    offerId: null,
  },
  'agreement.amended': { intent: 'AMEND', status: 'ACTIVE', endTime: null, offerId: null },
  'agreement.ended': { status: 'CANCELLED', endTime: null },
  'license.updated': { offerId: null },
  'license.deprovisioned': { offerId: null },
  'legacy.subscribeSucceeded': { isFreeTrial: null, offerId: null },
  'legacy.subscribeFailed': { offerId: null },
  'legacy.unsubscribePending': { offerId: null },
  'legacy.unsubscribed': { offerId: null },
  'entitlement.updated': {},
  'advisory.issued': { detailType: 'Purchase Agreement Advisory Issued' },
  'advisory.resolved': { detailType: 'Purchase Agreement Advisory Resolved' },
  'agreement.notice': { detailType: 'Spend Threshold Reached' },
  'buyer.registered': {},
  'host.ended': { endsAt: '' },
  'message.untimed': { said: 'legacy.unsubscribed' },
  'agreement.found': {
    ...{
      status: 'ACTIVE',
      startTime: null,
      endTime: null,
      terms: null,
      entitled: null,
      previousDigest: null,
      initialDigest: null,
      offerId: null,
      lastUpdateTime: null,
    },
  },
};

/** `11-18 10:00` of 2026, UTC; with seconds where they matter. */
export function instant(text: string): Date {
  return new Date(`2026-${text.replace(' ', 'T')}${text.length === 11 ? ':00' : ''}Z`);
}

export const iso = (text: string): string => instant(text).toISOString();

let ids = 0;

/** A fact of an agreement (`null`: it names none), heard at once unless said otherwise. */
export function fact<T extends FactType>(
  agreementId: string | null,
  at: string,
  type: T,
  details: Partial<FactDetails[T]> = {},
  more: { heardAt?: string; among?: readonly string[] } = {},
): AgreementFact {
  const id = factIdOf('test', `${(ids += 1)}`, type);
  const whole = { ...DEFAULTS[type], ...details };
  return {
    ...{ id, type, agreementId, among: more.among ?? null, at: instant(at), heardAt: instant(more.heardAt ?? at) },
    details: whole,
  } as AgreementFact;
}

export const NOT_ASKED: Asking = { askedAt: null, mayNotAsk: false };
export const MAY_NOT_ASK: Asking = { askedAt: null, mayNotAsk: true };
export const asked = (at: string): Asking => ({ askedAt: instant(at), mayNotAsk: false });

/** Ends that any of them names, as AWS's answer is compared with them. */
export function announcedEndsOf(facts: readonly AgreementFact[]): Date[] {
  return facts.flatMap(({ details }) =>
    'endTime' in details && details.endTime !== null ? [new Date(details.endTime)] : [],
  );
}
