import { type AttemptOutcome, belongsTo, type DeliveryTarget, post, type SnsHttpOptions } from './delivery-target.js';
import { type NotificationMessage } from './notification-message.js';
import { confirmationEnvelope, notificationEnvelope, type SnsEnvelope, type SnsSender } from './sns-envelope.js';
import { topicArnOf } from './sns-notice.js';

const timeoutMs = 15_000;

/** What a subscription is made of, as it is kept. */
export interface SnsSubscriptionState {
  readonly subscriptionArn: string;
  readonly token: string;
  confirmed: boolean;
}

export class SnsSubscription implements DeliveryTarget {
  readonly topicArn: string;

  constructor(
    readonly options: SnsHttpOptions,
    readonly state: SnsSubscriptionState,
    private readonly sender: () => SnsSender,
  ) {
    this.topicArn = topicArnOf(options.topic, options.productCode);
  }

  /** What is published before the confirmation never reaches the endpoint. */
  accepts(message: NotificationMessage): boolean {
    return this.state.confirmed && belongsTo(message, this.options);
  }

  async send(message: NotificationMessage, signal: AbortSignal): Promise<AttemptOutcome> {
    if (message.channel === 'eventBridge') throw new Error('An event is not for SNS');
    return this.#post(notificationEnvelope(message, this.state.subscriptionArn, this.sender()), signal);
  }

  sendConfirmation(
    type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation',
    message: { id: string; at: Date },
    signal: AbortSignal,
  ): Promise<AttemptOutcome> {
    const envelope = confirmationEnvelope(
      type,
      { ...message, topicArn: this.topicArn, token: this.state.token },
      this.sender(),
    );
    return this.#post(envelope, signal);
  }

  close(): void {
    // Holds nothing open.
  }

  #post(envelope: SnsEnvelope, signal: AbortSignal): Promise<AttemptOutcome> {
    const headers = {
      'x-amz-sns-message-type': envelope.Type,
      'x-amz-sns-message-id': envelope.MessageId,
      'x-amz-sns-topic-arn': envelope.TopicArn,
      ...(envelope.Type !== 'SubscriptionConfirmation' && { 'x-amz-sns-subscription-arn': this.state.subscriptionArn }),
      'Content-Type': 'text/plain; charset=UTF-8',
      'User-Agent': 'Amazon Simple Notification Service Agent',
    };
    return post(this.options.url, headers, envelope, timeoutMs, signal);
  }
}
