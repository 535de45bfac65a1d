import { type EntityManager } from 'typeorm';
import { type SqlExecutor } from '../../database/sql-executor.js';
import { type Decimal } from '../../runtime/decimal.js';

/**
 * What an application records: so much of a dimension was used by a tenant, or by a subscription; where a container or
 * AMI meters itself, by the installation, which needs no name. Once recorded it never changes; a correction is a new
 * event. Which agreement pays is decided when the hour is sealed.
 */
export interface UsageEvent {
  /**
   * The host's tenant, as it was given to `RegistrationService.claim`. It alone is the scope of the idempotency key.
   */
  tenantId?: string;
  /** Needed beside `tenantId` where several listed products declare the dimension. */
  productCode?: string;
  /**
   * Beside `tenantId`: the subscription that pays; on a repetition of a key it is ignored, and the answer says which
   * was named. Alone: who used.
   */
  subscriptionId?: string;
  /** API name of a dimension that the options declare for the product. */
  dimension: string;
  /**
   * Units used, below 10^18. Text, bigint and decimal objects are exact: more than 12 decimals are refused. Numbers are
   * rounded to 12 decimals, half to even, and refused beyond 2^53. Zero is taken; a negative quantity is a correction and needs a
   * `reason`.
   */
  quantity: Decimal;
  /**
   * When the usage happened; default now. A Date, a `Temporal.Instant`, or ISO 8601 text with a zone (`Z` or an
   * offset). At most `recording.futureSkewMs` ahead, at most `recording.idempotencyHorizonMs` ago.
   */
  occurredAt?: Date | TemporalInstant | string;
  /**
   * 1 to 255 characters, unique within the tenant (within the subscription, where no tenant is named) for as long as
   * the event is kept. Give one wherever a retry is possible; without one every call records anew, unless the key that
   * the answer (or the error) handed out is given again.
   */
  idempotencyKey?: string;
  /**
   * Vendor-metered tags (AWS: at most 5; key 1..100, value 1..256 characters out of letters, digits, space and + - = .
   * _ : / @).
   */
  tags?: Record<string, string>;
  /** Why a quantity is negative; at most 1,000 characters. */
  reason?: string;
}

/** As much of a `Temporal.Instant` as is needed. */
export interface TemporalInstant {
  readonly epochMilliseconds: number;
}

/** What became of one event. */
export interface RecordResult {
  /** Id of the event in the ledger. The same key always gives the same id. */
  eventId: string;
  /** The key that was given, or the one that was minted (`evt_…`): given again, it is that event. */
  idempotencyKey: string;
  /** `ignored`: nobody of that name is a customer, and the call or the options said `ignore`; nothing was written. */
  outcome: 'recorded' | 'duplicate' | 'ignored';
  /**
   * The subscription that was named when the event was recorded; null where the tenant's payer is chosen at sealing.
   */
  subscriptionId: string | null;
}

/** How usage is recorded. A member that does not exist is refused (`MANAGER_INVALID`). */
export interface RecordOptions {
  /**
   * A transaction of the host in the same database: the usage is durable with that commit, and gone with its rollback.
   * TypeORM's EntityManager, or the executor of another library: `pgExecutor(client)`, `knexExecutor(trx)`,
   * `kyselyExecutor(trx)`, `drizzleExecutor(tx)`, `prismaExecutor(tx)`, `mikroOrmExecutor(em)`, `sequelizeExecutor(t)`.
   */
  manager?: EntityManager | SqlExecutor;
  /** Stops waiting. Without effect on a statement that runs in the host's transaction already. */
  signal?: AbortSignal;
  /**
   * For hosts whose tenants are only partly AWS customers: `ignore` answers `ignored` for unknown tenants and
   * subscriptions instead of refusing. Default: what the option `recording.unknownTenants` says of tenants.
   */
  ifUnknown?: 'refuse' | 'ignore';
}
