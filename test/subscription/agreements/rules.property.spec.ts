/**
 * T12, I9: whatever the order, number, delay or loss of facts, the rules read the same facts the same way, and each
 * fact keeps to its agreement and its instants. RULE_CASES sets how many random worlds each property is judged by (a
 * million once; few in every run).
 */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type AgreementFact, factIdOf, type FactType } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf, phaseOf } from '../../../src/subscription/agreements/agreement-state.js';
import { stateOf } from '../../../src/subscription/agreements/subscription-state.js';
import { type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';
import { Host, type KnownAgreement, type Relation, relationOf, timelineFor } from './relation.js';

/** Milliseconds for a property. */
const PATIENCE_MS = 30_000 + Number(process.env.RULE_CASES ?? 0) * 20;
jest.setTimeout(PATIENCE_MS);
const numRuns = Number(process.env.RULE_CASES ?? 400);
const DAY_0 = Date.UTC(2026, 10, 18);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Five days in steps of five minutes, so that instants meet. */
const step = fc.nat({ max: 5 * 24 * 12 });
const instantAt = (steps: number): Date => new Date(DAY_0 + steps * 5 * MINUTE_MS);

const NAMES = ['a', 'b', 'c'] as const;
const NAMED: readonly FactType[] = [
  ...([
    'agreement.created',
    'agreement.created',
    'agreement.amended',
    'agreement.ended',
    'agreement.ended',
    'license.updated',
  ] as const),
  ...([
    'license.deprovisioned',
    'advisory.issued',
    'advisory.resolved',
    'agreement.found',
    'agreement.found',
    'message.untimed',
  ] as const),
];
const NAMELESS: readonly FactType[] = [
  ...([
    'legacy.subscribeSucceeded',
    'legacy.subscribeSucceeded',
    'legacy.unsubscribePending',
    'legacy.unsubscribed',
  ] as const),
  ...(['legacy.subscribeFailed', 'buyer.registered', 'advisory.issued', 'message.untimed', 'host.ended'] as const),
];

interface Draft {
  agreement: (typeof NAMES)[number] | null;
  type: FactType;
  at: number;
  delay: number;
  start: number | null;
  end: number | null;
  status: string | null;
  isPrevious: boolean;
  isTrial: boolean | null;
  changed: number | null;
}

const draft = (isNamed: fc.Arbitrary<boolean>): fc.Arbitrary<Draft> =>
  isNamed.chain((named) =>
    fc.record({
      agreement: named ? fc.constantFrom(...NAMES) : fc.constant(null),
      type: fc.constantFrom(...(named ? NAMED : NAMELESS)),
      at: step,
      delay: fc.oneof(fc.constant(0), fc.nat({ max: 24 * 12 })),
      start: fc.option(step),
      end: fc.option(step, { freq: 2 }),
      status: fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'CANCELLED', 'EXPIRED', 'RENEWED', 'REPLACED', null),
      isPrevious: fc.boolean(),
      isTrial: fc.option(fc.boolean()),
      changed: fc.option(step),
    }),
  );

const isoOrNull = (steps: number | null): string | null => (steps === null ? null : instantAt(steps).toISOString());

function factOf(
  { agreement, type, at, delay, start, end, status, isPrevious, isTrial, changed }: Draft,
  index: number,
): AgreementFact {
  const before = agreement === 'b' ? 'a' : agreement === 'c' ? 'b' : null;
  const previousDigest = isPrevious ? before : null;
  const details = {
    ...{
      intent: null,
      status,
      startTime: isoOrNull(start),
      endTime: isoOrNull(end),
      previousDigest,
      initialDigest: null,
      offerId: null,
      lastUpdateTime: isoOrNull(changed),
    },
    ...{
      entitled: status === null ? true : null,
      isFreeTrial: isTrial,
      detailType: '',
      said: 'legacy.unsubscribed',
      endsAt: instantAt(end ?? at).toISOString(),
    },
    terms: isTrial === null ? null : { trial: isTrial ? { until: isoOrNull(end) } : null },
  };
  return {
    ...{
      id: factIdOf('property', `${index}`, type),
      type,
      agreementId: agreement,
      among: type === 'host.ended' ? ['a', 'b', 'c'] : null,
    },
    ...{ at: instantAt(at), heardAt: instantAt(at + delay), details },
  } as AgreementFact;
}

interface World {
  agreements: Record<string, KnownAgreement>;
  facts: AgreementFact[];
  asking: Asking;
  isLegacy: boolean;
  now: Date;
}

const worldOf = (isNamed: fc.Arbitrary<boolean>): fc.Arbitrary<World> =>
  fc
    .record({
      drafts: fc.array(draft(isNamed), { maxLength: 12 }),
      keptLicense: fc.boolean(),
      askedAt: fc.option(step),
      mayNotAsk: fc.boolean(),
      isLegacy: fc.boolean(),
      now: step,
    })
    .map(({ drafts, keptLicense, askedAt, mayNotAsk, isLegacy, now }) => ({
      agreements: {
        a: { licenses: ['l-1'] },
        b: { licenses: [keptLicense ? 'l-1' : 'l-2'] },
        c: { licenses: ['l-3'] },
      },
      facts: drafts.map(factOf),
      asking: { askedAt: askedAt === null ? null : instantAt(askedAt), mayNotAsk },
      ...{ isLegacy, now: instantAt(now) },
    }));

