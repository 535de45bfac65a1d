import { type Provider } from '@nestjs/common';
import { HourSealer } from './sealing/hour-sealer.js';
import { LedgerBalance } from './balance/ledger-balance.js';
import { MeteringJobs } from './metering.jobs.js';
import { MeteringService } from './metering.service.js';
import { SUBMISSION_PROVIDERS } from './submission/submission.providers.js';
import { UsageRecorder } from './recording/usage-recorder.js';

export const METERING_PROVIDERS: Provider[] = [
  UsageRecorder,
  HourSealer,
  LedgerBalance,
  MeteringService,
  ...SUBMISSION_PROVIDERS,
  MeteringJobs,
];
