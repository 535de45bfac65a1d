/**
 * Random lives of buyers on AWS's side: what really happens, whatever the module hears of it. A seed names a life: the
 * same seed gives the same life. Nothing here knows the module.
 */

/** One agreement as it really ran. */
export interface TrueAgreement {
  /** Names it within its life; AWS's ids are given when it is played. */
  key: string;
  buyer: string;
  /** How it came about. `conversion`: a trial became a new, paid agreement. */
  origin: 'purchase' | 'earlyRenewal' | 'lateRenewal' | 'replacement' | 'return' | 'concurrent' | 'conversion';
  signedAt: Date;
  startsAt: Date;
  /** Null: it runs beyond the life's end. */
  endsAt: Date | null;
  endsAs: 'CANCELLED' | 'EXPIRED' | 'RENEWED' | 'REPLACED' | null;
  /** The agreement that it renews, replaces or converts. A return and a concurrent purchase have none. */
  previous: string | null;
  /** First of its chain, by key. */
  chain: string;
  /** Two agreements with one license: it was kept. */
  license: string;
  /** Its instants before this one are a free trial; null: paid from its start. */
  trialUntil: Date | null;
}

export interface TrueBuyer {
  key: string;
  /** `license`, `legacy`, or `moved`: legacy until `licenseFrom`, the license from then on. */
  identity: 'license' | 'legacy' | 'moved';
  licenseFrom: Date | null;
  tenant: string;
}

export interface TrueUsage {
  /** Idempotency key, in the scope of the tenant, or of the chain where no tenant is named. */
  key: string;
  buyer: string;
  dimension: string;
  /** Decimal text; negative: a correction. */
  quantity: string;
  occurredAt: Date;
  recordedAt: Date;
  /**
   * `tenant`: by tenant alone. `payer`: by tenant, with the subscription of `chain` beside it. `subscription`: by the
   * subscription of `chain` alone.
   */
  by: 'tenant' | 'payer' | 'subscription';
  /** Key of the chain that `payer` and `subscription` name; null for `tenant`. */
  chain: string | null;
  /** When the same event is recorded again (lost answers, redelivery). */
  retriedAt: readonly Date[];
}

/**
 * What goes wrong on the way of messages and answers; shares of one. The runner turns them into the simulator's
 * disturbances and faults.
 */
export interface Troubles {
  messagesLost: number;
  messagesRepeated: number;
  messagesDelayed: number;
  /** Longest delay. */
  delayMaxMs: number;
  callsThrottled: number;
  answersLost: number;
}

export interface TrueLife {
  seed: number;
  beginsAt: Date;
  until: Date;
  buyers: readonly TrueBuyer[];
  agreements: readonly TrueAgreement[];
  usage: readonly TrueUsage[];
  troubles: Troubles;
}

/** What a buyer does, in the order of time; the runner plays it with the simulator. */
export type BuyerAction =
  | { at: Date; kind: 'sign'; agreement: TrueAgreement }
  | { at: Date; kind: 'end'; agreement: TrueAgreement }
  | { at: Date; kind: 'convert'; agreement: TrueAgreement };

