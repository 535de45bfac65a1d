import { type CanActivate, type ExecutionContext, HttpException, Injectable } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import { isOutage } from '../database/ledger-database.js';
import { isMarketplaceMeteringError, MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { OPERATOR_ERRORS } from '../errors/operator-errors.js';
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
    // What other contexts have in the place of a request may come from whoever asks: nobody is let in by it.
    if (context.getType() !== 'http') {
      throw guardMisplaced(`${context.getClass().name}.${context.getHandler().name}`);
    }
    const { dimension, atLeast, name } = required;
    const entitlements = this.modules.get(getMarketplaceToken(EntitlementService, name), { strict: false });
    const request = context.switchToHttp().getRequest<Record<string, unknown>>();
    const owner = await entitlements.ownerOf(request);
    if (owner === null) throw refused('this request is nobody’s who could hold one');
    const check = await entitlements
      .check(owner, dimension, atLeast === undefined ? {} : { atLeast })
      .catch((error: unknown) => {
        if (isOutage(error)) throw unavailable(error as Error);
        // The id may come out of the request.
        if (isMarketplaceMeteringError(error) && error.code === 'SUBSCRIPTION_UNKNOWN')
          throw refused('there is no such subscription');
        throw error;
      });
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

export function guardMisplaced(place: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'GUARD_MISPLACED',
    `@RequireEntitlement on ${place}: it guards HTTP routes. Call EntitlementService.check there.`,
  );
}

/** Not the buyer's fault, and gone in a moment. What the database said is not for buyers. */
function unavailable(cause: Error): HttpException {
  const [statusCode] = OPERATOR_ERRORS.LEDGER_UNAVAILABLE.status;
  const message = 'Whether you hold the entitlement that is required here cannot be looked up now. Repeat the request.';
  return new HttpException({ statusCode, errorCode: 'LEDGER_UNAVAILABLE', message }, statusCode, { cause });
}

const WHY: Record<NonNullable<EntitlementCheck['reason']>, string> = {
  none: 'none is held',
  tooLittle: 'too little is held',
  ended: 'it has ended',
  tooOld: 'AWS Marketplace cannot be asked, and its last answer is too old',
  unknown: 'AWS Marketplace has not said yet what is held',
  noSubscription: 'there is no subscription in force',
};
