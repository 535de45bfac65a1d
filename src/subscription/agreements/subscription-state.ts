import { type AgreementLife, type Asking } from './agreement-state.js';

export type SubscriptionState = 'registered' | 'upcoming' | 'trial' | 'active' | 'suspended' | 'ending' | 'ended' | 'failed';

/** An agreement of a subscription's chain. */
export interface ChainAgreement {
  id: string;
  aliasIds: readonly string[];
  life: AgreementLife;
  /** Row id of the linked predecessor in the same subscription. */
  previousId: string | null;
}

/** What stands in the subscription's row, written with the events of the last projection. */
export interface ToldState {
  state: SubscriptionState;
  currentAgreementId: string | null;
  isTrial: boolean;
  endedTold: boolean;
}

export interface ProjectedState extends ToldState {
  /** Set while `ending`. */
  endsAt: Date | null;
  /** The next instant at which this may read otherwise without a new fact. */
  nextChangeAt: Date | null;
  /** AWS is to be asked at this instant, at the latest; null: nothing presses. */
  askAt: Date | null;
}

/** What the host is to hear, in this order. */
export type Telling =
  | { type: 'activated'; agreementId: string; startsAt: Date; isTrial: boolean; previousState: SubscriptionState }
  | { type: 'renewed'; agreementId: string; previousAgreementId: string; startsAt: Date; isTrial: boolean }
  | { type: 'converted'; agreementId: string; at: Date }
  | { type: 'suspended'; agreementId: string }
  | { type: 'ending'; agreementId: string; endsAt: Date }
  | { type: 'ended'; agreementId: string; endsAt: Date }
  | { type: 'failed' };

/** Pure. */
export declare function stateOf(chain: readonly ChainAgreement[], asking: Asking, now: Date): ProjectedState;
/** Pure. What follows from what was told before (null: nothing, the subscription is new) to what is. */
export declare function tellingsOf(told: ToldState | null, projected: ProjectedState, chain: readonly ChainAgreement[]): Telling[];
