// What of a buyer is not over: read under the locks of an erasure.
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ErasureScope } from './erasure-scope.sql.js';

/** All that stands against an erasure, as it was found. */
export interface OpenMoney {
  /** Agreements that run, lie ahead, or whose window at AWS is open. */
  subscriptions: readonly { id: string; state: string }[];
  /** Recorded and in no record yet; `reason` null: not taken yet. */
  usage: readonly { dimension: string; reason: string | null; units: string }[];
  /** By state; `owed`: a refund is to be made. */
  records: readonly { state: string; count: number }[];
  /** Fractions and remainders of periods whose books are open. */
  remainders: readonly { dimension: string; carry: string }[];
  /** Messages that name the buyer and are not entered yet. */
  messages: readonly { state: string; count: number }[];
}

/** Arrivals of whom AWS may still tell: as long as the module asks. */
const ARRIVAL_OPEN = `interval '7 days'`;
/** SQS keeps a message this long: what waits for another message may still find it. */
const WAITING_OPEN = `interval '14 days'`;

export async function selectOpenMoney(
  tx: LedgerSql,
  sellerAccount: string,
  scope: ErasureScope,
  { now, pattern }: { now: Date; pattern: string | null },
): Promise<OpenMoney> {
  const { buyerIds, subscriptionIds, customerIds, productCodes } = scope;
  const subscriptions = await tx.query<{ id: string; state: string }>(
    `SELECT id::text AS id, state FROM marketplace.subscription
     WHERE seller_account = $1 AND id = ANY ($2::uuid[]) AND alias_of IS NULL
       AND CASE state WHEN 'ended' THEN false WHEN 'failed' THEN false
         WHEN 'registered' THEN greatest(registered_at, last_heard_at) > $3::timestamptz - ${ARRIVAL_OPEN}
         ELSE true END
     ORDER BY id`,
    [sellerAccount, subscriptionIds, now.toISOString()],
  );
  const records = await tx.query<{ state: string; count: number }>(
    `SELECT CASE state WHEN 'closed' THEN disposition ELSE state END AS state, count(*)::int AS count
     FROM marketplace.metering_record
     WHERE seller_account = $1 AND subscription_id = ANY ($2::uuid[])
       AND (state IN ('pending', 'sending', 'blocked', 'unknown') OR disposition = 'owed')
     GROUP BY 1 ORDER BY 1`,
    [sellerAccount, subscriptionIds],
  );
  const remainders = await tx.query<{ dimension: string; carry: string }>(
    `SELECT b.dimension, sum(b.carry)::text AS carry FROM marketplace.agreement a
     JOIN marketplace.period p ON p.seller_account = $1 AND p.agreement_id = a.id
     JOIN marketplace.balance b ON b.seller_account = $1 AND b.period_id = p.id
     WHERE a.seller_account = $1 AND a.buyer_id = ANY ($2::uuid[]) AND b.carry <> 0
     GROUP BY coalesce(a.alias_of, a.id), p.price, p.mode, b.dimension HAVING sum(b.carry) <> 0
     ORDER BY b.dimension, 2`,
    [sellerAccount, buyerIds],
  );
  return {
    subscriptions,
    records,
    remainders,
    usage: await selectOpenUsage(tx, sellerAccount, { buyerIds, subscriptionIds, customerIds }),
    messages: pattern === null ? [] : await selectOpenMessages(tx, sellerAccount, { productCodes, pattern, now }),
  };
}

/**
 * Where a customer has another buyer's subscription in force, too, only what occurred before this buyer was last heard
 * of: later usage cannot be theirs.
 */
function selectOpenUsage(
  tx: LedgerSql,
  sellerAccount: string,
  of: Pick<ErasureScope, 'buyerIds' | 'subscriptionIds' | 'customerIds'>,
): Promise<OpenMoney['usage'][number][]> {
  return tx.query(
    `WITH concerned AS (
       SELECT j.id, CASE WHEN EXISTS (SELECT FROM marketplace.subscription s WHERE s.seller_account = $1
           AND s.customer_id = j.customer_id AND s.alias_of IS NULL AND s.id <> ALL ($3::uuid[])
           AND s.state NOT IN ('ended', 'failed'))
         THEN (SELECT max(f.at) FROM marketplace.fact f WHERE f.seller_account = $1 AND f.buyer_id = ANY ($4::uuid[]))
         ELSE 'infinity' END AS until
       FROM marketplace.subject j
       WHERE j.seller_account = $1 AND (j.customer_id = ANY ($2::uuid[]) OR j.subscription_id = ANY ($3::uuid[]))
     ), open AS (
       SELECT u.dimension, NULL AS reason, u.quantity AS units FROM concerned c
       JOIN marketplace.unsealed_usage u ON u.subject = c.id AND u.occurred_at <= c.until
       UNION ALL
       SELECT r.dimension, coalesce(r.waiting_reason, 'notPlanned'), r.event_sum FROM concerned c
       JOIN marketplace.rollup r ON r.subject = c.id AND r.first_at <= c.until
       WHERE r.record_id IS NULL AND NOT r.is_split
     )
     SELECT d.name AS dimension, open.reason, sum(open.units)::text AS units FROM open
     JOIN marketplace.dimension d ON d.id = open.dimension
     GROUP BY d.name, open.reason ORDER BY d.name, open.reason NULLS FIRST`,
    [sellerAccount, of.customerIds, of.subscriptionIds, of.buyerIds],
  );
}

function selectOpenMessages(
  tx: LedgerSql,
  sellerAccount: string,
  { productCodes, pattern, now }: { productCodes: readonly string[]; pattern: string; now: Date },
): Promise<OpenMoney['messages'][number][]> {
  return tx.query(
    `SELECT m.state, count(*)::int AS count FROM marketplace.inbox_message m
     WHERE m.seller_account = $1 AND m.state IN ('pending', 'waiting')
       AND (m.state = 'pending' OR m.received_at > $4::timestamptz - ${WAITING_OPEN})
       AND concat(m.body, ' ', m.event::text) ~ $2 AND ${NOT_OF_ANOTHER_PRODUCT}
     GROUP BY m.state ORDER BY m.state`,
    [sellerAccount, pattern, productCodes, now.toISOString()],
  );
}

/** A product of the ledger that the erasure does not concern: the same account may be a buyer there. `$3`: those it does. */
export const NOT_OF_ANOTHER_PRODUCT = `NOT EXISTS (SELECT FROM marketplace.product p
  WHERE p.seller_account = m.seller_account AND p.product_code = m.event -> 'about' ->> 'productCode'
    AND p.product_code <> ALL ($3::text[]))`;
