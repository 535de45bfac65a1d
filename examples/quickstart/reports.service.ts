import { Injectable } from '@nestjs/common';
import { MeteringService } from 'nestjs-marketplace-metering';

@Injectable()
export class ReportsService {
  constructor(private readonly metering: MeteringService) {}

  async reportMade(tenantId: string, reportId: string): Promise<void> {
    await this.metering.record({
      tenantId,
      dimension: 'reports',
      quantity: 1,
      idempotencyKey: `report:${reportId}`, // recording it twice bills it once
    });
  }
}
