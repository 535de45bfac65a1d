import { Inject, Injectable, Logger } from '@nestjs/common';
import { isOutage, LedgerDatabase, type LedgerSql, sqlStateOf } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions, type ResolvedProduct } from '../../options/resolved-options.js';
import { countMetric } from '../../runtime/metrics.js';
import { redactedText } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { resolveConflictsOfUnlisted } from './chain-conflict.js';
import { adoptClaims } from './claim-adoption.js';
import { productLabelOf } from './aws-names.js';
import { FactEntry } from './fact-entry.js';
import { Projection, type Projected } from './projection.js';
import { markEntitlementsChanged } from './subscription.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { selectListed } from '../product.sql.js';
import { type LifecycleEvent, type ReceivedMessage } from '../inbox/lifecycle-event.js';
import { LifecycleInbox } from '../inbox/lifecycle-inbox.js';
import {
  eraseMessage,
  type PendingMessage,
  putOff,
  settleMessage,
  takePending,
  wakeIgnored,
} from '../inbox/message.sql.js';
import { FaultLog } from '../../runtime/fault-log.js';

const DUE_MAX = 200;
/** How often it is looked whether another version has set aside what is ours. Machine time. */
const LISTED_AGAIN_MS = 60_000;
/** Lock not available, deadlock detected. */
const LOCK_STATES: readonly unknown[] = ['55P03', '40P01'];
const MAY_CHANGE_ENTITLEMENTS: ReadonlySet<string> = new Set([
  'entitlement.updated',
  'license.updated',
  'agreement.amended',
]);

/**
 * Turns messages into facts and has the chains projected that they concern; takes up claims; and projects what changes
 * by time alone. One message a transaction: one that fails holds up no other. The order of messages is of no account.
 */
@Injectable()
export class MessageProcessor {
  private readonly logger = new Logger('MarketplaceLifecycle');
  private readonly faults = new FaultLog(this.logger, 'error');
  private listedAgainAtMs = -Infinity;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly inbox: LifecycleInbox,
    private readonly entry: FactEntry,
    private readonly projection: Projection,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** All that waits to be done now. */
  async run(signal?: AbortSignal): Promise<void> {
    await this.prepare();
    let changes = await this.adopt();
    while (signal?.aborted !== true) {
      const changed = await this.processOne();
      if (changed === null) break;
      changes ||= changed;
    }
    changes = (await this.followTime(signal)) || changes;
    if (!changes) return;
    this.waker.wake('seal');
    // What was heard may have left a question open: the terms of a new agreement are waited for.
    this.waker.wake('reconcile');
  }

  /**
   * Puts the parts of one answer of AWS into the inbox, and processes them as one: what the ledger made of some of them
   * would be told to the host, and never was. Where one fails they are messages like any other.
   * @returns false where others held for long what it takes: nothing is entered, and AWS is to be asked again
   */
  async receiveAnswer(parts: readonly ReceivedMessage[]): Promise<boolean> {
    if (parts.length === 0) return true;
    try {
      await this.database.transaction((tx) => this.enterAnswer(tx, parts));
    } catch (error) {
      if (isOutage(error)) throw error;
      if (LOCK_STATES.includes(sqlStateOf(error))) return false;
      this.logger.warn(`an answer of AWS is entered part by part: ${redactedText((error as Error).message)}`);
      await this.inbox.receive(parts);
    }
    this.waker.wake('seal');
    this.waker.wake('reconcile');
    return true;
  }

  private async enterAnswer(tx: LedgerSql, parts: readonly ReceivedMessage[]): Promise<void> {
    await limitLockWait(tx);
    // Another replica that asked at the same instant has entered some of them: the others are messages of their own.
    if ((await this.inbox.enter(parts, tx)) < parts.length) return;
    const receivedAt = this.options.clock.now();
    const isPart = parts.length > 1;
    const messages = parts.flatMap(({ origin, messageId, content }) =>
      'event' in content ? [{ origin, messageId, event: content.event, receivedAt }] : [],
    );
    await this.entry.lock(
      tx,
      messages.map((message) => ({ ...message, heardAt: receivedAt })),
    );
    const buyerIds = new Set<string>();
    for (const message of messages) {
      const projected = await this.process(tx, message, isPart);
      if (projected !== null) buyerIds.add(projected.chains.buyerId);
    }
    for (const buyerId of isPart ? buyerIds : []) await this.projection.projectBuyer(tx, buyerId);
  }

  /**
   * Messages of products that are listed again go on, and alerts of products that nobody lists are closed: looked for
   * now and then, since a process with other options, to which a product of ours is none, may set aside what is ours
   * for as long as it runs.
   */
  private async prepare(): Promise<void> {
    if (performance.now() < this.listedAgainAtMs) return;
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    await wakeIgnored(this.database, sellerAccount, this.products.all.flatMap(labelsOf));
    const own = this.products.all.map(({ productCode }) => productCode);
    const listed = await selectListed(this.database, sellerAccount, own, now);
    await resolveConflictsOfUnlisted(this.database, sellerAccount, listed, now);
    this.listedAgainAtMs = performance.now() + LISTED_AGAIN_MS;
  }

