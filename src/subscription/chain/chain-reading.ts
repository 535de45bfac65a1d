// All rules of a chain in their order, asked about everything known of a buyer. Pure.
import { type AgreementFact } from '../agreements/agreement-fact.js';
import { type AgreementLife, type Asking } from '../agreements/agreement-life.js';
import { lifeOf } from '../agreements/agreement-state.js';
import { endingWithRenewals } from '../agreements/called-renewed.js';
import { assignFacts, type Assignment } from '../agreements/fact-assignment.js';
import { joinAgreements, type Joining } from '../agreements/joining-rule.js';
import { startingInTurn } from '../agreements/kept-license.js';
import { type ChainAgreement } from '../agreements/subscription-state.js';
import { type AgreementRecord, type BuyerChains, type SubscriptionRecord } from './buyer-chains.js';
import { byText } from '../../runtime/order.js';

/** What the pure rules make of everything known of a buyer. */
export interface ChainReading {
  assignment: Assignment;
  /** Of rows that stand. */
  lives: ReadonlyMap<string, AgreementLife>;
  joining: Joining;
}

const NOT_ASKED: Asking = { askedAt: null, mayNotAsk: false };

/** Pure. */
export function readChains(chains: BuyerChains): ChainReading {
  const rows = chains.agreements.map((row) => ({ id: row.id, isNamed: isNamed(row), licenses: licensesOf(row) }));
  const asking = askingOfBuyer(chains.subscriptions);
  const assignment = assignFacts(rows, chains.facts, asking);
  const lives = new Map(
    [...assignment.byAgreement].map(([id, facts]) => [id, lifeOf(facts, askingOfAgreement(id, chains))] as const),
  );
  const joining = joinAgreements(
    [...lives].map(([id, life]) =>
      joiningOf(id, { life, facts: assignment.byAgreement.get(id) ?? [], assignment, chains }),
    ),
    livingOf(chains).map(({ id }) => ({ id, tenants: tenantsOf(id, chains) })),
  );
  return { assignment, lives, joining: withoutEmptied(joining, assignment, chains) };
}

/**
 * A subscription all of whose rows turned out to be agreements of another is that other one: a buyer's arrival made it,
 * or a start that named none, and AWS's messages made the other under another name.
 */
function withoutEmptied(joining: Joining, assignment: Assignment, chains: BuyerChains): Joining {
  const homeOf = (id: string): string | null => {
    const home = joining.subscriptionOf.get(assignment.aliases.get(id) ?? id);
    return home && 'subscriptionId' in home ? (joining.folds.get(home.subscriptionId) ?? home.subscriptionId) : null;
  };
  const folds = new Map(joining.folds);
  const conflicts = [...joining.conflicts];
  const inhabited = new Set([...joining.subscriptionOf.keys()].map(homeOf));
  for (const { id } of livingOf(chains)) {
    if (inhabited.has(id) || folds.has(id)) continue;
    const aliases = chains.agreements.filter((row) => row.subscriptionId === id && assignment.aliases.has(row.id));
    const into = aliases.map((row) => homeOf(row.id)).find((home) => home !== null);
    if (into === undefined) continue;
    const agreementIds = aliases.flatMap((row) => [assignment.aliases.get(row.id) ?? row.id, row.id]);
    if (new Set([...tenantsOf(id, chains), ...tenantsOf(into, chains)]).size > 1)
      conflicts.push({ kind: 'twoTenants', agreementIds });
    else folds.set(id, into);
  }
  return { ...joining, folds, conflicts };
}

/** The agreements of one subscription as they stand, in the order of their starts. */
export function chainOf(
  subscriptionId: string,
  chains: BuyerChains,
  { assignment, lives, joining }: ChainReading,
): ChainAgreement[] {
  const subscriptionOf = new Map(chains.agreements.map((row) => [row.id, row.subscriptionId]));
  const chain = [...lives]
    .filter(([id]) => subscriptionOf.get(id) === subscriptionId)
    .map(([id, life]) => ({
      id,
      aliasIds: [...assignment.aliases].filter(([, standing]) => standing === id).map(([alias]) => alias),
      life,
      previousId: joining.previousOf.get(id) ?? null,
    }));
  return endingWithRenewals(startingInTurn(chain)).sort((a, b) => startOf(a) - startOf(b) || byText(a.id, b.id));
}

