import { Injectable } from '@nestjs/common';
import { MeteringService, SubscriptionService } from 'nestjs-marketplace-metering';

@Injectable()
export class ReportsService {
  constructor(
    private readonly metering: MeteringService,
    private readonly subscriptions: SubscriptionService,
  ) {}

  async reportMade(tenantId: string, reportId: string): Promise<void> {
    for (const subscription of await this.subscriptions.forTenant(tenantId)) {
      await this.metering.record({
        subscriptionId: subscription.id,
        dimension: 'reports',
        quantity: 1,
        idempotencyKey: `report:${reportId}`, // recording it twice bills it once
      });
    }
  }
}
