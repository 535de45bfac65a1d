import {
  type DynamicModule,
  type FactoryProvider,
  Logger,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, ModuleRef, ModulesContainer } from '@nestjs/core';
import { ADMIN_PROVIDERS, adminControllerOf } from './admin/admin.providers.js';
import { AUDIT_PROVIDERS } from './audit/audit.providers.js';
import { MarketplaceAudit } from './audit/marketplace-audit.service.js';
import { AwsClients } from './aws/aws-clients.js';
import { CallPermission } from './aws/call-permission.js';
import { PacedCalls } from './aws/paced-calls.js';
import { CONTAINER_PROVIDERS } from './container/container.providers.js';
import { MarketplaceReadiness } from './container/marketplace-readiness.service.js';
import { CallBudget } from './database/call-budget.js';
import { ClosingConnections } from './database/closing-connections.js';
import { ClockGuard } from './database/clock-guard.js';
import { connectLedger } from './database/ledger-connection.js';
import { isOutage, LedgerDatabase } from './database/ledger-database.js';
import { ENTITLEMENT_PROVIDERS } from './entitlement/entitlement.providers.js';
import { EntitlementService } from './entitlement/entitlement.service.js';
import { MarketplaceMeteringError } from './errors/marketplace-metering-error.js';
import { EventDeliveries } from './events/event-deliveries.service.js';
import { EVENTS_PROVIDERS } from './events/events.providers.js';
import { misspelledVariables } from './options/misspelled-variables.js';
import { type Options } from './options/options.js';
import { givenOptions, optionsMadeBy } from './options/given-options.js';
import { type ResolvedOptions, resolveOptions } from './options/resolved-options.js';
import {
  type AsyncOptions,
  defaultPathsOf,
  type MarketplaceOptionsFactory,
  type RootOptions,
  STATIC_DEFAULTS,
  type StaticOptions,
} from './options/static-options.js';
import { MarketplaceJobs } from './metering/marketplace-jobs.service.js';
import { METERING_PROVIDERS } from './metering/metering.providers.js';
import { MeteringService } from './metering/metering.service.js';
import { MarketplaceErasure } from './metering/erasure/marketplace-erasure.service.js';
import { LinkCorrection } from './metering/settlement/link-correction.js';
import { RecordResolution } from './metering/settlement/record-resolution.service.js';
import { SubmissionHold } from './metering/settlement/submission-hold.js';
import { CurrentSettings } from './metering/submission/current-settings.js';
import { registrationControllerOf } from './registration/registration.controller.js';
import { REGISTRATION_PROVIDERS } from './registration/registration.providers.js';
import { RegistrationService } from './registration/registration.service.js';
import { BodyBounds } from './runtime/body-bounds.js';
import { Waker } from './runtime/waker.js';
import { refuseCollisions } from './runtime/instance-collisions.js';
import { getMarketplaceToken, InstanceProviders } from './runtime/instance-token.js';
import { INSTANCE_NAME, IS_OUTAGE, JobScheduler } from './runtime/job-scheduler.js';
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
  LinkCorrection,
  MarketplaceErasure,
  SubmissionHold,
  MarketplaceAudit,
  EventDeliveries,
  QueueIntake,
  JobScheduler,
  MarketplaceJobs,
  MarketplaceReadiness,
] as const;

/** Options as the host gave them, before the environment and the defaults. */
const GIVEN_OPTIONS = Symbol('marketplace-metering:given-options');

/**
 * Everything AWS Marketplace asks of a seller's backend. `forRoot()` without arguments reads the environment:
 * DATABASE_URL, MARKETPLACE_PRODUCTS and MARKETPLACE_SIGN_UP_URL are enough.
 */
@Module({})
export class MarketplaceMeteringModule implements OnModuleInit {
  constructor(
    private readonly instance: ModuleRef,
    private readonly modules: ModulesContainer,
  ) {}

  /**
   * @param options options given here win over environment variables
   * @throws OptionsInvalidError when the application starts, with every problem at once
   */
  static forRoot(options: RootOptions = {}): DynamicModule {
    const { name, isGlobal, decorators, openApi, registration, notifications, admin, ...rest } = givenOptions(
      options,
      'forRoot',
    );
    const { path, controller, ...waysIn } = notifications === false ? {} : (notifications ?? {});
    const endpoint = notifications === false ? notifications : definedOnly({ path, controller });
    const statics = definedOnly({ name, isGlobal, decorators, openApi, registration, notifications: endpoint, admin });
    const given = { ...rest, notifications: waysIn };
    return assemble(statics, [], resolvedBy({ useFactory: () => given }));
  }

  /** As `forRoot`, with options made by a factory, a class or an existing provider. */
  static forRootAsync(options: AsyncOptions): DynamicModule {
    givenOptions(options, 'forRootAsync');
    return assemble(options, options.imports ?? [], asyncOptionsProviders(options));
  }

