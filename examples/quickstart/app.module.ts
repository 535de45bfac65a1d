import { Module } from '@nestjs/common';
import { MarketplaceMeteringModule } from 'nestjs-marketplace-metering';
import { ProvisioningService } from './provisioning.service.js';
import { SignUpController } from './sign-up.controller.js';
import { ReportsService } from './reports.service.js';

@Module({
  imports: [MarketplaceMeteringModule.forRoot()],
  controllers: [SignUpController],
  providers: [ReportsService, ProvisioningService],
})
export class AppModule {}
