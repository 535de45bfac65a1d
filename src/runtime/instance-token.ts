import 'reflect-metadata';
import { Inject, type InjectionToken, type Provider, type Type } from '@nestjs/common';

type Constructor = Type<unknown>;
/** Nest's own keys for what `@Inject` and `@Optional` say of a constructor's parameters. */
const INJECTED = 'self:paramtypes';
const OPTIONAL = 'optional:paramtypes';
/** The same of its properties. */
const PROPERTIES = 'self:properties_metadata';

const tokens = new Map<string, Map<unknown, symbol>>();

/**
 * Token of a service of a named instance; for the unnamed instance it is the class itself.
 *
 * `app.get(getMarketplaceToken(MeteringService, 'eu'), { strict: false })`
 */
export function getMarketplaceToken<T>(service: Type<T>, name?: string): InjectionToken<T> {
  if (name === undefined) return service;
  const ofInstance = tokens.get(name) ?? new Map<unknown, symbol>();
  tokens.set(name, ofInstance);
  // By the class, not by its name: a minifier may give one name to several.
  const token = ofInstance.get(service) ?? Symbol(`${service.name} of MarketplaceMeteringModule "${name}"`);
  ofInstance.set(service, token);
  return token;
}

/** Injects a service of a named instance: `@InjectMarketplace(MeteringService, 'eu')`. */
export function InjectMarketplace(service: Type<unknown>, name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getMarketplaceToken(service, name));
}

/**
 * The providers of a named instance, each class under a token of its own. Under the classes themselves `app.get` would
 * find whichever instance comes first, and hand out another seller's services.
 */
export class InstanceProviders {
  private readonly classes: ReadonlySet<unknown>;

  constructor(
    private readonly given: readonly Provider[],
    private readonly name: string,
  ) {
    this.classes = new Set(given.map((provider) => (typeof provider === 'function' ? provider : provider.provide)));
  }

  named(): Provider[] {
    return this.given.map((provider): Provider => {
      if (typeof provider === 'function')
        return {
          provide: this.tokenOf(provider) as InjectionToken,
          useClass: this.injected(class extends provider {}),
        };
      const provide = this.tokenOf(provider.provide) as InjectionToken;
      if ('useClass' in provider) return { ...provider, provide, useClass: this.own(provider.useClass as Constructor) };
      if ('useExisting' in provider)
        return { provide, useExisting: this.tokenOf(provider.useExisting) as InjectionToken };
      if ('useFactory' in provider)
        return { ...provider, provide, inject: (provider.inject ?? []).map((one) => this.tokenOf(one)) as never };
      return { ...provider, provide };
    });
  }

  private own(metatype: Constructor): Constructor {
    const own = class extends (metatype as new (...dependencies: unknown[]) => object) {};
    Object.defineProperty(own, 'name', { value: metatype.name });
    return this.injected(own);
  }

  /** Has a class that is this instance's alone injected with the instance's own. */
  injected<T extends Constructor>(metatype: T): T {
    const types = (Reflect.getMetadata('design:paramtypes', metatype) ?? []) as unknown[];
    const said = (Reflect.getMetadata(INJECTED, metatype) ?? []) as { index: number; param: unknown }[];
    const injected = types.map((type, index) => ({ index, param: type }));
    for (const { index, param } of said) injected[index] = { index, param };
    const own = injected.filter(
      ({ index, param }) => this.classes.has(param) || said.some((one) => one.index === index),
    );
    Reflect.defineMetadata(
      INJECTED,
      own.map(({ index, param }) => ({ index, param: this.tokenOf(param) })),
      metatype,
    );
    // Nest 12 looks for it on the class that says anything of the parameters, which this one does now.
    Reflect.defineMetadata(OPTIONAL, Reflect.getMetadata(OPTIONAL, metatype) ?? [], metatype);
    const properties = (Reflect.getMetadata(PROPERTIES, metatype) ?? []) as { key: unknown; type: unknown }[];
    const ownProperties = properties.map(({ key, type }) => ({ key, type: this.tokenOf(type) }));
    Reflect.defineMetadata(PROPERTIES, ownProperties, metatype);
    return metatype;
  }

  private tokenOf(token: unknown): unknown {
    return typeof token === 'function' && this.classes.has(token)
      ? getMarketplaceToken(token as Constructor, this.name)
      : token;
  }
}
