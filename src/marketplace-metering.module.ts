import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { ADMIN_PROVIDERS, adminControllerOf } from './admin/admin.providers.js';
import { AUDIT_PROVIDERS } from './audit/audit.providers.js';
import { MarketplaceAudit } from './audit/marketplace-audit.service.js';
import { AwsClients } from './aws/aws-clients.js';
import { CallPermission } from './aws/call-permission.js';
import { PacedCalls } from './aws/paced-calls.js';
import { CONTAINER_PROVIDERS } from './container/container.providers.js';
import { MarketplaceReadiness } from './container/marketplace-readiness.service.js';
import { CallBudget } from './database/call-budget.js';
import { ClockGuard } from './database/clock-guard.js';
import { connectLedger } from './database/ledger-connection.js';
import { LedgerDatabase } from './database/ledger-database.js';
import { ENTITLEMENT_PROVIDERS } from './entitlement/entitlement.providers.js';
import { EntitlementService } from './entitlement/entitlement.service.js';
import { MarketplaceMeteringError } from './errors/marketplace-metering-error.js';
import { EventDeliveries } from './events/event-deliveries.service.js';
import { EVENTS_PROVIDERS } from './events/events.providers.js';
import { type Options } from './options/options.js';
import { resolveOptions } from './options/resolved-options.js';
import {
  type AsyncOptions,
  type MarketplaceOptionsFactory,
  type RootOptions,
  STATIC_DEFAULTS,
  type StaticOptions,
} from './options/static-options.js';
import { METERING_PROVIDERS } from './metering/metering.providers.js';
import { MeteringService } from './metering/metering.service.js';
import { RecordResolution } from './metering/settlement/record-resolution.service.js';
import { SubmissionHold } from './metering/settlement/submission-hold.js';
import { registrationControllerOf } from './registration/registration.controller.js';
import { REGISTRATION_PROVIDERS } from './registration/registration.providers.js';
import { RegistrationService } from './registration/registration.service.js';
import { Waker } from './runtime/waker.js';
import { INSTANCE_NAME, JobScheduler } from './runtime/job-scheduler.js';
import { OPTIONS_OF_TEST, RESOLVED_OPTIONS } from './runtime/tokens.js';
import { notificationControllerOf } from './subscription/inbox/notification.controller.js';
import { NOTIFICATION_PROVIDERS } from './subscription/inbox/notification.providers.js';
import { LifecycleMessages } from './subscription/inbox/lifecycle-messages.service.js';
import { LicenseMigration } from './subscription/reconciliation/license-migration.service.js';
import { QueueIntake } from './subscription/inbox/queue-intake.js';
import { ProductCatalog } from './subscription/product-catalog.js';
import { SUBSCRIPTION_PROVIDERS } from './subscription/subscription.providers.js';
import { SubscriptionService } from './subscription/subscription.service.js';

const PUBLIC_SERVICES = [
  MeteringService,
  SubscriptionService,
  LifecycleMessages,
  LicenseMigration,
  RegistrationService,
  EntitlementService,
  RecordResolution,
  SubmissionHold,
  MarketplaceAudit,
  EventDeliveries,
  QueueIntake,
  JobScheduler,
  MarketplaceReadiness,
] as const;

/** Options as the host gave them, before the environment and the defaults. */
const GIVEN_OPTIONS = Symbol('marketplace-metering:given-options');

/** Token of a public service of a named instance; for the unnamed instance it is the class itself. */
export function getMarketplaceToken<T>(service: Type<T>, name?: string): InjectionToken<T> {
  return name === undefined ? service : `marketplace-metering:${name}:${service.name}`;
}

/**
 * Everything AWS Marketplace asks of a seller's backend. `forRoot()` without arguments reads the environment:
 * DATABASE_URL, MARKETPLACE_PRODUCTS and MARKETPLACE_SIGN_UP_URL are enough.
 */
@Module({})
export class MarketplaceMeteringModule implements OnModuleInit {
  constructor(
    private readonly catalog: ProductCatalog,
    private readonly modules: ModulesContainer,
    @Inject(INSTANCE_NAME) private readonly instanceName: string | undefined,
  ) {}

  /**
   * @param options options given here win over environment variables
   * @throws OptionsInvalidError when the application starts, with every problem at once
   */
  static forRoot(options: RootOptions = {}): DynamicModule {
    const { name, isGlobal, decorators, registration, notifications, admin, ...rest } = options;
    const { path, ...waysIn } = notifications === false ? {} : (notifications ?? {});
    const endpoint = notifications === false ? notifications : definedOnly({ path });
    const statics = definedOnly({ name, isGlobal, decorators, registration, notifications: endpoint, admin });
    const given = { ...rest, notifications: waysIn };
    return assemble(statics, [], resolvedBy({ useFactory: () => given }));
  }

  /** As `forRoot`, with options made by a factory, a class or an existing provider. */
  static forRootAsync(options: AsyncOptions): DynamicModule {
    return assemble(options, options.imports ?? [], asyncOptionsProviders(options));
  }

