import { type Entitlement, type EntitlementView } from './entitlement.js';

/** What a check found. */
export interface EntitlementCheck {
  isEntitled: boolean;
  /**
   * Why not. `none`: nothing of the dimension is held; `tooLittle`; `ended`; `tooOld`: AWS cannot be asked, and its last
   * answer is older than `entitlementStaleForMs`; `unknown`: AWS never answered; `noSubscription`: of the tenant.
   */
  reason: 'none' | 'tooLittle' | 'ended' | 'tooOld' | 'unknown' | 'noSubscription' | null;
  /** The one that holds it; where none does, the one that the reason is about. Null where the tenant has none. */
  subscriptionId: string | null;
  /** What is held of the dimension; null where nothing is known of it. */
  value: number | boolean | string | null;
  /** By AWS's last answer, because it could not be asked again. */
  stale: boolean;
  /** Of the answer, in milliseconds; null where there is none. */
  ageMs: number | null;
}

/** An empty answer counts, or is taken back, within this time. */
const DOUBTED_FOR_MS = 15 * 60_000;

/**
 * What an answer says of a dimension.
 * @param staleForMs how old a stale answer may be; null: as old as it is
 * @param emptySince since when AWS lists nothing, where that does not count yet
 */
export function checkOf(
  {
    subscriptionId,
    entitlements,
    stale,
    ageMs,
  }: Pick<EntitlementView, 'subscriptionId' | 'entitlements' | 'stale' | 'ageMs'>,
  dimension: string,
  {
    atLeast,
    now,
    staleForMs,
    emptySince,
  }: { atLeast?: number | undefined; now: Date; staleForMs: number | null; emptySince: Date | null },
): EntitlementCheck {
  const own = entitlements.filter((held) => held.dimension === dimension);
  // At the instant of a renewal AWS lists nothing for a while: what it listed before counts until it has said so twice.
  const isRunning = ({ expiresAt }: Entitlement): boolean =>
    expiresAt === null || expiresAt > now || (emptySince !== null && emptySince >= expiresAt);
  const running = own.filter(isRunning);
  const fits = running.find(({ value }) => isEnough(value, atLeast));
  const seen = { value: (fits ?? running[0] ?? own[0])?.value ?? null, subscriptionId, stale, ageMs };
  // AWS answers: with nothing, which does not count yet. How old the answer before is says nothing then.
  const isDoubted = emptySince !== null && now.getTime() - emptySince.getTime() < DOUBTED_FOR_MS;
  if (stale && !isDoubted && staleForMs !== null && ageMs > staleForMs)
    return { ...seen, isEntitled: false, reason: 'tooOld' };
  if (fits) return { ...seen, isEntitled: true, reason: null };
  return {
    ...seen,
    isEntitled: false,
    reason: own.length === 0 ? 'none' : running.length === 0 ? 'ended' : 'tooLittle',
  };
}

/** Of what stands nearest to yes: it is what a person looks into first. */
const NEAREST = ['unknown', 'tooOld', 'tooLittle', 'ended', 'none', 'noSubscription'];

/**
 * What the subscriptions of one tenant come to: any of them is enough, as any entitlement of one is, and amounts are not
 * added up. Where one is not known and the others say no, it is not known.
 */
export function anyOf(checks: readonly EntitlementCheck[]): EntitlementCheck {
  const rank = ({ isEntitled, stale, reason }: EntitlementCheck): number =>
    isEntitled ? (stale ? -1 : -2) : NEAREST.indexOf(reason ?? 'none');
  return checks.reduce((best, next) => (rank(next) < rank(best) ? next : best), NO_SUBSCRIPTION);
}

const NO_SUBSCRIPTION: EntitlementCheck = {
  ...{ isEntitled: false, reason: 'noSubscription', value: null },
  ...{ subscriptionId: null, stale: false, ageMs: null },
};

function isEnough(value: Entitlement['value'], atLeast: number | undefined): boolean {
  if (typeof value === 'number') return atLeast === undefined ? value > 0 : value >= atLeast;
  // "Yes" and text are no amounts: of more than one they say nothing.
  return value !== null && value !== false && value !== '' && (atLeast === undefined || atLeast <= 1);
}
