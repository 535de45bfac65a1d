/** What was sent to AWS, what came back, and what is set aside because AWS refuses it as a whole. */
export const SUBMISSION: readonly string[] = [
  `CREATE TABLE marketplace.attempt (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    operation text NOT NULL,
    product_code text NOT NULL,
    region text NOT NULL,
    lease_token uuid NOT NULL,
    record_count integer NOT NULL CHECK (record_count > 0),
    submitter text NOT NULL,
    -- Business time at the claim, right before the call: where an audit looks for it in AWS's own log.
    claimed_at timestamptz NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The order in which attempts were committed, whatever the clocks did meanwhile.
    position bigint GENERATED ALWAYS AS IDENTITY,
    answered_at timestamptz,
    http_status integer,
    aws_request_id text,
    error_code text,
    error_message text,
    PRIMARY KEY (seller_account, id)
  )`,
  // AWS's log of calls names a request by it, also where it lost whose call it was.
  `CREATE INDEX attempt_by_request ON marketplace.attempt (seller_account, aws_request_id)
    WHERE aws_request_id IS NOT NULL`,
  // What AWS has taken lately: asked where it refuses a record.
  `CREATE INDEX attempt_by_answer ON marketplace.attempt (seller_account, product_code, answered_at)`,
  `CREATE TABLE marketplace.attempt_record (
    seller_account text NOT NULL,
    attempt_id uuid NOT NULL,
    record_id uuid NOT NULL,
    evidence text NOT NULL DEFAULT 'uncertain' CHECK (evidence IN ('uncertain', 'refused', 'conflict', 'billed')),
    answer text,
    metering_record_id text,
    detail jsonb,
    decided_by text,
    PRIMARY KEY (seller_account, attempt_id, record_id),
    FOREIGN KEY (seller_account, attempt_id) REFERENCES marketplace.attempt,
    FOREIGN KEY (seller_account, record_id) REFERENCES marketplace.metering_record
  )`,
  `CREATE INDEX attempt_record_by_record ON marketplace.attempt_record (seller_account, record_id)`,
  `CREATE TABLE marketplace.quarantined_cause (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('product', 'dimension', 'identity', 'reason')),
    key text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_probe_at timestamptz NOT NULL,
    probe_count integer NOT NULL DEFAULT 0,
    PRIMARY KEY (seller_account, product_code, scope, key)
  )`,
  // Who sends for a ledger in a buyer's account, and from which resource. One at a time: AWS tells repeats apart per
  // resource, so what one has tried no other may send.
  `CREATE TABLE marketplace.metering_sender (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    -- The replica: host, process and a random part.
    holder text NOT NULL,
    resource_id text NOT NULL,
    region text NOT NULL,
    -- Of the resource: no record is dated before.
    started_at timestamptz NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (seller_account, product_code),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product
  )`,
  `CREATE TABLE marketplace.call_budget (
    seller_account text NOT NULL,
    region text NOT NULL,
    operation text NOT NULL,
    theoretical_arrival_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    calls_per_second double precision NOT NULL CHECK (calls_per_second > 0),
    throttled_at timestamptz,
    -- When AWS last said that the operation is not permitted; NULL since it was answered.
    denied_at timestamptz,
    PRIMARY KEY (seller_account, region, operation)
  )`,
];
