import { type EventDelivery } from '../events/event-deliveries.service.js';
import { hostName, instant, message } from './shown.js';

/** One event on its way to one handler of the host. */
export interface DeliveryView {
  id: string;
  handlerId: string;
  eventId: string;
  type: string;
  subscriptionId: string | null;
  occurredAt: string;
  state: string;
  attempts: number;
  /** Machine time; null unless it waits. */
  nextAttemptAt: string | null;
  lastError: string | null;
  deliveredAt: string | null;
  /** Who retried or skipped it. */
  decidedBy: string | null;
  decision: string | null;
}

export function deliveryViewOf(delivery: EventDelivery): DeliveryView {
  return {
    id: delivery.id,
    handlerId: hostName(delivery.handlerId),
    eventId: delivery.eventId,
    type: delivery.type,
    subscriptionId: delivery.subscriptionId,
    occurredAt: instant(delivery.occurredAt),
    state: delivery.state,
    attempts: delivery.attempts,
    nextAttemptAt: instant(delivery.nextAttemptAt),
    lastError: message(delivery.lastError),
    deliveredAt: instant(delivery.deliveredAt),
    decidedBy: hostName(delivery.decidedBy),
    decision: message(delivery.decision),
  };
}
