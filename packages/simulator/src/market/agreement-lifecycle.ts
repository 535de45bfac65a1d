import {
  type Agreement,
  type Amendment,
  type CancellationReason,
  type CancellationRequest,
  type Entitlement,
  type SubscribeOptions,
  type SuccessorTerms,
} from './agreement.js';
import { type Milestone } from './agreement-milestone.js';
import { type AgreementChange, AgreementSuccession, type EventToTell, termMsOf } from './agreement-succession.js';
import { AgreementTimeline, type LifecycleSnapshot } from './agreement-timeline.js';
import {
  type BillingAdjustment,
  type MarketEvent,
  type RenewalTerms,
  type Rumour,
  type RumourOptions,
  type SpendVetting,
} from './market-event.js';
import { type MarketplaceCatalog, type Origin } from './marketplace-catalog.js';
import { type Switches } from '../switches.js';
import { type SimulatorClock } from '../virtual-clock.js';

/**
 * What buyers do and what time does to their agreements: starts, ends, renewals and notices come when the clock reaches
 * them.
 */
export class AgreementLifecycle {
  readonly #timeline: AgreementTimeline;
  readonly #succession: AgreementSuccession;
  readonly #listeners: ((event: MarketEvent) => void)[] = [];

  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly clock: SimulatorClock,
    private readonly switches: Readonly<Switches>,
  ) {
    this.#timeline = new AgreementTimeline(catalog, clock, switches, (agreement, milestone) => {
      this.#reach(agreement, milestone);
    });
    this.#succession = new AgreementSuccession({
      ...{ catalog, switches, timeline: this.#timeline },
      change: (agreementId, change) => this.#change(agreementId, change),
      tell: (agreement, at, event) => {
        this.#tell(agreement, at, event);
      },
    });
  }

  /** Called with every event, in the order in which they happen. */
  onEvent(listener: (event: MarketEvent) => void): void {
    this.#listeners.push(listener);
  }

  snapshot(): LifecycleSnapshot {
    return this.#timeline.snapshot();
  }

  /** After catalog and clock; what fell due since the snapshot happens now. */
  restore(snapshot: LifecycleSnapshot): void {
    this.#timeline.restore(snapshot);
  }

  /** Computes all moments anew, after a change of switches. */
  reschedule(): void {
    this.#timeline.reschedule();
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

  /**
   * The agreement ends at the given moment, past or future, as cancelled unless told otherwise. One that has ended only
   * gets another end.
   */
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

  /** Also one that has expired: late. */
  renew(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    const agreement = this.catalog.agreement(agreementId);
    return this.#succession.renew(
      agreement.status === 'EXPIRED' ? agreement : this.#running(agreementId),
      terms,
      this.clock.now(),
    );
  }

  replace(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    return this.#succession.replace(this.#running(agreementId), terms, this.clock.now());
  }

  /** The trial becomes a paid agreement, without an end unless `terms` has one. */
  convertTrial(agreementId: string, terms: SuccessorTerms = {}): Agreement {
    return this.#succession.convertTrial(this.#running(agreementId), terms, this.clock.now());
  }

  /** AWS says what did not happen. */
  rumour(agreementId: string, kind: Rumour, { at = this.clock.now(), status }: RumourOptions = {}): void {
    const agreement = this.catalog.agreement(agreementId);
    const said = { ...agreement, ...(kind === 'ended' && { status: status ?? 'CANCELLED' }) };
    this.#tell(said, at, kind === 'licenseUpdated' ? { kind, initial: false } : { kind });
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
      ...{
        id,
        status: 'PENDING_APPROVAL',
        reasonCode,
        reasonMessage,
        statusMessage: '',
        createdAt: now,
        updatedAt: now,
      },
    });
  }

  /** An approved request cancels the agreement. */
  answerCancellation(
    agreementId: string,
    status: Exclude<CancellationRequest['status'], 'PENDING_APPROVAL'>,
    message: string,
  ): Agreement {
    return this.#answer(this.#running(agreementId), status, message, this.clock.now());
  }

  #begin(options: SubscribeOptions, now: Date, origin: Origin): Agreement {
    const { agreementId } = this.catalog.subscribe(options, now, origin);
    this.#timeline.skipNotices(agreementId, now);
    return this.#timeline.live(agreementId);
  }

  #running(agreementId: string): Agreement {
    const agreement = this.catalog.agreement(agreementId);
    if (agreement.status !== 'ACTIVE') throw new Error(`Agreement ${agreementId} is ${agreement.status}`);
    return agreement;
  }

  #change(agreementId: string, change: AgreementChange): Agreement {
    const now = this.clock.now();
    this.catalog.change(agreementId, change, now);
    if ('endsAt' in change && this.catalog.agreement(agreementId).status === 'ACTIVE')
      this.#timeline.skipNotices(agreementId, now);
    return this.#timeline.live(agreementId);
  }

  #answer(agreement: Agreement, status: CancellationRequest['status'], statusMessage: string, at: Date): Agreement {
    const { agreementId, cancellationRequest: request } = agreement;
    if (request?.status !== 'PENDING_APPROVAL')
      throw new Error(`Agreement ${agreementId} has no open cancellation request`);
    const answered = this.#request(agreementId, at, { ...request, status, statusMessage, updatedAt: at });
    return status === 'APPROVED' ? this.#change(agreementId, { endsAt: at, endsAs: 'CANCELLED' }) : answered;
  }

  #request(agreementId: string, at: Date, cancellationRequest: CancellationRequest): Agreement {
    const agreement = this.#change(agreementId, { cancellationRequest });
    this.#tell(agreement, at, { kind: 'cancellationRequest' });
    return agreement;
  }

  #reach(agreement: Agreement, milestone: Milestone): void {
    const { kind, at } = milestone;
    switch (kind) {
      case 'signing':
        this.#announce(agreement, at, 'signing');
        return;
      case 'start':
        this.#succession.takeOver(agreement, at, () => {
          this.#announce(agreement, at, 'start');
        });
        return;
      case 'trialEnd':
        this.#succession.convertInPlace(agreement, {}, at);
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

  /**
   * Purchase and license, on the bus and in the topics: at the signing what the switches have then, all else at the
   * start.
   */
  #announce(agreement: Agreement, at: Date, moment: 'signing' | 'start'): void {
    const ahead = agreement.acceptedAt < agreement.startsAt;
    const news = [
      { moment: this.switches.futureCreated, event: { kind: 'created' as const } },
      { moment: this.switches.futureLicenseUpdated, event: { kind: 'licenseUpdated' as const, initial: true } },
    ];
    if (this.switches.initialEventsOrder === 'licenseFirst') news.reverse();
    for (const one of news) {
      const onBus = !ahead || one.moment === moment;
      if (moment === 'signing' && onBus) this.#tell(agreement, at, { ...one.event, audience: 'bus' });
      else if (moment === 'start') this.#tell(agreement, at, { ...one.event, ...(!onBus && { audience: 'topics' }) });
    }
  }

  #finish(agreement: Agreement, at: Date): void {
    // Renewed or replaced: that was told when it happened.
    if (agreement.status !== 'ACTIVE') return;
    const next =
      agreement.nextAgreementId === undefined ? undefined : this.catalog.agreement(agreement.nextAgreementId);
    if (next && next.startsAt <= at) {
      this.#timeline.live(next.agreementId);
      return;
    }
    if (!next && agreement.autoRenew && agreement.endsAs === 'EXPIRED' && termMsOf(agreement) > 0) {
      this.#succession.renew(agreement, {}, at);
      return;
    }
    const ended = this.catalog.change(agreement.agreementId, { status: agreement.endsAs }, at);
    if (agreement.startsAt <= at) this.#tell(ended, at, { kind: 'ended' });
    else this.#withdraw(ended, at);
  }

  /** Cancelled before it started: nobody was told of it, unless at the signing. */
  #withdraw(agreement: Agreement, at: Date): void {
    const { futureCreated, futureLicenseUpdated } = this.switches;
    const before = this.#succession.withdraw(agreement, at);
    if (futureCreated === 'signing') this.#tell(agreement, at, { kind: 'ended', audience: 'bus' });
    if (futureLicenseUpdated === 'signing' && before?.licenseArn !== agreement.licenseArn) {
      this.#tell(agreement, at, { kind: 'licenseDeprovisioned', audience: 'bus' });
    }
  }

  #tellIfRunning(agreement: Agreement, event: EventToTell): void {
    const now = this.clock.now();
    if (agreement.startsAt <= now && agreement.status === 'ACTIVE') this.#tell(agreement, now, event);
  }

  #tell(agreement: Agreement, at: Date, event: EventToTell): void {
    for (const listener of this.#listeners) listener({ ...event, at, agreement });
  }
}
