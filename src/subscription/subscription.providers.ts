import { type Provider } from '@nestjs/common';
import { AgreementGateway } from '../aws/agreement-gateway.js';
import { EntitlementGateway } from '../aws/entitlement-gateway.js';
import { BuyerQuestions } from './reconciliation/buyer-questions.js';
import { Reconciliation } from './reconciliation/reconciliation.js';
import { WaitingMessages } from './reconciliation/waiting-messages.js';
import { MessageProcessor } from './chain/message-processor.js';
import { LifecycleInbox } from './inbox/lifecycle-inbox.js';
import { LifecycleMessages } from './inbox/lifecycle-messages.service.js';
import { LifecycleJobs } from './lifecycle.jobs.js';
import { FactEntry } from './chain/fact-entry.js';
import { Projection } from './chain/projection.js';
import { LicenseMigration } from './reconciliation/license-migration.service.js';
import { KnownCustomers } from './known-customers.js';
import { ProductCatalog } from './product-catalog.js';
import { SubjectDirectory } from './chain/subject-directory.js';
import { SubscriptionRegistrar } from './chain/subscription-registrar.js';
import { SubscriptionService } from './subscription.service.js';

/** Everything in this room that Nest builds. */
export const SUBSCRIPTION_PROVIDERS: Provider[] = [
  ProductCatalog,
  SubjectDirectory,
  SubscriptionService,
  SubscriptionRegistrar,
  KnownCustomers,
  LifecycleInbox,
  Projection,
  FactEntry,
  MessageProcessor,
  LifecycleMessages,
  AgreementGateway,
  EntitlementGateway,
  BuyerQuestions,
  WaitingMessages,
  Reconciliation,
  LicenseMigration,
  LifecycleJobs,
];
