// Usage that AWS has refused of its own, while it takes others like it: whether it is sealed again. Pure.
import { REFUSED_CONTENTS } from '../settlement/record-outcome.js';

/** What AWS refused of usage until its record expired, and how often. */
export interface Refusal {
  /** Records, from 1. */
  times: number;
  /** Of the last one: see `BlockedReason`. */
  reason: string;
  /** Of the last one. */
  hour: Date;
}

/** By itself usage that AWS refuses is sealed so often. */
const SEALED_MAX = 2;

/** Refusals of the buyer: usage of any dimension that AWS takes from him says that they are over. */
const REFUSED_BUYER: readonly string[] = ['notSubscribed', 'invalidLicense', 'invalidCustomer'];

/** Refusals of the buyer, or of a dimension of him: AWS refuses whatever record of these has such usage, or none. */
const REFUSED_AS_ONE: readonly string[] = [...REFUSED_BUYER, 'invalidDimension', 'invalidProduct'];

/** Newest hours of which AWS has taken a record; null where there is none. */
export interface BilledHours {
  ofBuyer: Date | null;
  /** Of the buyer and the dimension. */
  ofDimension: Date | null;
}

/**
 * Whether AWS, by what is known, would refuse it again. Of contents as long as the reason is quarantined: AWS has taken
 * nothing yet that it had refused so. Otherwise until it takes a later hour of the buyer, of that dimension where it did
 * not refuse the buyer.
 * @param quarantined reasons that stand against what AWS refused for them
 */
export function isStillRefused(
  { reason, hour }: Refusal,
  quarantined: (reason: string) => boolean,
  { ofBuyer, ofDimension }: BilledHours,
): boolean {
  if (REFUSED_CONTENTS.includes(reason)) return quarantined(reason);
  const billedHour = REFUSED_BUYER.includes(reason) ? ofBuyer : ofDimension;
  return billedHour === null || billedHour <= hour;
}

/**
 * Whether it is sealed all the same, alone, so that it takes nothing along: a second time, and once more when its period
 * is over (then with other usage, where that is no matter: see `mayJoinOthers`).
 */
export function mayTryAgain({ times }: Refusal, runs: boolean): boolean {
  return times < SEALED_MAX || !runs;
}

/**
 * Whether, tried for the last time, it may go with other usage of its buyer and dimension: nothing is refused along with
 * it that would be taken without it.
 */
export function mayJoinOthers({ reason }: Refusal, runs: boolean): boolean {
  return !runs && REFUSED_AS_ONE.includes(reason);
}
