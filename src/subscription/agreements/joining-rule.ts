import { type AgreementLife } from './agreement-state.js';

/** An agreement of one buyer at one product (no aliases). */
export interface JoiningAgreement {
  id: string;
  /** Null: it is new, and in no subscription yet. */
  subscriptionId: string | null;
  /** Digests. */
  agreementName: string | null;
  licenses: readonly string[];
  previous: readonly string[];
  initial: string | null;
  /** Metered by product code and buyer (a listing without licenses, or not moved yet): AWS cannot tell two of its agreements apart. */
  isLegacy: boolean;
  life: AgreementLife;
}

export interface JoiningSubscription {
  id: string;
  /** Tenants that have claimed it, folded ones included. */
  tenants: readonly string[];
}

export type JoiningConflict = {
  kind: 'fork' | 'merge' | 'twoTenants' | 'concurrent';
  agreementIds: readonly string[];
  subscriptionIds: readonly string[];
};

export interface Joining {
  /** By agreement: its subscription; one without is to get a new one, shared by all with the same `with`. */
  subscriptionOf: ReadonlyMap<string, { subscriptionId: string } | { with: string }>;
  /** Linked predecessors: its time ends at the successor's start. */
  previousOf: ReadonlyMap<string, string>;
  /** Folded subscription → the living one. One hop. */
  folds: ReadonlyMap<string, string>;
  /** For a person; `concurrent` is only told. */
  conflicts: readonly JoiningConflict[];
}

/** Pure. All agreements of one buyer at one product, and the living subscriptions that they are in. */
export declare function joinAgreements(agreements: readonly JoiningAgreement[], subscriptions: readonly JoiningSubscription[]): Joining;
