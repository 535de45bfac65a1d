/**
 * What a record may become: the drawn transitions alone, billed only with proof, annulled only where nothing says that
 * AWS has billed it; and what that gives back to its balance.
 */
export const RECORD_STATE_GUARDS: readonly string[] = [
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
        SET event_sum = b.event_sum - NEW.event_sum, included = b.included - NEW.included,
          quantity = b.quantity - NEW.quantity * NEW.block
        WHERE b.seller_account = NEW.seller_account AND b.period_id = NEW.period_id AND b.dimension = NEW.dimension;
      IF NEW.included_by IS NOT NULL THEN
        -- Its rollups are still named: they are let go after the record.
        UPDATE marketplace.included_usage k SET used = k.used - own.used
          FROM (SELECT u.hour, sum(u.event_sum) AS used FROM marketplace.rollup u WHERE u.record_id = NEW.id
            GROUP BY u.hour) AS own
          WHERE k.seller_account = NEW.seller_account AND k.period_id = NEW.period_id
            AND k.dimension = NEW.dimension AND k.hour = own.hour;
      END IF;
    ELSE
      UPDATE marketplace.balance b SET quantity = b.quantity - (NEW.quantity - NEW.settled_quantity) * NEW.block
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
];
