import { type NotificationMessage } from './notification-message.js';

/** One attempt to deliver a message, or the decision not to. */
export interface Delivery {
  readonly target: string;
  /** Of the message; absent for the confirmation of a subscription. */
  readonly sequence?: number;
  /** As in the message. */
  readonly id: string;
  readonly type: string;
  /** By the simulator's clock. */
  readonly at: Date;
  /** From 1; 0 for a message that was dropped. */
  readonly attempt: number;
  /** `failed`: another attempt follows. `refused`: none does. */
  readonly outcome: 'delivered' | 'failed' | 'refused' | 'dropped';
  readonly statusCode?: number;
  readonly error?: string;
}

export type DeliveryFilter = Partial<Pick<Delivery, 'target' | 'sequence' | 'id' | 'type' | 'outcome'>>;

export function matches(delivery: Delivery, filter: DeliveryFilter): boolean {
  return Object.entries(filter).every(([key, value]) => delivery[key as keyof DeliveryFilter] === value);
}

/** A delivery that has yet to be made. */
export interface Waiting {
  readonly message: NotificationMessage;
  readonly target: string;
  readonly dueAt: Date;
  /** Attempts already made. */
  readonly attempts: number;
}
