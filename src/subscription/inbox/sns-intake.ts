import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { NotificationRefusedError } from './notification-refusal.js';
import { SnsCertificates } from './sns-certificates.js';
import { getFromSns, SnsCallError } from './sns-client.js';
import { type SnsEnvelope, topicNameOf } from './sns-envelope.js';
import { isSignatureAccepted, isSignedBy } from './sns-signature.js';
import { subscribeUrlOf } from './sns-url.js';

const FUTURE_SKEW_MS = 5 * 60_000;
const CONFIRMATION_BYTES_MAX = 64 * 1024;

/**
 * What SNS sends over HTTPS. A good signature proves only that SNS sent it, and anybody can own a topic: so the topic
 * is looked at first, and only for messages of our topics is a certificate fetched.
 */
@Injectable()
export class SnsIntake {
  private readonly logger = new Logger('MarketplaceNotifications');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly certificates: SnsCertificates,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /**
   * @throws NotificationRefusedError for a message that SNS did not send, or not from a topic of ours, or not lately
   */
  async verify(envelope: SnsEnvelope): Promise<void> {
    const { snsTopicArns, snsSignature } = this.options.notifications;
    if (!snsTopicArns.includes(envelope.TopicArn)) throw new NotificationRefusedError('TOPIC_FOREIGN');
    if (!this.isRecent(envelope.Timestamp)) throw new NotificationRefusedError('MESSAGE_EXPIRED');
    if (!isSignatureAccepted(envelope, snsSignature)) {
      const detail =
        snsSignature === 'v2'
          ? 'not of SignatureVersion 2, which notifications.snsSignature demands'
          : 'of no known SignatureVersion';
      throw new NotificationRefusedError('SIGNATURE_INVALID', detail);
    }
    const key = await this.certificates.keyAt(envelope.SigningCertURL, envelope.TopicArn);
    if (!isSignedBy(envelope, key, snsSignature))
      throw new NotificationRefusedError('SIGNATURE_INVALID', 'the signature is not that of the message');
  }

  /** Answers SNS's question whether the topic may send here. */
  async confirm(envelope: SnsEnvelope): Promise<void> {
    const url = subscribeUrlOf(envelope.SubscribeURL, envelope.TopicArn, this.options.aws.endpoint);
    if (!url) throw new NotificationRefusedError('SIGNATURE_INVALID', 'SubscribeURL does not confirm the topic at SNS');
    try {
      await getFromSns(url, CONFIRMATION_BYTES_MAX, this.options.aws.proxy);
    } catch (error) {
      if (error instanceof SnsCallError)
        throw new NotificationRefusedError('CONFIRMATION_FAILED', error.message, { cause: error });
      throw error;
    }
    const topic = topicNameOf(envelope.TopicArn);
    await this.database.transaction((tx) => this.alerts.resolve(tx, 'setupError', subjectOf(topic)));
    this.logger.log('the subscription of an SNS topic is confirmed', { topic });
  }

  /** Somebody has ended the subscription: from now on nothing comes, and nothing would tell. */
  async noteEnd(envelope: SnsEnvelope): Promise<void> {
    const topic = topicNameOf(envelope.TopicArn);
    await this.database.transaction((tx) =>
      this.alerts.raise(tx, {
        kind: 'setupError',
        subject: subjectOf(topic),
        severity: 'critical',
        message:
          `The subscription of SNS topic ${topic} to this application was ended: activations and cancellations ` +
          'that it told of no longer arrive. ' +
          'If that was not meant, subscribe the endpoint again; if it was, take the topic out of ' +
          'notifications.snsTopicArns.',
      }),
    );
  }

  /**
   * By business time. In production it is AWS's time and the wall's; where a test or a demo runs it faster, the
   * simulator that stands in for AWS writes the same.
   */
  private isRecent(timestamp: string): boolean {
    const age = this.options.clock.now().getTime() - Date.parse(timestamp);
    return age >= -FUTURE_SKEW_MS && age <= this.options.notifications.maxAgeMs;
  }
}

function subjectOf(topic: string): string {
  return `topic ${topic}`;
}
