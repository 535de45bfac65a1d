// From the chains of buyers to what sealing reads: a customer with its timelines, tenancies and payers.
import { type LedgerSql } from '../../database/ledger-database.js';
import { ARRIVAL_GAP_MS, type TimelineAgreement, timelineOf } from '../agreements/timeline-rule.js';
import {
  type CustomerSubject,
  type CustomerTimeline,
  type SubscriptionTimeline,
  type Tenancy,
} from '../agreements/timeline.js';
import { licenseIdOf } from './aws-names.js';
import { type BuyerChains, loadBuyerChains, type SubscriptionRecord } from './buyer-chains.js';
import { groupBy } from './group-by.js';
import { askingOf, chainOf, type ChainReading, livingOf, readChains } from './chain-reading.js';

/** What the options say about every timeline. */
export interface TimelineSettings {
  /** Whether lifecycle messages can come at all. */
  followsLifecycle: boolean;
  /** Usage up to this long before a start, where nothing else covers it, belongs to that start. */
  arrivalGapMs: number;
}

const DEFAULTS: TimelineSettings = { followsLifecycle: true, arrivalGapMs: ARRIVAL_GAP_MS };

/**
 * All that sealing asks about these customers: subjects, subscriptions with their timelines, tenancies and chosen
 * payers, from statements of the caller's transaction, in a fixed number of them however many the customers are.
 * Unknown ids are left out; the order is that of the ids given.
 */
export async function loadCustomerTimelines(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
  now: Date,
  settings: TimelineSettings = DEFAULTS,
): Promise<CustomerTimeline[]> {
  if (customerIds.length === 0) return [];
  const customers = await selectCustomers(tx, sellerAccount, customerIds);
  const owned = await selectOwned(tx, sellerAccount, customerIds);
  const ownedBy = groupBy(owned, ofCustomer);
  const subjectsOf = groupBy(await selectSubjects(tx, sellerAccount, customerIds), ofCustomer);
  const choicesOf = groupBy(await selectChoices(tx, sellerAccount, customerIds), ofCustomer);
  const all = await loadBuyerChains(tx, sellerAccount, [...new Set(owned.map(({ buyer_id: id }) => id))]);
  const timelines = new Map<string, { timeline: SubscriptionTimeline; tenancies: Tenancy[] }>();
  const wanted = new Set(owned.map(({ subscription_id: id }) => id));
  for (const chains of all) {
    const reading = readChains(chains);
    for (const row of livingOf(chains)) {
      if (!wanted.has(row.id)) continue;
      timelines.set(row.id, {
        timeline: timelineOfRow(row, chains, reading, { now, settings }),
        tenancies: tenanciesOf(row.id, chains),
      });
    }
  }
  return customers.map(({ id, product_code: productCode, tenant_id: tenantId }) => {
    const own = [...new Set((ownedBy.get(id) ?? []).map(({ subscription_id: subscriptionId }) => subscriptionId))];
    const known = own.flatMap((subscriptionId) => timelines.get(subscriptionId) ?? []);
    return {
      sellerAccount,
      customerId: id,
      productCode,
      tenantId,
      subjects: (subjectsOf.get(id) ?? []).map(subjectOf),
      subscriptions: known.map(({ timeline }) => timeline),
      tenancies: known.flatMap(({ tenancies }) => tenancies),
      payerChoices: (choicesOf.get(id) ?? []).map(({ subscription_id: subscriptionId, from_at: from }) => ({
        subscriptionId,
        from,
      })),
    };
  });
}

function timelineOfRow(
  row: SubscriptionRecord,
  chains: BuyerChains,
  reading: ChainReading,
  { now, settings }: { now: Date; settings: TimelineSettings },
): SubscriptionTimeline {
  const agreements = chainOf(row.id, chains, reading).map((agreement): TimelineAgreement => {
    const rows = chains.agreements.filter(({ id }) => id === agreement.id || agreement.aliasIds.includes(id));
    // Only a form that the API takes can be sent; a license that goes on under the next agreement may have been told in
    // it by the one before.
    const licenses = new Set(
      rows.flatMap(({ names }) => names.filter(({ kind }) => kind === 'license').map(({ digest }) => digest)),
    );
    const forms = [...rows, ...chains.agreements].flatMap(({ names }) => names);
    const licenseArn =
      forms.find(({ kind, digest, name }) => kind === 'license' && name !== null && licenses.has(digest))?.name ?? null;
    return {
      ...agreement,
      identity: {
        license: licenseArn === null ? null : { licenseId: licenseIdOf(licenseArn), licenseArn },
        customerAwsAccountId: chains.names.get('account') ?? null,
        customerIdentifier: chains.names.get('customerIdentifier') ?? null,
      },
    };
  });
  const { id: subscriptionId, licenseFrom, billedFrom } = row;
  return timelineOf(
    { subscriptionId, agreements, identity: chains.identity, licenseFrom, billedFrom, ...settings },
    askingOf(row),
    now,
  );
}