  async onModuleInit(): Promise<void> {
    refuseBare(this.modules);
    refuseCollisions(this.modules, MarketplaceMeteringModule);
    const name = this.instance.get<string | undefined>(INSTANCE_NAME);
    await this.instance.get(getMarketplaceToken(ProductCatalog, name)).sync();
    await this.instance.get(getMarketplaceToken(CurrentSettings, name)).tellAtStart();
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
      useFactory: (options: Options, ofTest: (given: Options) => Options) => {
        warnOfMisspelled(process.env);
        return resolveOptions(ofTest(givenOptions(options, 'The factory of forRootAsync')));
      },
    },
  ];
}

function warnOfMisspelled(environment: NodeJS.ProcessEnv): void {
  for (const { given, meant } of misspelledVariables(environment))
    new Logger('MarketplaceOptions').warn(
      `The variable ${given} has no effect: this module has none of that name, but ${meant}. Correct it, or ignore this ` +
        'where it is a variable of your own.',
    );
}

function asyncOptionsProviders(options: AsyncOptions): Provider[] {
  const fromFactory = (factory: MarketplaceOptionsFactory): Options | Promise<Options> => optionsMadeBy(factory);
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

/**
 * Nest runs no lifecycle hook and mounts no controller of a module that LazyModuleLoader brings: usage would be recorded
 * and never billed, without a word. Such a module has no distance from the root, which Nest measures at the start only.
 */
function refuseLazyLoading(modules: ModulesContainer): void {
  const isLazy = [...modules.values()].some(
    ({ metatype, distance }) => metatype === MarketplaceOptionsModule && distance === 0,
  );
  if (!isLazy) return;
  throw new MarketplaceMeteringError(
    'LOADED_LAZILY',
    'MarketplaceMeteringModule cannot come through LazyModuleLoader: Nest would start none of its jobs and mount none ' +
      'of its routes. Import it in a module that is there when the application starts; isGlobal: true (the default) ' +
      'shows its services to modules that are loaded later.',
  );
}

/** The class alone brings no options, and none of its services. */
function refuseBare(modules: ModulesContainer): void {
  const isBare = [...modules.values()].some(
    ({ metatype, providers }) => metatype === MarketplaceMeteringModule && !providers.has(INSTANCE_NAME),
  );
  if (!isBare) return;
  throw new MarketplaceMeteringError(
    'OPTIONS_INVALID',
    'A module imports MarketplaceMeteringModule itself: import MarketplaceMeteringModule.forRoot(…) or forRootAsync(…), ' +
      'once; isGlobal: true (the default) shows its services to all other modules.',
  );
}

/** What an instance is made of. */
const PROVIDERS: Provider[] = [
  {
    provide: LedgerDatabase,
    inject: [RESOLVED_OPTIONS, ModulesContainer],
    useFactory: (options: ResolvedOptions, modules: ModulesContainer) => {
      refuseLazyLoading(modules);
      return connectLedger(options);
    },
  },
  ClosingConnections,
  Waker,
  BodyBounds,
  { provide: IS_OUTAGE, useValue: isOutage },
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
];

function assemble(
  statics: StaticOptions,
  imports: NonNullable<ModuleMetadata['imports']>,
  optionsProviders: Provider[],
): DynamicModule {
  const { name } = statics;
  const instance = name === undefined ? null : new InstanceProviders(PROVIDERS, name);
  const optionsModule: DynamicModule = {
    module: MarketplaceOptionsModule,
    imports,
    providers: optionsProviders,
    exports: [RESOLVED_OPTIONS],
  };
  return {
    module: MarketplaceMeteringModule,
    global: statics.isGlobal ?? STATIC_DEFAULTS.isGlobal,
    imports: [optionsModule, DiscoveryModule],
    controllers: controllersOf(statics).map((controller) => instance?.injected(controller) ?? controller),
    providers: [{ provide: INSTANCE_NAME, useValue: name }, ...(instance?.named() ?? PROVIDERS)],
    exports: PUBLIC_SERVICES.map((service) => getMarketplaceToken<unknown>(service, name)),
  };
}

/** What `@ApiExcludeController()` of @nestjs/swagger leaves on a class; that package is the host's. */
const HIDDEN_IN_OPEN_API = ['swagger/apiExcludeController', [true]] as const;

function controllersOf(statics: StaticOptions): Type<unknown>[] {
  const { registration, notifications, admin, decorators = [] } = statics;
  const paths = defaultPathsOf(statics.name);
  const controllers: Type<unknown>[] = [];
  if (registration !== false)
    controllers.push(
      registrationControllerOf({ path: paths.registration, decorators, ...definedOnly({ ...registration }) }),
    );
  if (notifications !== false)
    controllers.push(
      notificationControllerOf({ path: paths.notifications, decorators, ...definedOnly({ ...notifications }) }),
    );
  if (admin !== false)
    controllers.push(adminControllerOf({ path: paths.admin, decorators, ...definedOnly({ ...admin }) }));
  const isShown = statics.openApi ?? STATIC_DEFAULTS.openApi;
  if (!isShown) for (const controller of controllers) Reflect.defineMetadata(...HIDDEN_IN_OPEN_API, controller);
  return controllers;
}
