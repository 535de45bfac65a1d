import { type Provider } from '@nestjs/common';
import { ProductCatalog } from './product-catalog.js';
import { SubscriptionDirectory } from './subscription-directory.js';
import { SubscriptionRegistrar } from './subscription-registrar.js';
import { SubscriptionService } from './subscription.service.js';

/** Everything in this room that Nest builds. */
export const SUBSCRIPTION_PROVIDERS: Provider[] = [ProductCatalog, SubscriptionDirectory, SubscriptionService, SubscriptionRegistrar];
