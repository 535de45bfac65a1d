import { type Provider } from '@nestjs/common';
import { MeteringGateway } from '../../aws/metering-gateway.js';
import { CallBudget } from '../../database/call-budget.js';
import { AnswerReconciler } from '../settlement/answer-reconciler.js';
import { BatchSubmitter } from './batch-submitter.js';
import { DeadlineWatch } from '../settlement/deadline-watch.js';
import { LeaseRecovery } from './lease-recovery.js';
import { RecordResolution } from '../settlement/record-resolution.service.js';
import { SubmissionHold } from './submission-hold.js';
import { Suspects } from './quarantine.js';
import { UnitTransfer } from '../unit-transfer.js';

/** Everything that takes sealed records to AWS and brings the answers home. */
export const SUBMISSION_PROVIDERS: Provider[] = [
  CallBudget,
  MeteringGateway,
  SubmissionHold,
  Suspects,
  AnswerReconciler,
  BatchSubmitter,
  LeaseRecovery,
  DeadlineWatch,
  UnitTransfer,
  RecordResolution,
];
