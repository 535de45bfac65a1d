import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LedgerDatabase } from './ledger-database.js';

/** Operations of AWS with a published quota [developer guide, service quotas], which all replicas of a seller share. */
export type BudgetedOperation =
  | 'BatchMeterUsage'
  | 'MeterUsage'
  | 'GetEntitlements'
  | 'SearchAgreements'
  | 'DescribeAgreement'
  | 'GetAgreementTerms'
  | 'LookupEvents';

/**
 * A little under the quota, so that clocks, jitter and the other side's way of counting do not make the last call of a
 * second one too many.
 */
const HEADROOM = 0.98;
/** Throttling halves the rate; never below this, so that a budget can always recover. Calls per second. */
const RATE_FLOOR = 0.2;
/** A rate of zero would be back at the full one after so many seconds: additive increase. */
const RECOVERY_SECONDS = 60;
/** Calls in flight are throttled together; together they say one thing. Seconds. */
const HALVED_ONCE_IN_SECONDS = 1;
/** Postgres holds no endless interval before version 17. */
const A_YEAR_MS = 366 * 24 * 3_600_000;

const ENSURE = `INSERT INTO marketplace.call_budget (seller_account, region, operation, calls_per_second)
  VALUES ($1, $2, $3, $4)
  ON CONFLICT DO NOTHING`;

/**
 * Calls per second now: the option, or after a throttle what it left, growing back. Reads the option at each call, so a
 * changed one counts.
 */
const RATE = `least($4::float8, CASE WHEN throttled_at IS NULL THEN $4::float8 ELSE
  calls_per_second + extract(epoch FROM clock_timestamp() - throttled_at) * $4::float8 / ${RECOVERY_SECONDS} END)`;

// GCRA: the row says when the next call may arrive. The row lock of this one UPDATE is all that replicas share; nobody
// holds it while waiting. Who would have to wait longer than he is willing to takes no slot: those who wait longer are
// not made to wait for him.
const RESERVE = `UPDATE marketplace.call_budget
  SET theoretical_arrival_at = least(greatest(theoretical_arrival_at, clock_timestamp()), clock_timestamp() + interval
    '10 minutes')
    + interval '1 second' / (${RATE} * ${HEADROOM})
  WHERE seller_account = $1 AND region = $2 AND operation = $3
    AND theoretical_arrival_at <= clock_timestamp() + interval '1 millisecond' * $5::float8
  RETURNING extract(epoch FROM theoretical_arrival_at - interval '1 second' / (${RATE} * ${HEADROOM}) -
    clock_timestamp())::float8 * 1000 AS wait_ms`;

const THROTTLED = `UPDATE marketplace.call_budget
  SET calls_per_second = greatest(${RATE_FLOOR}, ${RATE} / 2), throttled_at = clock_timestamp()
  WHERE seller_account = $1 AND region = $2 AND operation = $3
    AND (throttled_at IS NULL OR throttled_at < clock_timestamp() - interval '${HALVED_ONCE_IN_SECONDS} second')`;

/**
 * Calls per second to one operation in one region, shared by all replicas through one row: AWS counts them per account
 * and region, whoever makes them. Machine time throughout, and the database's: replicas need not agree on the time.
 */
@Injectable()
export class CallBudget {
  private readonly known = new Set<string>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  /**
   * Takes the next free slot. @returns milliseconds to wait for it, at least 0. A slot that is not used is lost, and
   * nothing else.
   */
  async reserve(region: string, operation: BudgetedOperation): Promise<number> {
    return (await this.slot(region, operation, Number.POSITIVE_INFINITY)) ?? 0;
  }

  /**
   * Takes the next free slot and waits for it.
   * @param patienceMs how long a wait is worth it
   * @returns false, and no slot taken, where the next one is later than that; false, too, when `signal` aborts the wait
   */
  async take(region: string, operation: BudgetedOperation, patienceMs: number, signal?: AbortSignal): Promise<boolean> {
    const waitMs = await this.slot(region, operation, patienceMs);
    if (waitMs === null) return false;
    return sleep(waitMs, true, { signal }).catch(() => false);
  }

  /** AWS has asked for less haste. */
  async throttled(region: string, operation: BudgetedOperation): Promise<void> {
    await this.database.query(THROTTLED, this.parameters(region, operation));
  }

  private async slot(region: string, operation: BudgetedOperation, patienceMs: number): Promise<number | null> {
    const parameters = this.parameters(region, operation);
    const key = `${region} ${operation}`;
    if (!this.known.has(key)) {
      await this.database.query(ENSURE, parameters);
      this.known.add(key);
    }
    const longest = Math.min(patienceMs, A_YEAR_MS);
    const [row] = await this.database.query<{ wait_ms: number }>(RESERVE, [...parameters, longest]);
    return row ? Math.max(0, row.wait_ms) : null;
  }

  private parameters(region: string, operation: BudgetedOperation): unknown[] {
    return [this.options.sellerAccount, region, operation, callsPerSecondOf(operation, this.options)];
  }
}

function callsPerSecondOf(operation: BudgetedOperation, { aws, submission }: ResolvedOptions): number {
  switch (operation) {
    case 'BatchMeterUsage':
      return submission.callsPerSecond;
    case 'MeterUsage':
      return aws.callsPerSecond.meterUsage;
    case 'GetEntitlements':
      return aws.callsPerSecond.getEntitlements;
    case 'SearchAgreements':
      return aws.callsPerSecond.searchAgreements;
    case 'DescribeAgreement':
      return aws.callsPerSecond.describeAgreement;
    case 'GetAgreementTerms':
      return aws.callsPerSecond.getAgreementTerms;
    case 'LookupEvents':
      return aws.callsPerSecond.lookupEvents;
  }
}
