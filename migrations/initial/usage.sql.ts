/** Recorded usage: the append-only event, the narrow copy that waits to be taken, and the rollups. */
export const USAGE: readonly string[] = [
  // The id is the key: a digest where the caller gave one (UUID version 8, first bit set), else a UUIDv7. Eight columns or fewer: the null bitmap fits
  // in the header. `subject` and `dimension` are not foreign keys: a key-share lock per insert would make them hot spots inside the host's transactions.
  `CREATE TABLE marketplace.usage_event (
    id uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    subject integer NOT NULL,
    dimension smallint NOT NULL,
    quantity numeric NOT NULL,
    key text,
    -- { tags?, reason? }
    detail jsonb,
    CONSTRAINT usage_event_quantity CHECK (quantity > '-Infinity' AND quantity < 'Infinity' AND scale(quantity) <= 12),
    CONSTRAINT usage_event_correction_has_reason CHECK (quantity >= 0 OR (detail ? 'reason') IS TRUE)
  )`,
  `CREATE TABLE marketplace.unsealed_usage (
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    hour integer NOT NULL,
    subject integer NOT NULL,
    dimension smallint NOT NULL,
    quantity numeric NOT NULL,
    detail jsonb
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`,
  `CREATE INDEX unsealed_usage_due ON marketplace.unsealed_usage (hour, subject)`,
  `CREATE SEQUENCE marketplace.rollup_id AS bigint`,
  // What one take moved of one subject, dimension, hour, tag set and sign. It waits (record_id NULL), or belongs to one record.
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
    waiting_since timestamptz
  )`,
  `CREATE INDEX rollup_waiting ON marketplace.rollup (subject, hour) WHERE record_id IS NULL AND NOT is_split`,
  `CREATE INDEX rollup_by_record ON marketplace.rollup (record_id) WHERE record_id IS NOT NULL`,
  `CREATE INDEX rollup_by_hour ON marketplace.rollup (subject, hour)`,
  // Apart, or setting record_id would copy the array.
  `CREATE TABLE marketplace.rollup_event (
    rollup_id bigint PRIMARY KEY REFERENCES marketplace.rollup,
    ids uuid[] NOT NULL
  )`,
];
