import { type Act, type History, type Minute, type Use } from './history.js';

// What AWS should bill, from the buyer’s acts alone: no message, no row and no rule of the module has a part in it.

const HOUR = 60;
/** Usage just before a start goes along with it. */
const BEFORE_START = 60;
/** After this, what comes late for an agreement that has ended may be too late for AWS. */
const FINAL_MINUTES = 5;

export type Price = 'trial' | 'paid';

/** An agreement as it was in truth. */
export interface TrueAgreement {
  /** In the order of signing. */
  readonly index: number;
  /** Of the purchases that nothing links: their successors belong to them. */
  readonly chain: number;
  readonly startsAt: Minute;
  /** When it was signed: after its start where AWS tells of a renewal late. */
  readonly signedAt: Minute;
  endsAt: Minute | null;
  /** Until then it is a trial; null: paid from its start. */
  trialUntil: Minute | null;
  /** The next one goes on under the same license. */
  isContinued: boolean;
}

export type Verdict =
  /** `isCertain`: it is billed; else billed in this period or nowhere. */
  | { readonly place: 'period'; readonly agreement: number; readonly price: Price; readonly isCertain: boolean }
  /** Nobody pays for it, or several could. */
  | { readonly place: 'none' | 'ambiguous' };

export function agreementsOf({ acts }: Pick<History, 'acts'>): TrueAgreement[] {
  const agreements: TrueAgreement[] = [];
  let chains = 0;
  const begin = (
    { signedAt, startsAt }: { signedAt: Minute; startsAt: Minute },
    chain: number,
    isTrial: boolean,
    endsAt: Minute | null,
  ): void => {
    agreements.push({
      index: agreements.length,
      chain,
      signedAt,
      startsAt,
      endsAt,
      trialUntil: isTrial ? Infinity : null,
      isContinued: false,
    });
  };
  const follow = (signedAt: Minute, startsAt: Minute, as: string): void => {
    const before = agreements.at(-1)!;
    before.endsAt = startsAt;
    before.isContinued = as === 'sameLicense';
    begin({ signedAt, startsAt }, before.chain, false, null);
  };
  for (const act of acts) {
    switch (act.kind) {
      case 'sign':
        begin({ signedAt: act.at, startsAt: act.at }, chains, act.freeTrial, act.endsAt);
        chains += 1;
        break;
      case 'convert':
        if (act.as !== 'sameAgreement') follow(act.at, act.at, act.as);
        // What ends a trial does not end what it becomes.
        else Object.assign(agreements.at(-1)!, { trialUntil: act.at, endsAt: null });
        break;
      case 'renew':
      case 'replace':
        follow(act.at, act.startsAt, act.as);
        break;
      case 'cancel':
        agreements.at(-1)!.endsAt = act.at;
        break;
      case 'register':
    }
  }
  return agreements;
}

/** How many purchases have been registered by then: the host records by the subscription of the last. */
export function chainKnownAt(acts: readonly Act[], at: Minute): number {
  let signed = -1;
  let known = 0;
  for (const act of acts) {
    if (act.at > at) break;
    if (act.kind === 'sign') signed += 1;
    if (act.kind === 'register') known = signed;
  }
  return known;
}

