import { type DynamicModule, Module } from '@nestjs/common';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { LarkspurModule } from '../larkspur/larkspur.module.js';
import { type LarkspurOptions } from '../larkspur/larkspur.options.js';
import { AwsController } from './aws.controller.js';
import { ControlPanelController } from './control-panel.controller.js';
import { PRODUCT_CODE, RATE, SELLER_ACCOUNT } from './control-panel.tokens.js';
import { FaultDesk } from './fault-desk.js';
import { FlowService } from './flow.service.js';
import { LedgerReader } from './ledger-reader.js';

export interface ControlPanelOptions {
  larkspur: LarkspurOptions;
  simulator: MarketplaceSimulator;
  sellerAccount: string;
  rate: number;
}

/** Larkspur on its stage: with a stand-in for AWS beside it and a view behind the scenes. */
@Module({})
export class ControlPanelModule {
  static forRoot({ larkspur, simulator, sellerAccount, rate }: ControlPanelOptions): DynamicModule {
    return {
      module: ControlPanelModule,
      imports: [LarkspurModule.forRoot(larkspur)],
      controllers: [AwsController, ControlPanelController],
      providers: [
        { provide: MarketplaceSimulator, useValue: simulator },
        { provide: SELLER_ACCOUNT, useValue: sellerAccount },
        { provide: PRODUCT_CODE, useValue: larkspur.productCode },
        { provide: RATE, useValue: rate },
        FaultDesk,
        LedgerReader,
        FlowService,
      ],
    };
  }
}