  async onModuleInit(): Promise<void> {
    this.refuseDuplicates();
    await this.catalog.sync();
  }

  /** Two instances of one name would seal, submit and answer the same routes twice in one process. */
  private refuseDuplicates(): void {
    const duplicates = [...this.modules.values()].filter(
      (module) =>
        module.metatype === MarketplaceMeteringModule &&
        module.providers.get(INSTANCE_NAME)?.instance === (this.instanceName as unknown),
    );
    if (duplicates.length <= 1) return;
    throw new MarketplaceMeteringError(
      'INSTANCE_DUPLICATE',
      `MarketplaceMeteringModule is imported ${duplicates.length} times as ${this.instanceName === undefined ? 'the unnamed instance' : `"${this.instanceName}"`}. ` +
        'Call forRoot() once and keep the result, or give each instance its own `name`.',
    );
  }
}

function definedOnly<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** What the host gives is resolved in one place, where a test may have its say. */
function resolvedBy(given: Pick<FactoryProvider<Options | Promise<Options>>, 'useFactory' | 'inject'>): Provider[] {
  return [
    { provide: GIVEN_OPTIONS, ...given },
    { provide: OPTIONS_OF_TEST, useValue: (options: Options) => options },
    {
      provide: RESOLVED_OPTIONS,
      inject: [GIVEN_OPTIONS, OPTIONS_OF_TEST],
      useFactory: (options: Options, ofTest: (given: Options) => Options) => resolveOptions(ofTest(options)),
    },
  ];
}

function asyncOptionsProviders(options: AsyncOptions): Provider[] {
  const fromFactory = (factory: MarketplaceOptionsFactory): Options | Promise<Options> =>
    factory.createMarketplaceOptions();
  const { useFactory, useClass, useExisting } = options;
  const ways = [useFactory, useClass, useExisting].filter((way) => way !== undefined).length;
  if (ways === 1 && useFactory) {
    const make = useFactory as (...dependencies: unknown[]) => Options | Promise<Options>;
    return resolvedBy({ inject: options.inject ?? [], useFactory: make });
  }
  if (ways === 1 && useClass) return [useClass, ...resolvedBy({ inject: [useClass], useFactory: fromFactory })];
  if (ways === 1 && useExisting) return resolvedBy({ inject: [useExisting], useFactory: fromFactory });
  throw new MarketplaceMeteringError(
    'OPTIONS_INVALID',
    'forRootAsync takes exactly one of useFactory, useClass and useExisting.',
  );
}

/** Holds the options apart from the rooms, with what their factory imports. */
@Module({})
class MarketplaceOptionsModule {}

function assemble(
  statics: StaticOptions,
  imports: NonNullable<ModuleMetadata['imports']>,
  optionsProviders: Provider[],
): DynamicModule {
  const { name } = statics;
  const optionsModule: DynamicModule = {
    module: MarketplaceOptionsModule,
    imports,
    providers: optionsProviders,
    exports: [RESOLVED_OPTIONS],
  };
  const aliases: FactoryProvider[] =
    name === undefined
      ? []
      : PUBLIC_SERVICES.map((service) => ({
          provide: getMarketplaceToken(service as Type<unknown>, name),
          inject: [service],
          useFactory: (instance: unknown) => instance,
        }));
  return {
    module: MarketplaceMeteringModule,
    global: statics.isGlobal ?? STATIC_DEFAULTS.isGlobal,
    imports: [optionsModule, DiscoveryModule],
    controllers: controllersOf(statics),
    providers: [
      { provide: INSTANCE_NAME, useValue: name },
      { provide: LedgerDatabase, inject: [RESOLVED_OPTIONS], useFactory: connectLedger },
      Waker,
      JobScheduler,
      ClockGuard,
      AwsClients,
      CallBudget,
      PacedCalls,
      CallPermission,
      ...EVENTS_PROVIDERS,
      ...SUBSCRIPTION_PROVIDERS,
      ...NOTIFICATION_PROVIDERS,
      ...REGISTRATION_PROVIDERS,
      ...METERING_PROVIDERS,
      ...ENTITLEMENT_PROVIDERS,
      ...CONTAINER_PROVIDERS,
      ...AUDIT_PROVIDERS,
      ...ADMIN_PROVIDERS,
      ...aliases,
    ],
    exports: name === undefined ? [...PUBLIC_SERVICES] : aliases.map((alias) => alias.provide),
  };
}

function controllersOf({ registration, notifications, admin, decorators = [] }: StaticOptions): Type<unknown>[] {
  return [
    ...(registration === false
      ? []
      : [registrationControllerOf({ path: registration?.path ?? STATIC_DEFAULTS.registration.path, decorators })]),
    ...(notifications === false
      ? []
      : [notificationControllerOf({ path: notifications?.path ?? STATIC_DEFAULTS.notifications.path, decorators })]),
    ...(admin === false
      ? []
      : [
          adminControllerOf({
            path: admin?.path ?? STATIC_DEFAULTS.admin.path,
            decorators,
            ...(admin?.guard ? { guard: admin.guard } : {}),
          }),
        ]),
  ];
}
