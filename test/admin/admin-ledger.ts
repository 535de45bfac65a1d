import { uuidv7 } from 'uuidv7';
import { type DataSource } from 'typeorm';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { type Options } from '../../src/marketplace-metering.options.js';
import { migrate } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

export const SELLER = 'test-seller';
export const PRODUCT = 'larkspur';
export const TOKEN = 'operators-only-0123456789abcdef';
export const NOW = new Date('2026-11-11T12:30:00.000Z');
export const ACCOUNT = '123456789012';
export const LICENSE_ARN = `arn:aws:license-manager::${ACCOUNT}:license:l-0a1b2c3d`;
const HOUR_MS = 3_600_000;

/** Start of the hour `hours` before the running one. */
export const hourAgo = (hours: number): string => new Date(Math.floor(NOW.getTime() / HOUR_MS - hours) * HOUR_MS).toISOString();

/** A ledger filled by SQL, in the shape that the schema demands of any writer. */
export class AdminLedger {
  private constructor(
    readonly postgres: TestDatabase,
    readonly sql: DataSource,
  ) {}

  static async open(): Promise<AdminLedger> {
    const postgres = await migratedDatabase(migrate);
    const ledger = new AdminLedger(postgres, await createDataSource({ database: { url: postgres.url, poolSize: 4 } }).initialize());
    await ledger.product(PRODUCT);
    return ledger;
  }

  async close(): Promise<void> {
    await this.sql.destroy();
    await this.postgres.drop();
  }

  /** Options of an application on this ledger. */
  options(over: Options = {}): Options {
    return {
      sellerAccount: SELLER,
      database: { url: this.postgres.url, poolSize: 4 },
      products: [{ productCode: PRODUCT, dimensions: ['requests', 'storage'] }],
      signUpUrl: 'https://app.example.com/sign-up',
      clock: { now: () => new Date(NOW) },
      jobs: { autoStart: false },
      ...over,
    };
  }

  async product(productCode: string, sellerAccount = SELLER): Promise<void> {
    await this.sql.query(
      `INSERT INTO marketplace.product (seller_account, product_code, type, identity, region, mode)
       VALUES ($1, $2, 'saas', 'license', 'us-east-1', 'live')`,
      [sellerAccount, productCode],
    );
  }

  async subscription(
    over: { id?: string; productCode?: string; tenantId?: string; ending?: boolean; sellerAccount?: string } = {},
  ): Promise<string> {
    const { id = uuidv7(), productCode = PRODUCT, tenantId = null, ending = false, sellerAccount = SELLER } = over;
    const end = ending ? hourAgo(0) : null;
    await this.sql.query(
      `INSERT INTO marketplace.subscription (seller_account, id, product_code, tenant_id, state, license_arn, customer_aws_account_id,
         registered_at, starts_at, ends_at, first_end_sign_at, last_end_sign_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $9, $9)`,
      [sellerAccount, id, productCode, tenantId, ending ? 'ending' : 'registered', LICENSE_ARN, ACCOUNT, hourAgo(100), end],
    );
    return id;
  }

  async event(subscriptionId: string, over: Partial<NewEvent> = {}): Promise<string> {
    const [id] = await this.events([{ ...eventOf(subscriptionId), ...over }]);
    return id!;
  }

  async events(events: readonly NewEvent[]): Promise<string[]> {
    await this.sql.query(
      `INSERT INTO marketplace.usage_event (seller_account, subscription_id, id, dimension, quantity, occurred_at, recorded_at, idempotency_key,
         tags, reason)
       SELECT seller, subscription, id, dimension, quantity, occurred, occurred, key, tags, reason
       FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::timestamptz[], $7::text[], $8::jsonb[], $9::text[])
         AS input (seller, subscription, id, dimension, quantity, occurred, key, tags, reason)`,
      [
        events.map((event) => event.sellerAccount),
        events.map((event) => event.subscriptionId),
        events.map((event) => event.id),
        events.map((event) => event.dimension),
        events.map((event) => event.quantity),
        events.map((event) => event.occurredAt),
        events.map((event) => event.key ?? event.id),
        events.map((event) => (event.tags === null ? null : JSON.stringify(event.tags))),
        events.map((event) => event.reason),
      ],
    );
    return events.map((event) => event.id);
  }

