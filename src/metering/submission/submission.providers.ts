import { type Provider } from '@nestjs/common';
import { MeteringGateway } from '../../aws/metering-gateway.js';
import { CallBudget } from '../../database/call-budget.js';
import { AnswerAlerts } from './answer-alerts.js';
import { AnswerLog } from './answer-log.js';
import { AnswerReconciler } from './answer-reconciler.js';
import { BatchMeterUsageOperation } from './batch-meter-usage.operation.js';
import { BatchSubmitter } from './batch-submitter.js';
import { ClaimProof } from './claim-proof.js';
import { CurrentSettings } from './current-settings.js';
import { LeaseRecovery } from './lease-recovery.js';
import { METERING_RESOURCE, type MeteringResourceSource } from './metering-resource.js';
import { MeterUsageOperation } from './meter-usage.operation.js';
import { Quarantine } from './quarantine.js';
import { SenderLease } from './sender-lease.js';
import { StrandedRecords } from './stranded-records.js';

/** Until the platform is asked: a product that needs to know says so in an alert. */
const nowhere: MeteringResourceSource = () => Promise.reject(new Error('nothing tells on which resource it runs'));

/** Everything that takes sealed records to AWS and brings the answers home. */
export const SUBMISSION_PROVIDERS: Provider[] = [
  CallBudget,
  MeteringGateway,
  BatchMeterUsageOperation,
  MeterUsageOperation,
  SenderLease,
  StrandedRecords,
  { provide: METERING_RESOURCE, useValue: nowhere },
  Quarantine,
  AnswerAlerts,
  AnswerLog,
  AnswerReconciler,
  ClaimProof,
  CurrentSettings,
  BatchSubmitter,
  LeaseRecovery,
];
