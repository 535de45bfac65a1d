import { HttpException, HttpStatus } from '@nestjs/common';
import { isMarketplaceMeteringError, type MarketplaceErrorCode } from '../errors/marketplace-metering-error.js';

/**
 * An answer to an operator that is not what was asked for: `{ statusCode, errorCode, message }`. Filters of the host
 * see it as any HttpException.
 */
export class AdminRefusal extends HttpException {
  constructor(status: HttpStatus, errorCode: MarketplaceErrorCode, message: string, options: { cause?: unknown } = {}) {
    super({ statusCode: status, errorCode, message }, status, { ...options, errorCode });
  }
}

const STATUS: Partial<Record<MarketplaceErrorCode, HttpStatus>> = {
  FILTER_INVALID: HttpStatus.BAD_REQUEST,
  NOT_FOUND: HttpStatus.NOT_FOUND,
};

/** The refusal that an error of ours stands for; any other error is a defect or an outage and stays what it is. */
export function refusalOf(error: unknown): unknown {
  const status = isMarketplaceMeteringError(error) ? STATUS[error.code] : undefined;
  return isMarketplaceMeteringError(error) && status !== undefined
    ? new AdminRefusal(status, error.code, error.message, { cause: error })
    : error;
}
