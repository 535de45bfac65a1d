import { createHash } from 'node:crypto';

/**
 * The moment of a ledger and product within the spread, in milliseconds: always the same, and another for each, so that
 * many installations in one buyer's account, which share AWS's quota, do not send at once.
 */
export function spreadOf(installationId: string, productCode: string, spreadMs: number): number {
  const digest = createHash('sha256').update(`${installationId}\0${productCode}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * spreadMs);
}
