import {
  type ApiDestinationOptions,
  type AttemptOutcome,
  belongsTo,
  type DeliveryTarget,
  post,
} from './delivery-target.js';
import { type NotificationMessage } from './notification-message.js';

const timeoutMs = 5_000;

export class ApiDestination implements DeliveryTarget {
  constructor(readonly options: ApiDestinationOptions) {}

  accepts(message: NotificationMessage): boolean {
    return message.channel === 'eventBridge' && belongsTo(message, this.options);
  }

  send(message: NotificationMessage, signal: AbortSignal): Promise<AttemptOutcome> {
    const headers = {
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'Amazon/EventBridge/ApiDestinations',
      Range: 'bytes=0-1048575',
      ...this.options.headers,
    };
    return post(this.options.url, headers, message.body, timeoutMs, signal);
  }

  close(): void {
    // Holds nothing open.
  }
}
