import { type Provider } from '@nestjs/common';
import { AgreementGateway } from '../aws/agreement-gateway.js';
import { EntitlementGateway } from '../aws/entitlement-gateway.js';
import { Reconciliation } from './lifecycle/reconciliation.js';
import { LifecycleFiling } from './lifecycle/lifecycle-filing.js';
import { LifecycleInbox } from './lifecycle/lifecycle-inbox.js';
import { LifecycleMessages } from './lifecycle/lifecycle-messages.service.js';
import { LifecycleJobs } from './lifecycle/lifecycle.jobs.js';
import { LifeWriter } from './lifecycle/life-writer.js';
import { LicenseMigration } from './license-migration.service.js';
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
  LifecycleMessages,
  AgreementGateway,
  EntitlementGateway,
  Reconciliation,
  LicenseMigration,
  LifecycleJobs,
];
