import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MarketplaceMeteringModule, SystemClock } from 'nestjs-marketplace-metering';
import { AssetsController } from '../web/assets.controller.js';
import { DashboardController } from './dashboard.controller.js';
import { HomeController } from './home.controller.js';
import { LARKSPUR_CLOCK } from './larkspur.clock.js';
import { CreateLarkspur1795400000000 } from './larkspur.migration.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions, MEGAPIXELS, RENDERS } from './larkspur.options.js';
import { AddWorkspaces1795486400000 } from './larkspur-workspaces.migration.js';
import { ProblemFilter } from './problem.filter.js';
import { RenderApiController } from './render-api.controller.js';
import { RenderJob } from './render-job.entity.js';
import { RenderService } from './render.service.js';
import { Session } from './session.js';
import { SignUpController } from './sign-up.controller.js';
import { Tenant } from './tenant.entity.js';
import { TenantService } from './tenant.service.js';
import { WorkspaceService } from './workspace.service.js';

/**
 * An application that sells on AWS Marketplace: its own tables and pages, and the module for everything that AWS asks
 * of a seller.
 */
@Module({})
export class LarkspurModule {
  static forRoot(options: LarkspurOptions): DynamicModule {
    return {
      module: LarkspurModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: options.databaseUrl,
          entities: [Tenant, RenderJob],
          migrations: [CreateLarkspur1795400000000, AddWorkspaces1795486400000],
          migrationsTableName: 'larkspur_migration',
          migrationsRun: true,
        }),
        MarketplaceMeteringModule.forRoot({
          products: [{ productCode: options.productCode, dimensions: [RENDERS, MEGAPIXELS] }],
          signUpUrl: `${options.publicUrl}/sign-up`,
          ...options.marketplace,
          database: { url: options.databaseUrl, ...options.marketplace.database },
        }),
      ],
      controllers: [HomeController, SignUpController, DashboardController, RenderApiController, AssetsController],
      providers: [
        { provide: LARKSPUR_OPTIONS, useValue: options },
        { provide: LARKSPUR_CLOCK, useValue: options.marketplace.clock ?? new SystemClock() },
        TenantService,
        RenderService,
        WorkspaceService,
        Session,
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      exports: [LARKSPUR_OPTIONS, LARKSPUR_CLOCK],
    };
  }
}
