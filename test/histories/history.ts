/** Minutes since the beginning of the world. */
export type Minute = number;

export type Continuation = 'newLicense' | 'sameLicense' | 'sameAgreement';

/** What a buyer does at AWS and in the browser. `sign` is a purchase that nothing links to one before. */
export type Act = { readonly at: Minute } &
  /** With `endsAt` it expires by itself, unless it is renewed by then; a renewal may be told after it. */
  (
    | { readonly kind: 'sign'; readonly freeTrial: boolean; readonly endsAt: Minute | null }
    | { readonly kind: 'register' }
    | { readonly kind: 'convert'; readonly as: Continuation }
    | { readonly kind: 'renew'; readonly startsAt: Minute; readonly as: 'newLicense' | 'sameLicense' }
    | { readonly kind: 'replace'; readonly startsAt: Minute; readonly as: 'newLicense' | 'sameLicense' }
    | { readonly kind: 'cancel' }
  );

/** Usage as the host records it at `at`. */
export interface Use {
  readonly at: Minute;
  readonly occurredAt: Minute;
  readonly key: string;
  readonly dimension: string;
  /** In quarters of a unit. */
  readonly quarters: number;
  /** By tenant, or by the subscription that the host knew at `at`. */
  readonly by: 'tenant' | 'subscription';
  /** Minutes after `at` at which the same key comes again. */
  readonly retries: readonly Minute[];
}

/**
 * One buyer’s life. Only the generator draws it, the oracle judges it, and the player plays it: none of them knows the
 * module’s rules.
 */
export interface History {
  /** Names the world’s seed and the buyer: enough to draw it again. */
  readonly name: string;
  readonly identity: 'license' | 'legacy';
  /** In the order of `at`. */
  readonly acts: readonly Act[];
  readonly uses: readonly Use[];
}
