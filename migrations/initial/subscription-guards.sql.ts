/** Facts are what was heard; identities, once pinned, stay. */
export const SUBSCRIPTION_GUARDS: readonly string[] = [
  `CREATE FUNCTION marketplace.guard_product() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.product_code, OLD.type, OLD.region) IS DISTINCT FROM (NEW.seller_account,
      NEW.product_code, NEW.type, NEW.region) THEN
      RAISE EXCEPTION 'region and type of product % are pinned: AWS dedupes per region', OLD.product_code USING
        ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER product_guard BEFORE UPDATE ON marketplace.product FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_product()`,
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
  `CREATE TRIGGER inbox_message_guard BEFORE UPDATE ON marketplace.inbox_message FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_inbox_message()`,

  // What was heard, claimed or chosen is history: another word is another row.
  `CREATE FUNCTION marketplace.refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'UPDATE on marketplace.% is refused: what was said is kept as it was said', TG_TABLE_NAME USING
      ERRCODE = 'restrict_violation';
  END $$`,
  ...['fact', 'payer_choice'].map(
    (table) =>
      `CREATE TRIGGER ${table}_no_update BEFORE UPDATE ON marketplace.${table} FOR EACH ROW
        EXECUTE FUNCTION marketplace.refuse_update()`,
  ),

  // A claim may be undone, once; it is never another's.
  `CREATE FUNCTION marketplace.guard_claim() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF OLD.undone_at IS NOT NULL OR NEW.undone_at IS NULL
      OR (OLD.seller_account, OLD.id, OLD.subscription_id, OLD.product_code, OLD.tenant_id, OLD.since, OLD.code_hash,
        OLD.claimed_at) IS DISTINCT FROM (NEW.seller_account, NEW.id, NEW.subscription_id, NEW.product_code,
        NEW.tenant_id, NEW.since, NEW.code_hash, NEW.claimed_at) THEN
      RAISE EXCEPTION 'UPDATE on marketplace.claim is refused: a claim may be undone, once, and is never another''s'
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER claim_guard BEFORE UPDATE ON marketplace.claim FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_claim()`,

  // The canonical form of a name, whatever form was printed, as subscription/chain/aws-names.ts has it; and its digest.
  `CREATE FUNCTION marketplace.name_digest(kind text, name text) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(CASE kind
      WHEN 'license' THEN coalesce('l-' || substring(name FROM '(?:^|[:/])(?:l|lic)-([^:/]+)$'), name)
      WHEN 'agreement' THEN coalesce(substring(name FROM '^agmn?t-(.+)$'), name)
      ELSE name END, 'UTF8')) $$`,
  // A name may be erased, and is never another; its digest stays, so that look-ups go on, and so that only the same
  // name can ever take its place again.
  `CREATE FUNCTION marketplace.guard_buyer_name() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.product_code, OLD.kind, OLD.digest) IS DISTINCT FROM (NEW.seller_account,
      NEW.product_code, NEW.kind, NEW.digest)
      OR (NEW.name IS DISTINCT FROM OLD.name AND NEW.name IS NOT NULL AND (OLD.name IS NOT NULL
        OR marketplace.name_digest(NEW.kind, NEW.name) <> NEW.digest)) THEN
      RAISE EXCEPTION 'a name of a buyer may be erased, and come back as it was, never changed' USING ERRCODE =
        'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER buyer_name_guard BEFORE UPDATE ON marketplace.buyer_name FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_buyer_name()`,
  `CREATE FUNCTION marketplace.guard_agreement_name() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.kind, OLD.digest, OLD.agreement_id) IS DISTINCT FROM (NEW.seller_account, NEW.kind,
      NEW.digest, NEW.agreement_id)
      OR (NEW.name IS DISTINCT FROM OLD.name AND NEW.name IS NOT NULL AND (OLD.name IS NOT NULL
        OR marketplace.name_digest(NEW.kind, NEW.name) <> NEW.digest))
      OR (NEW.event_form IS DISTINCT FROM OLD.event_form AND NEW.event_form IS NOT NULL AND (OLD.event_form IS NOT NULL
        OR marketplace.name_digest(NEW.kind, NEW.event_form) <> NEW.digest)) THEN
      RAISE EXCEPTION 'a name of an agreement may be completed or erased, and come back as it was, never changed' USING
        ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER agreement_name_guard BEFORE UPDATE ON marketplace.agreement_name FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_agreement_name()`,

  // An id is never taken back, and stands for one product for ever; what was decided about money, once, stays decided.
  `CREATE FUNCTION marketplace.guard_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.id, OLD.product_code) IS DISTINCT FROM (NEW.seller_account, NEW.id, NEW.product_code)
      OR (OLD.alias_of IS NOT NULL AND NEW.alias_of IS NULL)
      OR (OLD.license_from IS NOT NULL AND NEW.license_from IS DISTINCT FROM OLD.license_from)
      OR (OLD.billed_from IS NOT NULL AND NEW.billed_from IS DISTINCT FROM OLD.billed_from) THEN
      RAISE EXCEPTION 'subscription %: id, product, the hour of its move to licenses and the hour from which it is billed are pinned', OLD.id
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER subscription_guard BEFORE UPDATE ON marketplace.subscription FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_subscription()`,
  `CREATE FUNCTION marketplace.guard_customer() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.id, OLD.product_code, OLD.tenant_id) IS DISTINCT FROM (NEW.seller_account, NEW.id,
      NEW.product_code, NEW.tenant_id) THEN
      RAISE EXCEPTION 'customer % is who it is', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER customer_guard BEFORE UPDATE ON marketplace.customer FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_customer()`,
  // Events keep their subject: whose it is may move, what it names never.
  `CREATE FUNCTION marketplace.guard_subject() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.id, OLD.seller_account, OLD.product_code, OLD.tenant_id, OLD.subscription_id)
        IS DISTINCT FROM (NEW.id, NEW.seller_account, NEW.product_code, NEW.tenant_id, NEW.subscription_id)
      OR (OLD.customer_id IS NOT NULL AND NEW.customer_id IS NULL) THEN
      RAISE EXCEPTION 'subject % names what it names', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER subject_guard BEFORE UPDATE ON marketplace.subject FOR EACH ROW
    EXECUTE FUNCTION marketplace.guard_subject()`,
];
