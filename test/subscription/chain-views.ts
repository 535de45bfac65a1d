import { adoptClaims } from '../../src/subscription/chain/claim-adoption.js';
import { loadCustomerTimelines } from '../../src/subscription/chain/customer-timelines.js';
import { type CustomerTimeline } from '../../src/subscription/agreements/timeline.js';
import { type Rooms } from './rooms.js';

/** Subscriptions of the seller, oldest first, as they stand. */
export async function rowsOf(
  rooms: Rooms,
): Promise<
  { id: string; state: string; folded: boolean; customer_id: string; next_ask_at: Date | null; is_trial: boolean }[]
> {
  return rooms.query(
    `SELECT id::text AS id, state, alias_of IS NOT NULL AS folded, customer_id::text AS customer_id, next_ask_at,
      is_trial
     FROM marketplace.subscription WHERE seller_account = $1 ORDER BY id`,
    [rooms.options.sellerAccount],
  );
}

/** States of living subscriptions, oldest first. */
export async function statesOf(rooms: Rooms): Promise<string[]> {
  return (await rowsOf(rooms)).filter(({ folded }) => !folded).map(({ state }) => state);
}

/**
 * All that was told to the host, in order: `activated agmt-1`, with the row's agreement id where the payload has one.
 */
export async function told(rooms: Rooms): Promise<string[]> {
  const rows = await rooms.query<{ type: string; agreement: string | null }>(
    `SELECT e.type, (SELECT n.name FROM marketplace.agreement_name n WHERE n.kind = 'agreement'
        AND n.agreement_id = (e.payload -> 'agreement' ->> 'agreement')::uuid LIMIT 1) AS agreement
     FROM marketplace.outbox_event e
     WHERE e.seller_account = $1 AND e.type LIKE 'subscription.%' AND e.type <> 'subscription.notice'
       ORDER BY e.position`,
    [rooms.options.sellerAccount],
  );
  return rows.map(({ type, agreement }) =>
    [type.replace('subscription.', ''), agreement].filter((part) => part !== null).join(' '),
  );
}

/** Timelines of every customer that has a living subscription, after adoption of claims. */
export async function timelinesOf(rooms: Rooms): Promise<CustomerTimeline[]> {
  const { sellerAccount, clock } = rooms.options;
  return rooms.database.transaction(async (tx) => {
    await adoptClaims(tx, sellerAccount, clock.now());
    const customers = await tx.query<{ id: string }>(
      `SELECT DISTINCT customer_id::text AS id FROM marketplace.subscription WHERE seller_account = $1
        AND alias_of IS NULL ORDER BY 1`,
      [sellerAccount],
    );
    return loadCustomerTimelines(
      tx,
      sellerAccount,
      customers.map(({ id }) => id),
      clock.now(),
    );
  });
}

/** Spans of all subscriptions: `agmt-1 paid 18T10:00–18T10:37`. */
export async function spansOf(rooms: Rooms): Promise<string[]> {
  const names = await rooms.query<{ id: string; name: string | null }>(
    `SELECT agreement_id::text AS id, name FROM marketplace.agreement_name WHERE seller_account = $1
      AND kind = 'agreement'`,
    [rooms.options.sellerAccount],
  );
  const nameOf = new Map(names.map(({ id, name }) => [id, name]));
  const timelines = await timelinesOf(rooms);
  return timelines.flatMap(({ subscriptions }) =>
    subscriptions.flatMap(({ spans }) =>
      spans.map(({ agreementId, aliasAgreementIds, price, from, to }) => {
        const name =
          [agreementId, ...aliasAgreementIds].map((id) => nameOf.get(id)).find((found) => found !== undefined) ??
          '(nameless)';
        return `${name} ${price} ${shortly(from)}–${to === null ? '' : shortly(to)}`;
      }),
    ),
  );
}

function shortly(instant: Date): string {
  return instant.toISOString().slice(5, 16);
}
