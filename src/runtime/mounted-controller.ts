import 'reflect-metadata';
import { Controller, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';

/** Nest's own key of the path of a route. */
const PATH = 'path';

/** Where a controller of ours is mounted, and what the host makes of it. */
export interface ControllerMount {
  path: string;
  /** The host's subclass of it, which takes its place. */
  controller?: Type<unknown> | undefined;
  /** On the class that is mounted, after those of the host's subclass. */
  decorators?: readonly ClassDecorator[];
}

/**
 * A controller class of its own for each instance of the module: path and decorators belong to that instance alone.
 * @param base the controller of ours
 * @param option that names the host's subclass
 * @throws MarketplaceMeteringError `OPTIONS_INVALID` where the host's class is no subclass of it
 */
export function mountedController<T extends object>(
  base: abstract new () => T,
  option: string,
  { path, controller, decorators = [] }: ControllerMount,
): Type<T> {
  if (controller !== undefined && !isSubclass(controller, base))
    throw new MarketplaceMeteringError(
      'OPTIONS_INVALID',
      `${option}: give a class that extends ${base.name}, which this package exports: ` +
        `class My${base.name} extends ${base.name} {}.`,
    );
  const parent = (controller ?? base) as Type<T>;
  class Mounted extends (parent as Type<object>) {}
  // The log and the errors of Nest name it.
  Object.defineProperty(Mounted, 'name', { value: controller?.name ?? `Marketplace${base.name}` });
  keepRoutes(Mounted.prototype, base.prototype as object);
  for (const decorate of decorators) decorate(Mounted);
  Controller({ path, version: VERSION_NEUTRAL })(Mounted);
  return Mounted as Type<T>;
}

function isSubclass(controller: unknown, base: object): boolean {
  return typeof controller === 'function' && Object.prototype.isPrototypeOf.call(base, controller);
}

/**
 * A method that stands in for one of ours answers where ours did. Nest looks for the route on the function itself: one
 * that only calls `super` would be no route, and AWS's buyers would find no page, without a word at the start.
 */
function keepRoutes(prototype: object, base: object): void {
  for (const name of Object.getOwnPropertyNames(base)) {
    const route = (base as Record<string, unknown>)[name];
    const answers = (prototype as Record<string, unknown>)[name];
    if (typeof route !== 'function' || typeof answers !== 'function' || answers === route) continue;
    if (!Reflect.hasMetadata(PATH, route)) continue;
    for (const key of Reflect.getMetadataKeys(route))
      if (!Reflect.hasMetadata(key, answers)) Reflect.defineMetadata(key, Reflect.getMetadata(key, route), answers);
  }
}
