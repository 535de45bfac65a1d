import 'reflect-metadata';
import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { EntitlementGuard, REQUIRED_ENTITLEMENT, type RequiredEntitlement } from './entitlement.guard.js';

/** Further terms of `@RequireEntitlement`. */
export interface RequireEntitlementOptions {
  /** The least amount; without it anything that is held will do. */
  atLeast?: number;
  /** Of a named instance of the module. */
  name?: string;
}

/**
 * Lets a request through where its buyer holds an entitlement of the dimension now: on a controller or on a route. Whose
 * request it is says the option `entitlementOwner`. Closed where nothing is known; while AWS cannot be asked its last
 * answer counts for `entitlementStaleForMs`. What was found stands in the request as `marketplaceEntitlement`, an
 * `EntitlementCheck`. Otherwise it answers 403 with `errorCode: 'ENTITLEMENT_REQUIRED'`.
 *
 * Not for AMI and container products, whose entitlements cannot be asked for (`ENTITLEMENTS_UNAVAILABLE`).
 */
export function RequireEntitlement(
  dimension: string,
  { atLeast, name }: RequireEntitlementOptions = {},
): ClassDecorator & MethodDecorator {
  const required: RequiredEntitlement = { dimension, atLeast, name };
  const require = applyDecorators(SetMetadata(REQUIRED_ENTITLEMENT, required), UseGuards(EntitlementGuard));
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (method === undefined || descriptor === undefined) {
      (require as ClassDecorator)(target as never);
      return;
    }
    require(target, method, descriptor);
    Reflect.defineMetadata(REQUIRED_ENTITLEMENT, required, target, method);
    // Nest looks for guards on the function that stands there in the end. A decorator above may put another one there
    // without them; once the class is made, and before Nest looks, that one gets them.
    void Promise.resolve().then(() => {
      const last = Object.getOwnPropertyDescriptor(target, method);
      if (last && isUnguarded(last.value)) require(target, method, last);
    });
  };
}

function isUnguarded(method: unknown): method is object {
  return typeof method === 'function' && !Reflect.hasOwnMetadata(REQUIRED_ENTITLEMENT, method);
}

/** Whether the decorator stood on this method of the class, and the function that is there now knows nothing of it. */
export function isGuardLost(prototype: object, name: string): boolean {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null || !Reflect.hasOwnMetadata(REQUIRED_ENTITLEMENT, owner, name)) return false;
  return isUnguarded((owner as Record<string, unknown>)[name]);
}
