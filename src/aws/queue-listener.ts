// One SQS queue, read as long as it runs: a message is deleted once it is safe.
import { setTimeout as delay } from 'node:timers/promises';
import { type Message, SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { backoffMs } from '../runtime/backoff.js';
import { type AwsClients } from './aws-clients.js';
import { type CallFailure, callFailureOf } from './aws-error.js';
import { limitCalls } from './call-limit.js';

/** What a queue has handed out. */
export interface QueueMessage {
  /** SQS's MessageId: the same each time the message comes. */
  id: string;
  body: string;
  sentAt: Date | null;
}

export type QueueOperation = 'ReceiveMessage' | 'DeleteMessageBatch' | 'ChangeMessageVisibilityBatch';

/** Who takes the messages in, and hears of trouble with SQS. */
export interface QueueAudience {
  /** @returns the ids of messages that are safe: they, and no others, are deleted from the queue */
  receive(messages: readonly QueueMessage[]): Promise<ReadonlySet<string>>;
  /**
   * Asked before anything is fetched: what is received and not kept counts towards the queue's
   * dead letters.
   */
  isReady(): Promise<boolean>;
  /** A call to SQS has failed, for the `inARow`th time; the next one comes after a pause. */
  failed(operation: QueueOperation, failure: CallFailure, inARow: number): Promise<void>;
  /** A call works: the first of its kind, or the first after one that failed. */
  works(operation: QueueOperation): Promise<void>;
}

export interface QueueTiming {
  /** Long polling: the longest that SQS offers, so that an empty queue costs three calls a minute. */
  waitSeconds: number;
  /**
   * How long a message that was received stays hidden from others; a heartbeat renews it for as long as it is worked
   * on.
   */
  visibilitySeconds: number;
  heartbeatSeconds: number;
  /** What a call may take, beyond the long poll. */
  callTimeoutMs: number;
}

const BATCH = 10;
/** What a call may take beyond the long poll, which is an answer that takes its time. Milliseconds. */
const CALL_TIMEOUT_MS = 10_000;
const TIMING: QueueTiming = {
  waitSeconds: 20,
  visibilitySeconds: 60,
  heartbeatSeconds: 20,
  callTimeoutMs: CALL_TIMEOUT_MS,
};
/** What a deletion, or the audience, has at the end; then the message comes again, elsewhere. Milliseconds. */
const STOP_PATIENCE_MS = 5000;

/**
 * Reads one SQS queue, once: by `start` until `stop`, or by `drain` until it is empty. A message is deleted after the
 * audience has it safe and not before, so that a crash in between costs a repeat and never a message. Any number of
 * replicas may read the same queue.
 */
export class QueueListener {
  private readonly client: SQSClient;
  private readonly consumer: Consumer;
  private readonly stopping = new AbortController();
  private readonly cutting = new AbortController();
  private phase: 'fetching' | 'keeping' | 'deleting' = 'fetching';
  /** A receive and all that follows from it, up to the deletion. */
  private round: Promise<void> = Promise.resolve();
  private endRound: () => void = () => undefined;
  private failures = 0;
  private readonly working = new Set<QueueOperation>();
  private reports: Promise<void> = Promise.resolve();

  constructor(
    queueUrl: string,
    private readonly options: ResolvedOptions,
    clients: AwsClients,
    private readonly audience: QueueAudience,
    timing: Partial<QueueTiming> = {},
  ) {
    const { waitSeconds, visibilitySeconds, heartbeatSeconds, callTimeoutMs } = { ...TIMING, ...timing };
    this.client = clientFor(queueUrl, options, clients, waitSeconds * 1000 + callTimeoutMs);
    const limitOf = (input: unknown): number =>
      callTimeoutMs + 1000 * ((input as { WaitTimeSeconds?: number }).WaitTimeSeconds ?? 0);
    limitCalls(this.client, limitOf, this.cutting.signal);
    this.consumer = Consumer.create({
      ...{ queueUrl, sqs: this.client, batchSize: BATCH, waitTimeSeconds: waitSeconds },
      ...{ visibilityTimeout: visibilitySeconds, heartbeatInterval: heartbeatSeconds },
      messageSystemAttributeNames: ['SentTimestamp'],
      // Pauses are ours, see `beginRound`: they grow, and they end with the application.
      ...{ authenticationErrorTimeout: 0, pollingWaitTimeMs: 0 },
      suppressFifoWarning: true,
      preReceiveMessageCallback: () => this.beginRound(),
      handleMessageBatch: (messages) => this.keep(messages),
    });
    this.consumer.on('error', (error, messages) => {
      this.onError(error, messages !== undefined);
    });
    this.consumer.on('empty', () => {
      this.onSuccess('ReceiveMessage');
    });
    this.consumer.on('response_processed', () => {
      // It says so after a failure, too.
      if (this.phase === 'deleting') this.onSuccess('ReceiveMessage', 'DeleteMessageBatch');
    });
  }

  start(): void {
    if (!this.stopping.signal.aborted) this.consumer.start();
  }

  /** @throws what a receive, the audience or a deletion failed with */
  async drain(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.consumer.on('empty', () => {
          resolve();
        });
        this.consumer.on('error', reject);
        this.consumer.on('stopped', () => {
          resolve();
        });
        this.consumer.start();
      });
    } finally {
      await this.stop();
    }
  }

  /** Ends a wait for messages at once; what has been received is kept and deleted first. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.consumer.stop({ abort: this.phase === 'fetching' });
    const patience = setTimeout(() => {
      this.cutting.abort();
    }, STOP_PATIENCE_MS);
    await this.round;
    clearTimeout(patience);
    await this.reports;
    this.client.destroy();
  }

  /**
   * After a failure there is a pause before SQS is asked again: one that is out of order, or an audience that is, gets
   * few calls.
   */
  private async beginRound(): Promise<void> {
    this.round = new Promise((resolve) => {
      this.endRound = resolve;
    });
    if (this.failures > 0) await this.pause();
    while (!this.stopping.signal.aborted && !(await this.audience.isReady())) {
      this.failures += 1;
      await this.pause();
    }
  }

  private async pause(): Promise<void> {
    const pauseMs = backoffMs(this.failures - 1, this.options.submission, Math.random(), 'upperHalf');
    await delay(pauseMs, undefined, { signal: this.stopping.signal }).catch(ignore);
  }

  private async keep(messages: Message[]): Promise<Message[]> {
    this.phase = 'keeping';
    const safe = await this.audience.receive(messages.flatMap(messageOf));
    this.phase = 'deleting';
    return messages.filter(({ MessageId }) => MessageId !== undefined && safe.has(MessageId));
  }

  private onError(error: Error, concernsMessages: boolean): void {
    const operation = concernsMessages ? OPERATIONS[this.phase] : 'ReceiveMessage';
    const isHeartbeat = isOfSqs(error) && operation === 'ChangeMessageVisibilityBatch';
    if (!isHeartbeat) this.failures += 1;
    // Stopped is not broken.
    if (isOfSqs(error) && !(this.stopping.signal.aborted && isAbort(error))) {
      const inARow = this.failures;
      this.working.delete(operation);
      this.tell(() => this.audience.failed(operation, callFailureOf(error.cause ?? error, 'left'), inARow));
    }
    // A heartbeat that fails ends nothing: at worst the message comes again, and is known then.
    if (!isHeartbeat) this.finishRound();
  }

  private onSuccess(...operations: QueueOperation[]): void {
    this.failures = 0;
    for (const operation of operations) {
      if (this.working.has(operation)) continue;
      this.working.add(operation);
      this.tell(() => this.audience.works(operation));
    }
    this.finishRound();
  }

  /** One after the other, so that what is true at last is told last. */
  private tell(report: () => Promise<void>): void {
    this.reports = this.reports.then(report).catch(ignore);
  }

  private finishRound(): void {
    this.phase = 'fetching';
    this.endRound();
  }
}

