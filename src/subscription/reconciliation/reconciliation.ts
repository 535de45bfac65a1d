import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type CallFailure } from '../../aws/aws-error.js';
import { type Patience } from '../../aws/paced-calls.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { followsLifecycle, type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { accountsOf } from '../chain/aws-names.js';
import { selectBuyersOf } from '../chain/buyer-chains.js';
import { markCustomersChanged } from '../chain/customer-changed.sql.js';
import { askAboutWaiting } from '../chain/next-ask.sql.js';
import { Projection } from '../chain/projection.js';
import { MessageProcessor } from '../chain/message-processor.js';
import { ProductCatalog } from '../product-catalog.js';
import { selectListed } from '../product.sql.js';
import { type AskedBuyer } from './asked-buyer.js';
import { loadAskedBuyer } from './asked-buyer.sql.js';
import { type BuyerAnswer, findingsOf, messageIdOf } from './buyer-answer.js';
import { BuyerQuestions } from './buyer-questions.js';
import { DueBuyers } from './due-buyers.js';
import { whileAsking } from './question-lease.js';
import {
  type AskingTimes,
  closeQuestion,
  countToAsk,
  countUnapplied,
  postponeQuestion,
  selectRefused,
  selectUnlistedAlerts,
} from './reconciliation.sql.js';
import { WaitingMessages } from './waiting-messages.js';
import { FaultLog } from '../../runtime/fault-log.js';

/** What is not as it should be is asked about after this long, however patient `reconcileAfterMs` is. */
const IMPATIENCE_MS = HOUR_MS;
/** Usage of a buyer whose agreement is over may be that of one who came back: AWS is asked once a day. */
const DAY_MS = 24 * HOUR_MS;
/** Machine time. One buyer's questions, however slowly the quota lets them through; their lease is renewed meanwhile. */
const PATIENCE_MS = 10 * 60_000;
/** Machine time. AWS could not be asked, or what it said could not be entered. */
const AGAIN_AFTER_MS = 60_000;
const LOOKS_MAX = 8;
const LOOK_AGAIN_AFTER_MS = 50;
const SETUP_SUBJECT = 'reconciliation';

export interface AskingProgress {
  /** Subscriptions that AWS is to be asked about now. */
  due: number;
  /** Those that some replica asks about at this moment. */
  underWay: number;
}

export type AskingOutcome = 'asked' | 'failed';

/**
 * Messages may be lost: EventBridge promises its best effort, and nothing from before a rule existed; and a host may
 * have no way in at all. So AWS is asked about subscriptions that have been silent for long, that something was heard
 * of which only AWS can settle, or whose usage waits. What it says is a message like any other; that it was asked lets
 * ends close which were told.
 */
@Injectable()
export class Reconciliation {
  private readonly logger = new Logger('MarketplaceReconciliation');
  private readonly faults = new FaultLog(this.logger, 'warn');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly questions: BuyerQuestions,
    private readonly messages: MessageProcessor,
    private readonly waiting: WaitingMessages,
    private readonly projection: Projection,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** Asks about all that is due, one buyer after the other, at the quota's pace; other replicas ask about others. */
  async run(signal?: AbortSignal): Promise<void> {
    const { sellerAccount, submission } = this.options;
    let [asked, failed] = [0, 0];
    const due = new DueBuyers(this.database, {
      ...{ sellerAccount, productCodes: this.productCodes, leaseMs: submission.leaseMs, times: () => this.times() },
    });
    while (signal?.aborted !== true) {
      const ids = await due.take();
      if (ids === null) break;
      const question = { sellerAccount, ids, leaseMs: submission.leaseMs };
      const ask = () => this.ask(ids, { patienceMs: PATIENCE_MS, signal });
      const outcome = await whileAsking(this.database, question, ask);
      if (outcome === 'failed') failed += 1;
      else asked += 1;
    }
    // Where it answered nothing, why is told apart from this, and not each minute.
    if (asked > 0)
      this.logger.log(`AWS was asked about ${asked} buyer(s), of ${failed} it gave no answer`, {
        ...(await this.progress()),
      });
    await this.waiting.run(signal);
    await this.forgetUnlisted();
  }

  async progress(): Promise<AskingProgress> {
    return countToAsk(this.database, this.options.sellerAccount, this.productCodes, this.times());
  }

  /**
   * Asks AWS about subscriptions of one buyer now, and has what it says applied.
   * @returns `failed` where AWS could not be asked; it is asked again by itself
   */
  async ask(subscriptionIds: readonly string[], patience: Patience = {}): Promise<AskingOutcome> {
    const { sellerAccount } = this.options;
    const buyer = await loadAskedBuyer(this.database, sellerAccount, subscriptionIds);
    const product = buyer && this.products.get(buyer.productCode);
    if (!buyer || !product) return 'asked';
    const answered = await this.questions.ask(buyer, product, patience);
    if (answered.kind === 'failed') return this.again(subscriptionIds, answered.failure, patience);
    this.faults.works(SETUP_SUBJECT, 'AWS answers again about subscriptions');
    const { answer } = answered;
    // What was said must be known before "AWS was asked" lets anything close.
    if (!(await this.enter(buyer, answer, product.identity, patience.signal))) {
      await postponeQuestion(this.database, sellerAccount, subscriptionIds, AGAIN_AFTER_MS);
      return 'failed';
    }
    await this.close(subscriptionIds, buyer, answer);
    await this.reportRefused(subscriptionIds, answer);
    await this.alerts.resolve(this.database, 'setupError', SETUP_SUBJECT);
    return 'asked';
  }

