import { HttpException } from '@nestjs/common';
import { isOutage } from '../database/ledger-database.js';
import { isMarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { OPERATOR_ERRORS } from '../errors/operator-errors.js';

/** Codes that an operator is answered with. */
type AdminRefusalCode =
  'ADMIN_CLOSED' | 'ADMIN_UNAUTHORIZED' | 'FILTER_INVALID' | 'LEDGER_UNAVAILABLE' | 'NOT_FOUND' | 'TRANSITION_REFUSED';

/**
 * An answer to an operator that is not what was asked for: `{ statusCode, errorCode, message }`. Filters of the host
 * see it as any HttpException.
 */
export class AdminRefusal extends HttpException {
  constructor(errorCode: AdminRefusalCode, message: string, options: { cause?: unknown } = {}) {
    const [status] = OPERATOR_ERRORS[errorCode].status;
    super({ statusCode: status, errorCode, message }, status, { ...options, errorCode });
  }
}

/** The refusal that an error of ours or an outage stands for; any other error is a defect and stays what it is. */
export function refusalOf(error: unknown): unknown {
  if (isOutage(error)) return ledgerUnavailable(error as Error);
  if (!isMarketplaceMeteringError(error)) return error;
  return error.code === 'FILTER_INVALID' || error.code === 'NOT_FOUND' || error.code === 'TRANSITION_REFUSED'
    ? new AdminRefusal(error.code, error.message, { cause: error })
    : error;
}

function ledgerUnavailable(cause: Error): AdminRefusal {
  return new AdminRefusal(
    'LEDGER_UNAVAILABLE',
    `The database of the ledger cannot be used now (${cause.message}). Look at it, and ask again; whether a decision ` +
      'was written is read at actions.',
    { cause },
  );
}
