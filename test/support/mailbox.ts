import { type Queue } from '../notifications/sqs-emulator.js';
import { type MarketplaceSimulator, type MessageFilter, type NotificationMessage } from './market.js';

const HOUR_MS = 3_600_000;

/**
 * AWS's messages on their way to the host: held back, lost, late, repeated, out of order, or driven again from a
 * dead-letter queue.
 */
export class Mailbox {
  constructor(
    private readonly simulator: MarketplaceSimulator,
    private readonly queue: Queue | null,
  ) {}

  private get notifications(): MarketplaceSimulator['notifications'] {
    return this.simulator.notifications;
  }

  /** From now on these wait for `release`. */
  hold(filter: MessageFilter = {}): void {
    this.notifications.disturb({ kind: 'hold', ...filter });
  }

  /** Delivers what was held back; later messages go their way undisturbed. */
  async release(order: 'sent' | 'reversed' | 'shuffled' = 'sent'): Promise<void> {
    this.notifications.release(order);
    this.notifications.undisturb();
    await this.notifications.settled();
  }

  lose(filter: MessageFilter = {}): void {
    this.notifications.disturb({ kind: 'drop', ...filter });
  }

  delay(hours: number, filter: MessageFilter = {}, jitterHours = 0): void {
    this.notifications.disturb({ kind: 'delay', ms: hours * HOUR_MS, jitterMs: jitterHours * HOUR_MS, ...filter });
  }

  repeat(copies: number, spreadHours = 0, filter: MessageFilter = {}): void {
    this.notifications.disturb({ kind: 'duplicate', copies, spreadMs: spreadHours * HOUR_MS, ...filter });
  }

  shuffle(among: number, filter: MessageFilter = {}): void {
    this.notifications.disturb({ kind: 'reorder', among, ...filter });
  }

  /** From now on messages go their way again; what was held back is delivered. */
  calm(): void {
    this.notifications.undisturb();
  }

  sent(filter: MessageFilter = {}): NotificationMessage[] {
    return this.notifications.messages(filter);
  }

  /** These come once more, or for the first time where they were lost, in this order. */
  async deliver(messages: readonly NotificationMessage[]): Promise<void> {
    await this.notifications.send(messages);
  }

  /**
   * As from the dead-letter queue of a topic with raw delivery: the bare message, without an envelope, without a time.
   */
  async redrive(message: NotificationMessage): Promise<void> {
    if (this.queue === null) throw new Error('redrive() takes a world with a queue: ways: [..., "queue"]');
    await this.queue.send(JSON.stringify(message.body));
  }
}
