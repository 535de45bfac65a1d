import { isNativeError } from 'node:util/types';
import { type NotificationMessage } from './notification-message.js';
import { type SnsTopic } from './sns-notice.js';

/** EventBridge rule with an API destination as its target. */
export interface ApiDestinationOptions {
  kind: 'apiDestination';
  url: string;
  /** Of the connection: where its secret goes. */
  headers?: Record<string, string>;
  /** Of the rule: detail-types that go there, as they stand in events. Default: all. */
  detailTypes?: readonly string[];
}

/**
 * HTTP(S) endpoint subscribed to a topic of a legacy product. It gets nothing before it has confirmed the subscription.
 */
export interface SnsHttpOptions {
  kind: 'snsHttp';
  url: string;
  productCode: string;
  topic: SnsTopic;
}

/** Queue as the target of an EventBridge rule, or subscribed to a topic of a legacy product. */
export interface SqsOptions {
  kind: 'sqs';
  queueUrl: string;
  /** Default: that of the SDK. */
  endpoint?: string;
  /** Default `us-east-1`. */
  region?: string;
  /** Default: the SDK's own search. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** What the queue gets: events, or the messages of a topic. Default: events. */
  topic?: SnsTopic;
  /** Required beside `topic`. */
  productCode?: string;
  /** Messages of a topic without their envelope. Default false. */
  raw?: boolean;
  /** As for an API destination. */
  detailTypes?: readonly string[];
}

/** JSON-able, so that it survives a restart with the state of the simulator. */
export type TargetOptions = ApiDestinationOptions | SnsHttpOptions | SqsOptions;

/** What came of one attempt. `again`: whether AWS would try again. */
export type AttemptOutcome =
  | { readonly outcome: 'delivered'; readonly statusCode?: number }
  | { readonly outcome: 'failed'; readonly again: boolean; readonly statusCode?: number; readonly error?: string };

export interface DeliveryTarget {
  readonly options: TargetOptions;
  accepts(message: NotificationMessage): boolean;
  send(message: NotificationMessage, signal: AbortSignal): Promise<AttemptOutcome>;
  close(): void;
}

/** Whether the message is of the events, or of the topic, that the target is for. */
export function belongsTo(
  message: NotificationMessage,
  { topic, productCode, detailTypes }: { topic?: SnsTopic; productCode?: string; detailTypes?: readonly string[] },
): boolean {
  if (message.channel === 'eventBridge')
    return topic === undefined && (detailTypes?.includes(message.body['detail-type']) ?? true);
  return message.channel === topic && message.productCode === productCode;
}

/**
 * Posts once. Server errors, 429 and failures of the connection are worth another attempt; other refusals are final
 * [EventBridge, SNS].
 */
export async function post(
  url: string,
  headers: Record<string, string>,
  body: object,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', headers, body: JSON.stringify(body), redirect: 'manual' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.arrayBuffer();
    const statusCode = response.status;
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered', statusCode };
    return { outcome: 'failed', again: statusCode === 429 || statusCode >= 500, statusCode };
  } catch (error) {
    return { outcome: 'failed', again: true, error: messageOf(error) };
  }
}

/** With its cause: `fetch failed` alone says nothing. */
export function messageOf(error: unknown): string {
  if (!isNativeError(error)) return String(error);
  return isNativeError(error.cause) ? `${error.message}: ${error.cause.message}` : error.message;
}