/** To which agreement and price a use belongs. */
export function verdictOf(history: History, agreements: readonly TrueAgreement[], use: Use): Verdict {
  const { identity, acts } = history;
  // A legacy buyer has one subscription at a time: AWS cannot tell two apart.
  const chainOf = ({ chain }: TrueAgreement): number => (identity === 'legacy' ? relationOf(agreements, chain) : chain);
  const chains = new Map<number, TrueAgreement[]>();
  for (const agreement of agreements)
    chains.set(chainOf(agreement), [...(chains.get(chainOf(agreement)) ?? []), agreement]);
  const known = chainKnownAt(acts, use.at);
  const asked =
    use.by === 'tenant'
      ? [...chains.values()]
      : [...chains].flatMap(([chain, ones]) =>
          ones.some(({ chain: one }) => one === known) || chain === known ? [ones] : [],
        );
  const found = asked.map((ones) => inForce(ones, use.occurredAt)).filter((one) => one !== undefined);
  // Whoever runs at that instant pays before one that has yet to start: nothing of that one was sold by then.
  const running = found.filter(({ startsAt }) => startsAt <= use.occurredAt);
  const [agreement, ...others] = running.length > 0 ? running : found;
  if (!agreement) return { place: 'none' };
  if (others.length > 0) return { place: 'ambiguous' };
  const price = agreement.trialUntil !== null && use.occurredAt < agreement.trialUntil ? 'trial' : 'paid';
  return {
    place: 'period',
    agreement: agreement.index,
    price,
    isCertain: isCertain(
      identity,
      agreements,
      { agreement, inForceUntil: inForceUntil(chains, agreement) },
      price,
      use,
    ),
  };
}

/** The first purchase of the relation: one that begins while another runs belongs to it. */
function relationOf(agreements: readonly TrueAgreement[], chain: number): number {
  const first = agreements.find((one) => one.chain === chain)!;
  const beside = agreements.find(
    (one) =>
      one.chain < chain && one.startsAt < first.startsAt && (one.endsAt === null || one.endsAt + HOUR > first.startsAt),
  );
  return beside ? relationOf(agreements, beside.chain) : chain;
}

function inForce(agreements: readonly TrueAgreement[], t: Minute): TrueAgreement | undefined {
  const running = agreements.filter(({ startsAt, endsAt }) => startsAt <= t && (endsAt === null || t < endsAt));
  if (running.length > 0) return running.reduce((one, other) => (other.startsAt >= one.startsAt ? other : one));
  return agreements.find(({ startsAt }) => t < startsAt && startsAt - t <= BEFORE_START);
}

/** Its end, or the start of another of its relation, which pays from then on: a second purchase of a legacy buyer. */
function inForceUntil(chains: ReadonlyMap<number, readonly TrueAgreement[]>, agreement: TrueAgreement): Minute {
  const relation = [...chains.values()].find((ones) => ones.includes(agreement)) ?? [];
  const later = relation.filter(({ startsAt }) => startsAt > agreement.startsAt).map(({ startsAt }) => startsAt);
  return Math.min(agreement.endsAt ?? Infinity, ...later);
}

/** Whether AWS takes it for sure: recorded before its own hour is sealed, or while its period has hours to come. */
function isCertain(
  identity: History['identity'],
  agreements: readonly TrueAgreement[],
  { agreement, inForceUntil }: { agreement: TrueAgreement; inForceUntil: Minute },
  price: Price,
  use: Use,
): boolean {
  const end =
    price === 'trial' && agreement.trialUntil !== null ? Math.min(agreement.trialUntil, inForceUntil) : inForceUntil;
  // Told late: nothing of it is sealed before, and it must run on for a while after.
  if (use.occurredAt < agreement.signedAt) return end >= Math.max(use.at, agreement.signedAt) + 4 * HOUR;
  const begin = price === 'paid' && agreement.trialUntil !== null ? agreement.trialUntil : agreement.startsAt;
  const sealedAt = Math.min((Math.floor(use.occurredAt / HOUR) + 1) * HOUR, end) + FINAL_MINUTES;
  // The first hour of the later side may belong to the earlier one.
  const isShared = Math.floor(begin / HOUR) === Math.floor(use.occurredAt / HOUR) && begin % HOUR !== 0;
  const goesOn = identity === 'legacy' && agreements.some((one) => one.startsAt < begin);
  const inOwnHour =
    use.at <= sealedAt && use.occurredAt >= begin && !(isShared && (goesOn || agreement.index > 0 || price === 'paid'));
  return inOwnHour || end >= use.at + 3 * HOUR;
}
