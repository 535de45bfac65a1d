/** Facts are what was heard; identities, once pinned, stay. */
export const SUBSCRIPTION_GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.guard_product() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.product_code, OLD.type, OLD.region) IS DISTINCT FROM (NEW.seller_account, NEW.product_code, NEW.type, NEW.region) THEN
      RAISE EXCEPTION 'region and type of product % are pinned: AWS dedupes per region', OLD.product_code USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER product_guard BEFORE UPDATE ON marketplace.product FOR EACH ROW EXECUTE FUNCTION marketplace.guard_product()`,
  `CREATE FUNCTION marketplace.guard_inbox_message() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.origin, OLD.message_id, OLD.received_via, OLD.received_at)
        IS DISTINCT FROM (NEW.seller_account, NEW.origin, NEW.message_id, NEW.received_via, NEW.received_at)
      -- Erasure: what holds names of a buyer may go, never change.
      OR (NEW.body IS DISTINCT FROM OLD.body AND NEW.body IS NOT NULL)
      OR (OLD.type IS NOT NULL AND (OLD.type, OLD.event_at) IS DISTINCT FROM (NEW.type, NEW.event_at))
      OR (OLD.event IS NOT NULL AND NEW.event IS DISTINCT FROM OLD.event AND NEW.event IS NOT NULL) THEN
      RAISE EXCEPTION 'message % is kept as it was received', OLD.message_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER inbox_message_guard BEFORE UPDATE ON marketplace.inbox_message FOR EACH ROW EXECUTE FUNCTION marketplace.guard_inbox_message()`,
];
