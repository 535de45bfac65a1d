import { type CanActivate, type ExecutionContext, HttpException, Injectable } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import { SUBSCRIPTION_ERRORS } from '../errors/subscription-errors.js';
import { getMarketplaceToken } from '../runtime/instance-token.js';
import { type EntitlementCheck } from './entitlement-check.js';
import { EntitlementService } from './entitlement.service.js';

/** What a route asks of its buyer. */
export interface RequiredEntitlement {
  dimension: string;
  atLeast: number | undefined;
  name: string | undefined;
}

export const REQUIRED_ENTITLEMENT = 'marketplace-metering:required-entitlement';

/** The guard of `@RequireEntitlement`. It asks nothing of the module that it is used in. */
@Injectable()
export class EntitlementGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly modules: ModuleRef,
  ) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const required = this.reflector.getAllAndOverride<RequiredEntitlement | undefined>(REQUIRED_ENTITLEMENT, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!required) return true;
    const { dimension, atLeast, name } = required;
    const entitlements = this.modules.get(getMarketplaceToken(EntitlementService, name), { strict: false });
    const request = context.switchToHttp().getRequest<Record<string, unknown>>();
    const owner = await entitlements.ownerOf(request);
    if (owner === null) throw refused('this request is nobody’s who could hold one');
    const check = await entitlements.check(owner, dimension, atLeast === undefined ? {} : { atLeast });
    request.marketplaceEntitlement = check;
    if (!check.isEntitled) throw refused(WHY[check.reason ?? 'none']);
    return true;

    function refused(why: string): HttpException {
      const amount = atLeast === undefined ? '' : ` (at least ${atLeast})`;
      const [statusCode] = SUBSCRIPTION_ERRORS.ENTITLEMENT_REQUIRED.status;
      const message = `An entitlement of "${dimension}"${amount} is required: ${why}.`;
      return new HttpException({ statusCode, errorCode: 'ENTITLEMENT_REQUIRED', message }, statusCode);
    }
  }
}

const WHY: Record<NonNullable<EntitlementCheck['reason']>, string> = {
  none: 'none is held',
  tooLittle: 'too little is held',
  ended: 'it has ended',
  tooOld: 'AWS Marketplace cannot be asked, and its last answer is too old',
  unknown: 'AWS Marketplace has not said yet what is held',
  noSubscription: 'there is no subscription in force',
};
