import 'reflect-metadata';
import { type DiscoveryService, type MetadataScanner } from '@nestjs/core';

/**
 * Has a decorator hold whatever stands above it. Nest looks for guards and interceptors on the function that stands in
 * the class in the end; a decorator above may put another one there without them. Once the class is made, and before
 * Nest looks, that one is decorated as well.
 * @param key of the metadata that `decorate` leaves on what it decorates
 */
export function lastingDecorator(
  key: string,
  decorate: ClassDecorator & MethodDecorator,
): ClassDecorator & MethodDecorator {
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (method === undefined || descriptor === undefined) {
      (decorate as ClassDecorator)(target as never);
      return;
    }
    decorate(target, method, descriptor);
    Reflect.defineMetadata(key, true, target, method);
    void Promise.resolve().then(() => {
      const last = Object.getOwnPropertyDescriptor(target, method);
      if (last && isBare(last.value, key)) decorate(target, method, last);
    });
  };
}

function isBare(method: unknown, key: string): method is object {
  return typeof method === 'function' && !Reflect.hasOwnMetadata(key, method);
}

/** Whether the decorator stood on this method of the class, and the function that is there now knows nothing of it. */
function isDecoratorLost(key: string, prototype: object, name: string): boolean {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null || !Reflect.hasOwnMetadata(key, owner, name)) return false;
  return isBare((owner as Record<string, unknown>)[name], key);
}

/** Routes of the host, as `Class.method`, that bore the decorator `key` and have lost it. */
export function* routesWithout(key: string, discovery: DiscoveryService, scanner: MetadataScanner): Generator<string> {
  for (const { metatype } of discovery.getControllers()) {
    const prototype = (metatype as { prototype?: object } | null)?.prototype;
    if (!prototype) continue;
    for (const name of scanner.getAllMethodNames(prototype))
      if (isDecoratorLost(key, prototype, name)) yield `${prototype.constructor.name}.${name}`;
  }
}

/** Nest's own key of what makes a class a controller, and a method a route. */
const PATH = 'path';

/**
 * Where the decorator `key` stands and no HTTP request ever comes, as `Class.method` or `Class`: on a resolver, a gateway,
 * a message handler.
 */
export function* placesWithoutRoute(
  key: string,
  discovery: DiscoveryService,
  scanner: MetadataScanner,
): Generator<string> {
  const isMisplaced = (place: unknown): boolean =>
    typeof place === 'function' && Reflect.hasMetadata(key, place) && !Reflect.hasMetadata(PATH, place);
  for (const { metatype } of [...discovery.getControllers(), ...discovery.getProviders()]) {
    const prototype = (metatype as { prototype?: object } | null)?.prototype;
    if (typeof metatype !== 'function' || !prototype) continue;
    if (isMisplaced(metatype)) yield metatype.name;
    for (const name of scanner.getAllMethodNames(prototype))
      if (isMisplaced((prototype as Record<string, unknown>)[name])) yield `${metatype.name}.${name}`;
  }
}
