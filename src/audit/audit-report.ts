import { type IncidentKind } from './incident.js';
import { type TrailIdentityKind } from './trail-sighting.js';

/** Instants ISO 8601 in UTC, units as whole numbers in text. No name of a buyer stands in a report. */
export interface AuditReport {
  /** Hours of usage that it is about: `from` included, `to` not. */
  from: string;
  to: string;
  madeAt: string;
  /** How much of the log was read in which calls about these hours can stand. */
  coverage: AuditCoverage[];
  totals: AuditTotal[];
  incidents: AuditIncident[];
  /** Of which `incidents` has at most 1,000. */
  incidentCount: number;
  /** Calls of which CloudTrail has left the content out, and events that could not be read: at most 1,000. */
  unclear: AuditUnclearEvent[];
  /** Records that AWS took of other products of the account, or from other installations in a buyer's. */
  elsewhere: number;
  /** Records whose outcome is open now, whatever their hour: at most 200. */
  open: AuditOpenRecord[];
}

/** From, and up to: ISO UTC. */
export interface AuditInterval {
  from: string;
  to: string;
}

/** The log of one operation in one region. */
export interface AuditCoverage {
  operation: string;
  region: string;
  /** Read, and old enough then that nothing was on its way any more. */
  settled: AuditInterval[];
  /** Read, but so soon that an event may have come in since. */
  early: AuditInterval[];
  gaps: AuditInterval[];
  /** AWS does not let us read it: grant `cloudtrail:LookupEvents`. */
  isDenied: boolean;
}

/** What AWS's log and the ledger come to. Only what was read of the log can stand in `aws…`. */
export interface AuditTotal {
  productCode: string;
  dimension: string;
  awsUnits: string;
  awsRecords: number;
  ledgerUnits: string;
  ledgerRecords: number;
}

export interface AuditIncident {
  kind: IncidentKind;
  productCode: string;
  dimension: string;
  hour: string;
  taken: {
    eventId: string;
    meteringRecordId: string | null;
    region: string;
    identity: TrailIdentityKind;
    units: string;
  }[];
  recordId: string | null;
  ledgerUnits: string | null;
}

export interface AuditUnclearEvent {
  kind: 'omitted' | 'unreadable';
  eventId: string;
  region: string;
  at: string;
  requestId: string | null;
  /** The attempt whose call it was, where it is known: which records it had stands with it. */
  attemptId: string | null;
  why: string | null;
}

export interface AuditOpenRecord {
  recordId: string;
  productCode: string;
  dimension: string;
  hour: string;
  quantity: string;
  state: 'unknown' | 'blocked';
  reason: string | null;
  /** AWS is shown not to have it: `MarketplaceAudit.settleAbsent` may close it. */
  isAbsent: boolean;
  /** What stands against saying so, for a person. */
  obstacles: string[];
}
