/** Periods with their balances, metering identities, and the frozen records. */
export const RECORDS: readonly string[] = [
  // What prices usage: an agreement's trial or its paid time, live hours apart from hours that are not.
  `CREATE TABLE marketplace.period (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    agreement_id uuid NOT NULL,
    price text NOT NULL CHECK (price IN ('trial', 'paid')),
    mode text NOT NULL CHECK (mode IN ('live', 'dry-run', 'off')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    PRIMARY KEY (seller_account, id),
    UNIQUE (seller_account, agreement_id, price, mode),
    FOREIGN KEY (seller_account, agreement_id) REFERENCES marketplace.agreement
  )`,
  `CREATE TABLE marketplace.balance (
    seller_account text NOT NULL,
    period_id uuid NOT NULL,
    dimension text NOT NULL,
    event_sum numeric NOT NULL DEFAULT 0,
    included numeric NOT NULL DEFAULT 0,
    -- In units of usage: a record that sells blocks counts each of them with what it holds.
    quantity numeric NOT NULL DEFAULT 0,
    carry numeric GENERATED ALWAYS AS (event_sum - included - quantity) STORED,
    PRIMARY KEY (seller_account, period_id, dimension),
    FOREIGN KEY (seller_account, period_id) REFERENCES marketplace.period
  )`,
  // Usage by the hour in which it occurred, as far as standing records count it against included units: an amendment
  // or a renewal that is heard of late names an hour, and the rule needs what was used on either side of it.
  `CREATE TABLE marketplace.included_usage (
    seller_account text NOT NULL,
    period_id uuid NOT NULL,
    dimension text NOT NULL,
    hour integer NOT NULL,
    used numeric NOT NULL,
    PRIMARY KEY (seller_account, period_id, dimension, hour) INCLUDE (used),
    FOREIGN KEY (seller_account, period_id) REFERENCES marketplace.period
  )`,

  // What AWS dedupes by. Not keyed by the seller's label: two installations of one database must meet here. The wire
  // form may be erased, nothing else about it ever changes.
  `CREATE TABLE marketplace.metering_identity (
    id uuid PRIMARY KEY,
    product_code text NOT NULL,
    -- 'installation': of a product in its buyer's account, which AWS knows by the resource that calls.
    kind text NOT NULL CHECK (kind IN ('license', 'account', 'customerIdentifier', 'installation')),
    -- SHA-256 of the canonical form: l-…, the account id, or the CustomerIdentifier.
    digest bytea NOT NULL CHECK (length(digest) = 32),
    canonical text,
    license_arn text,
    customer_aws_account_id text,
    customer_identifier text,
    UNIQUE (product_code, kind, digest)
  )`,

  `CREATE TABLE marketplace.metering_record (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('hour', 'closing', 'setApart')),
    customer_id uuid NOT NULL,
    subscription_id uuid,
    period_id uuid,
    subject integer,
    identity_id uuid,
    product_code text NOT NULL,
    dimension text NOT NULL,
    hour timestamptz,
    "timestamp" timestamptz,
    first_used_at timestamptz,
    last_used_at timestamptz,
    quantity numeric NOT NULL,
    -- Units of usage that one unit of the quantity stands for.
    block numeric NOT NULL DEFAULT 1 CHECK (block >= 1 AND block = trunc(block)),
    -- Covered by a contract, so not sent; negative where a correction gives units back to it.
    included numeric NOT NULL DEFAULT 0,
    -- What all records of its period and dimension include, this one with them.
    included_total numeric NOT NULL DEFAULT 0,
    -- What the included units were reckoned from.
    included_by jsonb,
    event_sum numeric NOT NULL,
    event_count integer NOT NULL CHECK (event_count >= 0),
    carry_in numeric NOT NULL DEFAULT 0,
    carry_out numeric NOT NULL DEFAULT 0,
    allocations jsonb,
    notes jsonb NOT NULL DEFAULT '{}',
    operation text NOT NULL CHECK (operation IN ('BatchMeterUsage', 'MeterUsage')),
    -- Of MeterUsage bound at the first claim, as the resource and the timestamp are.
    region text NOT NULL,
    resource_id text,
    mode text NOT NULL CHECK (mode IN ('live', 'dry-run', 'off')),
    sealed_at timestamptz NOT NULL,

    state text NOT NULL CHECK (state IN ('pending', 'sending', 'metered', 'blocked', 'unknown', 'closed')),
    reason text,
    reason_message text,
    disposition text CHECK (disposition IN ('annulled', 'held', 'owed', 'void')),
    due_at timestamptz NOT NULL,
    cutoff_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt_count integer NOT NULL DEFAULT 0,
    consecutive_failures integer NOT NULL DEFAULT 0,
    probe_group uuid,
    lease_token uuid,
    lease_until timestamptz,
    metering_record_id text,
    confirmed_by_duplicate boolean NOT NULL DEFAULT false,
    -- What AWS has on file where another system's record stands in the grain.
    settled_quantity numeric,
    deadline_alerted_at timestamptz,
    metered_at timestamptz,
    closed_at timestamptz,
    closed_by text,

    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, customer_id) REFERENCES marketplace.customer,
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    FOREIGN KEY (seller_account, period_id) REFERENCES marketplace.period,
    FOREIGN KEY (identity_id) REFERENCES marketplace.metering_identity,
    CONSTRAINT metering_record_kind CHECK (
      CASE kind WHEN 'hour' THEN num_nulls(period_id, subscription_id, identity_id, hour, "timestamp") = 0
        AND subject IS NULL
        WHEN 'closing' THEN num_nulls(period_id, subscription_id) = 0 AND identity_id IS NULL AND subject IS NULL
        ELSE num_nonnulls(period_id, identity_id) = 0 AND subject IS NOT NULL END),
    CONSTRAINT metering_record_balances CHECK (kind = 'setApart'
      OR carry_in + event_sum = included + quantity * block + carry_out),
    CONSTRAINT metering_record_set_apart CHECK (kind <> 'setApart' OR (quantity = event_sum AND included = 0
      AND carry_in = 0 AND carry_out = 0)),
    CONSTRAINT metering_record_included CHECK (included = 0 OR included_by IS NOT NULL),
    -- The balance alone says how much: a record that bills more than its carry and events hold cannot be written.
    CONSTRAINT metering_record_hour_quantity CHECK (
      kind <> 'hour' OR quantity = greatest(0, least(2147483647, div(carry_in + event_sum - included, block)))),
    CONSTRAINT metering_record_blocks_are_sold CHECK (kind = 'hour' OR block = 1),
    CONSTRAINT metering_record_closing_leaves_nothing CHECK (kind <> 'closing' OR carry_out = 0),
    CONSTRAINT metering_record_hour_is_hour CHECK (extract(epoch FROM hour) % 3600 = 0),
    CONSTRAINT metering_record_timestamp_in_hour CHECK ("timestamp" >= hour AND "timestamp" < hour + interval '1 hour'),
    CONSTRAINT metering_record_deadlines CHECK (due_at <= cutoff_at),
    CONSTRAINT metering_record_resource CHECK (
      CASE operation WHEN 'MeterUsage' THEN attempt_count = 0 OR resource_id IS NOT NULL
        ELSE resource_id IS NULL END),
    CONSTRAINT metering_record_lease CHECK (
      (state = 'sending') = (lease_token IS NOT NULL) AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT metering_record_sending_is_live CHECK (state <> 'sending' OR mode = 'live'),
    CONSTRAINT metering_record_reason CHECK (state NOT IN ('blocked', 'unknown', 'closed') OR reason IS NOT NULL),
    CONSTRAINT metering_record_metered CHECK ((state = 'metered') = (metered_at IS NOT NULL)),
    CONSTRAINT metering_record_closed CHECK (
      (state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (disposition IS NOT NULL)),
    CONSTRAINT metering_record_owed_is_negative CHECK (disposition <> 'owed' OR (kind = 'closing' AND quantity < 0)),
    CONSTRAINT metering_record_never_sent_is_closed CHECK (kind = 'hour' OR state = 'closed')
  ) WITH (fillfactor = 70)`,
  // I3. A record stands until it is annulled. What is not live is never sent, and takes no grain from what is: the hour
  // in which a product changes its mode has a record of each.
  `CREATE UNIQUE INDEX metering_record_grain ON marketplace.metering_record (identity_id, dimension, hour, mode)
    WHERE kind = 'hour' AND disposition IS DISTINCT FROM 'annulled'`,
  `CREATE INDEX metering_record_unfinished ON marketplace.metering_record (seller_account, product_code, due_at)
    WHERE state IN ('pending', 'sending', 'blocked', 'unknown')`,
  // The lines in which records wait to be claimed, in the order in which they are: a claim reads the 25 rows it takes,
  // however many wait.
  `CREATE INDEX metering_record_waiting ON marketplace.metering_record (seller_account, product_code, due_at, id)
    WHERE state = 'pending' AND mode = 'live' AND consecutive_failures < 3`,
  `CREATE INDEX metering_record_troubled ON marketplace.metering_record (seller_account, product_code, due_at, id)
    WHERE state = 'pending' AND mode = 'live' AND consecutive_failures >= 3`,
  `CREATE INDEX metering_record_leased ON marketplace.metering_record (seller_account, lease_until)
    WHERE state = 'sending'`,
  `CREATE INDEX metering_record_blocked ON marketplace.metering_record (seller_account, product_code)
    WHERE state = 'blocked'`,
  // With what a period's balance sums: a claim compares the two, from the index alone.
  `CREATE INDEX metering_record_by_period ON marketplace.metering_record (seller_account, period_id, dimension, hour)
    INCLUDE (event_sum, included, quantity, block, settled_quantity, carry_out, disposition) WHERE period_id IS NOT NULL`,
  `CREATE INDEX metering_record_by_subscription ON marketplace.metering_record (seller_account, subscription_id, id)`,
  `CREATE INDEX metering_record_by_customer ON marketplace.metering_record (seller_account, customer_id, id)`,
  // The balance of a customer asks what was set apart of its subjects.
  `CREATE INDEX metering_record_set_apart ON marketplace.metering_record (seller_account, subject)
    WHERE kind = 'setApart'`,
  `CREATE INDEX metering_record_by_identity ON marketplace.metering_record (identity_id) WHERE identity_id IS NOT NULL`,
  `CREATE INDEX metering_record_unknown ON marketplace.metering_record (seller_account, id) WHERE state = 'unknown'`,
  `CREATE INDEX metering_record_by_reason ON marketplace.metering_record (seller_account, reason, id)
    WHERE reason IS NOT NULL`,
  `CREATE INDEX metering_record_closed ON marketplace.metering_record (seller_account, disposition, id)
    WHERE state = 'closed'`,
  `CREATE INDEX metering_record_by_hour ON marketplace.metering_record (seller_account, hour)`,
  `CREATE INDEX metering_record_by_dimension ON marketplace.metering_record (seller_account, product_code, dimension)`,
  // One id of AWS's is one bill, so two records never stand for it, whoever answers first.
  `CREATE UNIQUE INDEX metering_record_by_aws_id ON marketplace.metering_record (metering_record_id, product_code)
    WHERE state = 'metered' AND metering_record_id IS NOT NULL`,
  // Which rollups an annulled record had. INSERT only.
  `CREATE TABLE marketplace.annulled_rollup (
    seller_account text NOT NULL,
    record_id uuid NOT NULL,
    rollup_id bigint NOT NULL REFERENCES marketplace.rollup,
    PRIMARY KEY (seller_account, record_id, rollup_id),
    FOREIGN KEY (seller_account, record_id) REFERENCES marketplace.metering_record
  )`,
  // How often usage was sealed in vain: asked of what waits because AWS refuses it.
  `CREATE INDEX annulled_rollup_by_rollup ON marketplace.annulled_rollup (rollup_id)`,

  // One row per customer, referenced by nothing: the only lock that sealers share.
  `CREATE TABLE marketplace.seal_cursor (
    seller_account text NOT NULL,
    customer_id uuid NOT NULL,
    -- The next instant at which planning may answer otherwise though no fact has changed.
    look_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (seller_account, customer_id)
  )`,
  `CREATE INDEX seal_cursor_due ON marketplace.seal_cursor (seller_account, look_at)`,
  // Written by whoever changes facts, claims, modes, options, causes or records of a customer; deleted by the freeze
  // that read it before the facts.
  `CREATE TABLE marketplace.customer_changed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_account text NOT NULL,
    customer_id uuid NOT NULL
  )`,
  `CREATE INDEX customer_changed_by_customer ON marketplace.customer_changed (seller_account, customer_id)`,
];
