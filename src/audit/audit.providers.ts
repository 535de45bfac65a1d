import { type Provider } from '@nestjs/common';
import { CloudTrailGateway } from '../aws/cloudtrail-gateway.js';
import { AbsentRecords } from './absent-records.js';
import { AuditJobs } from './audit.jobs.js';
import { AuditLease } from './audit-lease.js';
import { HourComparisons } from './hour-comparison.js';
import { IncidentWatch } from './incident-watch.js';
import { MarketplaceAudit } from './marketplace-audit.service.js';
import { TrailAudit } from './trail-audit.js';
import { TrailFolderReader } from './trail-folder.js';
import { TrailIntake } from './trail-intake.js';
import { TrailReader } from './trail-reader.js';

/** Everything in this room that Nest builds. */
export const AUDIT_PROVIDERS: Provider[] = [
  CloudTrailGateway,
  AuditLease,
  TrailIntake,
  TrailReader,
  AbsentRecords,
  HourComparisons,
  IncidentWatch,
  TrailFolderReader,
  TrailAudit,
  MarketplaceAudit,
  AuditJobs,
];
