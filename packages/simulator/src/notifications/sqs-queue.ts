import { type SQSClient } from '@aws-sdk/client-sqs';
import { type AttemptOutcome, belongsTo, type DeliveryTarget, messageOf, type SqsOptions } from './delivery-target.js';
import { type NotificationMessage } from './notification-message.js';
import { notificationEnvelope, type SnsSender } from './sns-envelope.js';

/** A queue behind any SQS endpoint: AWS's, or an emulator's. */
export class SqsQueue implements DeliveryTarget {
  #client: SQSClient | undefined;

  constructor(
    readonly options: SqsOptions,
    private readonly subscriptionArn: string,
    private readonly sender: () => SnsSender,
  ) {
    if (options.topic !== undefined && options.productCode === undefined)
      throw new Error('A queue on a topic needs the productCode of the topic');
  }

  accepts(message: NotificationMessage): boolean {
    return belongsTo(message, this.options);
  }

  async send(message: NotificationMessage, signal: AbortSignal): Promise<AttemptOutcome> {
    // Loaded by the first message: most simulators never need the SDK, and loading it takes longer than starting.
    const { SendMessageCommand, SQSClient } = await import('@aws-sdk/client-sqs');
    const { endpoint, region = 'us-east-1', credentials, queueUrl, raw } = this.options;
    this.#client ??= new SQSClient({
      region,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && { credentials }),
    });
    const enveloped = message.channel !== 'eventBridge' && !raw;
    const body = enveloped ? notificationEnvelope(message, this.subscriptionArn, this.sender()) : message.body;
    try {
      const command = new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(body) });
      await this.#client.send(command, { abortSignal: signal });
      return { outcome: 'delivered' };
    } catch (error) {
      return { outcome: 'failed', again: true, error: messageOf(error) };
    }
  }

  close(): void {
    this.#client?.destroy();
  }
}
