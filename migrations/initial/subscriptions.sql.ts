/** Customers, buyers, subscriptions as chains of agreements, and the facts that AWS and the host told of them. */
export const SUBSCRIPTIONS: readonly string[] = [
  // The unit of sealing and of conservation: a tenant at a product, or a subscription that no tenant has claimed.
  `CREATE TABLE marketplace.customer (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    product_code text NOT NULL,
    tenant_id text CHECK (length(tenant_id) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product
  )`,
  `CREATE UNIQUE INDEX customer_by_tenant ON marketplace.customer (seller_account, product_code, tenant_id)
    WHERE tenant_id IS NOT NULL`,

  // An AWS account at one product. Its names stand in buyer_name alone, so that they can be erased without touching
  // what refers to the buyer.
  `CREATE TABLE marketplace.buyer (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    product_code text NOT NULL,
    -- Two rows that turned out to be one buyer: one hop, always flattened.
    alias_of uuid,
    -- Its names were erased then (business time): none that is spoken later is written down, until it buys again.
    erased_at timestamptz,
    is_back boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product,
    FOREIGN KEY (seller_account, alias_of) REFERENCES marketplace.buyer,
    CONSTRAINT buyer_not_its_own_alias CHECK (alias_of <> id),
    CONSTRAINT buyer_is_back_from_erasure CHECK (erased_at IS NOT NULL OR NOT is_back)
  )`,
  // A buyer is read with the rows that turned out to be the same.
  `CREATE INDEX buyer_aliases ON marketplace.buyer (seller_account, alias_of) WHERE alias_of IS NOT NULL`,
  `CREATE TABLE marketplace.buyer_name (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('account', 'customerIdentifier')),
    -- SHA-256 of the name: what look-ups compare, also after the name was erased.
    digest bytea NOT NULL CHECK (length(digest) = 32),
    name text,
    buyer_id uuid NOT NULL,
    PRIMARY KEY (seller_account, product_code, kind, digest),
    FOREIGN KEY (seller_account, buyer_id) REFERENCES marketplace.buyer
  )`,
  `CREATE INDEX buyer_name_by_buyer ON marketplace.buyer_name (seller_account, buyer_id)`,

  // The relation of a buyer to a product: a chain of agreements. What follows from the agreements is written by the
  // projection alone.
  `CREATE TABLE marketplace.subscription (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    product_code text NOT NULL,
    customer_id uuid NOT NULL,
    buyer_id uuid,
    state text NOT NULL CHECK (state IN ('registered', 'upcoming', 'trial', 'active', 'suspended', 'ending', 'ended',
      'failed')),
    current_agreement_id uuid,
    is_trial boolean NOT NULL DEFAULT false,
    ended_told boolean NOT NULL DEFAULT false,
    -- The next instant at which the projection may answer otherwise without a new fact: a start, an end or a conversion
    -- that lies ahead.
    next_change_at timestamptz,
    -- Folded into another subscription: one hop, always flattened.
    alias_of uuid,
    offer_type text,
    registration_fields jsonb NOT NULL DEFAULT '{}',
    registered_at timestamptz,
    -- Nothing before this instant is billed by us: known customers from before the module.
    billed_from timestamptz,
    -- First hour metered under the license, where a legacy subscription was moved. Pinned once it is written.
    license_from timestamptz CHECK (extract(epoch FROM license_from) % 3600 = 0),
    last_heard_at timestamptz,
    asked_at timestamptz,
    next_ask_at timestamptz,
    -- AWS has said, when it was last to be asked, that we may not: no permission, no such API for this seller.
    may_not_ask boolean NOT NULL DEFAULT false,
    -- Machine time: a replica asks AWS until then; not NULL and past, the question was not finished and is asked again.
    ask_lease_until timestamptz,
    entitlements_changed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product,
    FOREIGN KEY (seller_account, customer_id) REFERENCES marketplace.customer,
    FOREIGN KEY (seller_account, buyer_id) REFERENCES marketplace.buyer,
    FOREIGN KEY (seller_account, alias_of) REFERENCES marketplace.subscription,
    CONSTRAINT subscription_not_its_own_alias CHECK (alias_of <> id)
  )`,
  `CREATE INDEX subscription_by_customer ON marketplace.subscription (seller_account, customer_id)`,
  `CREATE INDEX subscription_by_buyer ON marketplace.subscription (seller_account, buyer_id)`,
  `CREATE INDEX subscription_by_product ON marketplace.subscription (seller_account, product_code, id)`,
  `CREATE INDEX subscription_by_state ON marketplace.subscription (seller_account, state, id)`,
  `CREATE INDEX subscription_to_change ON marketplace.subscription (seller_account, next_change_at)
    WHERE next_change_at IS NOT NULL`,
  `CREATE INDEX subscription_to_ask ON marketplace.subscription (seller_account, next_ask_at)
    WHERE next_ask_at IS NOT NULL`,
  `CREATE INDEX subscription_folded ON marketplace.subscription (seller_account, alias_of) WHERE alias_of IS NOT NULL`,

  // What AWS sells, prices and ends. Its names stand in agreement_name alone.
  `CREATE TABLE marketplace.agreement (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    product_code text NOT NULL,
    subscription_id uuid NOT NULL,
    buyer_id uuid,
    -- Two rows that turned out to be one agreement; periods and records stay with the row that they were written for.
    alias_of uuid,
    product_id text,
    offer_id text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product,
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    FOREIGN KEY (seller_account, buyer_id) REFERENCES marketplace.buyer,
    FOREIGN KEY (seller_account, alias_of) REFERENCES marketplace.agreement,
    CONSTRAINT agreement_not_its_own_alias CHECK (alias_of <> id)
  )`,
  `CREATE INDEX agreement_by_subscription ON marketplace.agreement (seller_account, subscription_id)`,
  `CREATE INDEX agreement_by_buyer ON marketplace.agreement (seller_account, buyer_id)`,
  `CREATE INDEX agreement_aliases ON marketplace.agreement (seller_account, alias_of) WHERE alias_of IS NOT NULL`,
  `CREATE INDEX agreement_by_product_id ON marketplace.agreement (seller_account, product_id)
    WHERE product_id IS NOT NULL`,
  // 'agreement': what follows the first hyphen of agmt-…; 'license': l-… whatever form was printed. A license may serve
  // several agreements.
  `CREATE TABLE marketplace.agreement_name (
    seller_account text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('agreement', 'license')),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    agreement_id uuid NOT NULL,
    -- As AWS printed it; of a license the form that the API takes, once one is known (event_form else).
    name text,
    event_form text,
    PRIMARY KEY (seller_account, kind, digest, agreement_id),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement
  )`,
  `CREATE UNIQUE INDEX agreement_name_once ON marketplace.agreement_name (seller_account, digest)
    WHERE kind = 'agreement'`,
  `CREATE INDEX agreement_name_by_agreement ON marketplace.agreement_name (seller_account, agreement_id)`,

  // What is known of an agreement, or of a buyer whose message names none. INSERT only: a state is a function of these
  // rows.
  `CREATE TABLE marketplace.fact (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    agreement_id uuid,
    buyer_id uuid,
    subscription_id uuid,
    type text NOT NULL,
    -- When it happened by its sender's word; and business time at which we first heard it.
    at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL,
    -- Holds no names of a buyer.
    details jsonb NOT NULL DEFAULT '{}',
    origin text NOT NULL,
    message_id text NOT NULL,
    PRIMARY KEY (seller_account, id),
    UNIQUE (seller_account, origin, message_id, type),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement,
    FOREIGN KEY (seller_account, buyer_id) REFERENCES marketplace.buyer,
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    CONSTRAINT fact_speaks_of_something CHECK (num_nonnulls(agreement_id, buyer_id, subscription_id) >= 1)
  )`,
  `CREATE INDEX fact_by_agreement ON marketplace.fact (seller_account, agreement_id, at)
    WHERE agreement_id IS NOT NULL`,
  `CREATE INDEX fact_by_buyer ON marketplace.fact (seller_account, buyer_id, at) WHERE buyer_id IS NOT NULL`,
  `CREATE INDEX fact_by_subscription ON marketplace.fact (seller_account, subscription_id, at)
    WHERE subscription_id IS NOT NULL`,
  // Agreements named by a successor before they were known themselves.
  `CREATE INDEX fact_by_previous ON marketplace.fact (seller_account, (details ->> 'previousDigest'))
    WHERE details ? 'previousDigest'`,

  // Which tenant has a subscription from which instant on; the first from its beginning. One INSERT, which may stand in
  // a host's open transaction: nothing of ours waits for it (no foreign key, so no lock on a row of ours), sealing and
  // projection adopt it when it is committed. One that was undone counts as if it had never been.
  `CREATE TABLE marketplace.claim (
    seller_account text NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    subscription_id uuid NOT NULL,
    product_code text NOT NULL,
    tenant_id text NOT NULL CHECK (length(tenant_id) BETWEEN 1 AND 255),
    since timestamptz NOT NULL,
    code_hash bytea,
    claimed_at timestamptz NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE UNIQUE INDEX claim_once ON marketplace.claim (seller_account, subscription_id, since)
    WHERE undone_at IS NULL`,
  `CREATE INDEX claim_by_subscription ON marketplace.claim (seller_account, subscription_id, code_hash)`,
  `CREATE INDEX claim_by_tenant ON marketplace.claim (seller_account, tenant_id, product_code)`,
  // Claims that no customer has taken up yet; deleted by who adopts them.
  `CREATE TABLE marketplace.unadopted_claim (
    seller_account text NOT NULL,
    subscription_id uuid NOT NULL,
    since timestamptz NOT NULL
  )`,
  `ALTER TABLE marketplace.unadopted_claim REPLICA IDENTITY FULL`,
  // For usage that several subscriptions of a tenant could pay: which one does, from an instant on.
  `CREATE TABLE marketplace.payer_choice (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    tenant_id text NOT NULL,
    from_at timestamptz NOT NULL,
    subscription_id uuid NOT NULL,
    chosen_at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE INDEX payer_choice_by_tenant ON marketplace.payer_choice (seller_account, product_code, tenant_id, from_at)`,

  // The name under which usage is recorded. Never deleted, never renamed; customer_id moves when a subscription is
  // claimed, folded or handed over.
  `CREATE TABLE marketplace.subject (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_account text NOT NULL,
    product_code text NOT NULL,
    -- NULL until the claim that made it is adopted: a subject may be made inside a host's open transaction, and must
    -- lock no row of ours.
    customer_id uuid,
    tenant_id text,
    -- Alone: usage recorded by subscription id. Beside a tenant: the payer that was named.
    subscription_id uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (seller_account, customer_id) REFERENCES marketplace.customer,
    CONSTRAINT subject_names_something CHECK (num_nonnulls(tenant_id, subscription_id) >= 1)
  )`,
  // Three, because Postgres 14 has no NULLS NOT DISTINCT.
  `CREATE UNIQUE INDEX subject_once ON marketplace.subject (seller_account, product_code, tenant_id, subscription_id)`,
  `CREATE UNIQUE INDEX subject_once_by_tenant ON marketplace.subject (seller_account, product_code, tenant_id)
    WHERE subscription_id IS NULL`,
  `CREATE UNIQUE INDEX subject_once_by_subscription ON marketplace.subject (seller_account, product_code,
    subscription_id) WHERE tenant_id IS NULL`,
  `CREATE INDEX subject_by_customer ON marketplace.subject (seller_account, customer_id)`,
];
