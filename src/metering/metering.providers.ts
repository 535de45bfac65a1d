import { type Provider } from '@nestjs/common';
import { DeepProof } from './balance/deep-proof.js';
import { LedgerBalance } from './balance/ledger-balance.js';
import { MarketplaceErasure } from './erasure/marketplace-erasure.service.js';
import { MeteringJobs } from './metering.jobs.js';
import { MarketplaceJobs } from './marketplace-jobs.service.js';
import { MeteredRoutes } from './metered/metered-routes.js';
import { RequestMeter } from './metered/request-meter.js';
import { MeteringService } from './metering.service.js';
import { UsageRecorder } from './recording/usage-recorder.js';
import { Retention } from './retention/retention.js';
import { HourSealer } from './sealing/hour-sealer.js';
import { UsageTaker } from './sealing/usage-taker.js';
import { ShutdownFlush } from './shutdown-flush.js';
import { SETTLEMENT_PROVIDERS } from './settlement/settlement.providers.js';
import { SUBMISSION_PROVIDERS } from './submission/submission.providers.js';
import { TerminationDrain } from './termination.js';

export const METERING_PROVIDERS: Provider[] = [
  UsageRecorder,
  UsageTaker,
  HourSealer,
  LedgerBalance,
  DeepProof,
  MeteringService,
  RequestMeter,
  MeteredRoutes,
  MarketplaceErasure,
  Retention,
  ...SETTLEMENT_PROVIDERS,
  ...SUBMISSION_PROVIDERS,
  MeteringJobs,
  ShutdownFlush,
  TerminationDrain,
  MarketplaceJobs,
];