  /** A listing that is taken off the options is none of ours until it is listed again. */
  private get productCodes(): string[] {
    // AWS tells nothing of agreements to what runs with its buyer's credentials.
    return this.products.all.filter(({ type }) => type === 'saas').map(({ productCode }) => productCode);
  }

  /**
   * Without a way in nothing is ever heard: silence says nothing there, and the last hour can still be billed if its
   * end is found within one.
   */
  private times(): AskingTimes {
    const now = this.options.clock.now();
    const { reconcileAfterMs } = this.options;
    const silentMs = followsLifecycle(this.options) ? reconcileAfterMs : Math.min(IMPATIENCE_MS, reconcileAfterMs);
    return {
      now,
      silentSince: plusMs(now, -silentMs),
      impatientSince: plusMs(now, -Math.min(IMPATIENCE_MS, reconcileAfterMs)),
      dailySince: plusMs(now, -DAY_MS),
    };
  }

  /** @returns whether all of it is in the ledger */
  private async enter(
    buyer: AskedBuyer,
    answer: BuyerAnswer,
    identity: 'license' | 'legacy',
    signal?: AbortSignal,
  ): Promise<boolean> {
    const parts = findingsOf(buyer, answer, identity).map((finding) => ({
      origin: 'reconciliation' as const,
      messageId: messageIdOf(finding, answer.askedAt),
      via: 'reconciliation',
      body: JSON.stringify(finding),
      content: { event: { type: 'agreement.found' as const, at: answer.askedAt, ...finding } },
    }));
    const ids = parts.map(({ messageId }) => messageId);
    return (await this.messages.receiveAnswer(parts)) && (await this.areApplied(ids, signal));
  }

  /** Another replica may be at them: it is waited for, a little. */
  private async areApplied(messageIds: readonly string[], signal?: AbortSignal): Promise<boolean> {
    if (messageIds.length === 0) return true;
    for (let look = 1; look <= LOOKS_MAX; look += 1) {
      await this.messages.run(signal);
      if ((await countUnapplied(this.database, this.options.sellerAccount, messageIds)) === 0) return true;
      await sleep(LOOK_AGAIN_AFTER_MS * look);
    }
    return false;
  }

  private async close(
    subscriptionIds: readonly string[],
    buyer: AskedBuyer,
    { askedAt, mayNotAsk }: BuyerAnswer,
  ): Promise<void> {
    const { sellerAccount } = this.options;
    await this.database.transaction(async (tx) => {
      const living = await closeQuestion(tx, sellerAccount, subscriptionIds, { at: askedAt, mayNotAsk });
      const [ids, customerIds] = [living.map(({ id }) => id), living.map(({ customerId }) => customerId)];
      await this.projection.project(tx, ids);
      await markCustomersChanged(tx, sellerAccount, customerIds);
      // What waits for an agreement that AWS did not list either.
      const buyerIds = await selectBuyersOf(tx, sellerAccount, ids);
      for (const name of mayNotAsk ? [] : accountsOf(buyer))
        await askAboutWaiting(tx, sellerAccount, this.productCodes, name, buyerIds);
    });
    this.waker.wake('seal');
    this.waker.wake('deliver');
  }

  private async again(
    subscriptionIds: readonly string[],
    failure: CallFailure,
    { signal }: Patience,
  ): Promise<AskingOutcome> {
    await postponeQuestion(
      this.database,
      this.options.sellerAccount,
      subscriptionIds,
      signal?.aborted === true ? 0 : AGAIN_AFTER_MS,
    );
    if (signal?.aborted === true) return 'failed';
    this.faults.failed(SETUP_SUBJECT, {
      line: `AWS could not be asked about subscriptions: ${failure.code}: ${failure.message}`,
      fields: { requestId: failure.requestId },
    });
    if (failure.kind !== 'setUp') return 'failed';
    await this.alerts.raise(this.database, {
      kind: 'setupError',
      subject: SETUP_SUBJECT,
      severity: 'warning',
      message:
        `AWS cannot be asked about subscriptions (${failure.code}: ${failure.message}). Check the credentials and that ` +
        'the network reaches AWS. Until then lost messages are not found, and usage that waits for an answer stays in ' +
        'the ledger.',
    });
    return 'failed';
  }

  /**
   * AWS calls it in force, and refuses its usage: nothing of ours can settle that. Silence settles nothing and is no
   * reason for an alert.
   */
  private async reportRefused(subscriptionIds: readonly string[], { agreements }: BuyerAnswer): Promise<void> {
    const refused = await selectRefused(this.database, this.options.sellerAccount, subscriptionIds);
    const isActive = agreements.some(({ status }) => status === 'ACTIVE');
    for (const id of subscriptionIds) {
      if (!isActive || !refused.includes(id)) {
        await this.alerts.resolve(this.database, 'contradiction', id);
        continue;
      }
      await this.alerts.raise(this.database, {
        kind: 'contradiction',
        subject: id,
        severity: 'critical',
        message:
          `AWS calls the agreement of subscription ${id} ACTIVE and still refuses its usage as not subscribed. ` +
          'Its buyer may be suspended; ' +
          'contact AWS Marketplace Seller Operations before the deadline of its records.',
      });
    }
  }

  private async forgetUnlisted(): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const listed = await selectListed(this.database, sellerAccount, this.productCodes, clock.now());
    for (const subject of await selectUnlistedAlerts(this.database, sellerAccount, 'contradiction', listed)) {
      await this.alerts.resolve(this.database, 'contradiction', subject);
    }
  }
}
