import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { ClockGuard } from '../../database/clock-guard.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { countMetric } from '../../runtime/metrics.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { readDelivery } from './lifecycle-parser.js';
import { messageJsonOf } from './message-field.js';
import { MessageStore } from './message-store.js';
import { NotificationRefusedError } from './notification-refusal.js';
import { isOneOf } from './secret-check.js';
import { type SnsEnvelope, snsEnvelopeOf } from './sns-envelope.js';
import { SnsIntake } from './sns-intake.js';

export type NotificationOutcome = 'received' | 'repeated' | 'confirmed' | 'unsubscribed';

/**
 * What comes over HTTPS: SNS proves itself by signature, an API destination of EventBridge by a secret that it was
 * given.
 */
@Injectable()
export class NotificationIntake {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly messages: MessageStore,
    private readonly sns: SnsIntake,
    private readonly guard: ClockGuard,
  ) {}

  /**
   * Resolves when the message is committed, or stood in the inbox before.
   * @param secret as the header brought it, '' for none
   * @throws NotificationRefusedError for what is not taken; what the database throws
   */
  async receive(body: string, secret: string): Promise<NotificationOutcome> {
    const { snsTopicArns, eventBridgeSecrets } = this.options.notifications;
    if (snsTopicArns.length + eventBridgeSecrets.length === 0)
      throw new NotificationRefusedError('NOTIFICATIONS_CLOSED');
    // After a jump of the clock genuine messages would look old, and be refused for good.
    await this.guard.settled();
    const envelope = snsEnvelopeOf(messageJsonOf(body));
    if (envelope) return this.receiveSns(envelope, body);
    if (!isOneOf(secret, eventBridgeSecrets))
      throw new NotificationRefusedError('SECRET_INVALID', secret === '' ? 'none was given' : null);
    return this.store(body);
  }

  private async receiveSns(envelope: SnsEnvelope, body: string): Promise<NotificationOutcome> {
    await this.sns.verify(envelope);
    switch (envelope.Type) {
      case 'SubscriptionConfirmation':
        await this.sns.confirm(envelope);
        return counted('confirmed');
      case 'UnsubscribeConfirmation':
        await this.sns.noteEnd(envelope);
        return counted('unsubscribed');
      case 'Notification':
        return this.store(body);
    }
  }

  private async store(body: string): Promise<NotificationOutcome> {
    const { sellerAccount, notifications, clock } = this.options;
    const { content, ...message } = readDelivery(
      { body, via: 'https', outerId: { origin: 'http', messageId: digestOf(body) }, sentAt: clock.now() },
      { sellerAccount, topicArns: notifications.snsTopicArns },
    );
    if ('foreign' in content) throw new NotificationRefusedError('ACCOUNT_FOREIGN', content.foreign);
    const { received } = await this.messages.receive([{ ...message, content }]);
    return counted(received > 0 ? 'received' : 'repeated');
  }
}

function counted(outcome: NotificationOutcome): NotificationOutcome {
  countMetric('marketplace.notifications', 1, { via: 'https', outcome });
  return outcome;
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
