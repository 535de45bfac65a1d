import { Body, Controller, Get, Headers, Post, Req } from '@nestjs/common';
import {
  type BrowserRequest,
  type EntitlementCheck,
  MeteringService,
  RegistrationService,
  RequireEntitlement,
} from 'nestjs-marketplace-metering';

export interface UsageReport {
  dimension: 'geocoding' | 'routing' | 'storage';
  quantity: number;
  /** Of a report that comes late. */
  occurredAt?: string;
  /** Of a correction. */
  reason?: string;
}

/** The application's own routes. Who calls is said by a header here; in yours, by a session. */
@Controller()
export class AtlasController {
  constructor(
    private readonly metering: MeteringService,
    private readonly registrations: RegistrationService,
  ) {}

  @Post('sign-up')
  async signUp(
    @Body() form: { company: string; registrationCode: string },
    @Req() browser: BrowserRequest,
  ): Promise<{ subscriptionId: string }> {
    const { id } = await this.registrations.claim(form.registrationCode, { tenantId: form.company, browser });
    return { subscriptionId: id };
  }

  @Post('usage')
  async report(@Headers('x-tenant') tenantId: string, @Body() report: UsageReport): Promise<{ outcome: string }> {
    const { outcome } = await this.metering.record({ tenantId, ...report });
    return { outcome };
  }

  /** Only for who has bought twelve packs or more. */
  @RequireEntitlement('pack', { atLeast: 12 })
  @Get('bulk-export')
  bulkExport(
    @Req() { marketplaceEntitlement: { value, stale } }: { marketplaceEntitlement: EntitlementCheck },
  ): object {
    return { packs: value, stale };
  }
}
