// The seal job: take (usage-taker), then freeze (customer-freezer), some customers at a time.
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { isOutage, LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { ClockWatch } from '../../events/clock-watch.js';
import { Outbox } from '../../events/outbox.js';
import { followsLifecycle, type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, hourOf, plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { formatDecimal, scaled } from '../../runtime/decimal.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { ARRIVAL_GAP_MS } from '../../subscription/agreements/timeline-rule.js';
import { adoptClaims } from '../../subscription/chain/claim-adoption.js';
import { loadCustomerTimelines } from '../../subscription/chain/customer-timelines.js';
import { CustomerFreezer, type Frozen, type TimelineLoader } from './customer-freezer.js';
import { customersOf, findDueCustomers, findUnknownSubjects } from './due-customers.sql.js';
import { type Listed, noteListed, ownCustomers } from './listed-products.sql.js';
import { SealingNotices } from './sealing-notices.js';
import { UsageTaker } from './usage-taker.js';
import { dueUsage } from './usage-take.sql.js';
import { FaultLog } from '../../runtime/fault-log.js';
import { redactedText } from '../../runtime/redaction.js';

/** Customers in one transaction. */
const CHUNK = 200;

/** Where timelines of customers come from: tests may say. */
export const TIMELINE_LOADER = Symbol('marketplace-metering:timeline-loader');

/**
 * Where no lifecycle message can come, nobody would ever say that a subscription has become active: it is metered as if
 * it were.
 */
function loaderFor(options: ResolvedOptions): TimelineLoader {
  const settings = { followsLifecycle: followsLifecycle(options), arrivalGapMs: ARRIVAL_GAP_MS };
  return (tx, sellerAccount, ids, now) => loadCustomerTimelines(tx, sellerAccount, ids, now, settings);
}

const NOTHING: Frozen = { records: 0, annulled: 0, closed: [], isAsking: false };
const sumOf = (a: Frozen, b: Frozen): Frozen => ({
  records: a.records + b.records,
  annulled: a.annulled + b.annulled,
  closed: [...a.closed, ...b.closed],
  isAsking: a.isAsking || b.isAsking,
});

/**
 * The seal job: takes what claims have brought, takes usage of settled hours into rollups, and freezes rollups into
 * metering records. Any number of replicas may run it; each takes the customers that no other is at.
 */
@Injectable()
export class HourSealer {
  private readonly logger = new Logger('MarketplaceSealer');
  private readonly faults = new FaultLog(this.logger, 'error');
  private readonly freezer: CustomerFreezer;

  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly clock: ClockWatch,
    outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    private readonly taker: UsageTaker,
    @Optional() @Inject(TIMELINE_LOADER) loadTimelines: TimelineLoader | null = null,
  ) {
    const notices = new SealingNotices(options.sellerAccount, outbox, alerts);
    this.freezer = new CustomerFreezer(
      options,
      loadTimelines ?? loaderFor(options),
      (due, now) => taker.take(due, now),
      notices,
    );
  }

  /** One pass over every customer that has something to seal. */
  async run(signal: AbortSignal = new AbortController().signal): Promise<void> {
    if (!(await this.clock.isTrusted())) return;
    const { sellerAccount, clock } = this.options;
    while (
      !signal.aborted &&
      (await this.database.transaction((tx) => adoptClaims(tx, sellerAccount, clock.now()))) > 0
    );
    await this.taker.run(signal);
    const ids = await this.dueCustomers();
    let frozen = NOTHING;
    for (let start = 0; start < ids.length && !signal.aborted; start += CHUNK) {
      frozen = sumOf(frozen, await this.freezeChunk(ids.slice(start, start + CHUNK)));
    }
    await this.tellUnknownSubjects();
    if (frozen.records > 0) this.waker.wake('submit');
    if (frozen.isAsking) this.waker.wake('entitlements');
  }

  /** Services that share a ledger may list a product each: of the others' customers only they know what to seal. */
  private async dueCustomers(): Promise<string[]> {
    const { sellerAccount, clock, products } = this.options;
    const listed: Listed = { productCodes: products.map(({ productCode }) => productCode), now: clock.now() };
    await this.database.transaction((tx) => noteListed(tx, sellerAccount, listed));
    const ids = await findDueCustomers(this.database, sellerAccount, listed.now);
    return ids.length === 0 ? [] : ownCustomers(this.database, sellerAccount, ids, listed);
  }

  /**
   * The last pass of a process whose ledger may end with it: the running hour of these products is sealed as it stands,
   * and so are hours that have ended and not settled.
   */
  async sealRunningHour(productCodes: readonly string[]): Promise<void> {
    if (!(await this.clock.isTrusted())) return;
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const due = await dueUsage(this.database, sellerAccount, plusMs(hourOf(now), HOUR_MS));
    await this.taker.take(due, now);
    const customers = await customersOf(this.database, sellerAccount, productCodes);
    if (customers.length > 0) await this.freezeChunk(customers, { isLastPass: true });
  }

  /**
   * Freezes what no other replica is at among these; when that fails, its halves, until the one bad customer is skipped
   * with an alert. It is blamed when it has failed alone and again: a grain that another has taken meanwhile is planned
   * elsewhere the second time. A database that is away says nothing about anybody.
   */
  private async freezeChunk(
    ids: readonly string[],
    how: { isAlone?: boolean; isLastPass?: boolean } = {},
  ): Promise<Frozen> {
    try {
      const frozen = await this.database.transaction((tx) => this.freezer.freeze(tx, ids, how));
      crashPoint('seal.committed');
      for (const id of ids) this.faults.works(id, `customer ${id} can be sealed again`);
      this.report(frozen);
      return frozen;
    } catch (error) {
      if (isOutage(error)) throw error;
      const [first = '', ...others] = ids;
      if (others.length === 0) {
        if (how.isAlone !== true) return this.freezeChunk(ids, { ...how, isAlone: true });
        await this.skip(first, error as Error);
        return NOTHING;
      }
      const middle = Math.ceil(ids.length / 2);
      return sumOf(await this.freezeChunk(ids.slice(0, middle), how), await this.freezeChunk(ids.slice(middle), how));
    }
  }

  private report({ records, closed }: Frozen): void {
    if (records > 0) countMetric('marketplace.records.sealed', records, {});
    for (const reason of new Set(closed)) {
      const count = closed.filter((one) => one === reason).length;
      countMetric('marketplace.records.settled', count, { state: 'closed', reason });
      this.logger.warn(`records closed: ${reason}`, { records: count });
    }
  }

  private async skip(customerId: string, error: Error): Promise<void> {
    this.faults.failed(customerId, {
      line: `customer ${customerId} cannot be sealed: ${redactedText(error.message)}`,
      stack: error.stack && redactedText(error.stack),
    });
    await this.alerts.raise(this.database, {
      kind: 'sealSkipped',
      subject: customerId,
      severity: 'critical',
      message:
        `Usage of customer ${customerId} cannot be sealed and is not billed until this is resolved: ` + error.message,
    });
  }

  /** Usage in the accepted form that was written for nobody: it waits, and a person must hear of it. */
  private async tellUnknownSubjects(): Promise<void> {
    const unknown = await findUnknownSubjects(this.database, this.options.sellerAccount);
    const waiting = new Set(unknown.map(({ subject }) => `subject ${subject}/unknownSubject`));
    const open = await this.alerts.openSubjects(this.database, 'usageWaiting');
    const over = open.filter((subject) => subject.endsWith('/unknownSubject') && !waiting.has(subject));
    if (over.length > 0) await this.alerts.resolve(this.database, 'usageWaiting', over);
    for (const row of unknown) {
      const quantity = formatDecimal(scaled(row.quantity));
      await this.alerts.raise(this.database, {
        kind: 'usageWaiting',
        subject: `subject ${row.subject}/unknownSubject`,
        severity: 'critical',
        message:
          `${quantity} of ${row.dimension}, used from ${row.first_at.toISOString()} to ` +
          `${row.last_at.toISOString()}, was written for subject ${row.subject}, ` +
          'which nobody has claimed. It waits and is not billed (unknownSubject).',
        details: { subject: row.subject, dimension: row.dimension, quantity, reason: 'unknownSubject' },
      });
    }
  }
}