const anyWorld = worldOf(fc.boolean());
/** Looked at when all of it was heard. */
const namedWorld = worldOf(fc.constant(true)).map((world) => ({
  ...world,
  isLegacy: false,
  now: new Date(Math.max(world.now.getTime(), ...world.facts.map(({ heardAt }) => heardAt.getTime()))),
}));

/** All that follows from a world, in a form that can be compared. */
function readingOf({ agreements, facts, asking, isLegacy, now }: World): object {
  const { assignment, joining, chains } = relationOf(agreements, facts, asking, isLegacy);
  const sorted = [...chains]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([name, chain]) => [name, [...chain].sort((x, y) => (x.id < y.id ? -1 : 1))] as const);
  return {
    assignment: {
      ...assignment,
      byAgreement: [...assignment.byAgreement].sort(([x], [y]) => (x < y ? -1 : 1)),
      wanted: [...assignment.wanted].sort(),
    },
    links: [...joining.previousOf].sort(),
    conflicts: joining.conflicts,
    chains: sorted,
    states: sorted.map(([, chain]) => stateOf(chain, asking, now)),
    timelines: sorted.map(([, chain]) =>
      timelineFor(chain, asking, now, { identity: isLegacy ? 'legacy' : 'license' }),
    ),
  };
}

function timelinesOf({ agreements, facts, asking, isLegacy, now }: World): ReturnType<typeof timelineFor>[] {
  const { chains } = relationOf(agreements, facts, asking, isLegacy);
  return [...chains.values()].map((chain) =>
    timelineFor(chain, asking, now, { identity: isLegacy ? 'legacy' : 'license' }),
  );
}

describe('whatever the facts', () => {
  it('D36, T12: any order and any number of times give the same agreements, states and timelines', () => {
    fc.assert(
      fc.property(
        anyWorld.chain((world) =>
          fc.tuple(
            fc.constant(world),
            fc.shuffledSubarray([...world.facts, ...world.facts], { minLength: world.facts.length * 2 }),
          ),
        ),
        ([world, shuffled]) => {
          return JSON.stringify(readingOf({ ...world, facts: shuffled })) === JSON.stringify(readingOf(world));
        },
      ),
      { numRuns },
    );
  });

  it('every fact has its place: with one agreement (the host’s with each), in doubt, or of others; none twice, none in doubt also counts', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const { assignment } = relationOf(world.agreements, world.facts, world.asking, world.isLegacy);
        const assigned = [...assignment.byAgreement.values()].flat().filter(({ type }) => type !== 'host.ended');
        const ids = assigned.map(({ id }) => id);
        const elsewhere = [...assignment.doubts.map(({ factId }) => factId), ...assignment.ofOthers];
        return new Set(ids).size === ids.length && elsewhere.every((id) => !ids.includes(id));
      }),
      { numRuns },
    );
  });

  it('each instant is in at most one span of its subscription; spans lie in order, and each begins at most the gap before its start', () => {
    fc.assert(
      fc.property(anyWorld, (world) =>
        timelinesOf(world).every(({ spans }) =>
          spans.every(({ from, to, startsAt, end }, index) => {
            const next = spans[index + 1];
            const isInOrder = next === undefined || (to !== null && to <= next.from);
            const hasEnd =
              end === null || (to !== null && end.at.getTime() === to.getTime() && end.firstSignAt <= end.lastSignAt);
            return isInOrder && (to === null || from < to) && startsAt.getTime() - from.getTime() <= HOUR_MS && hasEnd;
          }),
        ),
      ),
      { numRuns },
    );
  });

  it('I9: facts of one agreement change the life of no other', () => {
    fc.assert(
      fc.property(namedWorld, fc.constantFrom(...NAMES), ({ facts, asking, now }, changed) => {
        for (const name of NAMES.filter((other) => other !== changed)) {
          const of = (some: readonly AgreementFact[]) =>
            lifeOf(
              some.filter(({ agreementId }) => agreementId === name),
              asking,
            );
          const without = facts.filter(({ agreementId }) => agreementId !== changed);
          if (phaseOf(of(facts), asking, now) !== phaseOf(of(without), asking, now)) return false;
          if (JSON.stringify(of(facts)) !== JSON.stringify(of(without))) return false;
        }
        return true;
      }),
      { numRuns },
    );
  });

  it('I9: a fact changes no time but its agreement’s and its linked predecessor’s, and no instant before any that it names', () => {
    fc.assert(
      fc.property(
        namedWorld.filter(({ facts }) => facts.length > 0),
        fc.nat(),
        (world, pick) => {
          const changed = world.facts[pick % world.facts.length];
          if (!changed) return true;
          const without = { ...world, facts: world.facts.filter((fact) => fact !== changed) };
          const [before, after] = [relationIn(without), relationIn(world)];
          const own = changed.agreementId ?? '';
          // What it links, and what would be two chains or a fork by it: that is for a person.
          const touched = new Set([own, ...[before, after].flatMap((relation) => touchedBy(own, relation))]);
          const from =
            Math.min(
              ...instantsOf(world.facts.filter(({ agreementId }) => touched.has(agreementId ?? ''))).map(Number),
            ) - HOUR_MS;
          const [spansBefore, spansAfter] = [spansOf(before, without), spansOf(after, world)];
          const cuts = [...spansBefore, ...spansAfter].flatMap((span) => [
            span.from,
            ...(span.to === null ? [] : [span.to]),
          ]);
          // Payers change at the ends of spans alone.
          for (const at of cuts.map(Number)) {
            const [was, is] = [payersAt(spansBefore, at), payersAt(spansAfter, at)];
            const differing = [
              ...was.filter((payer) => !is.includes(payer)),
              ...is.filter((payer) => !was.includes(payer)),
            ];
            for (const payer of differing) {
              if (!touched.has(payer.split(' ')[0] ?? '') || at < from) return false;
            }
          }
          return true;
        },
      ),
      { numRuns },
    );
  });

  it('each change is told once: a second look tells nothing, `ended` comes at most once for each `activated` or `renewed`', () => {
    fc.assert(
      fc.property(anyWorld, ({ agreements, facts, asking, isLegacy, now }) => {
        const { chains } = relationOf(agreements, facts, asking, isLegacy);
        for (const chain of chains.values()) {
          const host = new Host();
          for (let at = DAY_0; at <= now.getTime(); at += 6 * HOUR_MS) host.hear(chain, asking, new Date(at));
          const count = host.heard.length;
          host.hear(chain, asking, new Date(now)).hear(chain, asking, new Date(now));
          const again = host.heard.length;
          host.hear(chain, asking, new Date(now));
          expect(host.heard).toHaveLength(again);
          expect(again - count).toBeLessThanOrEqual(3);
          const words = host.tellings.map(({ type }) => type);
          const firsts = words.filter(
            (type, index) =>
              type === 'ended' && !words.slice(words.lastIndexOf('ended', index - 1) + 1, index).includes('activated'),
          );
          expect(firsts.length).toBeLessThanOrEqual(1);
          const renewed = host.tellings.flatMap((telling) => (telling.type === 'renewed' ? [telling.agreementId] : []));
          expect(new Set(renewed).size).toBe(renewed.length);
        }
      }),
      { numRuns },
    );
  });
});

