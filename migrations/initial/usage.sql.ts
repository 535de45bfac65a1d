/** Recorded usage: the append-only event, the narrow copy that waits to be taken, and the rollups. */
export const USAGE: readonly string[] = [
  // The id is the key: a digest where the caller gave one (UUID version 8, first bit set), else a UUIDv7, which holds
  // when it was recorded. Eight columns or fewer: the null bitmap fits in the header. `subject` and `dimension` are no
  // foreign keys: a key-share lock per insert would make them hot spots inside the host's transactions. A row in this
  // form is recorded usage, whoever wrote it.
  `CREATE TABLE marketplace.usage_event (
    id uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    subject integer NOT NULL,
    dimension smallint NOT NULL,
    quantity numeric NOT NULL,
    key text,
    -- { tags?, reason? }
    detail jsonb,
    CONSTRAINT usage_event_id_is_key CHECK (
      CASE WHEN key IS NULL THEN id < '80000000-0000-0000-0000-000000000000' AND get_byte(uuid_send(id), 6) >> 4 = 7
        ELSE id >= '80000000-0000-0000-0000-000000000000' AND get_byte(uuid_send(id), 6) >> 4 = 8 END),
    CONSTRAINT usage_event_occurred_at CHECK (isfinite(occurred_at)),
    -- NaN is above every number.
    CONSTRAINT usage_event_quantity CHECK (quantity > -1e18 AND quantity < 1e18 AND scale(quantity) <= 12),
    CONSTRAINT usage_event_detail CHECK (
      detail IS NULL OR (
        jsonb_typeof(detail) = 'object' AND coalesce(jsonb_typeof(detail -> 'tags'), 'object') = 'object'
        AND coalesce(jsonb_typeof(detail -> 'reason'), 'string') = 'string')),
    CONSTRAINT usage_event_correction_has_reason CHECK (quantity >= 0 OR (detail ? 'reason') IS TRUE)
  )`,
  // The trigger writes it, the take deletes it. No constraint and no foreign key: nothing to wait for. Its dead rows
  // are all of the hour, so vacuum goes by their number and not by their share.
  `CREATE TABLE marketplace.unsealed_usage (
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- Hours since the epoch.
    hour integer NOT NULL,
    subject integer NOT NULL,
    dimension smallint NOT NULL,
    quantity numeric NOT NULL,
    detail jsonb
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`,
  // Without a key a publication FOR ALL TABLES would have every take refused.
  `ALTER TABLE marketplace.unsealed_usage REPLICA IDENTITY FULL`,
  `CREATE INDEX unsealed_usage_due ON marketplace.unsealed_usage (hour, subject)`,
  `CREATE SEQUENCE marketplace.rollup_id AS bigint`,
  // What one take moved of one subject, dimension, hour, tag set and sign. It waits (record_id NULL), or belongs to one
  // record.
  `CREATE TABLE marketplace.rollup (
    id bigint PRIMARY KEY,
    record_id uuid,
    subject integer NOT NULL,
    dimension smallint NOT NULL,
    -- Hours since the epoch, as in unsealed_usage.
    hour integer NOT NULL,
    tags jsonb,
    is_correction boolean NOT NULL,
    event_sum numeric NOT NULL,
    event_count integer NOT NULL CHECK (event_count > 0),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    taken_at timestamptz NOT NULL,
    -- Cut by a boundary and replaced by its pieces: stays as evidence, counts nowhere.
    is_split boolean NOT NULL DEFAULT false,
    split_of bigint REFERENCES marketplace.rollup,
    -- Why it waits, as of the last time it was planned; NULL while it belongs to a record or was never planned.
    waiting_reason text,
    waiting_since timestamptz,
    -- How many of its records AWS refused until they expired, for what and in which hour the last one; NULL where none.
    refusals smallint,
    refused_for text,
    refused_hour integer,
    CONSTRAINT rollup_refusal_is_whole CHECK (num_nulls(refusals, refused_for, refused_hour) IN (0, 3)),
    CONSTRAINT rollup_split_is_in_no_record CHECK (NOT (is_split AND record_id IS NOT NULL))
  )`,
  `CREATE INDEX rollup_waiting ON marketplace.rollup (subject, hour) WHERE record_id IS NULL AND NOT is_split`,
  `CREATE INDEX rollup_by_record ON marketplace.rollup (record_id) WHERE record_id IS NOT NULL`,
  `CREATE INDEX rollup_by_hour ON marketplace.rollup (subject, hour)`,
  `CREATE INDEX rollup_by_whole ON marketplace.rollup (split_of) WHERE split_of IS NOT NULL`,
  // Never planned: what makes a customer due.
  `CREATE INDEX rollup_fresh ON marketplace.rollup (subject) WHERE record_id IS NULL AND NOT is_split
    AND waiting_reason IS NULL`,
  // What a cause without records is still held by.
  `CREATE INDEX rollup_refused ON marketplace.rollup (refused_for) WHERE record_id IS NULL AND NOT is_split
    AND refused_for IS NOT NULL`,
  // Recording asks by subscription, when its memory misses.
  `CREATE INDEX subject_by_subscription ON marketplace.subject (subscription_id) WHERE subscription_id IS NOT NULL`,
  // The take asks whose running hour is the last.
  `CREATE INDEX fact_of_end ON marketplace.fact (seller_account, at)
    WHERE type IN ('agreement.ended', 'license.deprovisioned', 'legacy.unsubscribePending', 'legacy.unsubscribed',
      'host.ended')`,
  // Apart, or setting record_id would copy the array.
  `CREATE TABLE marketplace.rollup_event (
    rollup_id bigint PRIMARY KEY REFERENCES marketplace.rollup,
    ids uuid[] NOT NULL
  )`,
];
