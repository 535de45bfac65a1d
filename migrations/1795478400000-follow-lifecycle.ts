import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** The subscription's life: what was heard about it, the states that follow from that, and the delivery of events to the host's handlers. */
const UP: readonly string[] = [
  `ALTER TABLE marketplace.subscription
    DROP CONSTRAINT subscription_state_check,
    DROP CONSTRAINT subscription_end_has_signs,
    ADD COLUMN activated_at timestamptz,
    ADD COLUMN is_trial boolean NOT NULL DEFAULT false,
    -- Set with every change of life that metering must act on (deadlines, refused records); metering clears it.
    ADD COLUMN life_changed boolean NOT NULL DEFAULT false,
    -- The subscription that this one renews, replaces or takes up again.
    ADD COLUMN predecessor_id uuid,
    -- First hour metered under the license: later than the start where a legacy subscription was moved.
    ADD COLUMN license_from timestamptz,
    -- Business time of the last word about it, from AWS or by asking AWS.
    ADD COLUMN last_heard_at timestamptz,
    ADD COLUMN reconciled_at timestamptz,
    -- Business time at which AWS last said that entitlements have changed: an answer older than that is not fresh.
    ADD COLUMN entitlements_changed_at timestamptz`,
  `DROP INDEX marketplace.subscription_with_end`,
  // Usage was taken by AWS: it has been active all along.
  `UPDATE marketplace.subscription SET state = 'active', activated_at = registered_at WHERE state = 'registered' AND first_metered_at IS NOT NULL`,
  `ALTER TABLE marketplace.subscription
    ADD CONSTRAINT subscription_state_known CHECK (state IN ('registered', 'active', 'trial', 'suspended', 'failed', 'ending', 'ended')),
    ADD CONSTRAINT subscription_end_has_signs CHECK (
      (state IN ('ending', 'ended')) = (ends_at IS NOT NULL) AND (ends_at IS NULL) = (first_end_sign_at IS NULL)
      AND (first_end_sign_at IS NULL) = (last_end_sign_at IS NULL) AND (last_end_sign_at >= first_end_sign_at)),
    ADD CONSTRAINT subscription_active_since CHECK (state NOT IN ('active', 'trial') OR activated_at IS NOT NULL),
    ADD CONSTRAINT subscription_license_from_is_hour CHECK (extract(epoch FROM license_from) % 3600 = 0),
    ADD CONSTRAINT subscription_not_its_own_predecessor CHECK (predecessor_id <> id),
    ADD CONSTRAINT subscription_predecessor FOREIGN KEY (seller_account, predecessor_id) REFERENCES marketplace.subscription`,
  `CREATE UNIQUE INDEX subscription_successor ON marketplace.subscription (seller_account, predecessor_id) WHERE predecessor_id IS NOT NULL`,
  // Read by every recording statement, to find whose keys a renewed subscription shares; holds those rows only.
  `CREATE INDEX subscription_with_predecessor ON marketplace.subscription (seller_account, id, predecessor_id) WHERE predecessor_id IS NOT NULL`,
  // The first of a line of renewals, on events recorded for one of the line: a key is unique among them, whichever of them two callers name.
  `ALTER TABLE marketplace.usage_event ADD COLUMN lineage_id uuid`,
  `CREATE UNIQUE INDEX usage_event_lineage_key ON marketplace.usage_event (seller_account, lineage_id, idempotency_key) WHERE lineage_id IS NOT NULL`,
  `CREATE INDEX subscription_by_state ON marketplace.subscription (seller_account, state, id)`,
  `CREATE INDEX subscription_life_changed ON marketplace.subscription (seller_account, id) WHERE life_changed`,

  // Everything heard about subscriptions' lives, whichever way it came: the state of a subscription is a function of its rows here.
  `CREATE TABLE marketplace.inbox_message (
    seller_account text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('eventBridge', 'sns', 'sqs', 'http', 'host', 'lineage', 'reconciliation')),
    message_id text NOT NULL CHECK (length(message_id) BETWEEN 1 AND 255),
    received_via text NOT NULL,
    received_at timestamptz NOT NULL,
    body text NOT NULL,
    -- As understood; all NULL for a message that was not.
    type text,
    event_at timestamptz,
    event jsonb,
    -- The names of the subscription that the message speaks of, each as its alias is written, for those that wait for one.
    names text[] NOT NULL DEFAULT '{}',
    subscription_id uuid,
    state text NOT NULL CHECK (state IN ('pending', 'waiting', 'applied', 'ignored', 'parked')),
    attempt_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error text,
    applied_at timestamptz,
    PRIMARY KEY (seller_account, origin, message_id),
    FOREIGN KEY (seller_account, subscription_id) REFERENCES marketplace.subscription,
    CONSTRAINT inbox_message_understood CHECK (
      num_nulls(type, event_at, event) IN (0, 3) AND (type IS NOT NULL OR state IN ('parked', 'ignored'))),
    CONSTRAINT inbox_message_applied CHECK ((state = 'applied') = (subscription_id IS NOT NULL) AND (state = 'applied') = (applied_at IS NOT NULL)),
    CONSTRAINT inbox_message_parked_says_why CHECK (state <> 'parked' OR error IS NOT NULL)
  )`,
  `CREATE INDEX inbox_message_pending ON marketplace.inbox_message (seller_account, next_attempt_at) WHERE state = 'pending'`,
  `CREATE INDEX inbox_message_waiting ON marketplace.inbox_message USING gin (names) WHERE state = 'waiting'`,
  `CREATE INDEX inbox_message_by_subscription ON marketplace.inbox_message (seller_account, subscription_id, event_at) WHERE subscription_id IS NOT NULL`,
  // A renewal names the agreement before it; whichever of the two is known first, the other finds it.
  `CREATE INDEX inbox_message_by_previous ON marketplace.inbox_message (seller_account, (event -> 'details' ->> 'previousAgreementId'))
    WHERE event -> 'details' ->> 'previousAgreementId' IS NOT NULL AND state = 'applied'`,
  // The operators' list, newest first. Messages are few: a handful for each subscription in a year.
  `CREATE INDEX inbox_message_by_receipt ON marketplace.inbox_message (seller_account, received_at, origin, message_id)`,
  `CREATE INDEX inbox_message_by_state ON marketplace.inbox_message (seller_account, state, received_at, origin, message_id)`,
  `CREATE INDEX inbox_message_by_origin ON marketplace.inbox_message (seller_account, origin, received_at, message_id)`,
  `CREATE INDEX inbox_message_by_type ON marketplace.inbox_message (seller_account, type, received_at, origin, message_id)`,

  // Ends that were entered before: from now on the state follows from the messages.
  `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, type, event_at, event, subscription_id,
     state, applied_at)
   SELECT seller_account, 'host', 'end of ' || id, 'migration', last_end_sign_at, '', 'host.ended', last_end_sign_at,
     jsonb_build_object('about', jsonb_build_object('subscriptionId', id), 'details', jsonb_build_object('endsAt', ends_at)), id, 'applied', last_end_sign_at
   FROM marketplace.subscription WHERE state = 'ending' AND merged_into IS NULL`,

  // What was heard is evidence: it may be filed under a subscription, never rewritten.
  `CREATE FUNCTION marketplace.guard_inbox_message() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.origin, OLD.message_id, OLD.received_via, OLD.received_at, OLD.body)
        IS DISTINCT FROM (NEW.seller_account, NEW.origin, NEW.message_id, NEW.received_via, NEW.received_at, NEW.body)
      OR (OLD.type IS NOT NULL AND (OLD.type, OLD.event_at, OLD.event) IS DISTINCT FROM (NEW.type, NEW.event_at, NEW.event)) THEN
      RAISE EXCEPTION 'message % is kept as it was received', OLD.message_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER inbox_message_guard BEFORE UPDATE ON marketplace.inbox_message FOR EACH ROW EXECUTE FUNCTION marketplace.guard_inbox_message()`,

  `ALTER TABLE marketplace.outbox_event ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY`,
  `CREATE UNIQUE INDEX outbox_event_position ON marketplace.outbox_event (seller_account, position)`,
  // Methods of the host that want to hear of events, a row per type. Rows outlive processes: what occurs while none has the method waits for one.
  `CREATE TABLE marketplace.event_handler (
    seller_account text NOT NULL,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
    type text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz,
    PRIMARY KEY (seller_account, id, type)
  )`,
  // Written with the event. No foreign key to the handler: a transaction that tells of something must not wait for a process that starts.
  `CREATE TABLE marketplace.event_delivery (
    seller_account text NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    event_id uuid NOT NULL,
    handler_id text NOT NULL,
    type text NOT NULL,
    subscription_id uuid,
    position bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivering', 'delivered', 'parked', 'skipped')),
    attempt_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_token uuid,
    lease_until timestamptz,
    last_error text,
    delivered_at timestamptz,
    decided_by text,
    decision text,
    PRIMARY KEY (seller_account, id),
    FOREIGN KEY (seller_account, event_id) REFERENCES marketplace.outbox_event,
    CONSTRAINT event_delivery_lease CHECK ((state = 'delivering') = (lease_token IS NOT NULL) AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT event_delivery_delivered CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT event_delivery_skipped_is_signed CHECK (state <> 'skipped' OR num_nonnulls(decided_by, decision) = 2)
  )`,
  // Once for each handler, and in the order of the list.
  `CREATE UNIQUE INDEX event_delivery_by_position ON marketplace.event_delivery (seller_account, position, handler_id)`,
  `CREATE INDEX event_delivery_by_handler ON marketplace.event_delivery (seller_account, handler_id, position)`,
  `CREATE INDEX event_delivery_by_subscription ON marketplace.event_delivery (seller_account, subscription_id, position)
    WHERE subscription_id IS NOT NULL`,
  `CREATE INDEX event_delivery_unfinished ON marketplace.event_delivery (seller_account, state, position) WHERE state <> 'delivered'`,
  `CREATE INDEX event_delivery_open ON marketplace.event_delivery (seller_account, handler_id, position) WHERE state IN ('pending', 'delivering')`,
  `CREATE INDEX event_delivery_line ON marketplace.event_delivery (seller_account, handler_id, subscription_id, position)
    WHERE state IN ('pending', 'delivering')`,
  // A handler is at work on one event of a subscription at a time, whatever the processes think.
  `CREATE UNIQUE INDEX event_delivery_one_at_a_time ON marketplace.event_delivery (seller_account, handler_id, subscription_id)
    WHERE state = 'delivering'`,

  // For each of some subscriptions the others of its line of renewals, and the eldest of them; nothing for one that has no line.
  `CREATE FUNCTION marketplace.kin_of(seller text, given uuid[])
    RETURNS TABLE (member uuid, eldest uuid, has_elders boolean, kins uuid[]) LANGUAGE plpgsql STABLE ROWS 1 AS $$
  BEGIN
    IF NOT EXISTS (SELECT FROM marketplace.subscription s WHERE s.seller_account = seller AND s.predecessor_id IS NOT NULL) THEN
      RETURN;
    END IF;
    RETURN QUERY WITH RECURSIVE place AS (
      SELECT unnest(given) AS id
    ), earlier AS (
      SELECT place.id AS of_member, s.predecessor_id AS kin, 1 AS steps FROM place
      JOIN marketplace.subscription s ON s.seller_account = seller AND s.id = place.id AND s.predecessor_id IS NOT NULL
      UNION ALL
      SELECT earlier.of_member, s.predecessor_id, earlier.steps + 1 FROM earlier
      JOIN marketplace.subscription s ON s.seller_account = seller AND s.id = earlier.kin AND s.predecessor_id IS NOT NULL
    ), later AS (
      SELECT place.id AS of_member, s.id AS kin FROM place
      JOIN marketplace.subscription s ON s.seller_account = seller AND s.predecessor_id = place.id
      UNION ALL
      SELECT later.of_member, s.id FROM later
      JOIN marketplace.subscription s ON s.seller_account = seller AND s.predecessor_id = later.kin
    )
    SELECT known.of_member, (array_agg(known.kin ORDER BY known.steps DESC))[1], max(known.steps) > 0, array_agg(known.kin)
    FROM (SELECT of_member, kin, steps FROM earlier UNION ALL SELECT of_member, kin, 0 FROM later) AS known GROUP BY known.of_member;
  END $$`,

  `CREATE OR REPLACE FUNCTION marketplace.guard_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF (OLD.seller_account, OLD.id, OLD.product_code, OLD.registered_at) IS DISTINCT FROM (NEW.seller_account, NEW.id, NEW.product_code, NEW.registered_at)
      OR (OLD.merged_into IS NOT NULL AND NEW.merged_into IS DISTINCT FROM OLD.merged_into)
      OR (OLD.tenant_id IS NOT NULL AND NEW.tenant_id IS DISTINCT FROM OLD.tenant_id)
      OR (OLD.predecessor_id IS NOT NULL AND NEW.predecessor_id IS DISTINCT FROM OLD.predecessor_id)
      -- An hour that was metered under one identity must never become one of the other.
      OR (OLD.license_from IS NOT NULL AND NEW.license_from IS DISTINCT FROM OLD.license_from) THEN
      RAISE EXCEPTION 'identity of subscription % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'ended' AND NEW.state <> 'ended' THEN
      RAISE EXCEPTION 'subscription % has ended: a new agreement is a subscription of its own', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$`,
];