function relationIn({ agreements, facts, asking, isLegacy }: World): Relation {
  return relationOf(agreements, facts, asking, isLegacy);
}

/** The linked predecessor; of one that was called off before it began, the one before that. */
function predecessorsOf(own: string, joining: Relation['joining'], chains: Relation['chains']): string[] {
  const previous = joining.previousOf.get(own);
  if (previous === undefined) return [];
  const { start, end } = [...chains.values()].flat().find(({ id }) => id === previous)?.life ?? {
    start: null,
    end: null,
  };
  const neverRan = start !== null && end !== null && end.at <= start.at;
  return [previous, ...(neverRan ? predecessorsOf(previous, joining, chains) : [])];
}

function touchedBy(own: string, { joining, chains }: Relation): string[] {
  // A start that is not told has no time of its own against one that is.
  const provisional = [...chains.values()]
    .flat()
    .filter(({ previousId, life }) => previousId === own && life.start?.isTold !== true);
  const disputed = joining.conflicts
    .filter(({ kind }) => kind !== 'concurrent')
    .flatMap(({ agreementIds }) => agreementIds);
  return [...predecessorsOf(own, joining, chains), ...provisional.map(({ id }) => id), ...disputed];
}

function spansOf({ chains }: Relation, { asking, now }: World): TimelineSpan[] {
  // Without the gap before a start, which is nobody's unless nothing else covers it.
  return [...chains.values()].flatMap((chain) =>
    timelineFor(chain, asking, now).spans.map((span) => ({
      ...span,
      from: span.startsAt > span.from ? span.startsAt : span.from,
    })),
  );
}

function payersAt(spans: readonly TimelineSpan[], at: number): string[] {
  return spans
    .filter(({ from, to }) => from.getTime() <= at && (to === null || at < to.getTime()))
    .map(({ agreementId, price }) => `${agreementId} ${price}`);
}

function instantsOf(facts: readonly AgreementFact[]): Date[] {
  return facts.flatMap(({ at, heardAt, details }) => [
    ...[at, heardAt],
    ...Object.values(details).flatMap((value) =>
      typeof value === 'string' && /^\d{4}-/.test(value) ? [new Date(value)] : [],
    ),
  ]);
}
