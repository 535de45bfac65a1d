import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { AlertBoard } from '../../events/alert-board.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { type Decider, requireDecider } from '../../events/signed-decision.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { Waker } from '../../runtime/waker.js';
import { redactedText } from '../../runtime/redaction.js';
import { isStorable } from '../../runtime/storable-text.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import {
  hasMessage,
  ignoreMessage,
  type KeptMessage,
  lockMessage,
  type MessageKey,
  takeUp,
} from './lifecycle-messages.sql.js';
import { readDelivery, type Reading } from './lifecycle-parser.js';

export type { MessageKey } from './lifecycle-messages.sql.js';

/**
 * What has become of a message that was taken up again. `ignored`: read anew, it is of no concern, or stands in the
 * inbox under another id.
 */
export type MessageRetry = { state: 'pending' } | { state: 'ignored'; reason: string };

/**
 * What a person decides about lifecycle messages that were set aside. The admin API lists them: `GET
 * …/messages?state=deadLettered`.
 */
@Injectable()
export class LifecycleMessages {
  private readonly logger = new Logger('MarketplaceLifecycle');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /**
   * Takes a message up again that is dead-lettered, waits for its subscription, or was ignored, because what stood in
   * its way is resolved: a contradiction in the ledger, a product or topic that was missing from the options, a version
   * of this module that did not understand it. It is then filed as one that has just come, with all its attempts; that
   * it came late does no harm, since the state of a subscription follows the time of its events.
   * @param message as the admin API shows it
   * @param decider who decides, and if there is something to say why: each 1 to 255 characters
   * @throws MarketplaceMeteringError `NOT_FOUND`, `TRANSITION_REFUSED` when it is applied or will be by itself, or is
   * still not understood
   */
  async retry(message: MessageKey, { by, reason }: Decider): Promise<MessageRetry> {
    requireDecider({ by, reason });
    const { sellerAccount, clock } = this.options;
    const { origin, messageId } = message;
    const key = { origin, messageId };
    const outcome = await this.database.transaction(async (tx) => {
      const kept = isKey(key) ? await lockMessage(tx, sellerAccount, key) : null;
      if (!kept) throw notFound(key);
      const taken = await this.decide(tx, key, kept);
      await this.alerts.resolve(tx, 'messageDeadLettered', `${origin}:${messageId}`);
      const retried = { action: 'message.retried', target: key, result: { was: kept.state, ...taken } } as const;
      await insertAction(tx, sellerAccount, { ...retried, by, reason, at: clock.now() });
      return taken;
    });
    this.logger.log('message taken up again by hand', { origin, messageId, state: outcome.state, by });
    this.waker.wake('inbox');
    return outcome;
  }

  private async decide(tx: LedgerSql, key: MessageKey, kept: KeptMessage): Promise<MessageRetry> {
    const { sellerAccount } = this.options;
    if (kept.state === 'applied')
      throw refused(key, 'is applied: its subscription stands as it says. A state that looks wrong has another cause.');
    if (kept.state === 'pending')
      throw refused(key, 'is waiting to be applied, and will be by itself within some minutes.');
    if (kept.is_erased) throw refused(key, 'was erased: nothing of what it said is kept.');
    if (kept.type !== null) {
      await takeUp(tx, sellerAccount, key, null);
      return { state: 'pending' };
    }
    const { content, ...read } = this.readAnew(key, kept);
    if ('event' in content) {
      if (!(await this.isDuplicate(tx, key, read))) {
        await takeUp(tx, sellerAccount, key, content.event);
        return { state: 'pending' };
      }
      return this.ignore(tx, key, `the same message was received as ${read.origin}:${read.messageId}`);
    }
    if ('ignored' in content && kept.state === 'deadLettered') return this.ignore(tx, key, content.ignored);
    const why =
      'ignored' in content ? content.ignored : 'deadLettered' in content ? content.deadLettered : content.foreign;
    throw refused(key, `cannot be applied by this version either: ${redactedText(why)}.`);
  }

  private async ignore(tx: LedgerSql, key: MessageKey, reason: string): Promise<MessageRetry> {
    await ignoreMessage(tx, this.options.sellerAccount, key, reason);
    return { state: 'ignored', reason };
  }

  /**
   * As the ways in read it, and with the topics that the options name now. When it was sent is kept nowhere: received
   * is the next best.
   */
  private readAnew(
    { origin, messageId }: MessageKey,
    { received_via: via, received_at: sentAt, body }: KeptMessage,
  ): Reading {
    const { sellerAccount, notifications } = this.options;
    const outerId = { origin: origin === 'http' ? origin : ('sqs' as const), messageId };
    return readDelivery(
      { body: body ?? '', via, outerId, sentAt },
      { sellerAccount, topicArns: notifications.snsTopicArns },
    );
  }

  /** Understood at last, a message may tell an id of its own, under which AWS has sent it again since. */
  private async isDuplicate(tx: LedgerSql, key: MessageKey, read: MessageKey): Promise<boolean> {
    if (read.origin === key.origin && read.messageId === key.messageId) return false;
    return hasMessage(tx, this.options.sellerAccount, read);
  }
}

/** Nothing else was ever stored. */
function isKey({ origin, messageId }: MessageKey): boolean {
  return typeof origin === 'string' && typeof messageId === 'string' && isStorable(origin + messageId);
}

function notFound({ origin, messageId }: MessageKey): MarketplaceMeteringError {
  const name = redactedText(JSON.stringify(`${origin}:${messageId}`).slice(0, 300));
  return new MarketplaceMeteringError(
    'NOT_FOUND',
    `There is no lifecycle message ${name}. Take origin and messageId from the list of messages.`,
  );
}

function refused({ origin, messageId }: MessageKey, why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('TRANSITION_REFUSED', `Message ${origin}:${messageId} ${why}`);
}
