import { type Provider } from '@nestjs/common';
import { CustomerGateway } from '../aws/customer-gateway.js';
import { ArrivalBudget } from './arrival-budget.js';
import { RedirectPolicy } from './redirect-policy.js';
import { RegistrationIntake } from './registration-intake.js';
import { RegistrationService } from './registration.service.js';

/** Everything in this room that Nest builds, with the gateway that only it uses. */
export const REGISTRATION_PROVIDERS: Provider[] = [
  CustomerGateway,
  ArrivalBudget,
  RedirectPolicy,
  RegistrationIntake,
  RegistrationService,
];
