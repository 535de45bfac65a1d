import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type LockedRecord } from './metering-record.sql.js';

export { requireSigned } from '../../events/signed-decision.js';

const QUANTITY_MAX = 2_147_483_647;

/** @throws MarketplaceMeteringError `TRANSITION_REFUSED` */
export function requireQuantity(quantityOnFile: number): void {
  if (Number.isInteger(quantityOnFile) && quantityOnFile >= 0 && quantityOnFile <= QUANTITY_MAX) return;
  throw new MarketplaceMeteringError(
    'TRANSITION_REFUSED',
    `Give quantityOnFile as a whole number from 0 to ${QUANTITY_MAX}: what AWS has on file for the hour.`,
  );
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
