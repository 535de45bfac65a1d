import { type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { FOREIGN_NAME_MAX } from '../../aws/foreign-text.js';
import { redacted } from '../../runtime/redaction.js';
import { isStorable } from '../../runtime/storable-text.js';
import { type LockedRecord } from './metering-record.sql.js';
import { isReachable } from './metering-sender.sql.js';

export { requireDecider, requireSigned } from '../../events/signed-decision.js';

const QUANTITY_MAX = 2_147_483_647;

/** @throws MarketplaceMeteringError `TRANSITION_REFUSED` */
function requireQuantity(quantityOnFile: unknown): void {
  const isQuantity = typeof quantityOnFile === 'number' && Number.isInteger(quantityOnFile);
  if (isQuantity && quantityOnFile >= 0 && quantityOnFile <= QUANTITY_MAX) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    `Give quantityOnFile as a whole number from 0 to ${QUANTITY_MAX}: what AWS has on file for the hour.`,
  );
}

/**
 * A finding comes from a form or another program as often as from code: what says nothing must not be taken for the one
 * that has AWS billed anew.
 * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
 */
export function requireAuditFinding(finding: unknown): void {
  const { found, absentWithFullCoverage: absent, ...others } = partsOf(finding);
  const { meteringRecordId: id } = partsOf(found);
  const isFound = absent === undefined && (id === null || (typeof id === 'string' && isLabel(id)));
  const isAbsent = found === undefined && absent === true;
  if ((isFound || isAbsent) && Object.keys(others).length === 0) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    'Give one finding: { found: { meteringRecordId } }, with the id at AWS or null, or { absentWithFullCoverage: true }.',
  );
}

/** @throws MarketplaceMeteringError `TRANSITION_REFUSED` */
export function requireConflictFinding(finding: unknown): void {
  const { recordOfOurs, quantityOnFile, ...others } = partsOf(finding);
  const isOurs = recordOfOurs === true && quantityOnFile === undefined;
  if ((isOurs || recordOfOurs === undefined) && Object.keys(others).length === 0) {
    if (!isOurs) requireQuantity(quantityOnFile);
    return;
  }
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    'Give one finding: { recordOfOurs: true }, or { quantityOnFile } with what AWS has on file for the hour.',
  );
}

/** @throws MarketplaceMeteringError `TRANSITION_REFUSED` */
export function requirePast(occurredAt: unknown, latest: Date): void {
  const isPast = occurredAt instanceof Date && occurredAt <= latest;
  if (isPast) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    'Give occurredAt as a valid Date that does not lie in the future: what has not been used yet is sealed by nobody.',
  );
}

function partsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isLabel(text: string): boolean {
  return text.trim() !== '' && text.length <= FOREIGN_NAME_MAX && isStorable(text);
}

export function decisionNotFound(recordId: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('NOT_FOUND', `There is no metering record ${recordId}.`);
}

export function refusedDecision(record: LockedRecord, verb: string, why: string): MarketplaceMeteringError {
  const state = record.disposition === null ? record.state : `${record.state} (${record.disposition})`;
  return new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    `Record ${record.id} is ${state} and cannot be ${verb}: ${why}.`,
  );
}

export function whyNotGivenUp(record: LockedRecord): string {
  switch (record.state) {
    case 'metered':
      return 'AWS has billed it; a refund goes through AWS Marketplace';
    case 'pending':
    case 'sending':
      return 'it is on its way to AWS, and ends by itself at its cutoff';
    default:
      return record.disposition === 'void' ? 'that has been done' : 'its usage is planned anew';
  }
}

/**
 * What was tried from one resource is never sent from another, which AWS would bill a second time.
 * @throws MarketplaceMeteringError `TRANSITION_REFUSED`
 */
export async function requireReachable(tx: LedgerSql, sellerAccount: string, record: LockedRecord): Promise<void> {
  const { operation, resource_id: resourceId } = record;
  const isOpen = record.state !== 'metered' && record.state !== 'closed';
  if (operation !== 'MeterUsage' || resourceId === null || !isOpen) return;
  if (await isReachable(tx, sellerAccount, record.id)) return;
  const why =
    `it was tried from resource ${redacted(resourceId)}, which sends no more, and AWS would bill it a second time ` +
    'from another';
  throw refusedDecision(record, 'requeued', why);
}
