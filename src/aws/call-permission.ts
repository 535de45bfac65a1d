import { Inject, Injectable, Logger } from '@nestjs/common';
import { type BudgetedOperation } from '../database/call-budget.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type CallFailure } from './aws-error.js';

/** AWS's words for: this caller may not call this operation, whatever it asks about. */
const DENIALS = new Set([
  ...[
    'AccessDeniedException',
    'AccessDenied',
    'UnauthorizedOperation',
    'NotAuthorized',
    'AuthFailure',
    'OptInRequired',
  ],
  ...['SubscriptionRequiredException', 'UnknownOperationException', 'InvalidAction'],
]);

/** What an operation is for, and how it is permitted. */
const AGREEMENTS = (operation: BudgetedOperation): string =>
  `grant aws-marketplace:${operation} to have renewals, ends and trials found whose messages were lost. What can be ` +
  'learned without it is.';
const AUDIT = (): string =>
  'no evidence here. Grant cloudtrail:LookupEvents to have records whose outcome is unknown found in CloudTrail, or ' +
  "set audit.lookupEvents to 'off'. They stay as they are meanwhile.";

const SELECT = `SELECT FROM marketplace.call_budget
  WHERE seller_account = $1 AND region = $2 AND operation = $3 AND denied_at > clock_timestamp() - interval '1 hour'`;

const DENY = `WITH before AS (
    SELECT denied_at FROM marketplace.call_budget WHERE seller_account = $1 AND region = $2 AND operation = $3
      FOR NO KEY UPDATE
  )
  UPDATE marketplace.call_budget b SET denied_at = clock_timestamp() FROM before
  WHERE b.seller_account = $1 AND b.region = $2 AND b.operation = $3 RETURNING before.denied_at IS NULL AS is_news`;

const GRANT = `UPDATE marketplace.call_budget SET denied_at = NULL
  WHERE seller_account = $1 AND region = $2 AND operation = $3 AND denied_at IS NOT NULL`;

/**
 * Which operations AWS lets us call. Not to be permitted one that the module can do without is a choice of the seller:
 * remembered for all replicas for an hour, so that it is not asked for again with every question, and said once.
 */
@Injectable()
export class CallPermission {
  private readonly logger = new Logger('MarketplaceCalls');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  async isDenied(region: string, operation: BudgetedOperation): Promise<boolean> {
    const rows = await this.database.query(SELECT, [this.options.sellerAccount, region, operation]);
    return rows.length > 0;
  }

  /** @returns whether the failure says that the operation is not permitted */
  async note(region: string, operation: BudgetedOperation, failure: CallFailure | null): Promise<boolean> {
    const parameters = [this.options.sellerAccount, region, operation];
    if (failure === null) {
      await this.database.query(GRANT, parameters);
      return false;
    }
    if (!isDenial(failure)) return false;
    const [row] = await this.database.query<{ is_news: boolean }>(DENY, parameters);
    if (row?.is_news === true) {
      const purpose = operation === 'LookupEvents' ? AUDIT : AGREEMENTS;
      this.logger.warn(`${operation} may not be called in ${region} (${failure.code}): ${purpose(operation)}`);
    }
    return true;
  }
}

export function isDenial({ kind, code, httpStatus }: CallFailure): boolean {
  return kind === 'setUp' && httpStatus !== null && DENIALS.has(code);
}
