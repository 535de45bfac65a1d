import { type DynamicModule, Module } from '@nestjs/common';
import { MarketplaceMeteringModule, type Options, type StaticOptions } from 'nestjs-marketplace-metering';
import { HealthController } from './health.controller.js';
import { ScansController } from './scans.controller.js';

/** Fernwood, which scans container images, in the account of whoever bought it. */
@Module({})
export class ScannerModule {
  static with(options: Options & StaticOptions): DynamicModule {
    return {
      module: ScannerModule,
      imports: [MarketplaceMeteringModule.forRoot(options)],
      controllers: [ScansController, HealthController],
    };
  }
}
