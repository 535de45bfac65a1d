import { type Agreement, type SuccessorTerms } from './agreement.js';
import { type AgreementTimeline } from './agreement-timeline.js';
import { type MarketEvent } from './market-event.js';
import { type MarketplaceCatalog } from './marketplace-catalog.js';
import { type Switches } from '../switches.js';

type Distributed<T> = T extends MarketEvent ? Omit<T, 'at' | 'agreement'> : never;

/** A market event without its moment and its agreement. */
export type EventToTell = Distributed<MarketEvent>;

/** A member that is undefined is taken away. */
export type AgreementChange = Partial<{ [K in keyof Agreement]: Agreement[K] | undefined }>;

export interface SuccessionParts {
  readonly catalog: MarketplaceCatalog;
  readonly switches: Readonly<Switches>;
  readonly timeline: AgreementTimeline;
  /** Changes the agreement now, and lets happen what has fallen due by that. */
  readonly change: (agreementId: string, change: AgreementChange) => Agreement;
  readonly tell: (agreement: Agreement, at: Date, event: EventToTell) => void;
}

/** How one agreement follows another: renewals, replacements and converted trials, at once or signed ahead. */
export class AgreementSuccession {
  constructor(private readonly parts: SuccessionParts) {}

  renew(agreement: Agreement, terms: SuccessorTerms, at: Date): Agreement {
    const as = terms.as ?? this.parts.switches.renewalLicense;
    if (as !== 'sameAgreement') return this.#succeed(agreement, terms, 'RENEW', as, at);
    if (agreement.status !== 'ACTIVE') throw new Error(`Agreement ${agreement.agreementId} is ${agreement.status}`);
    const { entitlements = agreement.entitlements } = terms;
    const termStartsAt = agreement.endsAt ?? at;
    const endsAt = terms.endsAt ?? endOfNextTerm(agreement, termStartsAt);
    const renewed = this.parts.change(agreement.agreementId, {
      entitlements: [...entitlements],
      termStartsAt,
      ...(endsAt && { endsAt }),
    });
    this.parts.tell(renewed, at, { kind: 'licenseUpdated', initial: false });
    return renewed;
  }