  /** Seals what is unassigned of a subscription and dimension into one record, whole units only; in one transaction, as the deferred key asks. */
  async seal(
    subscriptionId: string,
    over: {
      dimension?: string;
      hour?: string;
      productCode?: string;
      mode?: string;
      notes?: object;
      allocations?: object[];
      sellerAccount?: string;
    } = {},
  ): Promise<string> {
    const { dimension = 'requests', hour = hourAgo(1), productCode = PRODUCT, mode = 'live', notes = {}, sellerAccount = SELLER } = over;
    const id = uuidv7();
    await this.sql.transaction(async (tx) => {
      await tx.query(
        `WITH stamped AS (
           UPDATE marketplace.usage_event SET record_id = $3
           WHERE seller_account = $1 AND subscription_id = $2 AND dimension = $4 AND record_id IS NULL RETURNING quantity
         ), sums AS (
           SELECT coalesce(sum(quantity), 0) AS event_sum, count(*) AS event_count,
             coalesce((SELECT carry FROM marketplace.balance
               WHERE seller_account = $1 AND subscription_id = $2 AND dimension = $4), 0) AS carry_in
           FROM stamped
         )
         INSERT INTO marketplace.metering_record (seller_account, id, kind, subscription_id, product_code, dimension, hour, "timestamp", quantity,
           event_sum, event_count, carry_in, carry_out, allocations, notes, operation, region, mode, identity, license_arn,
           customer_aws_account_id, sealed_at, state, due_at, cutoff_at)
         SELECT $1, $3, 'hour', $2, $5, $4, $6::timestamptz, $6::timestamptz, floor(carry_in + event_sum), event_sum, event_count, carry_in,
           carry_in + event_sum - floor(carry_in + event_sum), $7, $8, 'BatchMeterUsage', 'us-east-1', $9, 'license', $10, $11, $12, 'pending',
           $6::timestamptz + interval '24 hours', $6::timestamptz + interval '25 hours'
         FROM sums`,
        [
          sellerAccount,
          subscriptionId,
          id,
          dimension,
          productCode,
          hour,
          over.allocations ? JSON.stringify(over.allocations) : null,
          JSON.stringify(notes),
          mode,
          LICENSE_ARN,
          ACCOUNT,
          NOW.toISOString(),
        ],
      );
    });
    return id;
  }