/** The first claim counts from the subscription's beginning, each later one from its instant. */
export function tenanciesOf(subscriptionId: string, { claims, subscriptions }: BuyerChains): Tenancy[] {
  const ids = subscriptions.filter(({ id, aliasOf }) => (aliasOf ?? id) === subscriptionId).map(({ id }) => id);
  const own = claims.filter((claim) => ids.includes(claim.subscriptionId));
  const [first] = own.filter(({ since }) => since === null);
  const turns = [...(first ? [first] : []), ...own.filter(({ since }) => since !== null)];
  return turns
    .map(({ tenantId, since }, index) => ({
      subscriptionId,
      tenantId,
      from: since,
      to: turns[index + 1]?.since ?? null,
    }))
    .filter(({ from, to }) => from === null || to === null || from < to);
}

function ofCustomer({ customer_id: id }: { customer_id: string }): string {
  return id;
}

interface CustomerRow {
  id: string;
  product_code: string;
  tenant_id: string | null;
}

function selectCustomers(tx: LedgerSql, sellerAccount: string, customerIds: readonly string[]): Promise<CustomerRow[]> {
  return tx.query<CustomerRow>(
    `SELECT c.id::text AS id, c.product_code, c.tenant_id
     FROM unnest($2::uuid[]) WITH ORDINALITY AS given (id, place)
     JOIN marketplace.customer c ON c.seller_account = $1 AND c.id = given.id ORDER BY given.place`,
    [sellerAccount, customerIds],
  );
}

/** Living subscriptions that are the customers', and those that their tenants ever claimed. */
function selectOwned(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<{ customer_id: string; subscription_id: string; buyer_id: string }[]> {
  return tx.query(
    `SELECT o.customer_id::text AS customer_id, s.id::text AS subscription_id, s.buyer_id::text AS buyer_id
     FROM (
       SELECT s.customer_id, coalesce(s.alias_of, s.id) AS id FROM marketplace.subscription s
       WHERE s.seller_account = $1 AND s.customer_id = ANY ($2::uuid[])
       UNION
       SELECT c.id, coalesce(named.alias_of, named.id) FROM marketplace.customer c
       JOIN marketplace.claim l ON l.seller_account = $1 AND l.tenant_id = c.tenant_id
         AND l.product_code = c.product_code AND l.undone_at IS NULL
       JOIN marketplace.subscription named ON named.seller_account = $1 AND named.id = l.subscription_id
       WHERE c.seller_account = $1 AND c.id = ANY ($2::uuid[])
     ) AS o
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = o.id AND s.buyer_id IS NOT NULL
     ORDER BY s.id`,
    [sellerAccount, customerIds],
  );
}

interface SubjectRow {
  customer_id: string;
  id: number;
  tenant_id: string | null;
  named_id: string | null;
  living_id: string | null;
}

function selectSubjects(tx: LedgerSql, sellerAccount: string, customerIds: readonly string[]): Promise<SubjectRow[]> {
  return tx.query<SubjectRow>(
    `SELECT j.customer_id::text AS customer_id, j.id, j.tenant_id, j.subscription_id::text AS named_id,
       coalesce(s.alias_of, j.subscription_id)::text AS living_id
     FROM marketplace.subject j
     LEFT JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = j.subscription_id
     WHERE j.seller_account = $1 AND j.customer_id = ANY ($2::uuid[]) ORDER BY j.id`,
    [sellerAccount, customerIds],
  );
}

function subjectOf(row: SubjectRow): CustomerSubject {
  return { id: row.id, tenantId: row.tenant_id, subscriptionId: row.living_id, namedSubscriptionId: row.named_id };
}

/** Of two choices for one instant the later one counts, so it comes last. */
function selectChoices(
  tx: LedgerSql,
  sellerAccount: string,
  customerIds: readonly string[],
): Promise<{ customer_id: string; subscription_id: string; from_at: Date }[]> {
  return tx.query(
    `SELECT c.id::text AS customer_id, coalesce(s.alias_of, p.subscription_id)::text AS subscription_id, p.from_at
     FROM marketplace.customer c
     JOIN marketplace.payer_choice p ON p.seller_account = $1 AND p.product_code = c.product_code
       AND p.tenant_id = c.tenant_id
     LEFT JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = p.subscription_id
     WHERE c.seller_account = $1 AND c.id = ANY ($2::uuid[]) ORDER BY p.from_at, p.id`,
    [sellerAccount, customerIds],
  );
}