  replace(agreement: Agreement, terms: SuccessorTerms, at: Date): Agreement {
    const as = terms.as ?? this.parts.switches.replacementLicense;
    if (as === 'sameAgreement') throw new Error('A replacement is another agreement: it cannot be the sameAgreement');
    return this.#succeed(
      agreement,
      { ...terms, offerId: terms.offerId ?? this.parts.catalog.newOfferId() },
      'REPLACE',
      as,
      at,
    );
  }

  convertTrial(trial: Agreement, terms: SuccessorTerms, at: Date): Agreement {
    if (!trial.freeTrial) throw new Error(`Agreement ${trial.agreementId} is not a free trial`);
    const as = terms.as ?? this.parts.switches.trialConversion;
    if (as !== 'sameAgreement') return this.#succeed(trial, terms, 'REPLACE', as, at);
    if (terms.startsAt && terms.startsAt > at) {
      throw new Error(
        'Within the same agreement a trial is converted ahead by its trialEndsAt: give it to subscribe()',
      );
    }
    return this.convertInPlace(trial, terms, terms.startsAt ?? at);
  }

  convertInPlace(trial: Agreement, terms: SuccessorTerms, at: Date): Agreement {
    const { entitlements = trial.entitlements, offerId = trial.offerId } = terms;
    // What ends a trial of a fixed time does not end what it becomes; the end of an agreement that holds a trial
    // stands.
    const endsAt = terms.endsAt ?? (trial.trialEndsAt && trial.endsAt);
    const paid = { freeTrial: false, paidSince: at, entitlements: [...entitlements], offerId, endsAt };
    const agreement = this.parts.change(trial.agreementId, paid);
    this.parts.tell(agreement, at, { kind: 'amended', newOffer: agreement.offerId !== trial.offerId });
    this.parts.tell(agreement, at, { kind: 'licenseUpdated', initial: false });
    return agreement;
  }

  /** The agreement starts: one that it follows and that still runs ends with that, and is said to after `announce`. */
  takeOver({ agreementId, intent, previousAgreementId }: Agreement, at: Date, announce: () => void): void {
    const { catalog, timeline, tell } = this.parts;
    const before = previousAgreementId === undefined ? undefined : catalog.agreement(previousAgreementId);
    if (before?.status !== 'ACTIVE' || before.nextAgreementId !== agreementId) {
      announce();
      return;
    }
    // First of all: the new agreement must not meet a predecessor that still runs.
    const ended = catalog.change(
      before.agreementId,
      { status: intent === 'RENEW' ? 'RENEWED' : 'REPLACED', endsAt: at },
      at,
    );
    announce();
    const isTold = this.#isTold(catalog.agreement(agreementId));
    if (this.parts.switches.endedOfFollowed === 'sent' && !isTold) tell(ended, at, { kind: 'ended' });
    timeline.live(before.agreementId);
  }

  /**
   * An agreement that was signed ahead is off: the one before it, which is returned, goes on as if nothing had been
   * signed.
   */
  withdraw({ agreementId, previousAgreementId }: Agreement, at: Date): Agreement | undefined {
    const { catalog } = this.parts;
    const before = previousAgreementId === undefined ? undefined : catalog.agreement(previousAgreementId);
    return before?.nextAgreementId === agreementId
      ? catalog.change(before.agreementId, { nextAgreementId: undefined }, at)
      : before;
  }

  #succeed(
    before: Agreement,
    terms: SuccessorTerms,
    intent: 'RENEW' | 'REPLACE',
    license: 'newLicense' | 'sameLicense',
    at: Date,
  ): Agreement {
    const { catalog, timeline } = this.parts;
    const startsAt = terms.startsAt ?? at;
    if (startsAt < before.startsAt)
      throw new Error(`Agreement ${before.agreementId} cannot be followed before it starts`);
    const pending = before.nextAgreementId === undefined ? undefined : catalog.agreement(before.nextAgreementId);
    if (pending?.status === 'ACTIVE')
      throw new Error(`Agreement ${before.agreementId} is followed by ${pending.agreementId} already`);
    const endsAt = terms.endsAt ?? (before.freeTrial ? undefined : endOfNextTerm(before, startsAt));
    const { productCode, accountId, autoRenew, lockoutDays, resale } = before;
    const next = catalog.subscribe(
      {
        ...{ productCode, accountId, autoRenew: autoRenew && endsAt !== undefined, startsAt },
        offerId: terms.offerId ?? before.offerId,
        entitlements: terms.entitlements ?? before.entitlements,
        ...(endsAt && { endsAt }),
        ...(lockoutDays !== undefined && { lockoutDays }),
        ...(resale && { resale }),
      },
      at,
      { intent, previous: before, ...(license === 'sameLicense' && { licenseArn: before.licenseArn }) },
    );
    catalog.change(before.agreementId, { nextAgreementId: next.agreementId }, at);
    timeline.skipNotices(next.agreementId, at);
    const signed = timeline.live(next.agreementId);
    if (this.parts.switches.endedOfFollowed === 'sent' && this.#isTold(signed))
      this.parts.tell(catalog.agreement(before.agreementId), at, { kind: 'ended', audience: 'bus' });
    return signed;
  }

  /** Whether the agreement before it was called RENEWED as it was signed. */
  #isTold({ intent, acceptedAt, startsAt }: Agreement): boolean {
    return this.parts.switches.renewedFrom === 'signing' && intent === 'RENEW' && acceptedAt < startsAt;
  }
}

/** As long after `from` as the agreement's term lasts, or undefined if it has no end. */
function endOfNextTerm(agreement: Agreement, from: Date): Date | undefined {
  return agreement.endsAt && new Date(from.getTime() + termMsOf(agreement));
}

export function termMsOf({ termStartsAt, startsAt, endsAt }: Agreement): number {
  return endsAt ? endsAt.getTime() - (termStartsAt ?? startsAt).getTime() : 0;
}
