/**
 * New records and balances: a record is what its rollups sum to, what was sealed is frozen, and a balance is written by
 * its records alone. What a record may become: record-state-guards.sql.ts; its rollups: rollup-guards.sql.ts.
 *
 * Triggers on the good path are statement triggers over transition tables, or carry a WHEN that is false there: sealing
 * a million events must not pay a function call a row. Those that join look each row up by its index (LATERAL … OFFSET
 * 0, sequential scans off): a plan made while the ledger was young must not read whole tables later. Custom plans are
 * not forced, because that would plan every foreign key's check anew, row by row.
 */
export const SET_BASED = `SET enable_seqscan = off`;

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
  'block',
  'included',
  'included_by',
  'included_total',
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
  // Names go, all at once or one by one. They come back all at once, where all were erased, and only as they were: the
  // digest says so of the name itself, the buyer's own of the account that is sent beside a license.
  `CREATE FUNCTION marketplace.guard_metering_identity() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    was_erased CONSTANT boolean := OLD.kind <> 'installation' AND num_nonnulls(OLD.canonical, OLD.license_arn,
      OLD.customer_aws_account_id, OLD.customer_identifier) = 0;
    changes CONSTANT boolean := coalesce(NEW.canonical <> OLD.canonical OR NEW.license_arn <> OLD.license_arn
      OR NEW.customer_aws_account_id <> OLD.customer_aws_account_id
      OR NEW.customer_identifier <> OLD.customer_identifier, false);
    comes_back CONSTANT boolean := (NEW.canonical IS NOT NULL AND OLD.canonical IS NULL)
      OR (NEW.license_arn IS NOT NULL AND OLD.license_arn IS NULL)
      OR (NEW.customer_aws_account_id IS NOT NULL AND OLD.customer_aws_account_id IS NULL)
      OR (NEW.customer_identifier IS NOT NULL AND OLD.customer_identifier IS NULL);
    -- What stands of the name that the identity is, and of an account beside it.
    own CONSTANT text := CASE NEW.kind WHEN 'license' THEN NEW.license_arn WHEN 'account' THEN
      NEW.customer_aws_account_id ELSE NEW.customer_identifier END;
    beside CONSTANT text := CASE NEW.kind WHEN 'license' THEN NEW.customer_aws_account_id END;
  BEGIN
    IF (OLD.id, OLD.product_code, OLD.kind, OLD.digest) IS DISTINCT FROM (NEW.id, NEW.product_code, NEW.kind,
        NEW.digest)
      OR changes
      OR (comes_back AND (NOT was_erased
        OR (sha256(convert_to(NEW.canonical, 'UTF8')) = NEW.digest
          AND marketplace.name_digest(NEW.kind, own) = NEW.digest) IS NOT TRUE
        OR num_nonnulls(NEW.license_arn, NEW.customer_aws_account_id, NEW.customer_identifier)
          <> num_nonnulls(own, beside)
        OR (beside IS NOT NULL AND NOT EXISTS (SELECT FROM marketplace.buyer_name n WHERE n.product_code =
          NEW.product_code AND n.kind = 'account' AND n.digest = marketplace.name_digest('account', beside)))))
    THEN
      RAISE EXCEPTION 'UPDATE on marketplace.metering_identity is refused: an identity is frozen; its names may only be erased, and come back as they were'
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER metering_identity_frozen BEFORE UPDATE ON marketplace.metering_identity FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_metering_identity()`,
  `CREATE TRIGGER annulled_rollup_frozen BEFORE UPDATE ON marketplace.annulled_rollup
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse_change('what an annulled record had is evidence')`,

  // --- a balance is the sum over its standing records ---
  `CREATE TRIGGER balance_by_records_alone BEFORE INSERT OR UPDATE ON marketplace.balance FOR EACH STATEMENT
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION
      marketplace.refuse_change('a balance is written by its records alone')`,
  `CREATE TRIGGER included_usage_by_records_alone BEFORE INSERT OR UPDATE ON marketplace.included_usage
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION
      marketplace.refuse_change('what counts against included units is written by records alone')`,

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
      SELECT m.event_sum, m.event_count, m.kind, m.subject, m.dimension, m.product_code, m.included_by
        FROM marketplace.metering_record m
      WHERE m.seller_account = asked.seller_account AND m.id = asked.id OFFSET 0
    ) AS r ON true
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(u.event_sum), 0) AS sum, coalesce(sum(u.event_count), 0) AS count,
             count(*) FILTER (WHERE u.is_split OR d.product_code <> r.product_code
               OR (d.name <> r.dimension AND NOT coalesce(r.included_by -> 'covers' ? d.name, false))
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
      SELECT f.seller_account, f.period_id, f.dimension, sum(f.event_sum), sum(f.included),
        sum(f.quantity * f.block)
      FROM fresh f WHERE f.period_id IS NOT NULL
      GROUP BY f.seller_account, f.period_id, f.dimension
      ORDER BY f.seller_account, f.period_id, f.dimension
    ON CONFLICT (seller_account, period_id, dimension) DO UPDATE SET
      event_sum = b.event_sum + excluded.event_sum, included = b.included + excluded.included, quantity = b.quantity +
        excluded.quantity;

    INSERT INTO marketplace.included_usage AS k (seller_account, period_id, dimension, hour, used)
      SELECT f.seller_account, f.period_id, f.dimension, u.hour, sum(u.event_sum)
      FROM fresh f
      CROSS JOIN LATERAL (SELECT hour, event_sum FROM marketplace.rollup WHERE record_id = f.id OFFSET 0) AS u
      WHERE f.included_by IS NOT NULL
      GROUP BY f.seller_account, f.period_id, f.dimension, u.hour
      ORDER BY f.seller_account, f.period_id, f.dimension, u.hour
    ON CONFLICT (seller_account, period_id, dimension, hour) DO UPDATE SET used = k.used + excluded.used;

    -- Where two rows are one agreement, the carry is the sum over both.
    SELECT step.id, step.carry_out, step.carry, step.included_total, step.included INTO wrong
    FROM (
      SELECT f.id, f.carry_out, f.included_total, kept.included - coalesce(sum(f.included) OVER (
        PARTITION BY f.seller_account, own.root, own.price, own.mode, f.dimension ORDER BY f.id DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS included, kept.carry - coalesce(sum(f.event_sum - f.included - f.quantity * f.block) OVER (
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
        SELECT sum(b.carry) AS carry, sum(b.included) AS included
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
          SELECT k.carry, k.included FROM marketplace.balance k WHERE k.seller_account = f.seller_account AND k.period_id = p.id
            AND k.dimension = f.dimension OFFSET 0
        ) AS b
      ) AS kept
      WHERE f.period_id IS NOT NULL
    ) AS step
    WHERE step.carry <> step.carry_out OR step.included <> step.included_total
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'record % leaves a carry of % and % included in all, but the balance says % and %', wrong.id,
        wrong.carry_out, wrong.included_total, wrong.carry, wrong.included
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
  `CREATE TRIGGER metering_record_frozen_when_sent BEFORE UPDATE OF "timestamp", region, resource_id
    ON marketplace.metering_record FOR EACH ROW
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
];
