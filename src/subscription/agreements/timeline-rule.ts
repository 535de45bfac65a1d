// From a chain of agreements to stretches of time: who pays, at which price, under which name. Pure.
import { earliest, firstAfter, HOUR_MS, hourOf, latest, plusMs } from '../../runtime/clock.js';
import { type AgreementEnd, type AgreementStart, type Asking } from './agreement-life.js';
import { awaitsAnnounced, isPastPlan, turningPointsOf } from './agreement-state.js';
import { isSameIdentity } from './identity-name.js';
import { type ChainAgreement, phasedAgreementsOf } from './subscription-state.js';
import {
  type MeteringIdentityName,
  type SpanEnd,
  type SpanIdentity,
  type SubscriptionTimeline,
  type TimelineSpan,
} from './timeline.js';

/** What AWS may be told about an agreement: as far as it is known, in the form that the API takes. */
export interface AgreementIdentity {
  license: { licenseId: string; licenseArn: string } | null;
  customerAwsAccountId: string | null;
  customerIdentifier: string | null;
}

export interface TimelineAgreement extends ChainAgreement {
  identity: AgreementIdentity;
}

/** How a product is metered: by license, by legacy names, or where it runs. */
export type MeteredBy = 'license' | 'legacy' | 'installation';

export interface TimelineBasis {
  subscriptionId: string;
  agreements: readonly TimelineAgreement[];
  /** How the product is metered. */
  identity: MeteredBy;
  /** First hour metered under the license, where the subscription was moved; null: it was not. */
  licenseFrom: Date | null;
  /** Nothing before this instant is billed by us. */
  billedFrom: Date | null;
  /**
   * Whether lifecycle messages can come at all: the options name a way in. Where none can, nobody would ever say that a
   * buyer is active.
   */
  followsLifecycle: boolean;
  /** Usage up to this long before a start, where nothing else covers it, belongs to that start. */
  arrivalGapMs: number;
}

/** The default of `arrivalGapMs`. */
export const ARRIVAL_GAP_MS = HOUR_MS;
/** An end that AWS has not reported yet may still be reported; no hour is taken longer after it than a day. */
const UNREPORTED_MS = 24 * HOUR_MS;

/** Whether its identity goes on is seen when all spans are there. */
type OpenEnd = Omit<SpanEnd, 'identityGoesOn'>;
type OpenSpan = Omit<TimelineSpan, 'end'> & { end: OpenEnd | null };

interface Stretch {
  agreement: TimelineAgreement;
  start: AgreementStart;
  /** When the agreement is over; null while it runs. */
  over: Date | null;
  end: OpenEnd | null;
  /** Counts before what has not proven to be a start, whenever that is. */
  isProven: boolean;
  seals: TimelineSpan['seals'];
  zeroRecords: boolean;
}

/**
 * Which agreement, at which price, has which instants; pure, computed when asked. A linked successor's start ends its
 * predecessor's time; without a link each instant belongs to the agreement in force that started last.
 */
export function timelineOf(basis: TimelineBasis, asking: Asking, now: Date): SubscriptionTimeline {
  const stretches = stretchesOf(basis, asking, now);
  const pieces = piecesOf(stretches);
  const spans = pieces
    .flatMap((piece, index) => pricedSpansOf(piece, gapStartOf(piece, pieces.slice(0, index), basis), basis))
    .flatMap((span) => billedPartOf(span, basis.billedFrom));
  const instants = stretches.flatMap(({ agreement }) => turningPointsOf(agreement.life, asking));
  return {
    subscriptionId: basis.subscriptionId,
    spans: spans.map((span, index) => ({
      ...span,
      end: span.end && { ...span.end, identityGoesOn: goesOn(span, span.end, spans.slice(index + 1)) },
    })),
    askedAt: asking.askedAt,
    mayNotAsk: asking.mayNotAsk,
    nextChangeAt: firstAfter(now, instants),
  };
}

function stretchesOf({ agreements, followsLifecycle }: TimelineBasis, asking: Asking, now: Date): Stretch[] {
  return phasedAgreementsOf(agreements, asking, now).flatMap((agreement): Stretch[] => {
    const { life, phase, over, isFollowed } = agreement;
    const { start, plannedEndAt } = life;
    if (start === null) return [];
    const planned = isPastPlan(plannedEndAt, asking, now) ? plannedEndAt : null;
    const overAt = over?.at ?? planned;
    // Called off before it began.
    if (overAt !== null && overAt <= start.at) return [];
    const isConfirmed = start.confirmedAt !== null && start.confirmedAt <= now;
    const isProven = start.isTold || isConfirmed;
    const mayTell = life.doubt?.reason === 'unknownStart' || !isProven;
    const seals =
      phase === 'failed' ? 'never' : mayTell && !start.isTold && followsLifecycle ? 'lastMoment' : 'whenSettled';
    const isMetered = phase === 'inForce' || (phase === 'registered' && !followsLifecycle);
    return [
      {
        agreement,
        start,
        over: overAt,
        end: overAt === null ? null : spanEndOf(overAt, life.end, !isFollowed, asking, now),
        isProven,
        seals,
        zeroRecords: isMetered && !life.isSuspended && (overAt === null || overAt > now),
      },
    ];
  });
}

/**
 * The signs of an end; of one that AWS has not reported (a successor has started, an announced end has passed) the last
 * sign may still come.
 */
function spanEndOf(at: Date, end: AgreementEnd | null, mayWait: boolean, asking: Asking, now: Date): OpenEnd {
  if (end === null) {
    const lastHeardAt = latest(at, earliest(now, plusMs(at, UNREPORTED_MS)));
    return { at, firstSignAt: at, lastSignAt: at, lastHeardAt, awaitsSuccessor: mayWait };
  }
  const awaitsSuccessor = mayWait && awaitsAnnounced(end, asking, now);
  const { lastHeardAt } = end;
  return {
    at,
    firstSignAt: earliest(at, end.firstSignAt),
    lastSignAt: latest(at, end.lastSignAt),
    lastHeardAt,
    awaitsSuccessor,
  };
}

