/** What AWS says that contracts entitle to, and how that has changed. */
export const ENTITLEMENTS: readonly string[] = [
  `CREATE TABLE marketplace.entitlement_snapshot (
    seller_account text NOT NULL,
    agreement_id uuid NOT NULL,
    entitlements jsonb NOT NULL,
    fetched_at timestamptz NOT NULL,
    -- AWS lists nothing since then, and did before: it counts when it is said again a while later.
    empty_since timestamptz,
    PRIMARY KEY (seller_account, agreement_id),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement
  )`,
  // What AWS has said of an agreement, each time that it was another thing: what is included at an hour follows from
  // it. Written by the snapshot's trigger alone.
  `CREATE TABLE marketplace.entitlement_change (
    seller_account text NOT NULL,
    agreement_id uuid NOT NULL,
    fetched_at timestamptz NOT NULL,
    entitlements jsonb NOT NULL,
    -- When AWS last said otherwise; null for its first answer.
    otherwise_at timestamptz,
    id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (seller_account, agreement_id, fetched_at, id),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement
  )`,
  // Agreements whose hours wait for an answer of AWS; deleted when it is there.
  `CREATE TABLE marketplace.entitlement_wanted (
    seller_account text NOT NULL,
    agreement_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    -- Answers from here on will do; business time.
    since timestamptz NOT NULL,
    lease_until timestamptz,
    PRIMARY KEY (seller_account, agreement_id),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement
  )`,
];
