import { type Provider } from '@nestjs/common';
import { EntitlementService } from './entitlement.service.js';

/**
 * Everything in this room that Nest builds. Its gateway is built beside the subscriptions, whose reconciliation asks
 * through it, too.
 */
export const ENTITLEMENT_PROVIDERS: Provider[] = [EntitlementService];