// --- whose instant
// ---------------------------------------------------------------------------------------------------------------------------

interface Piece {
  stretch: Stretch;
  from: Date;
  to: Date | null;
}

/** Cut where anything begins or is over; each piece is that of the agreement that started last. */
function piecesOf(stretches: readonly Stretch[]): Piece[] {
  const cuts = stretches.flatMap(({ start, over }) => [start.at.getTime(), ...(over === null ? [] : [over.getTime()])]);
  const instants = [...new Set(cuts)].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (const [index, from] of instants.entries()) {
    const covering = stretches.filter((candidate) => covers(candidate, from));
    const stretch = covering.findLast(({ isProven }) => isProven) ?? covering.at(-1);
    if (!stretch) continue;
    const next = instants[index + 1];
    const to = next === undefined ? null : new Date(next);
    const last = pieces.at(-1);
    if (last?.stretch === stretch) last.to = to;
    else pieces.push({ stretch, from: new Date(from), to });
  }
  return pieces;
}

function covers({ start, over }: Stretch, at: number): boolean {
  return start.at.getTime() <= at && (over === null || at < over.getTime());
}

/** A gap before a start belongs to it: the buyer has arrived, AWS's start comes a little later. */
function gapStartOf({ from }: Piece, before: readonly Piece[], { arrivalGapMs }: TimelineBasis): Date {
  return latest(plusMs(from, -arrivalGapMs), before.at(-1)?.to ?? null);
}

// --- price, identity
// ---------------------------------------------------------------------------------------------------------------------------

function pricedSpansOf({ stretch, from, to }: Piece, gapStart: Date, basis: TimelineBasis): OpenSpan[] {
  const { agreement, start, over, end, seals, zeroRecords } = stretch;
  const { trial, openTerms } = agreement.life;
  const startsAt = start.at;
  const common = {
    subscriptionId: basis.subscriptionId,
    agreementId: agreement.id,
    aliasAgreementIds: agreement.aliasIds,
    isProvisional: !start.isTold,
    seals,
    zeroRecords,
    termsUnknownFrom: openTerms === null ? null : (openTerms.from ?? gapStart),
  };
  const span = (
    price: TimelineSpan['price'],
    of: { from: Date; to: Date | null; startsAt: Date },
    isLast: boolean,
  ): OpenSpan => ({
    ...common,
    price,
    ...of,
    // While a later agreement has its instants, it has not ended.
    end: isLast && over !== null && to?.getTime() === over.getTime() ? end : null,
    identities: identitiesOf(agreement.identity, of, basis),
  });
  if (trial === null) return [span('paid', { from: gapStart, to, startsAt }, true)];
  const { until } = trial;
  if (until === null || (to !== null && until >= to)) return [span('trial', { from: gapStart, to, startsAt }, true)];
  if (until <= from) return [span('paid', { from, to, startsAt: latest(startsAt, until) }, true)];
  return [
    span('trial', { from: gapStart, to: until, startsAt }, false),
    span('paid', { from: until, to, startsAt: until }, true),
  ];
}

function identitiesOf(
  identity: AgreementIdentity,
  { from, to }: { from: Date; to: Date | null },
  basis: TimelineBasis,
): SpanIdentity[] {
  const { licenseFrom } = basis;
  if (basis.identity === 'installation')
    return [{ fromHour: null, identity: { kind: 'installation' }, alsoKnownAs: [] }];
  const [first = null, ...alsoKnownAs] = legacyNamesOf(identity);
  const legacy = { identity: first, alsoKnownAs };
  const license = { identity: licenseNameOf(identity), alsoKnownAs: [] };
  if (licenseFrom === null) return [{ fromHour: null, ...(basis.identity === 'license' ? license : legacy) }];
  if (licenseFrom <= hourOf(from)) return [{ fromHour: null, ...license }];
  if (to !== null && to <= licenseFrom) return [{ fromHour: null, ...legacy }];
  return [
    { fromHour: null, ...legacy },
    { fromHour: licenseFrom, ...license },
  ];
}

function licenseNameOf({ license, customerAwsAccountId }: AgreementIdentity): MeteringIdentityName | null {
  return license === null || customerAwsAccountId === null
    ? null
    : { kind: 'license', ...license, customerAwsAccountId };
}

/** The name that the buyer came with first; AWS may take both names for one buyer. */
function legacyNamesOf({ customerIdentifier, customerAwsAccountId }: AgreementIdentity): MeteringIdentityName[] {
  const names: MeteringIdentityName[] = [];
  if (customerIdentifier !== null) names.push({ kind: 'customerIdentifier', customerIdentifier });
  if (customerAwsAccountId !== null) names.push({ kind: 'account', customerAwsAccountId });
  return names;
}

/** Nothing reaches before the instant from which we bill by decision. */
function billedPartOf(span: OpenSpan, billedFrom: Date | null): OpenSpan[] {
  const from = latest(span.from, billedFrom);
  return span.to !== null && span.to <= from ? [] : [{ ...span, from }];
}

/** Whether a later agreement begins under the same identity before AWS's window after this one's end has closed. */
function goesOn({ to, identities }: OpenSpan, { lastSignAt }: OpenEnd, later: readonly OpenSpan[]): boolean {
  const own = identities.at(-1) ?? null;
  const closesAt = latest(to, lastSignAt).getTime() + HOUR_MS;
  return later.some((span) => span.startsAt.getTime() <= closesAt && isSameIdentity(own, span.identities[0] ?? null));
}
