import { createHash } from 'node:crypto';

/** Version of the recipe: a record that was tried under one must never be tried under another. */
const RECIPE = '1';

/**
 * The idempotency token of a MeterUsage record: a function of the record, and of the resource that it is bound to, so
 * that each of its attempts is one request to AWS. SHA-256 in hex is as long as AWS lets a token be: 64 characters.
 */
export function clientTokenOf(recordId: string, resourceId: string): string {
  return createHash('sha256').update(`${RECIPE}\0${recordId}\0${resourceId}`).digest('hex');
}
