import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { lastingDecorator } from '../runtime/lasting-decorator.js';
import { EntitlementGuard, REQUIRED_ENTITLEMENT, type RequiredEntitlement } from './entitlement.guard.js';

/** Further terms of `@RequireEntitlement`. */
export interface RequireEntitlementOptions {
  /** The least amount; without it anything that is held will do. */
  atLeast?: number;
  /** Of a named instance of the module. */
  name?: string;
}

/**
 * Lets a request through where its buyer holds an entitlement of the dimension now, by any subscription that is in force:
 * on a controller or on a route of HTTP. Whose request it is says the option `entitlementOwner`. Closed where nothing is known; while AWS cannot be asked its last
 * answer counts for `entitlementStaleForMs`. What was found stands in the request as `marketplaceEntitlement`, an
 * `EntitlementCheck`. Otherwise it answers 403 with `errorCode: 'ENTITLEMENT_REQUIRED'`, and 503 `LEDGER_UNAVAILABLE` while
 * the database is away.
 *
 * Not for AMI and container products, whose entitlements cannot be asked for (`ENTITLEMENTS_UNAVAILABLE`).
 */
export function RequireEntitlement(
  dimension: string,
  { atLeast, name }: RequireEntitlementOptions = {},
): ClassDecorator & MethodDecorator {
  const required: RequiredEntitlement = { dimension, atLeast, name };
  const require = applyDecorators(SetMetadata(REQUIRED_ENTITLEMENT, required), UseGuards(EntitlementGuard));
  return lastingDecorator(REQUIRED_ENTITLEMENT, require);
}
