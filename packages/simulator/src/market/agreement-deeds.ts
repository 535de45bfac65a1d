import {
  type Agreement,
  type Amendment,
  type CancellationReason,
  type Entitlement,
  idOf,
  type SubscribeOptions,
  type SuccessorTerms,
} from './agreement.js';
import { type AgreementLifecycle } from './agreement-lifecycle.js';
import {
  type BillingAdjustment,
  type RenewalTerms,
  type Rumour,
  type RumourOptions,
  type SpendVetting,
} from './market-event.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** What buyers, their seller and AWS can do to agreements. Every deed takes the agreement, or its id. */
export abstract class AgreementDeeds {
  protected constructor(
    readonly clock: SimulatorClock,
    private readonly lifecycle: AgreementLifecycle,
  ) {}

  /** A buyer accepts an offer. The agreement is active from `startsAt`; AWS takes its usage from then on. */
  subscribe(options: SubscribeOptions): Agreement {
    return this.lifecycle.subscribe(options);
  }

  /**
   * The agreement ends at the given moment, past or future. Default: now, as `CANCELLED`. One that has ended already
   * only gets another end.
   */
  end(agreement: Agreement | string, options: { at?: Date; as?: Agreement['endsAs'] } = {}): Agreement {
    return this.lifecycle.end(idOf(agreement), options.at ?? this.clock.now(), options.as ?? 'CANCELLED');
  }

  /** The buyer cancels, now. */
  cancel(agreement: Agreement | string): Agreement {
    return this.end(agreement);
  }

  /**
   * The buyer accepts an offer, but the payment fails: nothing comes of the agreement, though the buyer may be on the
   * registration page already.
   */
  failSubscription(options: SubscribeOptions): Agreement {
    return this.lifecycle.failSubscription(options);
  }

  /** Changes a running agreement. */
  amend(agreement: Agreement | string, amendment: Amendment): Agreement {
    return this.lifecycle.amend(idOf(agreement), amendment);
  }

  /**
   * Renews a running agreement now, or as `terms` has it; with `autoRenew` that happens at its end. One that has
   * expired can still be renewed, late. Returns what comes after it (switch `renewalLicense`).
   */
  renew(agreement: Agreement | string, terms?: SuccessorTerms): Agreement {
    return this.lifecycle.renew(idOf(agreement), terms);
  }

  /**
   * The buyer accepts an offer that replaces the running agreement. Returns the new one (switch `replacementLicense`).
   */
  replace(agreement: Agreement | string, terms?: SuccessorTerms): Agreement {
    return this.lifecycle.replace(idOf(agreement), terms);
  }

  /**
   * A free trial becomes a paid agreement, without an end unless `terms` names one. Returns what it becomes (switch
   * `trialConversion`).
   */
  convertTrial(agreement: Agreement | string, terms?: SuccessorTerms): Agreement {
    return this.lifecycle.convertTrial(idOf(agreement), terms);
  }

  /** The buyer's account is suspended: usage is CustomerNotSubscribed until `reinstate`. AWS announces neither. */
  suspend(agreement: Agreement | string): Agreement {
    return this.lifecycle.suspend(idOf(agreement));
  }

  reinstate(agreement: Agreement | string): Agreement {
    return this.lifecycle.reinstate(idOf(agreement));
  }

  /** Replaces all entitlements of the agreement. */
  setEntitlements(agreement: Agreement | string, entitlements: readonly Entitlement[]): Agreement {
    return this.lifecycle.setEntitlements(idOf(agreement), entitlements);
  }

  /** The seller asks the buyer to agree to a cancellation; unanswered, it is approved after seven days. */
  requestCancellation(agreement: Agreement | string, reason: CancellationReason = 'OTHER', message = ''): Agreement {
    return this.lifecycle.requestCancellation(idOf(agreement), reason, message);
  }

  /**
   * `APPROVED` or `REJECTED` by the buyer, `CANCELLED` by the seller, `VALIDATION_FAILED` by AWS. Approval cancels the
   * agreement.
   */
  answerCancellation(
    agreement: Agreement | string,
    status: 'APPROVED' | 'REJECTED' | 'CANCELLED' | 'VALIDATION_FAILED',
    message = '',
  ): Agreement {
    return this.lifecycle.answerCancellation(idOf(agreement), status, message);
  }

  /** AWS warns of closure, compromise, abuse or fraud of the buyer's account. */
  issueAdvisory(agreement: Agreement | string): void {
    this.lifecycle.advise(idOf(agreement), 'advisoryIssued');
  }

  resolveAdvisory(agreement: Agreement | string): void {
    this.lifecycle.advise(idOf(agreement), 'advisoryResolved');
  }

  /** The buyer's spending makes AWS vet their card. */
  vetSpend(agreement: Agreement | string, step: SpendVetting): void {
    this.lifecycle.vetSpend(idOf(agreement), step);
  }

  /** AWS says what did not happen, on the bus and in the topics: the agreement stays as it is. */
  spreadRumour(agreement: Agreement | string, kind: Rumour, options: RumourOptions = {}): void {
    this.lifecycle.rumour(idOf(agreement), kind, options);
  }

  /** The price of the next term is settled. */
  finalizeRenewalTerms(agreement: Agreement | string, terms: RenewalTerms = {}): void {
    this.lifecycle.finalizeRenewalTerms(idOf(agreement), terms);
  }

  /** A credit for the buyer goes through, or fails. The bill of this simulator counts units and does not change. */
  adjustBilling(agreement: Agreement | string, adjustment: BillingAdjustment): void {
    this.lifecycle.adjustBilling(idOf(agreement), adjustment);
  }
}
