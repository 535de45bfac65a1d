import { type Provider } from '@nestjs/common';
import { AlertBoard } from './alert-board.js';
import { AlertWatch } from './alert-watch.js';
import { Alerts } from './alerts.service.js';
import { ClockWatch } from './clock-watch.js';
import { EventDeliverer } from './event-deliverer.js';
import { EventDeliveries } from './event-deliveries.service.js';
import { EventHandlers } from './event-handlers.js';
import { Outbox } from './outbox.js';

/** Everything in this room that Nest builds. It needs Nest's DiscoveryModule beside it. */
export const EVENTS_PROVIDERS: Provider[] = [
  Outbox,
  AlertBoard,
  AlertWatch,
  Alerts,
  ClockWatch,
  EventHandlers,
  EventDeliverer,
  EventDeliveries,
];
