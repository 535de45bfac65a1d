import { SET_BASED } from './record-guards.sql.js';

/**
 * Rollups: what a take moved never changes; a rollup stays with its record until that is annulled, and one that is
 * split is exactly the sum of its pieces.
 */
export const ROLLUP_GUARDS: readonly string[] = [
  `CREATE TRIGGER rollup_frozen BEFORE UPDATE OF id, subject, dimension, hour, tags, is_correction, event_sum,
    event_count, first_at, last_at, taken_at, split_of
    ON marketplace.rollup FOR EACH ROW EXECUTE FUNCTION marketplace.refuse_change('what a take moved never changes')`,
  `CREATE TRIGGER rollup_event_frozen BEFORE UPDATE ON marketplace.rollup_event
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse_change('what a take moved never changes')`,
  `CREATE TRIGGER rollup_starts BEFORE INSERT ON marketplace.rollup FOR EACH ROW WHEN (NEW.record_id IS NOT NULL
    OR NEW.is_split)
    EXECUTE FUNCTION marketplace.refuse_change('a rollup starts without a record, and whole')`,
  `CREATE TRIGGER rollup_split_stays BEFORE UPDATE OF is_split ON marketplace.rollup FOR EACH ROW
    WHEN (OLD.is_split AND NOT NEW.is_split OR NEW.is_split AND NEW.record_id IS NOT NULL)
    EXECUTE FUNCTION marketplace.refuse_change('only a rollup without a record is split, and it stays so')`,
  `CREATE FUNCTION marketplace.guard_rollup_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.record_id IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM marketplace.annulled_rollup g
      JOIN marketplace.metering_record r ON r.seller_account = g.seller_account AND r.id = g.record_id
      WHERE g.record_id = OLD.record_id AND g.rollup_id = OLD.id AND r.disposition = 'annulled')
    THEN
      RAISE EXCEPTION 'rollup % belongs to record % until that is annulled', OLD.id, OLD.record_id USING ERRCODE =
        'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER rollup_record_once BEFORE UPDATE OF record_id ON marketplace.rollup FOR EACH ROW
    WHEN (OLD.record_id IS NOT NULL AND OLD.record_id IS DISTINCT FROM NEW.record_id)
      EXECUTE FUNCTION marketplace.guard_rollup_record()`,
  `CREATE FUNCTION marketplace.check_changed_rollups() RETURNS trigger LANGUAGE plpgsql ${SET_BASED} AS $$
  DECLARE
    broken bigint;
  BEGIN
    PERFORM marketplace.check_record_sums(array_agg(given.seller_account), array_agg(given.record_id))
    FROM (
      SELECT DISTINCT d.seller_account, n.record_id FROM after_change n
      JOIN before_change o ON o.id = n.id AND o.record_id IS NULL
      JOIN marketplace.dimension d ON d.id = n.dimension
      WHERE n.record_id IS NOT NULL
    ) AS given HAVING count(*) > 0;
    SELECT n.id INTO broken FROM after_change n JOIN before_change o ON o.id = n.id AND NOT o.is_split
      WHERE n.is_split AND NOT marketplace.is_split_whole(n.id) LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'rollup % is not the sum of its pieces', broken USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$`,
  // The pieces hold what the whole held: sums, counts, and the very events.
  `CREATE FUNCTION marketplace.is_split_whole(given bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT w.is_split AND (SELECT coalesce(sum(p.event_sum) = w.event_sum AND sum(p.event_count) = w.event_count
        AND bool_and((p.subject, p.dimension, p.hour, p.is_correction) = (w.subject, w.dimension, w.hour,
          w.is_correction)
          AND p.tags IS NOT DISTINCT FROM w.tags), false)
      FROM marketplace.rollup p WHERE p.split_of = w.id)
      AND (SELECT array_agg(i.id ORDER BY i.id) FROM marketplace.rollup_event e CROSS JOIN
        LATERAL unnest(e.ids) AS i (id) WHERE e.rollup_id = w.id)
        IS NOT DISTINCT FROM
          (SELECT array_agg(i.id ORDER BY i.id) FROM marketplace.rollup p JOIN marketplace.rollup_event e
            ON e.rollup_id = p.id
           CROSS JOIN LATERAL unnest(e.ids) AS i (id) WHERE p.split_of = w.id)
    FROM marketplace.rollup w WHERE w.id = given
  $$`,
  `CREATE TRIGGER rollup_changed AFTER UPDATE ON marketplace.rollup
    REFERENCING OLD TABLE AS before_change NEW TABLE AS after_change
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.check_changed_rollups()`,
  `CREATE FUNCTION marketplace.check_split_rollups() RETURNS trigger LANGUAGE plpgsql ${SET_BASED} AS $$
  DECLARE
    broken bigint;
  BEGIN
    SELECT n.split_of INTO broken FROM (SELECT DISTINCT split_of FROM fresh WHERE split_of IS NOT NULL) AS n
      WHERE marketplace.is_split_whole(n.split_of) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'rollup % is not the sum of its pieces', broken USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER rollup_split AFTER INSERT ON marketplace.rollup REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.check_split_rollups()`,
];
