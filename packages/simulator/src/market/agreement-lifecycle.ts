import {
  type Agreement,
  type Amendment,
  type CancellationReason,
  type CancellationRequest,
  type Entitlement,
  type SubscribeOptions,
  type SuccessorTerms,
} from './agreement.js';
import { type Milestone, milestonesOf } from './agreement-milestone.js';
import { type BillingAdjustment, type MarketEvent, type RenewalTerms, type SpendVetting } from './market-event.js';
import { type MarketplaceCatalog, type Origin } from './marketplace-catalog.js';
import { type Switches } from '../switches.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** Names of the milestones that each agreement has behind it. */
export type LifecycleSnapshot = Readonly<Record<string, readonly string[]>>;

type Distributed<T> = T extends MarketEvent ? Omit<T, 'at' | 'agreement'> : never;

/**
 * What buyers do and what time does to their agreements: starts, ends, renewals and notices come when the clock reaches them.
 *
 * Which moments lie ahead is computed from the agreement each time it changes, so that nothing but the names of those behind it has to be kept.
 */
export class AgreementLifecycle {
  readonly #behind = new Map<string, Set<string>>();
  readonly #alarms = new Map<string, () => void>();
  readonly #listeners: ((event: MarketEvent) => void)[] = [];

  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly clock: SimulatorClock,
    private readonly switches: Readonly<Switches>,
  ) {}

  /** Called with every event, in the order in which they happen. */
  onEvent(listener: (event: MarketEvent) => void): void {
    this.#listeners.push(listener);
  }

  snapshot(): LifecycleSnapshot {
    return Object.fromEntries([...this.#behind].map(([agreementId, names]) => [agreementId, [...names]]));
  }

  /** After catalog and clock; what fell due since the snapshot happens now. */
  restore(snapshot: LifecycleSnapshot): void {
    this.#behind.clear();
    for (const [agreementId, names] of Object.entries(snapshot)) this.#behind.set(agreementId, new Set(names));
    this.reschedule();
  }

  /** Computes all moments anew, after a change of switches. */
  reschedule(): void {
    for (const cancel of this.#alarms.values()) cancel();
    this.#alarms.clear();
    for (const { agreementId } of this.catalog.agreements()) this.#live(agreementId);
  }

  subscribe(options: SubscribeOptions): Agreement {
    return this.#begin(options, this.clock.now(), { intent: 'NEW' });
  }

  /** The buyer accepted, but the subscription could not be completed. No agreement is announced, ever. */
  failSubscription(options: SubscribeOptions): Agreement {
    const now = this.clock.now();
    const { agreementId } = this.catalog.subscribe(options, now, { intent: 'NEW' });
    const agreement = this.catalog.change(agreementId, { status: 'ROLLED_BACK', endsAt: now }, now);
    this.#tell(agreement, now, { kind: 'subscriptionFailed' });
    return agreement;
  }

  /** The agreement ends at the given moment, past or future, as cancelled unless told otherwise. One that has ended only gets another end. */
  end(agreementId: string, at: Date, endsAs: Agreement['endsAs']): Agreement {
    return this.#change(agreementId, { endsAt: new Date(at), endsAs });
  }

  suspend(agreementId: string): Agreement {
    return this.#change(agreementId, { suspended: true });
  }

  reinstate(agreementId: string): Agreement {
    return this.#change(agreementId, { suspended: false });
  }

  setEntitlements(agreementId: string, entitlements: readonly Entitlement[]): Agreement {
    const agreement = this.#change(agreementId, { entitlements: [...entitlements] });
    this.#tellIfRunning(agreement, { kind: 'licenseUpdated', initial: false });
    return agreement;
  }

  amend(agreementId: string, amendment: Amendment): Agreement {
    const { offerId: offerBefore } = this.#running(agreementId);
    const { entitlements, renewalDisabledBy = 'ACCEPTOR', ...terms } = amendment;
    const agreement = this.#change(agreementId, {
      ...terms,
      ...(entitlements && { entitlements: [...entitlements] }),
      ...(terms.autoRenew !== undefined && { renewalDisabledBy: terms.autoRenew ? undefined : renewalDisabledBy }),
    });
    this.#tellIfRunning(agreement, { kind: 'amended', newOffer: agreement.offerId !== offerBefore });
    if (entitlements ?? amendment.endsAt) this.#tellIfRunning(agreement, { kind: 'licenseUpdated', initial: false });
    return agreement;
  }

  renew(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    return this.#renew(this.#running(agreementId), terms, this.clock.now());
  }

  replace(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    const offerId = terms.offerId ?? this.catalog.newOfferId();
    const sameLicense = this.switches.replacementLicense === 'sameLicense';
    return this.#succeed(this.#running(agreementId), { ...terms, offerId }, 'REPLACE', sameLicense, this.clock.now());
  }

  /** The trial becomes a paid agreement, without an end unless `terms` has one. */
  convertTrial(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    const trial = this.#running(agreementId);
    if (!trial.freeTrial) throw new Error(`Agreement ${agreementId} is not a free trial`);
    if (this.switches.trialConversion !== 'sameAgreement') {
      return this.#succeed(trial, terms, 'REPLACE', this.switches.trialConversion === 'sameLicense', this.clock.now());
    }
    const { entitlements = trial.entitlements, offerId = trial.offerId, endsAt } = terms;
    const agreement = this.#change(agreementId, { freeTrial: false, entitlements: [...entitlements], offerId, endsAt });
    this.#tellIfRunning(agreement, { kind: 'amended', newOffer: agreement.offerId !== trial.offerId });
    this.#tellIfRunning(agreement, { kind: 'licenseUpdated', initial: false });
    return agreement;
  }

  advise(agreementId: string, kind: 'advisoryIssued' | 'advisoryResolved'): void {
    this.#tell(this.catalog.agreement(agreementId), this.clock.now(), { kind });
  }

  vetSpend(agreementId: string, step: SpendVetting): void {
    this.#tell(this.catalog.agreement(agreementId), this.clock.now(), { kind: 'spendVetted', step });
  }

  finalizeRenewalTerms(agreementId: string, terms: RenewalTerms): void {
    this.#tell(this.#running(agreementId), this.clock.now(), { kind: 'renewalTermsFinalized', terms });
  }

  adjustBilling(agreementId: string, adjustment: BillingAdjustment): void {
    this.#tell(this.catalog.agreement(agreementId), this.clock.now(), { kind: 'billingAdjusted', adjustment });
  }

  requestCancellation(agreementId: string, reasonCode: CancellationReason, reasonMessage: string): Agreement {
    if (this.#running(agreementId).cancellationRequest?.status === 'PENDING_APPROVAL') {
      throw new Error(`Agreement ${agreementId} has a cancellation request that is still open`);
    }
    const now = this.clock.now();
    const id = this.catalog.newCancellationRequestId();
    return this.#request(agreementId, now, {
      ...{ id, status: 'PENDING_APPROVAL', reasonCode, reasonMessage, statusMessage: '', createdAt: now, updatedAt: now },
    });
  }

  /** An approved request cancels the agreement. */
  answerCancellation(agreementId: string, status: Exclude<CancellationRequest['status'], 'PENDING_APPROVAL'>, message: string): Agreement {
    return this.#answer(this.#running(agreementId), status, message, this.clock.now());
  }

  #begin(options: SubscribeOptions, now: Date, origin: Origin): Agreement {
    const { agreementId } = this.catalog.subscribe(options, now, origin);
    this.#skipNotices(agreementId, now);
    return this.#live(agreementId);
  }

  #running(agreementId: string): Agreement {
    const agreement = this.catalog.agreement(agreementId);
    if (agreement.status !== 'ACTIVE') throw new Error(`Agreement ${agreementId} is ${agreement.status}`);
    return agreement;
  }

  #change(agreementId: string, change: Partial<{ [K in keyof Agreement]: Agreement[K] | undefined }>): Agreement {
    const now = this.clock.now();
    this.catalog.change(agreementId, change, now);
    if ('endsAt' in change && this.catalog.agreement(agreementId).status === 'ACTIVE') this.#skipNotices(agreementId, now);
    return this.#live(agreementId);
  }

  #renew(agreement: Agreement, terms: SuccessorTerms, at: Date): Agreement {
    const sameLicense = this.switches.renewalLicense !== 'newLicense';
    if (this.switches.renewalLicense !== 'sameAgreement') return this.#succeed(agreement, terms, 'RENEW', sameLicense, at);
    const { entitlements = agreement.entitlements } = terms;
    const endsAt = terms.endsAt ?? endOfNextTerm(agreement, agreement.endsAt ?? at);
    const termStartsAt = agreement.endsAt ?? at;
    const renewed = this.#change(agreement.agreementId, { entitlements: [...entitlements], termStartsAt, ...(endsAt && { endsAt }) });
    this.#tell(renewed, at, { kind: 'licenseUpdated', initial: false });
    return renewed;
  }

  #succeed(before: Agreement, terms: SuccessorTerms, intent: 'RENEW' | 'REPLACE', sameLicense: boolean, at: Date): Agreement {
    const endsAt = terms.endsAt ?? (before.freeTrial ? undefined : endOfNextTerm(before, at));
    const { productCode, accountId, autoRenew, lockoutDays, resale } = before;
    const next = this.catalog.subscribe(
      {
        ...{ productCode, accountId, autoRenew, startsAt: at },
        offerId: terms.offerId ?? before.offerId,
        entitlements: terms.entitlements ?? before.entitlements,
        ...(endsAt && { endsAt }),
        ...(lockoutDays !== undefined && { lockoutDays }),
        ...(resale && { resale }),
      },
      at,
      { intent, previous: before, ...(sameLicense && { licenseArn: before.licenseArn }) },
    );
    const status = intent === 'RENEW' ? 'RENEWED' : 'REPLACED';
    // Before the new agreement lives: it must not meet a predecessor that still runs.
    this.catalog.change(before.agreementId, { status, endsAt: at, nextAgreementId: next.agreementId }, at);
    this.#skipNotices(next.agreementId, at);
    const begun = this.#live(next.agreementId);
    this.#tell(this.catalog.agreement(before.agreementId), at, { kind: 'ended' });
    this.#live(before.agreementId);
    return begun;
  }

  #answer(agreement: Agreement, status: CancellationRequest['status'], statusMessage: string, at: Date): Agreement {
    const { agreementId, cancellationRequest: request } = agreement;
    if (request?.status !== 'PENDING_APPROVAL') throw new Error(`Agreement ${agreementId} has no open cancellation request`);
    const answered = this.#request(agreementId, at, { ...request, status, statusMessage, updatedAt: at });
    return status === 'APPROVED' ? this.#change(agreementId, { endsAt: at, endsAs: 'CANCELLED' }) : answered;
  }

  #request(agreementId: string, at: Date, cancellationRequest: CancellationRequest): Agreement {
    const agreement = this.#change(agreementId, { cancellationRequest });
    this.#tell(agreement, at, { kind: 'cancellationRequest' });
    return agreement;
  }

  /** Lets everything happen that is due for the agreement, and sets the alarm for what comes next. */
  #live(agreementId: string): Agreement {
    for (let next = this.#next(agreementId); next && next.at <= this.clock.now(); next = this.#next(agreementId)) {
      this.#put(agreementId, next);
      this.#reach(this.catalog.agreement(agreementId), next);
    }
    this.#alarms.get(agreementId)?.();
    this.#alarms.delete(agreementId);
    const ahead = this.#next(agreementId);
    if (ahead)
      this.#alarms.set(
        agreementId,
        this.clock.alarm(ahead.at, () => this.#live(agreementId)),
      );
    return this.catalog.agreement(agreementId);
  }

  #next(agreementId: string): Milestone | undefined {
    return this.#milestones(agreementId).find(({ name }) => !this.#behind.get(agreementId)?.has(name));
  }

  #milestones(agreementId: string): Milestone[] {
    const agreement = this.catalog.agreement(agreementId);
    const { nextAgreementId } = agreement;
    const inherited = nextAgreementId !== undefined && this.catalog.agreement(nextAgreementId).licenseArn === agreement.licenseArn;
    return milestonesOf(agreement, inherited, this.switches);
  }

  /** Notices that would lie before the agreement or its new end were known are never sent. */
  #skipNotices(agreementId: string, now: Date): void {
    const past = this.#milestones(agreementId).filter(({ kind, at }) => (kind === 'ending' || kind === 'lockout') && at <= now);
    for (const milestone of past) this.#put(agreementId, milestone);
  }

  #put(agreementId: string, { name }: Milestone): void {
    const names = this.#behind.get(agreementId) ?? new Set<string>();
    this.#behind.set(agreementId, names.add(name));
  }

  #reach(agreement: Agreement, milestone: Milestone): void {
    const { kind, at } = milestone;
    switch (kind) {
      case 'start':
        this.#tell(agreement, at, { kind: 'created' });
        this.#tell(agreement, at, { kind: 'licenseUpdated', initial: true });
        return;
      case 'ending':
        this.#tell(agreement, at, { kind: 'ending', daysBeforeEnd: milestone.daysBeforeEnd ?? 0 });
        return;
      case 'lockout':
        this.#tell(agreement, at, { kind: 'renewalUpcoming' });
        return;
      case 'autoApproval':
        this.#answer(agreement, 'APPROVED', '', at);
        return;
      case 'end':
        this.#finish(agreement, at);
        return;
      case 'deprovision':
        this.#tell(agreement, at, { kind: 'licenseDeprovisioned' });
        return;
      case 'finalHourEnd':
        this.#tell(agreement, at, { kind: 'finalHourEnded' });
    }
  }

  #finish(agreement: Agreement, at: Date): void {
    // Renewed or replaced: that was told when it happened.
    if (agreement.status !== 'ACTIVE') return;
    if (agreement.autoRenew && agreement.endsAs === 'EXPIRED' && termMsOf(agreement) > 0) {
      this.#renew(agreement, {}, at);
      return;
    }
    const ended = this.catalog.change(agreement.agreementId, { status: agreement.endsAs }, at);
    // Cancelled before it started: nobody was ever told of it.
    if (agreement.startsAt <= at) this.#tell(ended, at, { kind: 'ended' });
  }

  #tellIfRunning(agreement: Agreement, event: Distributed<MarketEvent>): void {
    const now = this.clock.now();
    if (agreement.startsAt <= now && agreement.status === 'ACTIVE') this.#tell(agreement, now, event);
  }

  #tell(agreement: Agreement, at: Date, event: Distributed<MarketEvent>): void {
    for (const listener of this.#listeners) listener({ ...event, at, agreement });
  }
}

/** As long after `from` as the agreement's term lasts, or undefined if it has no end. */
function endOfNextTerm(agreement: Agreement, from: Date): Date | undefined {
  return agreement.endsAt && new Date(from.getTime() + termMsOf(agreement));
}

function termMsOf({ termStartsAt, startsAt, endsAt }: Agreement): number {
  return endsAt ? endsAt.getTime() - (termStartsAt ?? startsAt).getTime() : 0;
}
