import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type Subscription } from './subscription.js';

/** A tenant has not exactly one subscription in force. */
export class SubscriptionChoiceError extends MarketplaceMeteringError {
  private constructor(
    code: 'NO_SUBSCRIPTION' | 'SEVERAL_SUBSCRIPTIONS',
    message: string,
    /** `SEVERAL_SUBSCRIPTIONS`: those in force. `NO_SUBSCRIPTION`: whatever the tenant has. */
    readonly subscriptions: readonly Subscription[],
  ) {
    super(code, message);
  }

  static none(tenantId: string, subscriptions: readonly Subscription[]): SubscriptionChoiceError {
    const has = subscriptions.length === 0 ? 'it has claimed none' : `it has ${listed(subscriptions)}`;
    return new SubscriptionChoiceError(
      'NO_SUBSCRIPTION',
      `Tenant ${JSON.stringify(tenantId)} has no subscription in force: ${has}. Usage may still be recorded by ` +
        'tenant, if it ever claimed one.',
      subscriptions,
    );
  }

  static several(tenantId: string, subscriptions: readonly Subscription[]): SubscriptionChoiceError {
    return new SubscriptionChoiceError(
      'SEVERAL_SUBSCRIPTIONS',
      `Tenant ${JSON.stringify(tenantId)} has several subscriptions in force: ${listed(subscriptions)}. Name the ` +
        'one that pays: productCode here, ' +
        'subscriptionId beside tenantId when recording, or choosePayer.',
      subscriptions,
    );
  }
}

function listed(subscriptions: readonly Subscription[]): string {
  return subscriptions.map(({ id, productCode, state }) => `${id} (${productCode}, ${state})`).join(', ');
}