export interface LifeOptions {
  beginsAt: Date;
  days: number;
  dimensions: readonly string[];
  usagePerDay: number;
  /** 0: everything is heard at once, in order, once. */
  trouble: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const AGREEMENTS_MAX = 4;

export const LIFE_DEFAULTS: LifeOptions = {
  beginsAt: new Date('2026-11-18T00:00:00Z'),
  days: 8,
  dimensions: ['requests', 'storage'],
  usagePerDay: 6,
  trouble: 1,
};

/** The life that a seed names. */
export function lifeOfSeed(seed: number, over: Partial<LifeOptions> = {}): TrueLife {
  const options = { ...LIFE_DEFAULTS, ...over };
  const dice = new Dice(seed);
  const until = new Date(options.beginsAt.getTime() + options.days * DAY_MS);
  const buyers = Array.from({ length: 1 + dice.below(3) }, (_, index) => buyerOf(`b${index}`, dice, options));
  const agreements = buyers.flatMap((buyer) => agreementsOf(buyer, dice, options.beginsAt, until));
  const usage = buyers.flatMap((buyer) => usageOf(buyer, agreements, dice, options, until));
  return {
    seed,
    beginsAt: options.beginsAt,
    until,
    buyers,
    agreements,
    usage,
    troubles: troublesOf(dice, options.trouble),
  };
}

export function actionsOf({ agreements, until }: TrueLife): BuyerAction[] {
  const actions = agreements.flatMap((agreement): BuyerAction[] => [
    { at: agreement.signedAt, kind: 'sign', agreement },
    ...(agreement.endsAt !== null && agreement.endsAt < until
      ? [{ at: agreement.endsAt, kind: 'end' as const, agreement }]
      : []),
    ...(isConvertedInPlace(agreement, until)
      ? [{ at: agreement.trialUntil, kind: 'convert' as const, agreement }]
      : []),
  ]);
  // What ends, ends before what starts at the same instant.
  return actions.sort(
    (a, b) => a.at.getTime() - b.at.getTime() || Number(a.kind === 'sign') - Number(b.kind === 'sign'),
  );
}

function isConvertedInPlace(agreement: TrueAgreement, until: Date): agreement is TrueAgreement & { trialUntil: Date } {
  const { trialUntil, endsAt } = agreement;
  return trialUntil !== null && trialUntil < until && (endsAt === null || trialUntil < endsAt);
}

function buyerOf(key: string, dice: Dice, { beginsAt, days }: LifeOptions): TrueBuyer {
  const identity = dice.pick(['license', 'license', 'legacy', 'moved'] as const);
  const licenseFrom =
    identity === 'moved'
      ? new Date(beginsAt.getTime() + Math.floor(days / 2) * DAY_MS + dice.below(24) * HOUR_MS)
      : null;
  return { key, identity, licenseFrom, tenant: `tenant-${key}` };
}

function agreementsOf(buyer: TrueBuyer, dice: Dice, beginsAt: Date, until: Date): TrueAgreement[] {
  const agreements: TrueAgreement[] = [];
  const count = 1 + dice.below(AGREEMENTS_MAX);
  const minutesLeft = (from: Date): number => Math.max(1, Math.floor((until.getTime() - from.getTime()) / MINUTE_MS));
  let last: TrueAgreement | null = null;
  for (let index = 0; index < count; index += 1) {
    const key = `${buyer.key}-a${index}`;
    const next: TrueAgreement =
      last === null
        ? firstOf(buyer, key, dice, beginsAt)
        : followerOf(last, key, buyer, dice, minutesLeft(last.startsAt));
    if (next.startsAt >= until) break;
    agreements.push(next);
    last = next;
  }
  if (last !== null && dice.chance(0.3)) {
    last.endsAt = plus(last.startsAt, (30 + dice.below(minutesLeft(last.startsAt))) * MINUTE_MS);
    last.endsAs = 'CANCELLED';
  }
  for (const agreement of agreements) {
    if (agreement.trialUntil !== null && agreement.endsAt !== null && agreement.trialUntil > agreement.endsAt)
      agreement.trialUntil = agreement.endsAt;
  }
  return agreements;
}

function firstOf(buyer: TrueBuyer, key: string, dice: Dice, beginsAt: Date): TrueAgreement {
  const startsAt = plus(beginsAt, (60 + dice.below(20 * 60)) * MINUTE_MS + dice.below(60) * 1000);
  const trialUntil = dice.chance(0.3) ? plus(startsAt, (60 + dice.below(4 * 24 * 60)) * MINUTE_MS) : null;
  return {
    ...{
      key,
      buyer: buyer.key,
      origin: 'purchase',
      signedAt: startsAt,
      startsAt,
      endsAt: null,
      endsAs: null,
      previous: null,
      chain: key,
    },
    ...{ license: `l-${key}`, trialUntil },
  };
}

/** What comes after an agreement; sets the end of that one where it has to end. */
function followerOf(
  last: TrueAgreement,
  key: string,
  buyer: TrueBuyer,
  dice: Dice,
  minutesLeft: number,
): TrueAgreement {
  const origins = [
    'earlyRenewal',
    'lateRenewal',
    'replacement',
    'return',
    ...(buyer.identity === 'license' ? (['concurrent'] as const) : []),
  ] as const;
  const origin = last.trialUntil !== null && dice.chance(0.3) ? 'conversion' : dice.pick(origins);
  const at = plus(last.startsAt, (90 + dice.below(minutesLeft)) * MINUTE_MS + dice.below(60) * 1000);
  const keepsLicense = dice.chance(0.4);
  const linked = { previous: last.key, chain: last.chain, license: keepsLicense ? last.license : `l-${key}` };
  const alone = { previous: null, chain: key, license: `l-${key}` };
  const agreement = (
    of: Pick<TrueAgreement, 'signedAt' | 'startsAt' | 'previous' | 'chain' | 'license'>,
  ): TrueAgreement => ({
    ...{ key, buyer: buyer.key, origin, endsAt: null, endsAs: null, trialUntil: null },
    ...of,
  });
  const close = (endsAt: Date, endsAs: NonNullable<TrueAgreement['endsAs']>): void => {
    last.endsAt = endsAt;
    last.endsAs = endsAs;
  };
  switch (origin) {
    case 'earlyRenewal':
      close(at, 'RENEWED');
      return agreement({
        ...linked,
        startsAt: at,
        signedAt: plus(last.startsAt, dice.below(at.getTime() - last.startsAt.getTime())),
      });
    case 'lateRenewal':
      close(at, 'EXPIRED');
      return agreement({ ...linked, startsAt: at, signedAt: at });
    case 'replacement':
    case 'conversion':
      close(at, 'REPLACED');
      if (origin === 'conversion') last.trialUntil = at;
      return agreement({ ...linked, startsAt: at, signedAt: at });
    case 'return': {
      close(at, dice.pick(['CANCELLED', 'EXPIRED'] as const));
      const startsAt = plus(at, (3 + dice.below(2 * 24 * 60)) * MINUTE_MS);
      return agreement({ ...alone, startsAt, signedAt: startsAt });
    }
    case 'concurrent':
      return agreement({ ...alone, startsAt: at, signedAt: at });
  }
}

function usageOf(
  buyer: TrueBuyer,
  all: readonly TrueAgreement[],
  dice: Dice,
  options: LifeOptions,
  until: Date,
): TrueUsage[] {
  const own = all.filter((agreement) => agreement.buyer === buyer.key);
  return Array.from({ length: options.usagePerDay * options.days }, (_, index): TrueUsage => {
    // Half of them near a start or an end, where it matters whose instant it is.
    const edges = own
      .flatMap(({ startsAt, endsAt, trialUntil }) => [startsAt, endsAt, trialUntil])
      .filter((at) => at !== null);
    const edge = dice.chance(0.5) ? dice.pick(edges) : null;
    const anywhere = plus(options.beginsAt, dice.below(options.days * DAY_MS - 3 * HOUR_MS));
    const occurredAt =
      edge === null
        ? anywhere
        : clamp(plus(edge, dice.below(4 * HOUR_MS) - 2 * HOUR_MS), options.beginsAt, plus(until, -3 * HOUR_MS));
    const lateBy = dice.chance(0.8)
      ? dice.below(MINUTE_MS)
      : dice.chance(0.7)
        ? dice.below(5 * HOUR_MS)
        : dice.below(40 * HOUR_MS);
    const recordedAt = plus(occurredAt, lateBy);
    const running = own.filter(
      ({ startsAt, endsAt }) => startsAt <= occurredAt && (endsAt === null || occurredAt < endsAt),
    );
    const chains = [...new Set(running.map(({ chain }) => chain))];
    const by =
      chains.length > 1
        ? dice.chance(0.9)
          ? dice.pick(['payer', 'subscription'] as const)
          : 'tenant'
        : chains.length === 1 && dice.chance(0.2)
          ? 'subscription'
          : 'tenant';
    return {
      ...{
        key: `${buyer.key}-u${index}`,
        buyer: buyer.key,
        dimension: dice.pick(options.dimensions),
        occurredAt,
        recordedAt,
        by,
      },
      quantity: dice.chance(0.05)
        ? `-${1 + dice.below(3)}`
        : dice.chance(0.3)
          ? `${dice.below(5)}.${1 + dice.below(999)}`
          : `${1 + dice.below(50)}`,
      chain: by === 'tenant' ? null : dice.pick(chains),
      retriedAt: dice.chance(0.15) ? [plus(recordedAt, dice.below(12 * HOUR_MS))] : [],
    };
  });
}

function troublesOf(dice: Dice, trouble: number): Troubles {
  const share = (most: number): number => dice.fraction() * most * trouble;
  return {
    ...{
      messagesLost: share(0.2),
      messagesRepeated: share(0.3),
      messagesDelayed: share(0.5),
      delayMaxMs: Math.floor(share(3 * DAY_MS)),
    },
    ...{ callsThrottled: share(0.2), answersLost: share(0.1) },
  };
}

function plus(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}

function clamp(at: Date, from: Date, to: Date): Date {
  return new Date(Math.min(Math.max(at.getTime(), from.getTime()), to.getTime()));
}

/** mulberry32: small, and the same everywhere. */
class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b1) | 0;
  }

  fraction(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<T>(of: readonly T[]): T {
    if (of.length === 0) throw new RangeError('nothing to pick from');
    return of[this.below(of.length)] as T;
  }
}
