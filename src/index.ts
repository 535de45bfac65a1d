export { MarketplaceMeteringModule } from './marketplace-metering.module.js';
export { getMarketplaceToken, InjectMarketplace } from './runtime/instance-token.js';
export type { AuditOptions } from './options/audit-options.js';
export type { RetentionOptions } from './options/retention-options.js';
export type { AssumeRoleOptions, AwsOptions, CallRateOptions, CredentialsProvider } from './options/aws-options.js';
export type { Clock } from './options/clock.js';
export type { ContainerOptions, RegisterUsageOptions } from './options/container-options.js';
export type { DatabaseOptions } from './options/database-options.js';
export type { EntitlementOptions, EntitlementOwnerOf } from './options/entitlement-options.js';
export type { EventDeliveryOptions } from './options/event-delivery-options.js';
export type { IncludedUnitsOptions } from './options/included-options.js';
export type { JobOptions } from './options/job-options.js';
export type { NotificationOptions } from './options/notification-options.js';
export type { Options } from './options/options.js';
export type { ProductOptions } from './options/product-options.js';
export type { RecordingOptions } from './options/recording-options.js';
export type { RegistrationArrival, RegistrationOptions, SupportOptions } from './options/registration-options.js';
export type { AsyncOptions, MarketplaceOptionsFactory, RootOptions, StaticOptions } from './options/static-options.js';
export type { SubmissionOptions } from './options/submission-options.js';
export type { TimingOptions } from './options/timing-options.js';
export { AcceleratedClock, SystemClock } from './runtime/clock.js';
export type { Decimal } from './runtime/decimal.js';
export { JobScheduler } from './runtime/job-scheduler.js';
export type { Job, JobName } from './runtime/job-scheduler.js';
export {
  isMarketplaceMeteringError,
  MarketplaceMeteringError,
  OptionsInvalidError,
  UsageNotRecordedError,
  UsageRefusedError,
} from './errors/marketplace-metering-error.js';
export { ClaimRefusedError } from './errors/claim-refused-error.js';
export type { ClaimRefusalCode } from './errors/claim-refused-error.js';
export { ClaimRefusedFilter } from './registration/claim-refused.filter.js';
export { StartRefusedError } from './errors/start-refused-error.js';
export type { StartRefusalCode } from './errors/start-refused-error.js';
export type { MarketplaceErrorCode, OptionProblem, UsageProblem } from './errors/marketplace-metering-error.js';
export { MeteringService } from './metering/metering.service.js';
export { Metered } from './metering/metered/metered.decorator.js';
export type { MeteredOptions } from './metering/metered/meter.js';
export type { DataUnit, TimeUnit } from './metering/recording/measured-quantity.js';
export type { MeasuredUsage } from './metering/recording/usage-measurement.js';
export type { BalanceFilter, BalanceView, ContractTermView } from './metering/balance/ledger-balance.js';
export type { RecordOptions, RecordResult, TemporalInstant, UsageEvent } from './metering/recording/usage-event.js';
export { MarketplaceJobs } from './metering/marketplace-jobs.service.js';
export type { RunOnceOptions, RunReport } from './metering/marketplace-jobs.service.js';
export type { WaitingWorkCount } from './metering/run-once.sql.js';
export type { UnsentUsage } from './metering/settlement/unsent-usage.sql.js';
export { RecordResolution } from './metering/settlement/record-resolution.service.js';
export type { AuditFinding, ConflictFinding, Signed } from './metering/settlement/resolution-finding.js';
export type { BlockedSelection, RequeuedRecords } from './metering/settlement/bulk-requeue.js';
export { SubmissionHold } from './metering/settlement/submission-hold.js';
export type { SubmissionHoldState } from './metering/settlement/submission-hold.js';
export type { PlacedHold } from './database/submission-hold.sql.js';
export { MarketplaceAudit } from './audit/marketplace-audit.service.js';
export type { AuditedHours, ComparedHours } from './audit/marketplace-audit.service.js';
export type {
  AuditCoverage,
  AuditIncident,
  AuditInterval,
  AuditOpenRecord,
  AuditReport,
  AuditTotal,
  AuditUnclearEvent,
} from './audit/audit-report.js';
export type { IncidentKind } from './audit/incident.js';
export type { TrailIdentityKind } from './audit/trail-sighting.js';
export type { TrailFolder, TrailFolderResult } from './audit/trail-folder.js';
export { LinkCorrection } from './metering/settlement/link-correction.js';
export type { LinkUndo, UndoneLink } from './metering/settlement/link-correction.js';
export { MarketplaceErasure } from './metering/erasure/marketplace-erasure.service.js';
export type { ErasedBuyer, ErasureDecision, ErasureResult } from './metering/erasure/marketplace-erasure.service.js';
export { ErasureRefusedError } from './metering/erasure/erasure-refused-error.js';
export type { ErasureObstacle } from './metering/erasure/erasure-obstacle.js';
export type { LinkedUsage } from './subscription/chain/claim-undo.js';
export { SubscriptionService } from './subscription/subscription.service.js';
export type { KnownCustomer, KnownCustomerResult } from './subscription/known-customer.js';
export type { Agreement, Subscription } from './subscription/subscription.js';
export type { SubscriptionState } from './subscription/agreements/subscription-state.js';
export type { MessageOrigin } from './subscription/inbox/lifecycle-event.js';
export { LifecycleMessages } from './subscription/inbox/lifecycle-messages.service.js';
export type { MessageKey, MessageRetry } from './subscription/inbox/lifecycle-messages.service.js';
export { LicenseMigration } from './subscription/reconciliation/license-migration.service.js';
export type {
  LicenseMigrationOptions,
  LicenseMigrationReport,
  MoveOutcome,
} from './subscription/reconciliation/license-migration.service.js';
export { QueueIntake } from './subscription/inbox/queue-intake.js';
export { AdminController } from './admin/admin.controller.js';
export type { AdminRequest } from './admin/admin.controller.js';
export { NotificationController } from './subscription/inbox/notification.controller.js';
export { RegistrationController } from './registration/registration.controller.js';
export type { ArrivalRequest } from './registration/registration.controller.js';
export type { AddressedRequest } from './registration/arriving-client.js';
export type { IncomingBody } from './runtime/request-body.js';
export { RegistrationService } from './registration/registration.service.js';
export type { InspectedRegistration } from './registration/registration.service.js';
export type { BrowserRequest } from './registration/browser-binding.js';
export { EntitlementService } from './entitlement/entitlement.service.js';
export type { Entitlement, EntitlementOwner, EntitlementView } from './entitlement/entitlement.js';
export type { EntitlementCheck } from './entitlement/entitlement-check.js';
export { RequireEntitlement } from './entitlement/require-entitlement.decorator.js';
export type { RequireEntitlementOptions } from './entitlement/require-entitlement.decorator.js';
export { MarketplaceReadiness } from './container/marketplace-readiness.service.js';
export type { ReadinessView } from './container/marketplace-readiness.service.js';
export type { StartCheckState, StartCheckView } from './container/start-checks.js';
export type { Decider } from './events/signed-decision.js';
export { Alerts } from './events/alerts.service.js';
export type { AcknowledgedAlert, Acknowledgement, AlertKey } from './events/alerts.service.js';
export { EventDeliveries } from './events/event-deliveries.service.js';
export type { DeliveryState } from './events/event-delivery.sql.js';
export type { EventDelivery, EventDeliveryFilter, KnownHandler } from './events/event-deliveries.service.js';
export { MARKETPLACE_EVENT_TYPES } from './events/event-catalogue.js';
export type {
  AgreementNotice,
  EntitlementNotice,
  MarketplaceEvent,
  MarketplaceEventPayloads,
  MarketplaceEventType,
  MeteringRecordNotice,
} from './events/marketplace-event.js';
export { OnMarketplaceEvent } from './events/on-marketplace-event.decorator.js';
export type { Delivery, HandlerOptions, MarketplaceEventHandler } from './events/on-marketplace-event.decorator.js';
export { drizzleExecutor } from './database/executors/drizzle-executor.js';
export type { DrizzleTransaction } from './database/executors/drizzle-executor.js';
export { knexExecutor } from './database/executors/knex-executor.js';
export type { KnexTransaction } from './database/executors/knex-executor.js';
export { kyselyExecutor } from './database/executors/kysely-executor.js';
export type { KyselyStatement, KyselyTransaction } from './database/executors/kysely-executor.js';
export { mikroOrmExecutor } from './database/executors/mikro-orm-executor.js';
export type { MikroOrmManager } from './database/executors/mikro-orm-executor.js';
export { pgExecutor } from './database/executors/pg-executor.js';
export type { PgTransactionClient } from './database/executors/pg-executor.js';
export { prismaExecutor } from './database/executors/prisma-executor.js';
export type { PrismaTransaction } from './database/executors/prisma-executor.js';
export { sequelizeExecutor } from './database/executors/sequelize-executor.js';
export type { SequelizeTransaction } from './database/executors/sequelize-executor.js';
export { typeOrmExecutor } from './database/executors/typeorm-executor.js';
export type { SqlExecutor } from './database/sql-executor.js';
export { migrationSql, runMigrations, verifyMigrations } from './database/migration-runner.js';
export type { MigrationStatus } from './database/migration-runner.js';