const DOWN: readonly string[] = [
  `DROP TABLE marketplace.event_delivery`,
  `DROP TABLE marketplace.event_handler`,
  `ALTER TABLE marketplace.outbox_event DROP COLUMN position`,
  `DROP TABLE marketplace.inbox_message`,
  `DROP FUNCTION marketplace.guard_inbox_message`,
  `DROP FUNCTION marketplace.kin_of`,
  `ALTER TABLE marketplace.usage_event DROP COLUMN lineage_id`,
  `DROP INDEX marketplace.subscription_with_predecessor`,
];

export class FollowLifecycle1795478400000 implements MigrationInterface {
  name = 'FollowLifecycle1795478400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of UP) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const heard = (await queryRunner.query(`SELECT 1 FROM marketplace.inbox_message LIMIT 1`)) as unknown[];
    if (heard.length > 0) throw new Error('Messages were received: what subscriptions have become by them is not undone by a migration.');
    for (const statement of DOWN) await queryRunner.query(statement);
    await queryRunner.query(
      `UPDATE marketplace.subscription SET state = 'registered' WHERE state IN ('active', 'trial', 'suspended', 'failed')`,
    );
    await queryRunner.query(
      `DROP INDEX marketplace.subscription_by_state, marketplace.subscription_life_changed, marketplace.subscription_successor`,
    );
    await queryRunner.query(`ALTER TABLE marketplace.subscription DROP CONSTRAINT subscription_state_known, DROP CONSTRAINT subscription_end_has_signs,
      DROP COLUMN activated_at, DROP COLUMN is_trial, DROP COLUMN life_changed, DROP COLUMN predecessor_id, DROP COLUMN license_from,
      DROP COLUMN last_heard_at, DROP COLUMN reconciled_at, DROP COLUMN entitlements_changed_at,
      ADD CONSTRAINT subscription_state_check CHECK (state IN ('registered', 'ending', 'ended')),
      ADD CONSTRAINT subscription_end_has_signs CHECK (
        (state = 'registered') = (ends_at IS NULL) AND (ends_at IS NULL) = (first_end_sign_at IS NULL)
        AND (first_end_sign_at IS NULL) = (last_end_sign_at IS NULL) AND (last_end_sign_at >= first_end_sign_at))`);
    await queryRunner.query(
      `CREATE INDEX subscription_with_end ON marketplace.subscription (seller_account, state, id) WHERE state <> 'registered'`,
    );
    await queryRunner.query(`CREATE OR REPLACE FUNCTION marketplace.guard_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF (OLD.seller_account, OLD.id, OLD.product_code, OLD.registered_at) IS DISTINCT FROM (NEW.seller_account, NEW.id, NEW.product_code, NEW.registered_at)
          OR (OLD.merged_into IS NOT NULL AND NEW.merged_into IS DISTINCT FROM OLD.merged_into)
          OR (OLD.tenant_id IS NOT NULL AND NEW.tenant_id IS DISTINCT FROM OLD.tenant_id) THEN
          RAISE EXCEPTION 'identity of subscription % never changes', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
      END $$`);
  }
}
