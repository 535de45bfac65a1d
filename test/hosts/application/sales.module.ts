import { Body, Controller, type DynamicModule, Get, Module, type ModuleMetadata, Post, Req } from '@nestjs/common';
import {
  type BrowserRequest,
  JobScheduler,
  type MarketplaceEvent,
  MarketplaceMeteringError,
  MarketplaceMeteringModule,
  MeteringService,
  OnMarketplaceEvent,
  RegistrationService,
  SubscriptionService,
} from 'nestjs-marketplace-metering';

@Controller()
class SalesController {
  private readonly heard: string[] = [];

  constructor(
    private readonly registrations: RegistrationService,
    private readonly subscriptions: SubscriptionService,
    private readonly metering: MeteringService,
    private readonly jobs: JobScheduler,
  ) {}

  @Post('sign-up')
  async signUp(@Body() form: { registrationCode: string; tenantId: string }, @Req() browser: BrowserRequest) {
    try {
      const { id } = await this.registrations.claim(form.registrationCode, { tenantId: form.tenantId, browser });
      return { subscriptionId: id };
    } catch (error) {
      if (error instanceof MarketplaceMeteringError) return { refused: error.code };
      throw error;
    }
  }

  @Post('use')
  use(@Body() usage: { tenantId: string; idempotencyKey: string }) {
    return this.metering.record({ ...usage, dimension: 'reports', quantity: 1 });
  }

  /** The end of an agreement makes the running hour the last one, which is billed at once. */
  @Post('settle')
  async settle(@Body() { subscriptionId }: { subscriptionId: string }) {
    await this.subscriptions.end(subscriptionId);
    await this.jobs.runOnce('seal');
    await this.jobs.runOnce('submit');
    await this.jobs.runOnce('deliver');
    return {};
  }

  @OnMarketplaceEvent(['subscription.registered', 'subscription.ending'], { id: 'sales' })
  hear(event: MarketplaceEvent): void {
    this.heard.push(event.type);
  }

  @Get('heard')
  hasHeard() {
    return this.heard;
  }
}

@Module({})
class SalesModule {}

/** A host that sells on AWS Marketplace; options come from the environment. */
export function salesModule(parts: Pick<ModuleMetadata, 'imports' | 'controllers'> = {}): DynamicModule {
  return {
    module: SalesModule,
    imports: [MarketplaceMeteringModule.forRoot(), ...(parts.imports ?? [])],
    controllers: [SalesController, ...(parts.controllers ?? [])],
  };
}
