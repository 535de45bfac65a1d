// The way in by SQS: messages of the queue go into the inbox.
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AwsClients } from '../../aws/aws-clients.js';
import { type CallFailure } from '../../aws/aws-error.js';
import {
  type QueueAudience,
  type QueueListener,
  type QueueMessage,
  type QueueOperation,
} from '../../aws/queue-listener.js';
import { ClockGuard } from '../../database/clock-guard.js';
import { LedgerDatabase, sqlStateOf } from '../../database/ledger-database.js';
import { strangenessHere } from '../../database/ledger-home.sql.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { countMetric } from '../../runtime/metrics.js';
import { redactedText } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type ReceivedMessage } from './lifecycle-event.js';
import { readDelivery } from './lifecycle-parser.js';
import { MessageStore } from './message-store.js';
import { FaultLog } from '../../runtime/fault-log.js';

/** A network that fails now and then is no alert; one that goes on failing is. */
const FAILURES_BEFORE_ALERT = 5;
/**
 * Without a wait SQS samples a few of its servers and may answer with nothing though there is something; with one it
 * asks all of them [SQS Developer Guide, short and long polling].
 */
const DRAIN_WAIT_SECONDS = 1;
/** What Postgres says of a value that it cannot hold, and of one that breaks a rule. */
const CANNOT_BE_HELD = /^2[23]/;

/**
 * What comes by SQS, from topics or from EventBridge. Whoever may send to the queue is believed: its policy is the
 * proof.
 */
