import { type Provider } from '@nestjs/common';
import { LifecycleFiling } from './lifecycle/lifecycle-filing.js';
import { LifecycleInbox } from './lifecycle/lifecycle-inbox.js';
import { LifecycleJobs } from './lifecycle/lifecycle.jobs.js';
import { LifeWriter } from './lifecycle/life-writer.js';
import { ProductCatalog } from './product-catalog.js';
import { SubscriptionDirectory } from './subscription-directory.js';
import { SubscriptionRegistrar } from './subscription-registrar.js';
import { SubscriptionService } from './subscription.service.js';

/** Everything in this room that Nest builds. */
export const SUBSCRIPTION_PROVIDERS: Provider[] = [
  ProductCatalog,
  SubscriptionDirectory,
  SubscriptionService,
  SubscriptionRegistrar,
  LifecycleInbox,
  LifeWriter,
  LifecycleFiling,
  LifecycleJobs,
];
