import { type Provider } from '@nestjs/common';
import { AuditSettlement } from './audit-settlement.service.js';
import { BulkRequeue } from './bulk-requeue.js';
import { ConflictExplanation } from './conflict-explanation.js';
import { DeadlineWatch } from './deadline-watch.js';
import { LinkCorrection } from './link-correction.js';
import { OverBilling } from './over-billing.js';
import { RecordRequeue } from './record-requeue.js';
import { RecordResolution } from './record-resolution.service.js';
import { RecordTransitions } from './record-transition.js';
import { SharedGrainWatch } from './shared-grain-watch.js';
import { SubmissionHold } from './submission-hold.js';
import { UnansweredWatch } from './unanswered-watch.js';
import { UnitRebill } from './unit-rebill.js';

/** Everything that decides what becomes of a record, by answer, deadline or a person's word. */
export const SETTLEMENT_PROVIDERS: Provider[] = [
  SubmissionHold,
  RecordTransitions,
  RecordRequeue,
  ConflictExplanation,
  DeadlineWatch,
  SharedGrainWatch,
  UnansweredWatch,
  UnitRebill,
  OverBilling,
  BulkRequeue,
  LinkCorrection,
  RecordResolution,
  AuditSettlement,
];
