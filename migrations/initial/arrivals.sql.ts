/** What comes in: buyers with their codes, and messages. */
export const ARRIVALS: readonly string[] = [
  `CREATE TABLE marketplace.registration_code (
    seller_account text NOT NULL,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    subscription_id uuid NOT NULL,
    -- SHA-256 of the buyer's token: finds what it was resolved to when AWS takes a token only once and the buyer's
    -- browser posts it again.
    token_hash bytea CHECK (length(token_hash) = 32),
    -- SHA-256 of the cookie of the browser that brought the token; NULL: the code is bound to none.
    browser_hash bytea CHECK (length(browser_hash) = 32),
    offer_type text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (seller_account, code_hash),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription
  )`,
  `CREATE INDEX registration_code_by_subscription ON marketplace.registration_code (seller_account, subscription_id)`,
  `CREATE INDEX registration_code_by_expiry ON marketplace.registration_code (seller_account, expires_at)`,
  `CREATE INDEX registration_code_by_token ON marketplace.registration_code (seller_account, token_hash)
    WHERE token_hash IS NOT NULL`,

  // Messages as they came in, told apart from their repeats by origin and id. body and event hold the names that the
  // sender used: they may be set to NULL (erasure), never to anything else.
  `CREATE TABLE marketplace.inbox_message (
    seller_account text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('eventBridge', 'sns', 'sqs', 'http', 'host', 'registration',
      'reconciliation')),
    message_id text NOT NULL CHECK (length(message_id) BETWEEN 1 AND 255),
    received_via text NOT NULL,
    received_at timestamptz NOT NULL,
    body text,
    type text,
    event_at timestamptz,
    event jsonb,
    -- Digests of the names that the message speaks of, for those that wait for one to become known.
    names text[] NOT NULL DEFAULT '{}',
    subscription_id uuid,
    state text NOT NULL CHECK (state IN ('pending', 'waiting', 'applied', 'ignored', 'deadLettered')),
    attempt_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error text,
    applied_at timestamptz,
    PRIMARY KEY (seller_account, origin, message_id),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    CONSTRAINT inbox_message_applied CHECK ((state = 'applied') = (applied_at IS NOT NULL)),
    CONSTRAINT inbox_message_dead_letter_says_why CHECK (state <> 'deadLettered' OR error IS NOT NULL)
  )`,
  `CREATE INDEX inbox_message_pending ON marketplace.inbox_message (seller_account, next_attempt_at)
    WHERE state = 'pending'`,
  // Ignored ones, too: what shares an agreement with one is of no concern either, and their product may be listed
  // again.
  `CREATE INDEX inbox_message_waiting ON marketplace.inbox_message USING gin (names) WITH (fastupdate = off)
    WHERE state IN ('waiting', 'ignored')`,
  `CREATE INDEX inbox_message_by_subscription ON marketplace.inbox_message (seller_account, subscription_id, event_at)
    WHERE subscription_id IS NOT NULL`,
  // What was said long ago, and is of no use any more.
  `CREATE INDEX inbox_message_to_empty ON marketplace.inbox_message (seller_account, received_at)
    WHERE state IN ('applied', 'ignored') AND num_nonnulls(body, event) > 0`,
  `CREATE INDEX inbox_message_by_receipt ON marketplace.inbox_message (seller_account, received_at, origin,
    message_id)`,
  `CREATE INDEX inbox_message_by_state ON marketplace.inbox_message (seller_account, state, received_at, origin,
    message_id)`,
  `CREATE INDEX inbox_message_by_origin ON marketplace.inbox_message (seller_account, origin, received_at, message_id)`,
  `CREATE INDEX inbox_message_by_type ON marketplace.inbox_message (seller_account, type, received_at, origin,
    message_id)`,
];
