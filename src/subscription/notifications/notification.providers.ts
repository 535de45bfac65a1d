import { type Provider } from '@nestjs/common';
import { NotificationIntake } from './notification-intake.js';
import { SnsCertificates } from './sns-certificates.js';
import { SnsIntake } from './sns-intake.js';

/** The ways in for lifecycle messages. */
export const NOTIFICATION_PROVIDERS: Provider[] = [SnsCertificates, SnsIntake, NotificationIntake];
