import { earliest, firstAfter, HOUR_MS, hourOf, latest, plusMs } from '../../runtime/clock.js';
import { type AgreementEnd, type Asking } from './agreement-life.js';
import { awaitsAnnounced, isPastPlan, turningPointsOf } from './agreement-state.js';
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

interface Stretch {
  agreement: TimelineAgreement;
  from: Date;
  /** When the agreement is over; null while it runs. */
  over: Date | null;
  end: SpanEnd | null;
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
  const instants = stretches.flatMap(({ agreement, over }) => [
    ...turningPointsOf(agreement.life, asking),
    ...(over === null ? [] : [over]),
  ]);
  return {
    subscriptionId: basis.subscriptionId,
    spans: spans.map((span, index) => ({
      ...span,
      end: span.end && { ...span.end, identityGoesOn: goesOn(span, spans.slice(index + 1)) },
    })),
    askedAt: asking.askedAt,
    mayNotAsk: asking.mayNotAsk,
    nextChangeAt: firstAfter(now, instants),
  };
}

function stretchesOf({ agreements, followsLifecycle }: TimelineBasis, asking: Asking, now: Date): Stretch[] {
  const byId = new Map(agreements.map((agreement) => [agreement.id, agreement]));
  return phasedAgreementsOf(agreements, asking, now).flatMap(({ id, phase, over, isFollowed }): Stretch[] => {
    const agreement = byId.get(id);
    const { life } = agreement ?? {};
    if (!agreement || !life?.start) return [];
    const { start, plannedEndAt } = life;
    const planned = over === null && isPastPlan(plannedEndAt, asking, now) ? plannedEndAt : null;
    const overAt = over?.at ?? planned;
    // Called off before it began.
    if (overAt !== null && overAt <= start.at) return [];
    const isConfirmed = start.confirmedAt !== null && start.confirmedAt <= now;
    const isProven = start.isTold || isConfirmed;
    const mayTell = life.doubt?.reason === 'unknownStart' || !isProven;
    const seals =
      phase === 'failed' ? 'never' : mayTell && !start.isTold && followsLifecycle ? 'lastMoment' : 'whenSettled';
    const isMetered =
      phase === 'inForce' || phase === 'awaitingSuccessor' || (phase === 'registered' && !followsLifecycle);
    return [
      {
        agreement,
        from: start.at,
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
function spanEndOf(at: Date, end: AgreementEnd | null, mayWait: boolean, asking: Asking, now: Date): SpanEnd {
  if (end === null) {
    const lastHeardAt = latest(at, earliest(now, plusMs(at, UNREPORTED_MS)));
    return { at, firstSignAt: at, lastSignAt: at, lastHeardAt, awaitsSuccessor: mayWait, identityGoesOn: false };
  }
  const awaitsSuccessor = mayWait && awaitsAnnounced(end, asking, now);
  const { lastHeardAt } = end;
  return {
    at,
    firstSignAt: earliest(at, end.firstSignAt),
    lastSignAt: latest(at, end.lastSignAt),
    lastHeardAt,
    awaitsSuccessor,
    identityGoesOn: false,
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
  const cuts = stretches.flatMap(({ from, over }) => [from.getTime(), ...(over === null ? [] : [over.getTime()])]);
  const instants = [...new Set(cuts)].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (const [index, from] of instants.entries()) {
    const stretch = stretches.filter((candidate) => covers(candidate, from)).reduce<Stretch | null>(laterStarted, null);
    if (stretch === null) continue;
    const next = instants[index + 1];
    const to = next === undefined ? null : new Date(next);
    const last = pieces.at(-1);
    if (last?.stretch === stretch && last.to?.getTime() === from) last.to = to;
    else pieces.push({ stretch, from: new Date(from), to });
  }
  return pieces;
}

function covers({ from, over }: Stretch, at: number): boolean {
  return from.getTime() <= at && (over === null || at < over.getTime());
}

function laterStarted(best: Stretch | null, candidate: Stretch): Stretch {
  if (best === null) return candidate;
  if (best.isProven !== candidate.isProven) return best.isProven ? best : candidate;
  return candidate.from > best.from ||
    (candidate.from.getTime() === best.from.getTime() && candidate.agreement.id > best.agreement.id)
    ? candidate
    : best;
}

/** A gap before a start belongs to it: the buyer has arrived, AWS's start comes a little later. */
function gapStartOf({ stretch, from }: Piece, before: readonly Piece[], { arrivalGapMs }: TimelineBasis): Date {
  if (from.getTime() !== stretch.from.getTime()) return from;
  return latest(plusMs(from, -arrivalGapMs), before.at(-1)?.to ?? null);
}

// --- price, identity
// ---------------------------------------------------------------------------------------------------------------------------

function pricedSpansOf({ stretch, from, to }: Piece, gapStart: Date, basis: TimelineBasis): TimelineSpan[] {
  const { agreement, over, end, seals, zeroRecords } = stretch;
  const { start, trial, openTerms } = agreement.life;
  const startsAt = start?.at ?? from;
  const common = {
    subscriptionId: basis.subscriptionId,
    agreementId: agreement.id,
    aliasAgreementIds: agreement.aliasIds,
    isProvisional: start?.isTold !== true,
    seals,
    zeroRecords,
    termsUnknownFrom: openTerms === null ? null : (openTerms.from ?? gapStart),
  };
  const span = (
    price: TimelineSpan['price'],
    of: { from: Date; to: Date | null; startsAt: Date },
    isLast: boolean,
  ): TimelineSpan => ({
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
  const legacy = { identity: legacyNamesOf(identity)[0] ?? null, alsoKnownAs: legacyNamesOf(identity).slice(1) };
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
function billedPartOf(span: TimelineSpan, billedFrom: Date | null): TimelineSpan[] {
  if (billedFrom === null || span.from >= billedFrom) return [span];
  return span.to !== null && span.to <= billedFrom ? [] : [{ ...span, from: billedFrom }];
}

/** Whether a later agreement begins under the same identity before AWS's window after this one's end has closed. */
function goesOn({ agreementId, to, end, identities }: TimelineSpan, later: readonly TimelineSpan[]): boolean {
  const own = namesIn(identities.at(-1));
  const closesAt = latest(to, end?.lastSignAt ?? null).getTime() + HOUR_MS;
  return later.some(
    (span) =>
      span.agreementId !== agreementId &&
      span.startsAt.getTime() <= closesAt &&
      namesIn(span.identities[0]).some((name) => own.includes(name)),
  );
}

function namesIn(identity: SpanIdentity | undefined): string[] {
  if (!identity) return [];
  return [identity.identity, ...identity.alsoKnownAs].flatMap((name) => (name === null ? [] : [keyOf(name)]));
}

function keyOf(name: MeteringIdentityName): string {
  switch (name.kind) {
    case 'license':
      return `license ${name.licenseId}`;
    case 'account':
      return `account ${name.customerAwsAccountId}`;
    case 'customerIdentifier':
      return `customerIdentifier ${name.customerIdentifier}`;
    case 'installation':
      return name.kind;
  }
}
