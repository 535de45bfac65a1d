import { type Provider } from '@nestjs/common';
import { EntitlementGateway } from '../aws/entitlement-gateway.js';
import { EntitlementService } from './entitlement.service.js';

/** Everything in this room that Nest builds, with the gateway that only it uses. */
export const ENTITLEMENT_PROVIDERS: Provider[] = [EntitlementGateway, EntitlementService];
