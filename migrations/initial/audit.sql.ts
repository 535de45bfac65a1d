/**
 * What CloudTrail, AWS's own log of calls, was found to hold, and how much of it was read. A finding, not a decision:
 * what follows for a record stands with its attempts. It may be read anew at any time, and is kept as long as a
 * comparison may ask for it.
 */
export const AUDIT: readonly string[] = [
  `CREATE TABLE marketplace.trail_event (
    seller_account text NOT NULL,
    -- CloudTrail's eventID; of one that cannot be read, where it stands.
    id text NOT NULL,
    operation text NOT NULL,
    region text NOT NULL,
    -- When AWS received the call; of one that cannot be read, about when.
    at timestamptz NOT NULL,
    request_id text,
    -- Of an attempt of this or another ledger, as the user agent names it.
    attempt_id uuid,
    error_code text,
    content text NOT NULL CHECK (content IN ('read', 'omitted', 'unreadable')),
    why text,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (seller_account, id)
  )`,
  // What of the log is doubtful, near an attempt.
  `CREATE INDEX trail_event_doubtful ON marketplace.trail_event (seller_account, region, at) WHERE content <> 'read'`,
  `CREATE INDEX trail_event_by_time ON marketplace.trail_event (seller_account, at)`,
  // One record of a call. Its payer is a digest, as everywhere: no name of a buyer stands here.
  `CREATE TABLE marketplace.trail_entry (
    seller_account text NOT NULL,
    event_id text NOT NULL,
    position integer NOT NULL,
    operation text NOT NULL,
    region text NOT NULL,
    at timestamptz NOT NULL,
    -- Of the request; NULL where the license alone names the product.
    product_code text,
    kind text NOT NULL CHECK (kind IN ('license', 'account', 'customerIdentifier', 'resource')),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    -- The account beside a license or a CustomerIdentifier.
    account_digest bytea CHECK (length(account_digest) = 32),
    dimension text NOT NULL,
    hour timestamptz NOT NULL,
    quantity numeric NOT NULL,
    answer text NOT NULL,
    metering_record_id text,
    PRIMARY KEY (seller_account, event_id, position),
    FOREIGN KEY (seller_account, event_id) REFERENCES marketplace.trail_event ON DELETE CASCADE
  )`,
  `CREATE INDEX trail_entry_by_grain ON marketplace.trail_entry (seller_account, hour, dimension, kind, digest)`,
  // An interval of one region's log that was read to its end, and when (business time): what had not arrived by then
  // was not seen.
  `CREATE TABLE marketplace.trail_coverage (
    seller_account text NOT NULL,
    operation text NOT NULL,
    region text NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    read_at timestamptz NOT NULL,
    source text NOT NULL CHECK (source IN ('lookup', 'files')),
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CONSTRAINT trail_coverage_is_an_interval CHECK (from_at < to_at)
  )`,
  `CREATE INDEX trail_coverage_by_place ON marketplace.trail_coverage (seller_account, operation, region, to_at)`,
  // When a record was last looked for: business time.
  `CREATE TABLE marketplace.audit_look (
    seller_account text NOT NULL,
    record_id uuid NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (seller_account, record_id),
    FOREIGN KEY (seller_account, record_id) REFERENCES marketplace.metering_record
  )`,
  // One replica audits at a time: machine time.
  `CREATE TABLE marketplace.audit_lease (
    seller_account text PRIMARY KEY,
    lease_token uuid NOT NULL,
    lease_until timestamptz NOT NULL
  )`,
];