  private async adopt(): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    let adopted = 0;
    for (let more = 1; more > 0; adopted += more)
      more = await this.database.transaction((tx) => adoptClaims(tx, sellerAccount, clock.now()));
    return adopted > 0;
  }

  /** Starts, ends and conversions whose instant has come. */
  private async followTime(signal?: AbortSignal): Promise<boolean> {
    let changes = false;
    const seen = new Set<string>();
    while (signal?.aborted !== true) {
      const due = (await this.projection.selectDue(this.database, DUE_MAX)).filter((id) => !seen.has(id));
      if (due.length === 0) return changes;
      for (const buyerId of due) {
        seen.add(buyerId);
        changes = (await this.followOne(buyerId)) || changes;
      }
    }
    return changes;
  }

  /** One buyer that cannot be projected holds up no other. */
  private async followOne(buyerId: string): Promise<boolean> {
    try {
      const isChanged = await this.database.transaction(async (tx) => {
        await limitLockWait(tx);
        return this.projection.projectBuyer(tx, buyerId);
      });
      this.faults.works(buyerId, `the subscriptions of buyer ${buyerId} are projected again`);
      return isChanged;
    } catch (error) {
      if (isOutage(error)) throw error;
      const why = redactedText((error as Error).message);
      this.faults.failed(buyerId, { line: `the subscriptions of buyer ${buyerId} could not be projected: ${why}` });
      return false;
    }
  }

  /** @returns whether anything changed; null when nothing waits */
  private async processOne(): Promise<boolean | null> {
    let taken: PendingMessage | null = null;
    try {
      return await this.database.transaction(async (tx) => {
        taken = await takePending(tx, this.options.sellerAccount);
        if (taken === null) return null;
        return (await this.process(tx, taken))?.changed ?? false;
      });
    } catch (error) {
      // TypeScript does not see the assignment inside the callback.
      const message = taken as PendingMessage | null;
      if (message === null || isOutage(error)) throw error;
      await this.fail(message, error as Error);
      return false;
    }
  }

  private async process(tx: LedgerSql, message: PendingMessage, isPart = false): Promise<Projected | null> {
    const { sellerAccount, clock } = this.options;
    const { event, origin, messageId, receivedAt } = message;
    await limitLockWait(tx);
    const entered = await this.entry.enter(tx, { event, origin, messageId, heardAt: receivedAt, isPart });
    const { outcome, projected } = entered;
    await settleMessage(tx, sellerAccount, { origin, messageId }, outcome, clock.now());
    if (outcome.state === 'waiting') await this.entry.askAboutWaiting(tx, event, null);
    if (projected !== null && entered.isOfThePast) await eraseMessage(tx, sellerAccount, { origin, messageId });
    countMetric('marketplace.messages', 1, { type: event.type, state: outcome.state });
    if (outcome.state === 'applied' && outcome.subscriptionId !== null)
      await this.notice(tx, outcome.subscriptionId, event);
    return projected;
  }

  /** What is told besides changes of state. */
  private async notice(tx: LedgerSql, subscriptionId: string, event: LifecycleEvent): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    if (MAY_CHANGE_ENTITLEMENTS.has(event.type)) await markEntitlementsChanged(tx, sellerAccount, subscriptionId, now);
    const notice = noticeOf(event);
    if (notice === null) return;
    const [row] = await tx.query<{ product_code: string }>(
      `SELECT product_code FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
      [sellerAccount, subscriptionId],
    );
    const payload = { productCode: row?.product_code ?? '', notice };
    await this.outbox.append(tx, [{ type: 'subscription.notice', subscriptionId, payload, occurredAt: now }]);
  }

  private async fail(message: PendingMessage, error: Error): Promise<void> {
    const { sellerAccount, notifications } = this.options;
    const why = redactedText(error.message);
    // What is set aside is told of in the same transaction: nobody would look for it.
    const isDeadLetter = await this.database.transaction(async (tx) => {
      const isLast = await putOff(tx, sellerAccount, message, {
        error: why,
        deadLetterAfterAttempts: notifications.deadLetterAfterAttempts,
        // Who waits for a lock has not failed.
        counts: !LOCK_STATES.includes(sqlStateOf(error)),
      });
      if (isLast) await this.alerts.raise(tx, deadLetterAlertOf(message, why));
      return isLast;
    });
    this.logger.warn(`message ${message.messageId} (${message.event.type}) could not be applied: ${why}`, {
      isDeadLetter,
    });
  }
}

function deadLetterAlertOf({ origin, messageId, event }: PendingMessage, why: string): Alert {
  return {
    kind: 'messageDeadLettered',
    subject: `${origin}:${messageId}`,
    severity: 'critical',
    message:
      `A lifecycle message (${event.type}) cannot be applied and is set aside: ${why}. The subscription ` +
      'it speaks of may stand wrong.',
  };
}

function labelsOf({ productCode, productId }: ResolvedProduct): string[] {
  return [productLabelOf({ productCode }), ...(productId === undefined ? [] : [productLabelOf({ productId })])];
}

/** Nobody waits long for what a host's open transaction may hold: the message is processed later. */
async function limitLockWait(tx: LedgerSql): Promise<void> {
  await tx.query(`SET LOCAL lock_timeout = '5s'`);
}

function noticeOf(event: LifecycleEvent): string | null {
  switch (event.type) {
    case 'agreement.notice':
    case 'advisory.issued':
    case 'advisory.resolved':
      return event.details.detailType;
    case 'agreement.amended':
    case 'entitlement.updated':
    case 'license.updated':
      return event.type;
    default:
      return null;
  }
}
