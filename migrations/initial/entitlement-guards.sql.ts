/**
 * What AWS has said of an agreement is history: each answer that differs from the one before is kept as it came, and
 * written by no other than the newest answer itself. What is included at an hour follows from it.
 */
export const ENTITLEMENT_GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.keep_entitlement_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO marketplace.entitlement_change (seller_account, agreement_id, fetched_at, entitlements, otherwise_at)
      VALUES (NEW.seller_account, NEW.agreement_id, NEW.fetched_at, NEW.entitlements,
        CASE TG_OP WHEN 'UPDATE' THEN OLD.fetched_at END);
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER entitlement_snapshot_first AFTER INSERT ON marketplace.entitlement_snapshot FOR EACH ROW
    WHEN (NEW.empty_since IS NULL) EXECUTE FUNCTION marketplace.keep_entitlement_change()`,
  // A first answer that is empty counts once it was said twice.
  `CREATE TRIGGER entitlement_snapshot_other AFTER UPDATE ON marketplace.entitlement_snapshot FOR EACH ROW
    WHEN (NEW.empty_since IS NULL AND (NEW.entitlements IS DISTINCT FROM OLD.entitlements
      OR (OLD.empty_since IS NOT NULL AND OLD.entitlements = '[]' AND NEW.entitlements = '[]')))
    EXECUTE FUNCTION marketplace.keep_entitlement_change()`,
  `CREATE TRIGGER entitlement_change_by_answers_alone BEFORE INSERT OR UPDATE ON marketplace.entitlement_change
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION marketplace.refuse_change('what AWS has said is written by its answers alone')`,
  `CREATE TRIGGER entitlement_change_frozen BEFORE UPDATE ON marketplace.entitlement_change
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse_change('what AWS has said is kept as it was said')`,
  // Answers follow each other in time: what was said of an hour that is sealed is never said anew.
  `CREATE TRIGGER entitlement_snapshot_moves_on BEFORE UPDATE ON marketplace.entitlement_snapshot FOR EACH ROW
    WHEN (NEW.fetched_at < OLD.fetched_at OR (NEW.fetched_at = OLD.fetched_at
      AND NEW.entitlements IS DISTINCT FROM OLD.entitlements))
    EXECUTE FUNCTION marketplace.refuse_change('a later answer of AWS takes the place of an earlier one')`,
];
