import { type Provider } from '@nestjs/common';
import { MessageStore } from './message-store.js';
import { NotificationIntake } from './notification-intake.js';
import { QueueIntake } from './queue-intake.js';
import { SnsCertificates } from './sns-certificates.js';
import { SnsIntake } from './sns-intake.js';

/** The ways in for lifecycle messages. */
export const NOTIFICATION_PROVIDERS: Provider[] = [
  MessageStore,
  SnsCertificates,
  SnsIntake,
  NotificationIntake,
  QueueIntake,
];
