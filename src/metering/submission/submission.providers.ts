import { type Provider } from '@nestjs/common';
import { MeteringGateway } from '../../aws/metering-gateway.js';
import { CallBudget } from '../../database/call-budget.js';
import { AnswerAlerts } from './answer-alerts.js';
import { AnswerLog } from './answer-log.js';
import { AnswerReconciler } from './answer-reconciler.js';
import { BatchMeterUsageOperation } from './batch-meter-usage.operation.js';
import { BatchSubmitter } from './batch-submitter.js';
import { CauseProbe } from './cause-probe.js';
import { ClaimProof } from './claim-proof.js';
import { CurrentSettings } from './current-settings.js';
import { LeaseRecovery } from './lease-recovery.js';
import { MeterUsageOperation } from './meter-usage.operation.js';
import { Quarantine } from './quarantine.js';
import { SenderLease } from './sender-lease.js';
import { StrandedRecords } from './stranded-records.js';

/** Everything that takes sealed records to AWS and brings the answers home. */
export const SUBMISSION_PROVIDERS: Provider[] = [
  CallBudget,
  MeteringGateway,
  BatchMeterUsageOperation,
  MeterUsageOperation,
  SenderLease,
  StrandedRecords,
  Quarantine,
  CauseProbe,
  AnswerAlerts,
  AnswerLog,
  AnswerReconciler,
  ClaimProof,
  CurrentSettings,
  BatchSubmitter,
  LeaseRecovery,
];
