import { type LedgerSql } from '../../database/ledger-database.js';
import { livingIds } from '../../database/alias-ids.sql.js';

/** When silence has lasted long enough to ask. Business time. */
export interface AskingTimes {
  now: Date;
  /** Nothing heard since: asked about in any case. */
  silentSince: Date;
  /**
   * What is not as it should be (no activation, usage waiting for a successor) is asked about when it was not since.
   */
  impatientSince: Date;
  /** Usage after an end is a reason to ask once a day. */
  dailySince: Date;
}

/** Usage that waits for these reasons may be waiting for a message that was lost. */
const WAITS_FOR_SUCCESSOR = ['awaitingSuccessor', 'noIdentity'];
const WAITS_AFTER_END = ['afterEnd', 'noSubscription'];

/**
 * Of subscription `c`: AWS is to be asked about it now. It was asked for, a question was not finished, nothing was heard
 * for long, or its usage waits.
 */
const IS_DUE = `c.seller_account = $1 AND c.alias_of IS NULL AND c.product_code = ANY ($2::text[])
    AND (c.ask_lease_until IS NULL OR c.ask_lease_until <= clock_timestamp())
    AND (c.ask_lease_until IS NOT NULL OR c.next_ask_at <= $3
      OR (c.state NOT IN ('ended', 'failed') AND greatest(c.asked_at, c.registered_at) IS NULL)
      OR (c.state = 'registered' AND greatest(c.asked_at, c.registered_at) <= $5
        AND c.registered_at > $3::timestamptz - interval '7 days')
      OR (c.state NOT IN ('ended', 'failed') AND greatest(c.asked_at, c.registered_at, c.last_heard_at) <= $4)
      OR (coalesce(c.asked_at, '-infinity') <= $5 AND c.customer_id IN (SELECT customer_id FROM waiting
        WHERE waiting_reason = ANY ($7::text[])))
      OR (coalesce(c.asked_at, '-infinity') <= $6 AND c.customer_id IN (SELECT customer_id FROM waiting)))`;

const waitingUsage = (ofCustomers = ''): string => `waiting AS (
  SELECT DISTINCT s.customer_id, r.waiting_reason FROM marketplace.rollup r
  JOIN marketplace.subject s ON s.id = r.subject
  WHERE s.seller_account = $1 AND s.customer_id IS NOT NULL AND r.record_id IS NULL AND NOT r.is_split
    AND (r.waiting_reason = ANY ($7::text[]) OR r.waiting_reason = ANY ($8::text[])) ${ofCustomers})`;

/**
 * What AWS is to be asked about, a page of it: one look over all subscriptions, `except` those that have had their
 * turn. Those that waited longest come first, so that none is passed over while the quota is short.
 */
export async function selectDue(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
  times: AskingTimes,
  { except, limit }: { except: readonly string[]; limit: number },
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `WITH ${waitingUsage()}
     SELECT c.id::text AS id FROM marketplace.subscription c WHERE ${IS_DUE} AND c.id <> ALL ($9::uuid[])
     ORDER BY c.asked_at NULLS FIRST, c.id LIMIT $10`,
    [...parametersOf(sellerAccount, productCodes, times), except, limit],
  );
  return rows.map(({ id }) => id);
}

/**
 * Takes the subscriptions of one buyer about whom AWS is to be asked, for as long as the lease: the first of `among`
 * that is still due. SKIP LOCKED: another replica asks about another buyer. What is asked for from now on counts as
 * new: it may speak of what happens after AWS has looked.
 */
export async function takeBuyer(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
  times: AskingTimes,
  { leaseMs, among }: { leaseMs: number; among: readonly string[] },
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `WITH ${waitingUsage(`AND s.customer_id = ANY (ARRAY(
       SELECT customer_id FROM marketplace.subscription WHERE seller_account = $1 AND id = ANY ($10::uuid[])))`)},
     first AS (
       SELECT c.id, c.buyer_id FROM marketplace.subscription c WHERE ${IS_DUE} AND c.id = ANY ($10::uuid[])
       ORDER BY c.asked_at NULLS FIRST, c.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
     ), taken AS (
       SELECT c.id FROM marketplace.subscription c
       WHERE c.seller_account = $1 AND c.id = ANY (ARRAY(
           SELECT id FROM first UNION SELECT same.id FROM first JOIN marketplace.subscription same
             ON same.seller_account = $1 AND same.buyer_id = first.buyer_id))
         AND c.alias_of IS NULL AND (c.ask_lease_until IS NULL OR c.ask_lease_until <= clock_timestamp())
       ORDER BY c.id
     )
     UPDATE marketplace.subscription s SET ask_lease_until = clock_timestamp() + interval '1 millisecond' * $9::float8,
       next_ask_at = CASE WHEN next_ask_at > $3 THEN next_ask_at END
     FROM taken WHERE s.seller_account = $1 AND s.id = taken.id AND (s.ask_lease_until IS NULL
       OR s.ask_lease_until <= clock_timestamp())
     RETURNING s.id::text AS id`,
    [...parametersOf(sellerAccount, productCodes, times), leaseMs, among],
  );
  return rows.map(({ id }) => id).sort();
}