@Injectable()
export class QueueIntake implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('MarketplaceNotifications');
  private readonly faults = new FaultLog(this.logger, 'warn');
  private readonly storing = new FaultLog(this.logger, 'error');
  private readonly listeners = new Set<QueueListener>();
  private stopped: Promise<unknown> | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly messages: MessageStore,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly clients: AwsClients,
    private readonly guard: ClockGuard,
  ) {
    database.beforeClose(() => this.onModuleDestroy());
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.options.jobs.autoStart) return;
    for (const queueUrl of this.options.notifications.sqsQueueUrls) (await this.listenTo(queueUrl)).start();
  }

  /** Stops to listen, and returns when what was received is stored and deleted. */
  async onModuleDestroy(): Promise<void> {
    this.stopped ??= Promise.all([...this.listeners].map((listener) => listener.stop()));
    await this.stopped;
  }

  /**
   * Takes in what the queues hold now: for applications that start no jobs by themselves, and for tests. In a copy of
   * the ledger's database it leaves them alone.
   * @param signal ends it early: what was received is stored and deleted
   * @throws what a call to SQS, or the database, failed with
   */
  async receiveOnce(signal?: AbortSignal): Promise<void> {
    if ((await strangenessHere(this.database, this.options.sellerAccount)) !== null) return;
    for (const queueUrl of this.options.notifications.sqsQueueUrls) {
      if (signal?.aborted) return;
      const listener = await this.listenTo(queueUrl, { waitSeconds: DRAIN_WAIT_SECONDS });
      const stop = (): void => void listener.stop();
      signal?.addEventListener('abort', stop);
      await listener.drain().finally(() => {
        signal?.removeEventListener('abort', stop);
        this.listeners.delete(listener);
      });
    }
  }

  /** SQS's client is loaded here: most of its weight is spared where no queue is read. */
  private async listenTo(queueUrl: string, timing = {}): Promise<QueueListener> {
    const { QueueListener } = await import('../../aws/queue-listener.js');
    const queue = queueNameOf(queueUrl);
    const audience: QueueAudience = {
      receive: (messages) => this.receive(queue, messages),
      isReady: () => this.isReady(),
      failed: (operation, failure, inARow) => this.noteFailure(queue, operation, failure, inARow),
      works: (operation) => {
        this.faults.works(subjectOf(queue, operation), `${operation} of queue ${queue} works again`);
        return this.database.transaction((tx) => this.alerts.resolve(tx, 'setupError', subjectOf(queue, operation)));
      },
    };
    const listener = new QueueListener(queueUrl, this.options, this.clients, audience, timing);
    this.listeners.add(listener);
    return listener;
  }

  /**
   * All in one commit, unless one of them cannot be held: then each in its own, and that one is kept in a form that
   * can.
   */
  private async receive(queue: string, messages: readonly QueueMessage[]): Promise<ReadonlySet<string>> {
    await this.guard.settled().catch((error: unknown) => {
      throw this.noted(queue, error);
    });
    const read = messages.map((message) => this.read(queue, message));
    try {
      await this.store(read);
    } catch (error) {
      if (!CANNOT_BE_HELD.test(sqlStateOf(error) ?? '')) throw this.noted(queue, error);
      for (const message of read) await this.storeSomehow(message);
    }
    this.storing.works(queue, `messages of queue ${queue} are stored again`);
    return new Set(messages.map(({ id }) => id));
  }

  private async store(messages: readonly ReceivedMessage[]): Promise<void> {
    const { received, repeated } = await this.messages.receive(messages);
    if (received > 0) countMetric('marketplace.notifications', received, { via: 'sqs', outcome: 'received' });
    if (repeated > 0) countMetric('marketplace.notifications', repeated, { via: 'sqs', outcome: 'repeated' });
  }

  private async storeSomehow(message: ReceivedMessage): Promise<void> {
    await this.store([message]).catch((error: unknown) => {
      if (!CANNOT_BE_HELD.test(sqlStateOf(error) ?? '')) throw error;
      const body = Buffer.from(message.body).toString('base64');
      const deadLettered = `kept in base64, since the database refused it as it was: ${redactedText((error as Error).message)}`;
      return this.store([{ ...message, body, content: { deadLettered } }]);
    });
  }

  private read(queue: string, { id, body, sentAt }: QueueMessage): ReceivedMessage {
    const { sellerAccount, notifications, clock } = this.options;
    const { content, ...message } = readDelivery(
      { body, via: `sqs:${queue}`, outerId: { origin: 'sqs', messageId: id }, sentAt: sentAt ?? clock.now() },
      { sellerAccount, topicArns: notifications.snsTopicArns },
    );
    return { ...message, content: 'foreign' in content ? { deadLettered: content.foreign } : content };
  }

  /**
   * Whether what comes would be kept, and is ours: in a copy of the ledger's database the messages are the first's. The
   * alert `ledgerMoved` says so.
   */
  private isReady(): Promise<boolean> {
    return strangenessHere(this.database, this.options.sellerAccount).then(
      (strangeness) => strangeness === null,
      () => false,
    );
  }

  private noted(queue: string, error: unknown): unknown {
    const why = redactedText(error instanceof Error ? error.message : String(error));
    this.storing.failed(queue, { line: `messages of queue ${queue} could not be stored and stay in it: ${why}` });
    return error;
  }

  private async noteFailure(
    queue: string,
    operation: QueueOperation,
    failure: CallFailure,
    inARow: number,
  ): Promise<void> {
    this.faults.failed(subjectOf(queue, operation), {
      line: `${operation} of queue ${queue} failed: ${failure.code}`,
      fields: { inARow, httpStatus: failure.httpStatus },
    });
    const isPassing = failure.kind === 'unavailable' || failure.kind === 'throttled';
    if (isPassing && inARow < FAILURES_BEFORE_ALERT) return;
    await this.database.transaction((tx) =>
      this.alerts.raise(tx, {
        kind: 'setupError',
        subject: subjectOf(queue, operation),
        severity: 'critical',
        message:
          `SQS refuses ${operation} for queue ${queue} (${failure.code}: ${failure.message}): activations and ` +
          'cancellations wait in it until that is resolved. ' +
          'The role of the application needs sqs:ReceiveMessage, sqs:DeleteMessage and ' +
          'sqs:ChangeMessageVisibility on the queue; see docs/notifications.md.',
      }),
    );
  }
}

function queueNameOf(queueUrl: string): string {
  return new URL(queueUrl).pathname.split('/').at(-1) ?? '';
}

function subjectOf(queue: string, operation: QueueOperation): string {
  return `queue ${queue}: ${operation}`;
}
