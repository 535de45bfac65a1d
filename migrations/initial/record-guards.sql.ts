/**
 * Records, rollups and balances: what was sealed is frozen, transitions are the drawn ones, and a balance is written by
 * its record alone.
 *
 * Triggers on the good path are statement triggers over transition tables, or carry a WHEN that is false there: sealing
 * a million events must not pay a function call a row. Those that join look each row up by its index (LATERAL … OFFSET
 * 0, sequential scans off): a plan made while the ledger was young must not read whole tables later. Custom plans are
 * not forced, because that would plan every foreign key's check anew, row by row.
 */
const SET_BASED = `SET enable_seqscan = off`;

/** Columns that never change after sealing. customer_id and subscription_id follow a fold; notes only grow. */
const FROZEN = [
  'seller_account',
  'id',
  'kind',
  'period_id',
  'subject',
  'identity_id',
  'product_code',
  'dimension',
  'hour',
  'first_used_at',
  'last_used_at',
  'quantity',
  'included',
  'event_sum',
  'event_count',
  'carry_in',
  'carry_out',
  'allocations',
  'operation',
  'mode',
  'sealed_at',
];

export const RECORD_GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% on marketplace.% is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE =
      'restrict_violation';
  END $$`,

  // --- periods, identities, evidence of annulled records ---
  `CREATE TRIGGER period_frozen BEFORE UPDATE OF seller_account, id, agreement_id, price, mode ON marketplace.period
    FOR EACH ROW EXECUTE FUNCTION marketplace.refuse_change('what a period prices never changes')`,
  `CREATE TRIGGER metering_identity_frozen BEFORE UPDATE ON marketplace.metering_identity FOR EACH ROW
    WHEN ((OLD.id, OLD.product_code, OLD.kind, OLD.digest) IS DISTINCT FROM (NEW.id, NEW.product_code, NEW.kind,
      NEW.digest)
      OR (NEW.canonical IS NOT NULL AND NEW.canonical IS DISTINCT FROM OLD.canonical)
      OR (NEW.license_arn IS NOT NULL AND NEW.license_arn IS DISTINCT FROM OLD.license_arn)
      OR (NEW.customer_aws_account_id IS NOT NULL AND NEW.customer_aws_account_id IS DISTINCT FROM
        OLD.customer_aws_account_id)
      OR (NEW.customer_identifier IS NOT NULL AND NEW.customer_identifier IS DISTINCT FROM OLD.customer_identifier))
    EXECUTE FUNCTION marketplace.refuse_change('an identity is frozen; its names may only be erased')`,
  `CREATE TRIGGER annulled_rollup_frozen BEFORE UPDATE ON marketplace.annulled_rollup
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse_change('what an annulled record had is evidence')`,

  // --- a balance is the sum over its standing records ---
  `CREATE TRIGGER balance_by_records_alone BEFORE INSERT OR UPDATE ON marketplace.balance FOR EACH STATEMENT
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION
      marketplace.refuse_change('a balance is written by its records alone')`,

  // --- new records ---
  `CREATE TRIGGER metering_record_starts BEFORE INSERT ON marketplace.metering_record FOR EACH ROW
    WHEN ((NEW.kind = 'hour' AND (NEW.state <> 'pending' OR NEW.attempt_count <> 0
      OR NEW.metering_record_id IS NOT NULL))
      OR NEW.settled_quantity IS NOT NULL OR NEW.disposition = 'annulled'
      OR (NEW.disposition = 'void' AND NEW.reason IS DISTINCT FROM 'duplicateKey'))
    EXECUTE FUNCTION marketplace.refuse_change('a metering record starts pending; one that is never sent starts held or owed')`,

  // What lies in a record is exactly what its rollups sum to; asked at the end of the statement that writes both.
  `CREATE FUNCTION marketplace.check_record_sums(seller text[], record uuid[]) RETURNS void LANGUAGE plpgsql
    ${SET_BASED} AS $$
  DECLARE
    wrong record;
  BEGIN
    SELECT asked.id, r.event_sum, r.event_count, inside.sum, inside.count INTO wrong
    FROM unnest(seller, record) AS asked (seller_account, id)
    LEFT JOIN LATERAL (
      SELECT m.event_sum, m.event_count, m.kind, m.subject, m.dimension, m.product_code
        FROM marketplace.metering_record m
      WHERE m.seller_account = asked.seller_account AND m.id = asked.id OFFSET 0
    ) AS r ON true
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(u.event_sum), 0) AS sum, coalesce(sum(u.event_count), 0) AS count,
             count(*) FILTER (WHERE u.is_split OR d.name <> r.dimension OR d.product_code <> r.product_code
               OR d.seller_account <> asked.seller_account OR (r.kind = 'setApart'
                 AND u.subject <> r.subject)) AS strangers
      FROM (SELECT * FROM marketplace.rollup WHERE record_id = asked.id OFFSET 0) AS u
      CROSS JOIN LATERAL (SELECT * FROM marketplace.dimension WHERE id = u.dimension OFFSET 0) AS d
    ) AS inside
    WHERE (inside.sum, inside.count) IS DISTINCT FROM (r.event_sum, r.event_count::bigint) OR inside.strangers > 0
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'record % says % of % event(s), its rollups sum to % of %', wrong.id, wrong.event_sum,
        wrong.event_count, wrong.sum, wrong.count
        USING ERRCODE = 'restrict_violation';
    END IF;
  END $$`,

  // Several records of one period and dimension in one statement follow each other in the order of their ids.
  `CREATE FUNCTION marketplace.open_metering_records() RETURNS trigger LANGUAGE plpgsql ${SET_BASED} AS $$
  DECLARE
    wrong record;
  BEGIN
    PERFORM marketplace.check_record_sums(array_agg(f.seller_account), array_agg(f.id)) FROM fresh f;

    INSERT INTO marketplace.balance AS b (seller_account, period_id, dimension, event_sum, included, quantity)
      SELECT f.seller_account, f.period_id, f.dimension, sum(f.event_sum), sum(f.included), sum(f.quantity)
      FROM fresh f WHERE f.period_id IS NOT NULL
      GROUP BY f.seller_account, f.period_id, f.dimension
      ORDER BY f.seller_account, f.period_id, f.dimension
    ON CONFLICT (seller_account, period_id, dimension) DO UPDATE SET
      event_sum = b.event_sum + excluded.event_sum, included = b.included + excluded.included, quantity = b.quantity +
        excluded.quantity;

    -- Where two rows are one agreement, the carry is the sum over both.
    SELECT step.id, step.carry_out, step.carry INTO wrong
    FROM (
      SELECT f.id, f.carry_out, kept.carry - coalesce(sum(f.event_sum - f.included - f.quantity) OVER (
        PARTITION BY f.seller_account, own.root, own.price, own.mode, f.dimension ORDER BY f.id DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS carry
      FROM fresh f
      CROSS JOIN LATERAL (
        SELECT p.agreement_id, p.price, p.mode FROM marketplace.period p WHERE p.seller_account = f.seller_account
          AND p.id = f.period_id OFFSET 0
      ) AS priced
      CROSS JOIN LATERAL (
        SELECT coalesce(a.alias_of, a.id) AS root, priced.price, priced.mode FROM marketplace.agreement a
        WHERE a.seller_account = f.seller_account AND a.id = priced.agreement_id OFFSET 0
      ) AS own
      CROSS JOIN LATERAL (
        SELECT sum(b.carry) AS carry
        FROM (
          SELECT own.root AS id UNION ALL
          (SELECT a.id FROM marketplace.agreement a WHERE a.seller_account = f.seller_account
            AND a.alias_of = own.root OFFSET 0)
        ) AS member
        CROSS JOIN LATERAL (
          SELECT p.id FROM marketplace.period p
          WHERE p.seller_account = f.seller_account AND p.agreement_id = member.id AND p.price = own.price
            AND p.mode = own.mode OFFSET 0
        ) AS p
        CROSS JOIN LATERAL (
          SELECT k.carry FROM marketplace.balance k WHERE k.seller_account = f.seller_account AND k.period_id = p.id
            AND k.dimension = f.dimension OFFSET 0
        ) AS b
      ) AS kept
      WHERE f.period_id IS NOT NULL
    ) AS step
    WHERE step.carry <> step.carry_out
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'record % leaves a carry of % but the balance says %', wrong.id, wrong.carry_out, wrong.carry
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER metering_record_open AFTER INSERT ON marketplace.metering_record REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.open_metering_records()`,

  // --- records that exist ---
  `CREATE TRIGGER metering_record_frozen BEFORE UPDATE OF ${FROZEN.join(', ')} ON marketplace.metering_record
    FOR EACH ROW EXECUTE FUNCTION marketplace.refuse_change('what was sealed never changes')`,
  // MeterUsage binds resource, region and timestamp when it is first sent.
  `CREATE TRIGGER metering_record_frozen_when_sent BEFORE UPDATE OF "timestamp", region ON marketplace.metering_record
    FOR EACH ROW
    WHEN (OLD.operation <> 'MeterUsage' OR OLD.attempt_count > 0)
    EXECUTE FUNCTION marketplace.refuse_change('what was sealed never changes')`,
  `CREATE TRIGGER metering_record_notes_grow BEFORE UPDATE OF notes ON marketplace.metering_record FOR EACH ROW
    WHEN (NOT NEW.notes @> OLD.notes) EXECUTE FUNCTION marketplace.refuse_change('notes are added, never taken away')`,
  `CREATE TRIGGER metering_record_metered_is_final BEFORE UPDATE ON marketplace.metering_record FOR EACH ROW
    WHEN (OLD.state = 'metered' AND (OLD.state, OLD.reason, OLD.metering_record_id, OLD.confirmed_by_duplicate,
      OLD.settled_quantity, OLD.metered_at)
      IS DISTINCT FROM (NEW.state, NEW.reason, NEW.metering_record_id, NEW.confirmed_by_duplicate,
        NEW.settled_quantity, NEW.metered_at))
    EXECUTE FUNCTION marketplace.refuse_change('a metered record stays as it is')`,

  `CREATE FUNCTION marketplace.guard_metering_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
      'pending>sending', 'sending>metered', 'sending>pending', 'sending>blocked', 'blocked>pending',
      'pending>closed', 'blocked>closed', 'pending>unknown', 'blocked>unknown', 'unknown>metered', 'unknown>closed',
      -- late proof: the answer of a sender whose lease had run out is still proof
      'pending>metered', 'blocked>metered',
      -- the ledger does not bear it out: found as it is claimed
      'pending>blocked'])
    THEN
      RAISE EXCEPTION 'record % cannot go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE =
        'restrict_violation';
    END IF;
    IF OLD.state = 'closed' AND OLD.disposition <> NEW.disposition
      AND NOT (OLD.disposition || '>' || NEW.disposition) = ANY (ARRAY[
      'held>annulled', 'held>void', 'owed>void'])
    THEN
      RAISE EXCEPTION 'record % cannot go from % to %', OLD.id, OLD.disposition, NEW.disposition USING ERRCODE =
        'restrict_violation';
    END IF;
    IF OLD.settled_quantity IS DISTINCT FROM NEW.settled_quantity AND NOT (NEW.state = 'metered'
      AND OLD.state <> 'metered') THEN
      RAISE EXCEPTION 'record % is settled at another quantity only as it becomes metered', OLD.id USING ERRCODE =
        'restrict_violation';
    END IF;
    IF NEW.state = 'metered' AND OLD.state <> 'metered' AND NOT EXISTS (
      SELECT 1 FROM marketplace.attempt_record a
      WHERE a.seller_account = NEW.seller_account AND a.record_id = NEW.id
        -- Another system's record is on file, and a person says with which quantity.
        AND (a.evidence = 'billed' OR (a.evidence = 'conflict' AND NEW.settled_quantity IS NOT NULL
          AND NEW.closed_by IS NOT NULL)))
    THEN
      RAISE EXCEPTION 'record % has no attempt that proves it was billed', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.disposition = 'annulled' AND OLD.disposition IS DISTINCT FROM 'annulled' AND EXISTS (
      SELECT 1 FROM marketplace.attempt_record a
      WHERE a.seller_account = NEW.seller_account AND a.record_id = NEW.id AND a.evidence <> 'refused'
        AND NOT (a.evidence = 'conflict' AND marketplace.is_conflict_of_ours(NEW)))
    THEN
      RAISE EXCEPTION 'record % may have been billed: its usage cannot be billed elsewhere', OLD.id USING ERRCODE =
        'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  // A conflict is explained where another record of ours, under this identity or another name of its buyer, was billed
  // for the same hour. Two licenses are two grains of AWS's, also of one buyer: the hour in which one follows another
  // has a record of each, and neither says anything of the other. Reads as metering/settlement/shared-grain.sql.ts
  // does.
  `CREATE FUNCTION marketplace.is_conflict_of_ours(given marketplace.metering_record) RETURNS boolean LANGUAGE sql
    STABLE AS $$
    WITH own AS (
      SELECT i.kind, i.digest FROM marketplace.metering_identity i WHERE i.id = given.identity_id
    ), named AS (
      SELECT n.seller_account, n.buyer_id FROM own
      JOIN marketplace.buyer_name n ON n.product_code = given.product_code AND n.kind = own.kind
        AND n.digest = own.digest
      UNION
      SELECT g.seller_account, g.buyer_id FROM marketplace.period p
      JOIN marketplace.agreement g ON g.seller_account = p.seller_account AND g.id = p.agreement_id
      WHERE p.seller_account = given.seller_account AND p.id = given.period_id AND g.buyer_id IS NOT NULL
    ), same_buyer AS (
      SELECT same.seller_account, same.id FROM named
      JOIN marketplace.buyer b ON b.seller_account = named.seller_account AND b.id = named.buyer_id
      JOIN marketplace.buyer same ON same.seller_account = b.seller_account
        AND coalesce(b.alias_of, b.id) IN (same.id, same.alias_of)
    ), name AS (
      SELECT kind, digest FROM own
      UNION
      SELECT n.kind, n.digest FROM same_buyer b JOIN marketplace.buyer_name n ON n.seller_account = b.seller_account
        AND n.buyer_id = b.id
      UNION
      SELECT 'license', n.digest FROM same_buyer b
      JOIN own ON own.kind <> 'license'
      JOIN marketplace.agreement g ON g.seller_account = b.seller_account AND g.buyer_id = b.id
      JOIN marketplace.agreement_name n ON n.seller_account = g.seller_account AND n.agreement_id = g.id
        AND n.kind = 'license'
    )
    SELECT EXISTS (
      SELECT 1 FROM name
      JOIN marketplace.metering_identity i ON i.product_code = given.product_code AND i.kind = name.kind
        AND i.digest = name.digest
      JOIN marketplace.metering_record r ON r.identity_id = i.id AND r.dimension = given.dimension
        AND r.hour = given.hour
        AND r.kind = 'hour' AND r.id <> given.id
      JOIN marketplace.attempt_record a ON a.seller_account = r.seller_account AND a.record_id = r.id
        AND a.evidence = 'billed')
  $$`,
  `CREATE TRIGGER metering_record_guard BEFORE UPDATE ON marketplace.metering_record FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.disposition IS DISTINCT FROM NEW.disposition
      OR OLD.settled_quantity IS DISTINCT FROM NEW.settled_quantity)
    EXECUTE FUNCTION marketplace.guard_metering_record()`,

  // Annulling takes back what a record added; another system's quantity leaves the difference in the period's carry.
  `CREATE FUNCTION marketplace.take_back_metering_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.disposition = 'annulled' THEN
      UPDATE marketplace.balance b
        SET event_sum = b.event_sum - NEW.event_sum, included = b.included - NEW.included, quantity = b.quantity -
          NEW.quantity
        WHERE b.seller_account = NEW.seller_account AND b.period_id = NEW.period_id AND b.dimension = NEW.dimension;
    ELSE
      UPDATE marketplace.balance b SET quantity = b.quantity - NEW.quantity + NEW.settled_quantity
        WHERE b.seller_account = NEW.seller_account AND b.period_id = NEW.period_id AND b.dimension = NEW.dimension;
    END IF;
    -- Its carry is another now: sealing plans it.
    INSERT INTO marketplace.customer_changed (seller_account, customer_id) VALUES (NEW.seller_account, NEW.customer_id);
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER metering_record_taken_back AFTER UPDATE ON marketplace.metering_record FOR EACH ROW
    WHEN (NEW.period_id IS NOT NULL AND ((NEW.disposition = 'annulled' AND OLD.disposition IS DISTINCT FROM 'annulled')
      OR (OLD.settled_quantity IS NULL AND NEW.settled_quantity IS NOT NULL)))
    EXECUTE FUNCTION marketplace.take_back_metering_record()`,
  `CREATE FUNCTION marketplace.check_annulled_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM marketplace.rollup u WHERE u.record_id = NEW.id) THEN
      RAISE EXCEPTION 'record % is annulled but keeps its rollups', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE CONSTRAINT TRIGGER metering_record_annulled_is_empty AFTER UPDATE
    ON marketplace.metering_record DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.disposition = 'annulled' AND OLD.disposition IS DISTINCT FROM 'annulled')
      EXECUTE FUNCTION marketplace.check_annulled_record()`,

  // --- rollups ---
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
  `CREATE INDEX rollup_by_whole ON marketplace.rollup (split_of) WHERE split_of IS NOT NULL`,
  // Never planned: what makes a customer due.
  `CREATE INDEX rollup_fresh ON marketplace.rollup (subject) WHERE record_id IS NULL AND NOT is_split
    AND waiting_reason IS NULL`,
  `CREATE INDEX agreement_aliases ON marketplace.agreement (seller_account, alias_of) WHERE alias_of IS NOT NULL`,
];