export function livingOf({ subscriptions }: BuyerChains): SubscriptionRecord[] {
  return subscriptions.filter(({ aliasOf }) => aliasOf === null);
}

/** Tenants that ever claimed it, under any of its ids. */
export function tenantsOf(subscriptionId: string, { claims, subscriptions }: BuyerChains): string[] {
  const ids = subscriptions.filter(({ id, aliasOf }) => (aliasOf ?? id) === subscriptionId).map(({ id }) => id);
  return [...new Set(claims.filter((claim) => ids.includes(claim.subscriptionId)).map(({ tenantId }) => tenantId))];
}

/** Whose it is at an instant: of two hand-overs the later, of two first claims the one that comes first. */
export function currentTenantOf(
  subscriptionId: string,
  { claims, subscriptions }: BuyerChains,
  at: Date,
): string | null {
  const ids = subscriptions.filter(({ id, aliasOf }) => (aliasOf ?? id) === subscriptionId).map(({ id }) => id);
  const own = claims.filter(
    (claim) => ids.includes(claim.subscriptionId) && (claim.since === null || claim.since <= at),
  );
  const handedOver = own.findLast(({ since }) => since !== null);
  return (handedOver ?? own[0])?.tenantId ?? null;
}

export function askingOf(subscription: SubscriptionRecord | undefined): Asking {
  return subscription ? { askedAt: subscription.askedAt, mayNotAsk: subscription.mayNotAsk } : NOT_ASKED;
}

/** A question about any of a buyer's subscriptions lists all of its agreements. */
function askingOfBuyer(subscriptions: readonly SubscriptionRecord[]): Asking {
  const asked = subscriptions.map(({ askedAt }) => askedAt?.getTime() ?? -Infinity);
  const last = Math.max(...asked, -Infinity);
  return {
    askedAt: last === -Infinity ? null : new Date(last),
    mayNotAsk: subscriptions.some(({ mayNotAsk }) => mayNotAsk),
  };
}

function askingOfAgreement(id: string, chains: BuyerChains): Asking {
  const subscriptionId = chains.agreements.find((row) => row.id === id)?.subscriptionId;
  return askingOf(chains.subscriptions.find((subscription) => subscription.id === subscriptionId));
}

function joiningOf(
  id: string,
  {
    life,
    facts,
    assignment,
    chains,
  }: { life: AgreementLife; facts: readonly AgreementFact[]; assignment: Assignment; chains: BuyerChains },
) {
  const same = chains.agreements.filter((row) => row.id === id || assignment.aliases.get(row.id) === id);
  const own = same.find((row) => row.id === id);
  const named = (key: 'previousDigest' | 'initialDigest'): string[] => [
    ...new Set(
      facts
        .map(({ details }) => (details as Record<string, unknown>)[key])
        .filter((digest) => typeof digest === 'string'),
    ),
  ];
  return {
    id,
    // A row that is new takes the place of the nameless one that turned out to be it.
    subscriptionId:
      own?.subscriptionId ?? same.map(({ subscriptionId }) => subscriptionId).find((home) => home !== null) ?? null,
    agreementName: same.flatMap(({ names }) => names).find(({ kind }) => kind === 'agreement')?.digest ?? null,
    licenses: [...new Set(same.flatMap(licensesOf))],
    previous: named('previousDigest'),
    initial: named('initialDigest')[0] ?? null,
    isLegacy: isLegacy(own ?? same[0], chains),
    life,
  };
}

/** Metered by product code and buyer: the listing is, and the subscription was not moved to licenses. */
function isLegacy(row: AgreementRecord | undefined, { identity, subscriptions }: BuyerChains): boolean {
  if (identity !== 'legacy') return false;
  return (subscriptions.find(({ id }) => id === row?.subscriptionId)?.licenseFrom ?? null) === null;
}

function isNamed({ names }: AgreementRecord): boolean {
  return names.some(({ kind }) => kind === 'agreement');
}

function licensesOf({ names }: AgreementRecord): string[] {
  return names.filter(({ kind }) => kind === 'license').map(({ digest }) => digest);
}

function startOf({ life }: ChainAgreement): number {
  return life.start?.at.getTime() ?? Infinity;
}