/** What is being called when a call about messages fails. */
const OPERATIONS = {
  fetching: 'DeleteMessageBatch',
  keeping: 'ChangeMessageVisibilityBatch',
  deleting: 'DeleteMessageBatch',
} as const satisfies Record<string, QueueOperation>;

function clientFor(
  queueUrl: string,
  { notifications: { sqsEndpoint }, products }: ResolvedOptions,
  clients: AwsClients,
  requestTimeoutMs: number,
): SQSClient {
  return new SQSClient({
    ...clients.connection(regionOf(queueUrl, products[0]?.region ?? 'us-east-1'), requestTimeoutMs),
    ...(sqsEndpoint === undefined ? {} : { endpoint: sqsEndpoint, useQueueUrlAsEndpoint: false }),
    // The SDK says on the console when a queue lies elsewhere than SQS of its region; VPC endpoints do.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
}

function messageOf({ MessageId, Body, Attributes }: Message): QueueMessage[] {
  if (MessageId === undefined) return [];
  const sentAt = Number(Attributes?.SentTimestamp);
  return [{ id: MessageId, body: Body ?? '', sentAt: Number.isFinite(sentAt) && sentAt > 0 ? new Date(sentAt) : null }];
}

const REGIONS = [
  /(?:^|\.)sqs(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d+)\./,
  /^([a-z]{2,4}(?:-[a-z]+)+-\d+)\.queue\.amazonaws\./,
];

/** Region of a queue, as its URL has it; `fallback` for one that does not say. */
export function regionOf(queueUrl: string, fallback: string): string {
  const { hostname } = new URL(queueUrl);
  return REGIONS.map((pattern) => pattern.exec(hostname)?.[1]).find((region) => region !== undefined) ?? fallback;
}

/** By name, since an error may come from another realm. */
function isOfSqs(error: Error): boolean {
  return error.name === 'SQSError';
}

function isAbort(error: Error): boolean {
  return (error.cause as Error | undefined)?.name === 'AbortError';
}

function ignore(): void {
  // Nothing to do.
}
