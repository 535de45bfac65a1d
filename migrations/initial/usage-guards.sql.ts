/**
 * Recording and taking (I10): an event is queued by its own INSERT, and leaves the queue only into a rollup. Both are
 * triggers, so that the chain holds whoever writes: what is INSERTed or COPYed into `usage_event` waits, what is
 * DELETEd from `unsealed_usage` is rolled up. All of it fires at the origin only: a replica that replays the rows
 * replays what the triggers wrote, too.
 */
export const USAGE_GUARDS: readonly string[] = [
  // In the host's transaction: no look-up, nothing to wait for, every name qualified.
  `CREATE FUNCTION marketplace.queue_usage() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO marketplace.unsealed_usage (id, occurred_at, hour, subject, dimension, quantity, detail)
    SELECT id, occurred_at, floor(extract(epoch FROM occurred_at) / 3600)::integer, subject, dimension, quantity,
      detail FROM fresh;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER usage_event_queue AFTER INSERT ON marketplace.usage_event REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.queue_usage()`,
  `CREATE TRIGGER usage_event_no_update BEFORE UPDATE ON marketplace.usage_event FOR EACH STATEMENT
    EXECUTE FUNCTION marketplace.refuse()`,

  `CREATE TRIGGER unsealed_usage_by_trigger_only BEFORE INSERT ON marketplace.unsealed_usage
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION marketplace.refuse()`,
  `CREATE TRIGGER unsealed_usage_no_update BEFORE UPDATE ON marketplace.unsealed_usage FOR EACH STATEMENT
    EXECUTE FUNCTION marketplace.refuse()`,
  `CREATE TRIGGER unsealed_usage_no_truncate BEFORE TRUNCATE ON marketplace.unsealed_usage
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse()`,

  // The only place where rollups come from: the rows gone, by subject, dimension, hour, tags and sign. So their sums
  // and counts are those of what was deleted, and a DELETE by hand is a take. An id that another rollup of its subject
  // and hour lists (the data of a dump loaded a second time) is refused. The plans must not hang on statistics: this is
  // planned once a session, maybe while the ledger is empty.
  `CREATE FUNCTION marketplace.take_usage() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
  DECLARE
    taken_at CONSTANT timestamptz := coalesce(nullif(current_setting('marketplace_ledger.taken_at', true),
      '')::timestamptz,
      clock_timestamp());
    earlier bigint[];
    twice uuid;
  BEGIN
    SELECT array_agg(other.id) INTO earlier
    FROM (SELECT DISTINCT hour, subject FROM gone) AS pair CROSS JOIN LATERAL (
      SELECT r.id FROM marketplace.rollup r WHERE r.subject = pair.subject AND r.hour = pair.hour OFFSET 0) AS other;
    IF earlier IS NOT NULL THEN
      -- A set operation hashes both sides; a join might be planned as a loop over the other.
      SELECT id INTO twice FROM (
        SELECT unnest(listed.ids) AS id FROM marketplace.rollup_event listed WHERE listed.rollup_id = ANY (earlier)
        INTERSECT SELECT id FROM gone) AS both_times LIMIT 1;
      IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'usage event % is in a rollup already: it is counted once', twice USING ERRCODE =
          'restrict_violation';
      END IF;
    END IF;

    WITH taken AS MATERIALIZED (
      SELECT nextval('marketplace.rollup_id') AS id, subject, dimension, hour, nullif(detail -> 'tags', '{}') AS tags,
        quantity < 0 AS is_correction,
        sum(quantity) AS event_sum, count(*)::integer AS event_count, min(occurred_at) AS first_at, max(occurred_at)
          AS last_at,
        array_agg(gone.id) AS ids
      FROM gone GROUP BY subject, dimension, hour, nullif(detail -> 'tags', '{}'), quantity < 0
    ), listed AS (
      INSERT INTO marketplace.rollup_event (rollup_id, ids) SELECT id, ids FROM taken
    )
    INSERT INTO marketplace.rollup
      (id, subject, dimension, hour, tags, is_correction, event_sum, event_count, first_at, last_at, taken_at)
    SELECT id, subject, dimension, hour, tags, is_correction, event_sum, event_count, first_at, last_at, taken_at
      FROM taken;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER unsealed_usage_take AFTER DELETE ON marketplace.unsealed_usage REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.take_usage()`,

  // By hand, and by sealing, come pieces only (record guards hold them against their whole), and each piece is what its
  // events are. Splits are rare.
  `CREATE TRIGGER rollup_by_take_only BEFORE INSERT ON marketplace.rollup FOR EACH ROW
    WHEN (NEW.split_of IS NULL AND pg_trigger_depth() = 0) EXECUTE FUNCTION marketplace.refuse()`,
  `CREATE FUNCTION marketplace.guard_piece() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    piece marketplace.rollup;
  BEGIN
    SELECT * INTO piece FROM marketplace.rollup WHERE id = NEW.rollup_id;
    IF piece.split_of IS NULL OR marketplace.is_split_whole(piece.split_of) IS NOT TRUE
      OR ((piece.event_count, piece.event_sum, piece.first_at, piece.last_at) = (
        SELECT count(*), sum(e.quantity), min(e.occurred_at), max(e.occurred_at)
        FROM unnest(NEW.ids) AS item (id) JOIN marketplace.usage_event e ON e.id = item.id)) IS NOT TRUE
    THEN
      RAISE EXCEPTION 'rollup % lists what its take moved, or a piece of that', NEW.rollup_id USING ERRCODE =
        'restrict_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER rollup_event_of_piece AFTER INSERT ON marketplace.rollup_event FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION marketplace.guard_piece()`,

  // What an event's numbers mean.
  `CREATE TRIGGER dimension_no_update BEFORE UPDATE OF id, seller_account, product_code, name ON marketplace.dimension FOR EACH STATEMENT
    EXECUTE FUNCTION marketplace.refuse()`,
  `CREATE TRIGGER subject_keeps_its_name BEFORE UPDATE OF id, seller_account, product_code, tenant_id, subscription_id
    ON marketplace.subject FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse()`,
  // Decisions about money: a new one is a new row, also for the same instant.
  ...['product_settings', 'product_mode', 'submission_hold'].map(
    (table) => `CREATE TRIGGER ${table}_no_update BEFORE UPDATE ON marketplace.${table} FOR EACH STATEMENT
      EXECUTE FUNCTION marketplace.refuse()`,
  ),
];
