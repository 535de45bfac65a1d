import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * The ledger. What the code promises, the database refuses to break: frozen columns, the drawn transitions, one record per grain, and the balance
 * equation are constraints and triggers here, so that a defect, a hand-written UPDATE or an older replica cannot lose or double a unit.
 */
const UP: readonly string[] = [
  `CREATE TABLE marketplace.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL DEFAULT gen_random_uuid()
  )`,
  // A host's EntityManager proves with this id that it points at our database.
  `INSERT INTO marketplace.installation DEFAULT VALUES`,

  `CREATE TABLE marketplace.product (
    seller_account text NOT NULL CHECK (seller_account ~ '^[A-Za-z0-9_.-]{1,64}$'),
    product_code text NOT NULL CHECK (length(product_code) BETWEEN 1 AND 255),
    type text NOT NULL CHECK (type IN ('saas', 'container', 'ami')),
    identity text NOT NULL CHECK (identity IN ('license', 'legacy')),
    region text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('live', 'dry-run', 'off')),
    live_from timestamptz,
    mode_before_live text CHECK (mode_before_live IN ('dry-run', 'off')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, product_code),
    CONSTRAINT product_live_from_is_hour CHECK (extract(epoch FROM live_from) % 3600 = 0),
    CONSTRAINT product_live_from_names_mode_before CHECK ((live_from IS NULL) = (mode_before_live IS NULL))
  )`,

  `CREATE TABLE marketplace.subscription (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    product_code text NOT NULL,
    tenant_id text CHECK (length(tenant_id) BETWEEN 1 AND 255),
    state text NOT NULL CHECK (state IN ('registered', 'ending', 'ended')),
    license_arn text,
    customer_aws_account_id text CHECK (customer_aws_account_id ~ '^[0-9]{1,255}$'),
    customer_identifier text CHECK (length(customer_identifier) BETWEEN 1 AND 255),
    offer_type text,
    registration_fields jsonb NOT NULL DEFAULT '{}',
    registered_at timestamptz NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    first_end_sign_at timestamptz,
    last_end_sign_at timestamptz,
    first_metered_at timestamptz,
    merged_into uuid,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, product_code) REFERENCES marketplace.product,
    FOREIGN KEY (seller_account, merged_into) REFERENCES marketplace.subscription,
    CONSTRAINT subscription_end_has_signs CHECK (
      (state = 'registered') = (ends_at IS NULL) AND (ends_at IS NULL) = (first_end_sign_at IS NULL)
      AND (first_end_sign_at IS NULL) = (last_end_sign_at IS NULL) AND (last_end_sign_at >= first_end_sign_at)
    ),
    CONSTRAINT subscription_not_merged_into_itself CHECK (merged_into <> id)
  )`,
  `CREATE INDEX subscription_by_tenant ON marketplace.subscription (seller_account, tenant_id) WHERE tenant_id IS NOT NULL`,
  // Read by every recording statement, to find where a merged subscription lives on; holds those few rows only.
  `CREATE INDEX subscription_merged ON marketplace.subscription (seller_account, id, merged_into) WHERE merged_into IS NOT NULL`,
  `CREATE INDEX subscription_by_product ON marketplace.subscription (seller_account, product_code, id)`,
  `CREATE INDEX subscription_with_end ON marketplace.subscription (seller_account, state, id) WHERE state <> 'registered'`,

  `CREATE TABLE marketplace.subscription_alias (
    seller_account text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('license', 'account', 'customerIdentifier', 'agreement')),
    scope text NOT NULL,
    value text NOT NULL CHECK (value <> ''),
    subscription_id uuid NOT NULL,
    PRIMARY KEY (seller_account, kind, scope, value),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription
  )`,
  `CREATE INDEX subscription_alias_by_subscription ON marketplace.subscription_alias (seller_account, subscription_id)`,

  `CREATE TABLE marketplace.registration_code (
    seller_account text NOT NULL,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    subscription_id uuid NOT NULL,
    -- SHA-256 of the buyer's token: finds what it was resolved to when AWS takes a token only once and the buyer's browser posts it again.
    token_hash bytea CHECK (length(token_hash) = 32),
    offer_type text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    claimed_at timestamptz,
    claimed_by_tenant_id text,
    PRIMARY KEY (seller_account, code_hash),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    CONSTRAINT registration_code_claim_is_whole CHECK ((claimed_at IS NULL) = (claimed_by_tenant_id IS NULL))
  )`,
  `CREATE INDEX registration_code_by_subscription ON marketplace.registration_code (seller_account, subscription_id)`,
  `CREATE INDEX registration_code_by_token ON marketplace.registration_code (seller_account, token_hash) WHERE token_hash IS NOT NULL`,

  // One row per subscription, referenced by nothing: the only lock that sealers share. Locking the subscription row instead would make SKIP LOCKED
  // skip every subscription whose foreign-key children are being inserted, and make recording wait behind a sealer.
  `CREATE TABLE marketplace.seal_cursor (
    seller_account text NOT NULL,
    subscription_id uuid NOT NULL,
    zeros_through timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (seller_account, subscription_id)
  )`,

  // No foreign key to the subscription: subscriptions are never deleted and their ids never change, record() has checked the id, and a key-share
  // lock per insert would turn a busy subscription's row into a multixact hot spot inside the host's transactions.
  `CREATE TABLE marketplace.usage_event (
    seller_account text NOT NULL,
    subscription_id uuid NOT NULL,
    id uuid NOT NULL,
    dimension text NOT NULL,
    quantity numeric(30, 12) NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    tags jsonb,
    reason text,
    record_id uuid,
    PRIMARY KEY (seller_account, subscription_id, id),
    CONSTRAINT usage_event_idempotency UNIQUE (seller_account, subscription_id, idempotency_key),
    CONSTRAINT usage_event_correction_has_reason CHECK (quantity >= 0 OR reason IS NOT NULL)
  )`,
  // Time before dimension: whether a subscription has anything to seal is its first entry, however many events the running hour holds.
  `CREATE INDEX usage_event_unassigned ON marketplace.usage_event (seller_account, subscription_id, occurred_at, dimension) WHERE record_id IS NULL`,
  `CREATE INDEX usage_event_by_record ON marketplace.usage_event (seller_account, record_id, id) WHERE record_id IS NOT NULL`,

  `CREATE FUNCTION marketplace.allocation_sum(allocations jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum((item ->> 'AllocatedUsageQuantity')::numeric), 0) FROM jsonb_array_elements(allocations) AS item
  $$`,

  `CREATE TABLE marketplace.balance (
    seller_account text NOT NULL,
    subscription_id uuid NOT NULL,
    dimension text NOT NULL,
    assigned numeric NOT NULL DEFAULT 0,
    sealed numeric NOT NULL DEFAULT 0,
    carry numeric GENERATED ALWAYS AS (assigned - sealed) STORED,
    -- The part of the carry that the last record left, where that record was of an hour that is not live: set apart when the product goes live.
    carry_not_live numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (seller_account, subscription_id, dimension)
  )`,

  `CREATE TABLE marketplace.metering_record (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('hour', 'closing')),
    subscription_id uuid NOT NULL,
    product_code text NOT NULL,
    dimension text NOT NULL,
    hour timestamptz NOT NULL,
    "timestamp" timestamptz NOT NULL,
    quantity numeric NOT NULL,
    event_sum numeric NOT NULL,
    event_count integer NOT NULL CHECK (event_count >= 0),
    carry_in numeric NOT NULL,
    carry_out numeric NOT NULL,
    allocations jsonb,
    notes jsonb NOT NULL DEFAULT '{}',
    operation text NOT NULL CHECK (operation IN ('BatchMeterUsage', 'MeterUsage')),
    region text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('live', 'dry-run', 'off')),
    identity text NOT NULL CHECK (identity IN ('license', 'legacy')),
    license_arn text,
    customer_aws_account_id text,
    customer_identifier text,
    sealed_at timestamptz NOT NULL,

    state text NOT NULL CHECK (state IN ('pending', 'sending', 'metered', 'blocked', 'unknown', 'closed')),
    reason text,
    reason_message text,
    disposition text CHECK (disposition IN ('carried', 'held', 'void', 'owed', 'transferred')),
    due_at timestamptz NOT NULL,
    cutoff_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt_count integer NOT NULL DEFAULT 0,
    consecutive_failures integer NOT NULL DEFAULT 0,
    probe_group uuid,
    lease_token uuid,
    lease_until timestamptz,
    metering_record_id text,
    confirmed_by_duplicate boolean NOT NULL DEFAULT false,
    deadline_alerted_at timestamptz,
    metered_at timestamptz,
    closed_at timestamptz,
    closed_by text,

    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    CONSTRAINT metering_record_balances CHECK (carry_in + event_sum = quantity + carry_out),
    CONSTRAINT metering_record_hour_quantity CHECK (
      kind <> 'hour' OR (quantity BETWEEN 0 AND 2147483647 AND quantity = trunc(quantity))),
    CONSTRAINT metering_record_hour_is_hour CHECK (extract(epoch FROM hour) % 3600 = 0),
    CONSTRAINT metering_record_timestamp_in_hour CHECK ("timestamp" >= hour AND "timestamp" < hour + interval '1 hour'),
    CONSTRAINT metering_record_allocations_sum CHECK (allocations IS NULL OR marketplace.allocation_sum(allocations) = quantity),
    CONSTRAINT metering_record_sendable CHECK (
      kind <> 'hour'
      OR (identity = 'license' AND license_arn IS NOT NULL AND customer_aws_account_id IS NOT NULL)
      OR (identity = 'legacy' AND license_arn IS NULL AND num_nonnulls(customer_aws_account_id, customer_identifier) = 1)),
    CONSTRAINT metering_record_deadlines CHECK (due_at <= cutoff_at),
    CONSTRAINT metering_record_lease CHECK (
      (state = 'sending') = (lease_token IS NOT NULL) AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT metering_record_sending_is_live CHECK (state <> 'sending' OR mode = 'live'),
    CONSTRAINT metering_record_reason CHECK (state NOT IN ('blocked', 'unknown', 'closed') OR reason IS NOT NULL),
    CONSTRAINT metering_record_metered CHECK ((state = 'metered') = (metered_at IS NOT NULL)),
    CONSTRAINT metering_record_closed CHECK (
      (state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (disposition IS NOT NULL)),
    CONSTRAINT metering_record_void_is_signed CHECK (disposition <> 'void' OR closed_by IS NOT NULL),
    CONSTRAINT metering_record_owed_is_negative CHECK (
      (disposition <> 'owed' OR (kind = 'closing' AND quantity < 0))
      AND (disposition <> 'held' OR kind = 'hour' OR quantity >= 0 OR reason <> 'ended')),
    CONSTRAINT metering_record_closing_is_closed CHECK (kind <> 'closing' OR state = 'closed')
  ) WITH (fillfactor = 70)`,
  `CREATE UNIQUE INDEX metering_record_grain ON marketplace.metering_record (seller_account, subscription_id, hour, dimension) WHERE kind = 'hour'`,
  `CREATE INDEX metering_record_unfinished ON marketplace.metering_record (seller_account, product_code, due_at)
    WHERE state IN ('pending', 'sending', 'blocked', 'unknown')`,
  // The lines in which records wait to be claimed, in the order in which they are: a claim reads the 25 rows it takes, however many wait.
  `CREATE INDEX metering_record_waiting ON marketplace.metering_record (seller_account, product_code, due_at, id)
    WHERE state = 'pending' AND mode = 'live' AND consecutive_failures < 3`,
  `CREATE INDEX metering_record_troubled ON marketplace.metering_record (seller_account, product_code, due_at, id)
    WHERE state = 'pending' AND mode = 'live' AND consecutive_failures >= 3`,
  `CREATE INDEX metering_record_leased ON marketplace.metering_record (seller_account, lease_until) WHERE state = 'sending'`,
  `CREATE INDEX metering_record_blocked ON marketplace.metering_record (seller_account, product_code) WHERE state = 'blocked'`,
  `CREATE INDEX metering_record_by_subscription ON marketplace.metering_record (seller_account, subscription_id, id)`,
  // What operators look for. Metered records, nearly all of them, are in neither of the two partial ones.
  `CREATE INDEX metering_record_by_reason ON marketplace.metering_record (seller_account, reason, id) WHERE reason IS NOT NULL`,
  `CREATE INDEX metering_record_closed ON marketplace.metering_record (seller_account, disposition, id) WHERE state = 'closed'`,
  `CREATE INDEX metering_record_by_hour ON marketplace.metering_record (seller_account, hour)`,
  `CREATE INDEX metering_record_by_dimension ON marketplace.metering_record (seller_account, product_code, dimension)`,

  // Deferred, because a seal stamps the events first (only the stamp knows the sums) and writes the record after.
  `ALTER TABLE marketplace.usage_event ADD CONSTRAINT usage_event_record FOREIGN KEY (seller_account, record_id)
    REFERENCES marketplace.metering_record DEFERRABLE INITIALLY DEFERRED`,

  `CREATE TABLE marketplace.attempt (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    operation text NOT NULL,
    product_code text NOT NULL,
    region text NOT NULL,
    lease_token uuid NOT NULL,
    record_count integer NOT NULL CHECK (record_count > 0),
    submitter text NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at timestamptz,
    http_status integer,
    aws_request_id text,
    error_code text,
    error_message text,
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE TABLE marketplace.attempt_record (
    seller_account text NOT NULL,
    attempt_id uuid NOT NULL,
    record_id uuid NOT NULL,
    evidence text NOT NULL DEFAULT 'uncertain' CHECK (evidence IN ('uncertain', 'refused', 'billed')),
    answer text,
    metering_record_id text,
    detail jsonb,
    decided_by text,
    PRIMARY KEY (seller_account, attempt_id, record_id),
    FOREIGN KEY (seller_account, attempt_id) REFERENCES marketplace.attempt,
    FOREIGN KEY (seller_account, record_id) REFERENCES marketplace.metering_record
  )`,
  `CREATE INDEX attempt_record_by_record ON marketplace.attempt_record (seller_account, record_id)`,

  `CREATE TABLE marketplace.suspect (
    seller_account text NOT NULL,
    product_code text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('product', 'dimension', 'subscription')),
    key text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_probe_at timestamptz NOT NULL,
    probe_count integer NOT NULL DEFAULT 0,
    PRIMARY KEY (seller_account, product_code, scope, key)
  )`,

  `CREATE TABLE marketplace.call_budget (
    seller_account text NOT NULL,
    region text NOT NULL,
    operation text NOT NULL,
    theoretical_arrival_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    calls_per_second double precision NOT NULL CHECK (calls_per_second > 0),
    throttled_at timestamptz,
    PRIMARY KEY (seller_account, region, operation)
  )`,

  `CREATE TABLE marketplace.outbox_event (
    seller_account text NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subscription_id uuid,
    record_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seller_account, id)
  )`,
  `CREATE TABLE marketplace.alert (
    seller_account text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    message text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    first_raised_at timestamptz NOT NULL,
    last_raised_at timestamptz NOT NULL,
    raise_count integer NOT NULL DEFAULT 1,
    resolved_at timestamptz,
    PRIMARY KEY (seller_account, kind, subject)
  )`,
  // In the order in which they are listed: open ones first.
  `CREATE INDEX alert_by_openness ON marketplace.alert (seller_account, (resolved_at IS NULL), first_raised_at, kind, subject)`,

  `CREATE TABLE marketplace.entitlement_snapshot (
    seller_account text NOT NULL,
    subscription_id uuid NOT NULL,
    entitlements jsonb NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (seller_account, subscription_id),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription
  )`,

  // --- what may never happen ---

  `CREATE FUNCTION marketplace.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% on marketplace.% is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END $$`,
  ...[
    'subscription',
    'seal_cursor',
    'usage_event',
    'balance',
    'metering_record',
    'attempt',
    'attempt_record',
    'product',
    'outbox_event',
  ].flatMap((table) => [
    `CREATE TRIGGER ${table}_no_delete BEFORE DELETE ON marketplace.${table} FOR EACH ROW EXECUTE FUNCTION marketplace.refuse()`,
    `CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON marketplace.${table} FOR EACH STATEMENT EXECUTE FUNCTION marketplace.refuse()`,
  ]),

  `CREATE FUNCTION marketplace.guard_usage_event() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    expected marketplace.usage_event := OLD;
  BEGIN
    IF OLD.record_id IS NULL THEN
      expected.record_id := NEW.record_id;
      -- Two subscriptions found to be one: unassigned events follow the pointer that the merge left.
      IF NEW.record_id IS NULL AND EXISTS (
        SELECT 1 FROM marketplace.subscription s
        WHERE s.seller_account = OLD.seller_account AND s.id = OLD.subscription_id AND s.merged_into = NEW.subscription_id
      ) THEN
        expected.subscription_id := NEW.subscription_id;
      END IF;
    END IF;
    IF NEW IS DISTINCT FROM expected THEN
      RAISE EXCEPTION 'usage event % is append-only: only the record that bills it may be added, once', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER usage_event_frozen BEFORE UPDATE ON marketplace.usage_event FOR EACH ROW EXECUTE FUNCTION marketplace.guard_usage_event()`,
  `CREATE FUNCTION marketplace.guard_new_usage_event() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'a usage event starts unassigned' USING ERRCODE = 'restrict_violation';
  END $$`,
  `CREATE TRIGGER usage_event_starts_unassigned BEFORE INSERT ON marketplace.usage_event FOR EACH ROW
    WHEN (NEW.record_id IS NOT NULL) EXECUTE FUNCTION marketplace.guard_new_usage_event()`,

  // The balance is kept by the ledger itself. A sealer that read a stale carry is refused here, whatever it computed.
  `CREATE FUNCTION marketplace.open_metering_record() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    carry_now numeric;
  BEGIN
    IF NEW.kind = 'hour' AND NEW.state <> 'pending' THEN
      RAISE EXCEPTION 'a metering record starts pending' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.disposition = 'carried' THEN
      RAISE EXCEPTION 'a closing record cannot carry' USING ERRCODE = 'restrict_violation';
    END IF;
    INSERT INTO marketplace.balance AS b (seller_account, subscription_id, dimension, assigned, sealed, carry_not_live)
      VALUES (NEW.seller_account, NEW.subscription_id, NEW.dimension, NEW.event_sum, NEW.quantity,
              CASE WHEN NEW.kind = 'hour' AND NEW.mode <> 'live' THEN NEW.carry_out ELSE 0 END)
      ON CONFLICT (seller_account, subscription_id, dimension)
      DO UPDATE SET assigned = b.assigned + excluded.assigned, sealed = b.sealed + excluded.sealed, carry_not_live = excluded.carry_not_live
      RETURNING carry INTO carry_now;
    IF carry_now <> NEW.carry_out THEN
      RAISE EXCEPTION 'record % leaves a carry of % but the balance says %', NEW.id, NEW.carry_out, carry_now USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER metering_record_open BEFORE INSERT ON marketplace.metering_record FOR EACH ROW EXECUTE FUNCTION marketplace.open_metering_record()`,

  `CREATE FUNCTION marketplace.guard_metering_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.id, OLD.kind, OLD.subscription_id, OLD.product_code, OLD.dimension, OLD.hour, OLD."timestamp", OLD.quantity,
        OLD.event_sum, OLD.event_count, OLD.carry_in, OLD.carry_out, OLD.allocations, OLD.notes, OLD.operation, OLD.region, OLD.mode, OLD.identity,
        OLD.license_arn, OLD.customer_aws_account_id, OLD.customer_identifier, OLD.sealed_at)
      IS DISTINCT FROM
       (NEW.seller_account, NEW.id, NEW.kind, NEW.subscription_id, NEW.product_code, NEW.dimension, NEW.hour, NEW."timestamp", NEW.quantity,
        NEW.event_sum, NEW.event_count, NEW.carry_in, NEW.carry_out, NEW.allocations, NEW.notes, NEW.operation, NEW.region, NEW.mode, NEW.identity,
        NEW.license_arn, NEW.customer_aws_account_id, NEW.customer_identifier, NEW.sealed_at)
    THEN
      RAISE EXCEPTION 'record % is frozen: what was sealed never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
      'pending>sending', 'sending>metered', 'sending>pending', 'sending>blocked', 'blocked>pending',
      'pending>closed', 'blocked>closed', 'pending>unknown', 'blocked>unknown', 'unknown>metered', 'unknown>closed',
      -- late proof: the answer of a sender whose lease had run out is still proof
      'pending>metered', 'blocked>metered'])
    THEN
      RAISE EXCEPTION 'record % cannot go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'metered' AND NEW IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'record % is metered: nothing about it changes any more', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'closed' AND OLD.disposition <> NEW.disposition AND NOT (OLD.disposition || '>' || NEW.disposition) = ANY (ARRAY[
      -- a person decides about what waits for one
      'held>void', 'held>carried', 'held>transferred', 'owed>void', 'owed>transferred'])
    THEN
      RAISE EXCEPTION 'record % cannot go from % to %', OLD.id, OLD.disposition, NEW.disposition USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'metered' AND OLD.state <> 'metered' AND NOT EXISTS (
      SELECT 1 FROM marketplace.attempt_record a
      WHERE a.seller_account = NEW.seller_account AND a.record_id = NEW.id AND a.evidence = 'billed')
    THEN
      RAISE EXCEPTION 'record % has no attempt that proves it was billed', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'closed' AND NEW.disposition IS DISTINCT FROM OLD.disposition AND NEW.disposition IN ('carried', 'transferred') THEN
      IF NEW.kind = 'closing' AND NEW.disposition = 'carried' THEN
        RAISE EXCEPTION 'a closing record cannot carry' USING ERRCODE = 'restrict_violation';
      END IF;
      IF EXISTS (
        SELECT 1 FROM marketplace.attempt_record a
        WHERE a.seller_account = NEW.seller_account AND a.record_id = NEW.id AND a.evidence <> 'refused')
      THEN
        RAISE EXCEPTION 'record % may have been billed: its units cannot be handed back', OLD.id USING ERRCODE = 'restrict_violation';
      END IF;
      IF NEW.disposition = 'carried' THEN
        UPDATE marketplace.balance SET sealed = sealed - NEW.quantity
          WHERE seller_account = NEW.seller_account AND subscription_id = NEW.subscription_id AND dimension = NEW.dimension;
      END IF;
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER metering_record_guard BEFORE UPDATE ON marketplace.metering_record FOR EACH ROW EXECUTE FUNCTION marketplace.guard_metering_record()`,

  `CREATE FUNCTION marketplace.guard_attempt_record() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.attempt_id, OLD.record_id) IS DISTINCT FROM (NEW.seller_account, NEW.attempt_id, NEW.record_id)
      -- Proof beats a decision: a Success that comes after an operator found the record absent is stored, and raises an alert.
      OR (OLD.evidence <> NEW.evidence AND OLD.evidence <> 'uncertain' AND NOT (OLD.evidence = 'refused' AND NEW.evidence = 'billed')) THEN
      RAISE EXCEPTION 'evidence of attempt % on record % is final', OLD.attempt_id, OLD.record_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER attempt_record_guard BEFORE UPDATE ON marketplace.attempt_record FOR EACH ROW EXECUTE FUNCTION marketplace.guard_attempt_record()`,

  `CREATE FUNCTION marketplace.guard_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.id, OLD.product_code, OLD.registered_at) IS DISTINCT FROM (NEW.seller_account, NEW.id, NEW.product_code, NEW.registered_at)
      OR (OLD.merged_into IS NOT NULL AND NEW.merged_into IS DISTINCT FROM OLD.merged_into)
      OR (OLD.tenant_id IS NOT NULL AND NEW.tenant_id IS DISTINCT FROM OLD.tenant_id) THEN
      RAISE EXCEPTION 'identity of subscription % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER subscription_guard BEFORE UPDATE ON marketplace.subscription FOR EACH ROW EXECUTE FUNCTION marketplace.guard_subscription()`,

  `CREATE FUNCTION marketplace.guard_product() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.product_code, OLD.type, OLD.region) IS DISTINCT FROM (NEW.seller_account, NEW.product_code, NEW.type, NEW.region) THEN
      RAISE EXCEPTION 'region and type of product % are pinned: AWS dedupes per region', OLD.product_code USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER product_guard BEFORE UPDATE ON marketplace.product FOR EACH ROW EXECUTE FUNCTION marketplace.guard_product()`,
];

export class CreateLedger1795392000000 implements MigrationInterface {
  name = 'CreateLedger1795392000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of UP) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const used = (await queryRunner.query(`SELECT 1 FROM marketplace.usage_event LIMIT 1`)) as unknown[];
    if (used.length > 0)
      throw new Error('The ledger holds usage: it is not dropped by a migration. Dump and drop the schema "marketplace" by hand.');
    const tables = (await queryRunner.query(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'marketplace' AND tablename <> 'migration'`,
    )) as { name: string }[];
    for (const { name } of tables) await queryRunner.query(`DROP TABLE ${name} CASCADE`);
    const functions = (await queryRunner.query(
      `SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'marketplace'`,
    )) as { name: string }[];
    for (const { name } of functions) await queryRunner.query(`DROP FUNCTION ${name} CASCADE`);
  }
}
