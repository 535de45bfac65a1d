import { Controller, Get, HttpCode, ServiceUnavailableException } from '@nestjs/common';
import { MarketplaceReadiness, type ReadinessView } from 'nestjs-marketplace-metering';

@Controller('health')
export class HealthController {
  constructor(private readonly readiness: MarketplaceReadiness) {}

  /** The process is alive. It does not ask AWS: to restart what waits for AWS helps nobody. */
  @Get('live')
  @HttpCode(204)
  live(): void {
    // That it answers is the answer.
  }

  @Get('ready')
  ready(): ReadinessView {
    const view = this.readiness.view();
    if (!view.ready) throw new ServiceUnavailableException(view);
    return view;
  }
}