  /** One call that carried the record, and what came back. */
  async attempt(
    recordId: string,
    evidence: 'billed' | 'refused' | 'uncertain',
    over: { errorMessage?: string; detail?: object } = {},
  ): Promise<string> {
    const id = uuidv7();
    await this.sql.query(
      `INSERT INTO marketplace.attempt (seller_account, id, operation, product_code, region, lease_token, record_count, submitter, answered_at,
         http_status, aws_request_id, error_code, error_message)
       VALUES ($1, $2, 'BatchMeterUsage', $3, 'us-east-1', $2, 3, 'worker-1', $4, $5, 'request-1', $6, $7)`,
      [
        SELLER,
        id,
        PRODUCT,
        evidence === 'uncertain' ? null : NOW.toISOString(),
        evidence === 'billed' ? 200 : evidence === 'refused' ? 400 : null,
        evidence === 'refused' ? 'InvalidCustomerIdentifierException' : null,
        over.errorMessage ?? null,
      ],
    );
    await this.sql.query(
      `INSERT INTO marketplace.attempt_record (seller_account, attempt_id, record_id, evidence, answer, metering_record_id, detail)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        SELLER,
        id,
        recordId,
        evidence,
        evidence === 'billed' ? 'Success' : null,
        evidence === 'billed' ? 'metering-record-1' : null,
        over.detail ? JSON.stringify(over.detail) : null,
      ],
    );
    return id;
  }

  async meter(recordId: string): Promise<void> {
    await this.attempt(recordId, 'billed');
    await this.move(recordId, `state = 'sending', lease_token = gen_random_uuid(), lease_until = clock_timestamp(), attempt_count = 1`);
    await this.move(
      recordId,
      `state = 'metered', lease_token = NULL, lease_until = NULL, metered_at = '${NOW.toISOString()}', metering_record_id = 'metering-record-1'`,
    );
  }

  async block(recordId: string, reason: string, reasonMessage: string): Promise<void> {
    await this.move(recordId, `state = 'sending', lease_token = gen_random_uuid(), lease_until = clock_timestamp()`);
    await this.move(
      recordId,
      `state = 'blocked', lease_token = NULL, lease_until = NULL, reason = '${reason}', reason_message = '${reasonMessage}'`,
    );
  }

  async closeRecord(recordId: string, disposition: 'carried' | 'held' | 'void'): Promise<void> {
    await this.move(
      recordId,
      `state = 'closed', reason = 'expired', disposition = '${disposition}', closed_at = '${NOW.toISOString()}', closed_by = 'ada'`,
    );
  }

  async move(recordId: string, change: string): Promise<void> {
    await this.sql.query(`UPDATE marketplace.metering_record SET ${change} WHERE id = $1`, [recordId]);
  }

  async alert(
    kind: string,
    subject: string,
    over: { severity?: string; firstRaisedAt?: string; resolved?: boolean; details?: object } = {},
  ): Promise<void> {
    await this.sql.query(
      `INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, details, first_raised_at, last_raised_at, resolved_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`,
      [
        SELLER,
        kind,
        subject,
        over.severity ?? 'warning',
        `account ${ACCOUNT} needs a look`,
        JSON.stringify(over.details ?? {}),
        over.firstRaisedAt ?? hourAgo(5),
        over.resolved === true ? NOW.toISOString() : null,
      ],
    );
  }

  /** A lifecycle message as the inbox keeps it. */
  async message(origin: string, messageId: string, over: Partial<NewMessage> = {}): Promise<void> {
    const { sellerAccount = SELLER, receivedAt = hourAgo(2), state = 'pending', error = null, subscriptionId = null, body = '{}' } = over;
    const event = over.event === undefined ? { type: 'license.updated', about: {}, details: { offerId: null } } : over.event;
    await this.sql.query(
      `INSERT INTO marketplace.inbox_message (seller_account, origin, message_id, received_via, received_at, body, type, event_at, event,
         subscription_id, state, attempt_count, error, applied_at)
       VALUES ($1, $2, $3, 'sqs:lifecycle', $4, $5, $6, $7, $8, $9, $10, 1, $11, $12)`,
      [
        sellerAccount,
        origin,
        messageId,
        receivedAt,
        body,
        event?.type ?? null,
        event && hourAgo(3),
        event && JSON.stringify({ about: event.about, details: event.details }),
        subscriptionId,
        state,
        error,
        state === 'applied' ? receivedAt : null,
      ],
    );
  }

  /** An event, and what became of it on its way to handlers. @returns ids of the deliveries */
  async deliveries(subscriptionId: string | null, handlers: Record<string, string>, sellerAccount = SELLER): Promise<string[]> {
    const eventId = uuidv7();
    await this.sql.query(
      `INSERT INTO marketplace.outbox_event (seller_account, id, type, subscription_id, occurred_at) VALUES ($1, $2, 'alert.raised', $3, $4)`,
      [sellerAccount, eventId, subscriptionId, hourAgo(2)],
    );
    const ids: string[] = [];
    for (const [handlerId, state] of Object.entries(handlers)) {
      const [row] = await this.sql.query<{ id: string }[]>(
        `INSERT INTO marketplace.event_delivery (seller_account, event_id, handler_id, type, subscription_id, position, state, attempt_count,
           last_error, delivered_at, decided_by, decision)
         SELECT seller_account, id, $3, type, subscription_id, position, $4, 2, $5, $6, $7, $8 FROM marketplace.outbox_event
         WHERE seller_account = $1 AND id = $2 RETURNING id`,
        [
          sellerAccount,
          eventId,
          handlerId,
          state,
          `Error: account ${ACCOUNT} is not known`,
          state === 'delivered' ? hourAgo(1) : null,
          state === 'skipped' ? 'ada' : null,
          state === 'skipped' ? `done by hand for ${ACCOUNT}` : null,
        ],
      );
      ids.push(row!.id);
    }
    return ids;
  }

  /** Does what the ledger's triggers refuse, as only a superuser can. */
  async corrupt(statement: string): Promise<void> {
    await this.sql.transaction(async (tx) => {
      await tx.query(`SET LOCAL session_replication_role = replica`);
      await tx.query(statement);
    });
  }
}

export interface NewEvent {
  sellerAccount: string;
  subscriptionId: string;
  id: string;
  dimension: string;
  quantity: string;
  occurredAt: string;
  key: string | null;
  tags: object | null;
  reason: string | null;
}

export interface NewMessage {
  sellerAccount: string;
  receivedAt: string;
  state: string;
  error: string | null;
  subscriptionId: string | null;
  body: string;
  /** Null: not understood. */
  event: { type: string; about: object; details: object } | null;
}

export function eventOf(subscriptionId: string): NewEvent {
  const id = uuidv7();
  return {
    sellerAccount: SELLER,
    subscriptionId,
    id,
    dimension: 'requests',
    quantity: '1',
    occurredAt: hourAgo(1),
    key: null,
    tags: null,
    reason: null,
  };
}
