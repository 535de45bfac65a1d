import { type Provider } from '@nestjs/common';
import { EntitlementAnswers } from './entitlement-answers.js';
import { EntitlementJobs } from './entitlement.jobs.js';
import { EntitlementService } from './entitlement.service.js';
import { GuardedRoutes } from './guarded-routes.js';
import { WantedEntitlements } from './wanted-entitlements.js';

/**
 * Everything in this room that Nest builds. Its gateway is built beside the subscriptions, whose reconciliation asks
 * through it, too.
 */
export const ENTITLEMENT_PROVIDERS: Provider[] = [
  EntitlementAnswers,
  EntitlementService,
  WantedEntitlements,
  EntitlementJobs,
  GuardedRoutes,
];
