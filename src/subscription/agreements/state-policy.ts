/**
 * `registered`: arrived, not known to be active. `active`, `trial`: AWS has said that usage may be metered. `suspended`: AWS suspects the buyer
 * of something. `failed`: the purchase failed. `ending`: a first sign of the end is there, its last hour runs or is still to come.
 * `ended`: its closing records are written.
 */
export type SubscriptionState = 'registered' | 'active' | 'trial' | 'suspended' | 'failed' | 'ending' | 'ended';

/** What may be done for a subscription in a state. Usage is recorded in every state: see docs/lifecycle.md. */
export interface Standing {
  /**
   * When its usage is sealed, and so sent. `whenSettled`: each hour once it has settled. `lastMoment`: it waits for the activation until the hour
   * would be lost; then AWS decides. `atOnce`: the running hour too. `never`: it stays unassigned.
   */
  seals: 'whenSettled' | 'lastMoment' | 'atOnce' | 'never';
  /** Whether idle hours get records of quantity 0. */
  zeroRecords: boolean;
  /** Whether it goes on: units that AWS takes no more in their own hour are billed with a later one. */
  lives: boolean;
}

export const STANDINGS: Readonly<Record<SubscriptionState, Standing>> = {
  registered: { seals: 'lastMoment', zeroRecords: false, lives: true },
  active: { seals: 'whenSettled', zeroRecords: true, lives: true },
  trial: { seals: 'whenSettled', zeroRecords: true, lives: true },
  // AWS alone knows whether it takes the usage of a suspended buyer; a refused try costs nothing.
  suspended: { seals: 'whenSettled', zeroRecords: false, lives: true },
  failed: { seals: 'never', zeroRecords: false, lives: true },
  ending: { seals: 'atOnce', zeroRecords: false, lives: false },
  ended: { seals: 'never', zeroRecords: false, lives: false },
};

/**
 * The standing of a subscription. Where no lifecycle message can come, since the options name no way in, a registered subscription is billed as
 * an active one: nobody would ever say that it is active.
 */
export function standingOf(state: SubscriptionState, followsLifecycle: boolean): Standing {
  return STANDINGS[state === 'registered' && !followsLifecycle ? 'active' : state];
}