/** How many subscriptions AWS is still to be asked about, and how many are being asked about. */
export async function countToAsk(
  sql: LedgerSql,
  sellerAccount: string,
  productCodes: readonly string[],
  times: AskingTimes,
): Promise<{ due: number; underWay: number }> {
  const [row] = await sql.query<{ due: number; underway: number }>(
    `WITH ${waitingUsage()}
     SELECT (SELECT count(*)::int FROM marketplace.subscription c WHERE ${IS_DUE}) AS due,
       (SELECT count(*)::int FROM marketplace.subscription WHERE seller_account = $1
         AND ask_lease_until > clock_timestamp()) AS underway`,
    parametersOf(sellerAccount, productCodes, times),
  );
  return { due: row?.due ?? 0, underWay: row?.underway ?? 0 };
}

function parametersOf(sellerAccount: string, productCodes: readonly string[], times: AskingTimes): unknown[] {
  const { now, silentSince, impatientSince, dailySince } = times;
  return [
    ...[sellerAccount, productCodes, now.toISOString(), silentSince.toISOString(), impatientSince.toISOString()],
    ...[dailySince.toISOString(), WAITS_FOR_SUCCESSOR, WAITS_AFTER_END],
  ];
}

/** Messages of ours that were entered and are not applied yet. */
export async function countUnapplied(
  sql: LedgerSql,
  sellerAccount: string,
  messageIds: readonly string[],
): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM marketplace.inbox_message
     WHERE seller_account = $1 AND origin = 'reconciliation' AND message_id = ANY ($2::text[]) AND state = 'pending'`,
    [sellerAccount, messageIds],
  );
  return row?.count ?? 0;
}

/**
 * AWS was asked, and all that it said is in the ledger: ends that were told may close. Subscriptions that were folded
 * meanwhile have been asked about as what they live on in. In the order of ids.
 * @returns those that live, with their customers
 */
export async function closeQuestion(
  tx: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
  asked: { at: Date; mayNotAsk: boolean },
): Promise<{ id: string; customerId: string }[]> {
  await tx.query(
    `SELECT FROM marketplace.subscription WHERE seller_account = $1
       AND id = ANY (${livingIds('subscription', '$2')})
     ORDER BY id FOR NO KEY UPDATE`,
    [sellerAccount, subscriptionIds],
  );
  const rows = await tx.query<{ id: string; customer_id: string; alias_of: string | null }>(
    `UPDATE marketplace.subscription SET asked_at = greatest(asked_at, $3), may_not_ask = $4, ask_lease_until = NULL,
      updated_at = clock_timestamp()
     WHERE seller_account = $1 AND (id = ANY ($2::uuid[])
       OR id IN (SELECT alias_of FROM marketplace.subscription WHERE seller_account = $1 AND id = ANY ($2::uuid[])))
     RETURNING id::text AS id, customer_id::text AS customer_id, alias_of::text AS alias_of`,
    [sellerAccount, subscriptionIds, asked.at.toISOString(), asked.mayNotAsk],
  );
  return rows.filter((row) => row.alias_of === null).map(({ id, customer_id: customerId }) => ({ id, customerId }));
}

/** For as long as it is asked. Of a question that is closed nothing is left to renew. */
export async function renewQuestion(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
  leaseMs: number,
): Promise<void> {
  await sql.query(
    `UPDATE marketplace.subscription SET ask_lease_until = clock_timestamp() + interval '1 millisecond' * $3::float8
     WHERE seller_account = $1 AND id = ANY ($2::uuid[]) AND ask_lease_until IS NOT NULL`,
    [sellerAccount, subscriptionIds, leaseMs],
  );
}

/** AWS could not be asked: again after a while of machine time. */
export async function postponeQuestion(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
  afterMs: number,
): Promise<void> {
  await sql.query(
    `UPDATE marketplace.subscription SET ask_lease_until = clock_timestamp() + interval '1 millisecond' * $3::float8
     WHERE seller_account = $1 AND id = ANY ($2::uuid[])`,
    [sellerAccount, subscriptionIds, afterMs],
  );
}

/** Subscriptions with open alerts of kinds, at products that are not listed any more. */
export async function selectUnlistedAlerts(
  sql: LedgerSql,
  sellerAccount: string,
  kind: string,
  productCodes: readonly string[],
): Promise<string[]> {
  const rows = await sql.query<{ subject: string }>(
    `SELECT a.subject FROM marketplace.alert a JOIN marketplace.subscription s ON s.seller_account = $1
      AND s.id::text = a.subject
     WHERE a.seller_account = $1 AND a.kind = $2 AND a.resolved_at IS NULL AND s.product_code <> ALL ($3::text[])`,
    [sellerAccount, kind, productCodes],
  );
  return rows.map(({ subject }) => subject);
}

/** Subscriptions whose usage AWS refuses as not subscribed, by the alert that stands. */
export async function selectRefused(
  sql: LedgerSql,
  sellerAccount: string,
  subscriptionIds: readonly string[],
): Promise<string[]> {
  const rows = await sql.query<{ subject: string }>(
    `SELECT subject FROM marketplace.alert
     WHERE seller_account = $1 AND kind = 'notSubscribed' AND subject = ANY ($2::text[]) AND resolved_at IS NULL`,
    [sellerAccount, subscriptionIds],
  );
  return rows.map(({ subject }) => subject);
}
