import { Injectable } from '@nestjs/common';
import { type MarketplaceEvent, OnMarketplaceEvent } from 'nestjs-marketplace-metering';

@Injectable()
export class ProvisioningService {
  readonly provisioned = new Set<string>();

  /** At least once, after the commit, in order per subscription; what throws is tried again. */
  @OnMarketplaceEvent(['subscription.activated', 'subscription.ended'], { id: 'provisioning' })
  follow(event: MarketplaceEvent<'subscription.activated' | 'subscription.ended'>): void {
    if (event.subscriptionId === null) return;
    if (event.type === 'subscription.activated') this.provisioned.add(event.subscriptionId);
    else this.provisioned.delete(event.subscriptionId);
  }
}
