import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { type AgreementLife, type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf } from '../../../src/subscription/agreements/agreement-state.js';
import { endingWithRenewals } from '../../../src/subscription/agreements/called-renewed.js';
import { assignFacts, type Assignment } from '../../../src/subscription/agreements/fact-assignment.js';
import { startingInTurn } from '../../../src/subscription/agreements/kept-license.js';
import {
  joinAgreements,
  type Joining,
  type JoiningAgreement,
} from '../../../src/subscription/agreements/joining-rule.js';
import {
  type ChainAgreement,
  endedToldAfter,
  type ProjectedState,
  stateOf,
  type Telling,
  tellingsOf,
  type ToldState,
  withEndKept,
  withTermsAwaited,
} from '../../../src/subscription/agreements/subscription-state.js';
import { type SubscriptionTimeline, type TimelineSpan } from '../../../src/subscription/agreements/timeline.js';
import { ARRIVAL_GAP_MS, type TimelineBasis, timelineOf } from '../../../src/subscription/agreements/timeline-rule.js';

export interface KnownAgreement {
  licenses?: readonly string[];
  /** Default: its row id. Null: only its licenses are known. */
  name?: string | null;
}

export interface Relation {
  assignment: Assignment;
  joining: Joining;
  chains: ReadonlyMap<string, readonly ChainAgreement[]>;
}

const ACCOUNT = '111122223333';

/** All rules in the order in which the projection applies them: one buyer at one product, nothing stored before. */
export function relationOf(
  agreements: Readonly<Record<string, KnownAgreement>>,
  facts: readonly AgreementFact[],
  asking: Asking,
  isLegacy: boolean,
): Relation {
  const rows = Object.entries(agreements).map(([id, { licenses = [], name = id }]) => ({
    ...{ id, isNamed: name !== null, licenses },
  }));
  const assignment = assignFacts(rows, facts, asking);
  const lives = new Map(
    [...assignment.byAgreement].map(([id, own]): [string, AgreementLife] => [id, lifeOf(own, asking)]),
  );
  const joiningAgreements = [...lives].map(([id, life]): JoiningAgreement => {
    const own = assignment.byAgreement.get(id) ?? [];
    const { name = id } = agreements[id] ?? { name: null };
    return {
      ...{
        id,
        subscriptionId: null,
        agreementName: name,
        licenses: agreements[id]?.licenses ?? [],
        life,
        isLegacy,
      },
      previous: own.flatMap((of) =>
        (of.type === 'agreement.created' || of.type === 'agreement.found') && of.details.previousDigest !== null
          ? [of.details.previousDigest]
          : [],
      ),
      initial:
        own
          .map((of) => (of.type === 'agreement.found' ? of.details.initialDigest : null))
          .find((digest) => digest !== null) ?? null,
    };
  });
  const joining = joinAgreements(joiningAgreements, []);
  const chains = new Map<string, ChainAgreement[]>();
  for (const [id, life] of lives) {
    const place = joining.subscriptionOf.get(id);
    const name = place === undefined ? id : 'with' in place ? place.with : place.subscriptionId;
    chains.set(name, [
      ...(chains.get(name) ?? []),
      { id, aliasIds: [], life, previousId: joining.previousOf.get(id) ?? null },
    ]);
  }
  const inTurn = new Map([...chains].map(([name, chain]) => [name, endingWithRenewals(startingInTurn(chain))]));
  return { assignment, joining, chains: inTurn };
}

/** The chain that an agreement is in. */
export function chainOf({ chains }: Relation, agreementId: string): readonly ChainAgreement[] {
  return [...chains.values()].find((chain) => chain.some(({ id }) => id === agreementId)) ?? [];
}

export function timelineFor(
  chain: readonly ChainAgreement[],
  asking: Asking,
  now: Date,
  over: Partial<TimelineBasis> = {},
): SubscriptionTimeline {
  const identity = over.identity ?? 'license';
  const agreements = chain.map((agreement) => ({
    ...agreement,
    identity: {
      license: { licenseId: `l-${agreement.id}`, licenseArn: `arn:aws:license-manager::1:license:l-${agreement.id}` },
      customerAwsAccountId: ACCOUNT,
      customerIdentifier: identity === 'legacy' ? 'C' : null,
    },
  }));
  const options = {
    licenseFrom: null,
    billedFrom: null,
    followsLifecycle: true,
    arrivalGapMs: ARRIVAL_GAP_MS,
    identity,
  };
  return timelineOf({ subscriptionId: 'S', agreements, ...options, ...over }, asking, now);
}

export function spanAt({ spans }: SubscriptionTimeline, at: Date): TimelineSpan | undefined {
  return spans.find(({ from, to }) => from <= at && (to === null || at < to));
}

/** `agreement price` of whoever has the instant; `none` in a gap. */
export function payerAt(timeline: SubscriptionTimeline, at: Date): string {
  const span = spanAt(timeline, at);
  return span ? `${span.agreementId} ${span.price}` : 'none';
}

/** What a host hears that is told at each of these instants, with what was known (heard) by then. */
export class Host {
  told: ToldState | null = null;
  projected: ProjectedState | null = null;
  readonly heard: string[] = [];
  readonly tellings: Telling[] = [];

  hear(chain: readonly ChainAgreement[], asking: Asking, now: Date): this {
    const projected = withTermsAwaited(
      this.told,
      withEndKept(this.told, stateOf(chain, asking, now), chain),
      chain,
      now,
    );
    const tellings = tellingsOf(this.told, projected, chain);
    this.told = { ...projected, endedTold: endedToldAfter(this.told, projected) };
    this.projected = projected;
    this.tellings.push(...tellings);
    this.heard.push(
      ...tellings.map((telling) =>
        'agreementId' in telling ? `${telling.type} ${telling.agreementId}` : telling.type,
      ),
    );
    return this;
  }
}
