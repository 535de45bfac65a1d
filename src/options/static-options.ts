import {
  type CanActivate,
  type InjectionToken,
  type ModuleMetadata,
  type OptionalFactoryDependency,
  type Type,
} from '@nestjs/common';
import { type Options } from './options.js';

/** What must be known before any factory runs; the same in `forRoot` and `forRootAsync`. */
export interface StaticOptions {
  /**
   * Name of this instance when an application has several; its services are then injected by
   * `@InjectMarketplace(Service, name)` and found by `getMarketplaceToken(Service, name)`, and never by their classes:
   * those mean the unnamed instance.
   *
   * Give it where an application serves several seller accounts or databases. Its routes lie below its name, such as
   * `marketplace/<name>/registration`, unless they have paths of their own.
   *
   * @range any text that no other instance of the application has
   * @defaultValue none: the unnamed instance
   */
  name?: string;
  /**
   * Whether the exported services are visible in every module.
   *
   * Give false to show them only to modules that import this one.
   *
   * @range true or false
   * @defaultValue true
   */
  isGlobal?: boolean;
  /**
   * Decorators put on each controller of the module.
   *
   * Give the host's own `@Public()` where a global guard would turn buyers and AWS away.
   *
   * @range class decorators
   * @defaultValue none
   */
  decorators?: ClassDecorator[];
  /**
   * Whether the module's routes stand in the OpenAPI document that `@nestjs/swagger` makes of the host.
   *
   * Give true where the document is for the host's own operators: the routes are for buyers' browsers, AWS and them.
   *
   * @range true or false
   * @defaultValue false
   */
  openApi?: boolean;
  /**
   * Landing page to which AWS Marketplace sends a buyer; false leaves it out. With `controller`, a class of the host's
   * that extends `RegistrationController` stands in its place.
   *
   * @range a path below the host's global prefix and a controller, or false
   * @defaultValue `{ path: 'marketplace/registration' }`
   */
  registration?: false | { path?: string; controller?: Type<unknown> };
  /**
   * Where SNS and EventBridge deliver over HTTPS; false leaves it out. In `forRoot` the ways in of `notifications`
   * stand beside the path. With `controller`, a class of the host's that extends `NotificationController` stands in its
   * place.
   *
   * @range a path below the host's global prefix and a controller, or false
   * @defaultValue `{ path: 'marketplace/notifications' }`
   */
  notifications?: false | { path?: string; controller?: Type<unknown> } | undefined;
  /**
   * Operators' endpoints; false leaves them out. They are closed without `guard` or `adminToken`; a guard decides
   * alone. With `controller`, a class of the host's that extends `AdminController` stands in their place, behind the
   * same guard.
   *
   * @range a path below the host's global prefix, a guard and a controller, or false
   * @defaultValue `{ path: 'marketplace/admin' }`
   */
  admin?: false | { path?: string; guard?: Type<CanActivate>; controller?: Type<unknown> };
}

/** Where the routes of an instance lie unless the host says otherwise: those of a named one below its name. */
export function defaultPathsOf(name: string | undefined): Record<'registration' | 'notifications' | 'admin', string> {
  const below = (route: string): string => (name === undefined ? route : route.replace('/', `/${name}/`));
  const { registration, notifications, admin } = STATIC_DEFAULTS;
  return {
    registration: below(registration.path),
    notifications: below(notifications.path),
    admin: below(admin.path),
  };
}

/** Static options where the host gives none; `name` and `decorators` have no default. */
export const STATIC_DEFAULTS = {
  isGlobal: true,
  openApi: false,
  registration: { path: 'marketplace/registration' },
  notifications: { path: 'marketplace/notifications' },
  admin: { path: 'marketplace/admin' },
} as const satisfies StaticOptions;

/**
 * Options and static options in one object. `notifications` holds both kinds: `path` beside the ways in, or false for
 * no endpoint.
 */
export type RootOptions = Omit<Options & StaticOptions, 'notifications'> & {
  notifications?:
    | false
    | (NonNullable<Options['notifications']> & Exclude<StaticOptions['notifications'], false | undefined>)
    | undefined;
};

/** A class that makes the options, for `useClass` and `useExisting`. */
export interface MarketplaceOptionsFactory {
  createMarketplaceOptions(): Options | Promise<Options>;
}

/** Static options, and one way in which the others are made. */
export interface AsyncOptions extends StaticOptions, Pick<ModuleMetadata, 'imports'> {
  /** Makes the options of what `inject` names. */
  useFactory?: (...dependencies: never[]) => Options | Promise<Options>;
  /** What `useFactory` is given; `imports` must bring it. */
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** A class that is made here, and makes the options. */
  useClass?: Type<MarketplaceOptionsFactory>;
  /** A provider of a module in `imports` that makes the options. */
  useExisting?: Type<MarketplaceOptionsFactory>;
}
