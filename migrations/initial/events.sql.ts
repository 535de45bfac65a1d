/** What is told to the host and to operators. */
export const EVENTS: readonly string[] = [
  `CREATE TABLE marketplace.outbox_event (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subscription_id uuid,
    record_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    position bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE UNIQUE INDEX outbox_event_position ON marketplace.outbox_event (seller_account, position)`,
  // What AWS refused for want of a subscription is sent again after this word.
  `CREATE INDEX outbox_event_activations ON marketplace.outbox_event (seller_account, subscription_id, created_at)
    WHERE type = 'subscription.activated'`,
  `CREATE TABLE marketplace.alert (
    seller_account text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    message text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    first_raised_at timestamptz NOT NULL,
    last_raised_at timestamptz NOT NULL,
    raise_count integer NOT NULL DEFAULT 1,
    -- How often hosts were told since it opened, and when they are told again; null once a person has taken it on.
    tell_count integer NOT NULL DEFAULT 1,
    tell_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledgement text,
    resolved_at timestamptz,
    -- Of the end that hosts were told of last.
    resolution_told_at timestamptz,
    CONSTRAINT alert_acknowledged CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    PRIMARY KEY (seller_account, kind, subject)
  )`,
  `CREATE INDEX alert_by_openness ON marketplace.alert (seller_account, (resolved_at IS NULL), first_raised_at, kind,
    subject)`,
  `CREATE INDEX alert_to_tell ON marketplace.alert (seller_account, tell_at)
    WHERE resolved_at IS NULL AND tell_at IS NOT NULL`,
  `CREATE INDEX alert_to_tell_resolved ON marketplace.alert (seller_account)
    WHERE resolved_at IS NOT NULL AND resolution_told_at IS DISTINCT FROM resolved_at`,
  // Who decided what, and why. INSERT only.
  `CREATE TABLE marketplace.operator_action (
    seller_account text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    action text NOT NULL,
    target jsonb NOT NULL,
    result jsonb NOT NULL,
    decided_by text NOT NULL,
    -- Null where none was asked for, and none was given.
    reason text,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE TABLE marketplace.event_handler (
    seller_account text NOT NULL,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
    type text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz,
    PRIMARY KEY (seller_account, id, type)
  )`,
  `CREATE TABLE marketplace.event_delivery (
    seller_account text NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    event_id uuid NOT NULL,
    handler_id text NOT NULL,
    type text NOT NULL,
    subscription_id uuid,
    position bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivering', 'delivered', 'deadLettered',
      'skipped')),
    attempt_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_token uuid,
    lease_until timestamptz,
    last_error text,
    delivered_at timestamptz,
    decided_by text,
    decision text,
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, event_id) REFERENCES marketplace.outbox_event,
    CONSTRAINT event_delivery_lease CHECK ((state = 'delivering') = (lease_token IS NOT NULL)
      AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT event_delivery_delivered CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT event_delivery_skipped_is_signed CHECK (state <> 'skipped' OR num_nonnulls(decided_by, decision) = 2)
  )`,
  `CREATE UNIQUE INDEX event_delivery_by_position ON marketplace.event_delivery (seller_account, position, handler_id)`,
  `CREATE INDEX event_delivery_by_handler ON marketplace.event_delivery (seller_account, handler_id, position)`,
  `CREATE INDEX event_delivery_by_subscription ON marketplace.event_delivery (seller_account, subscription_id, position)
    WHERE subscription_id IS NOT NULL`,
  `CREATE INDEX event_delivery_unfinished ON marketplace.event_delivery (seller_account, state, position)
    WHERE state <> 'delivered'`,
  `CREATE INDEX event_delivery_open ON marketplace.event_delivery (seller_account, handler_id, position)
    WHERE state IN ('pending', 'delivering')`,
  `CREATE INDEX event_delivery_line ON marketplace.event_delivery (seller_account, handler_id, subscription_id,
    position)
    WHERE state IN ('pending', 'delivering')`,
  `CREATE UNIQUE INDEX event_delivery_one_at_a_time
    ON marketplace.event_delivery (seller_account, handler_id, subscription_id)
    WHERE state = 'delivering'`,
];
