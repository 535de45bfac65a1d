import { type LedgerSql } from '../database/ledger-database.js';
import { type AgreementRecord, type BuyerChains, loadBuyerChains, selectBuyersOf } from './chain/buyer-chains.js';
import { chainOf, type ChainReading, currentTenantOf, livingOf, readChains } from './chain/chain-reading.js';
import { isTrialAt } from './chain/subscription-event.js';
import { selectLivingOf } from './chain/subscription.sql.js';
import { type ChainAgreement, type SubscriptionState } from './agreements/subscription-state.js';

export type { SubscriptionState } from './agreements/subscription-state.js';

/**
 * A buyer's ongoing relation to a product, as the host sees it: a chain of agreements under one id that stays through
 * every renewal.
 */
export interface Subscription {
  /** A UUID. One that was folded into another is another's name: `get` finds that one by it. */
  id: string;
  /** The product code of the listing. */
  productCode: string;
  /** The host's tenant; null until a registration code was claimed. */
  tenantId: string | null;
  /**
   * `registered`: arrived, AWS has not said that it is active. `upcoming`: signed, its start lies ahead. `trial`,
   * `active`: usage may be metered. `suspended`: AWS suspects the buyer of something. `ending`: over, while AWS still
   * takes its last hours. `ended`. `failed`: the purchase failed.
   */
  state: SubscriptionState;
  /** The agreement that prices usage now; the last one where all are over. Null where none has a start. */
  current: Agreement | null;
  /** In the order of their starts. */
  agreements: Agreement[];
}

/**
 * What AWS sells, prices and ends. A renewal, a replacement and a return are each a new agreement. What AWS has not
 * told is null.
 */
export interface Agreement {
  /** `agmt-…`, as AWS printed it. */
  agreementId: string | null;
  /** Of the license, as AWS printed it. A renewal may keep it or bring another. */
  licenseArn: string | null;
  /** Twelve digits. */
  customerAwsAccountId: string | null;
  /** AWS's older name of the buyer at this product. */
  customerIdentifier: string | null;
  /** `prod-…`, the entity id of the listing. */
  productId: string | null;
  /** `offer-…`: a private offer has one of its own. */
  offerId: string | null;
  /** Null where nobody has told a start, nor anything that stands for one. */
  startsAt: Date | null;
  /** Where it has ended, or will end by AWS's word. */
  endsAt: Date | null;
  /** Whether it is in its free trial, or begins with one. */
  isTrial: boolean;
  /** The agreement that it renews, replaces or follows. */
  previousAgreementId: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Canonical form of a subscription id, or null for what can be none; Postgres would raise an error at it. */
export function subscriptionIdOf(text: unknown): string | null {
  const id = typeof text === 'string' ? text.toLowerCase() : '';
  return UUID.test(id) ? id : null;
}

/** Reads the subscription that an id stands for; ids that were folded stand for what they live on in. */
export async function loadSubscription(
  sql: LedgerSql,
  sellerAccount: string,
  id: string,
  now: Date,
): Promise<Subscription | null> {
  const living = await selectLivingOf(sql, sellerAccount, id);
  if (!living) return null;
  const [subscription] = await loadSubscriptions(sql, sellerAccount, [living.id], now);
  return subscription ?? null;
}

/** Living subscriptions, in the order of the ids given. */
export async function loadSubscriptions(
  sql: LedgerSql,
  sellerAccount: string,
  ids: readonly string[],
  now: Date,
): Promise<Subscription[]> {
  const buyerIds = await selectBuyersOf(sql, sellerAccount, ids);
  const all = await loadBuyerChains(sql, sellerAccount, buyerIds);
  const found = new Map(
    all.flatMap((chains) => {
      const reading = readChains(chains);
      return livingOf(chains).map((row) => [row.id, subscriptionOf(row.id, chains, reading, now)] as const);
    }),
  );
  return ids.flatMap((id) => found.get(id) ?? []);
}

function subscriptionOf(id: string, chains: BuyerChains, reading: ChainReading, now: Date): Subscription {
  const row = chains.subscriptions.find((subscription) => subscription.id === id);
  if (!row) throw new Error(`subscription ${id} is not one of the buyer's`);
  const chain = chainOf(id, chains, reading);
  const agreements = new Map(chain.map((agreement) => [agreement.id, agreementOf(agreement, chains, now)]));
  const current =
    chain.find((agreement) => [agreement.id, ...agreement.aliasIds].includes(row.currentAgreementId ?? '')) ?? null;
  return {
    id,
    productCode: row.productCode,
    tenantId: currentTenantOf(id, chains, now),
    state: row.state,
    current: current && (agreements.get(current.id) ?? null),
    agreements: [...agreements.values()],
  };
}

function agreementOf({ id, aliasIds, life, previousId }: ChainAgreement, chains: BuyerChains, now: Date): Agreement {
  const rows = chains.agreements.filter((row) => row.id === id || aliasIds.includes(row.id));
  const previous = chains.agreements.filter(
    (row) => previousId !== null && (row.id === previousId || row.aliasOf === previousId),
  );
  const license = namesOf(rows, 'license')[0];
  return {
    agreementId: namesOf(rows, 'agreement')[0]?.name ?? null,
    licenseArn: license?.name ?? license?.eventForm ?? null,
    customerAwsAccountId: chains.names.get('account') ?? null,
    customerIdentifier: chains.names.get('customerIdentifier') ?? null,
    productId: rows.map(({ productId }) => productId).find((value) => value !== null) ?? null,
    offerId: rows.map(({ offerId }) => offerId).find((value) => value !== null) ?? null,
    startsAt: life.start?.at ?? null,
    endsAt: life.end?.at ?? life.plannedEndAt,
    isTrial: isTrialAt(life, now),
    previousAgreementId: namesOf(previous, 'agreement')[0]?.name ?? null,
  };
}

/** What can be sent comes first. */
export function namesOf(
  rows: readonly AgreementRecord[],
  kind: 'agreement' | 'license',
): AgreementRecord['names'][number][] {
  return rows
    .flatMap(({ names }) => names)
    .filter((name) => name.kind === kind)
    .sort((a, b) => Number(b.name !== null) - Number(a.name !== null));
}
