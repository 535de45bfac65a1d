/** Evidence is final, but for proof. */
export const SUBMISSION_GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.guard_attempt_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.attempt_id, OLD.record_id) IS DISTINCT FROM (NEW.seller_account, NEW.attempt_id,
      NEW.record_id)
      -- Proof beats a decision: a Success that comes after an operator found the record absent is stored, and raises an
      -- alert.
      OR (OLD.evidence <> NEW.evidence AND OLD.evidence <> 'uncertain' AND NOT (OLD.evidence = 'refused'
        AND NEW.evidence = 'billed')
        -- A person has found out what is on file.
        AND NOT (OLD.evidence = 'conflict' AND NEW.evidence IN ('billed', 'refused') AND NEW.decided_by IS NOT NULL))
          THEN
      RAISE EXCEPTION 'evidence of attempt % on record % is final', OLD.attempt_id, OLD.record_id USING ERRCODE =
        'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER attempt_record_guard BEFORE UPDATE ON marketplace.attempt_record FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_attempt_record()`,
];
