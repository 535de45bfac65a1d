import { MarketplaceMeteringError } from './marketplace-metering-error.js';
import { REGISTRATION_ERRORS } from './registration-errors.js';

export type ClaimRefusalCode =
  | 'CODE_UNKNOWN'
  | 'CODE_EXPIRED'
  | 'CODE_USED'
  | 'CODE_OF_OTHER_BROWSER'
  | 'LINKED_TO_OTHER_TENANT'
  | 'TENANT_INVALID'
  | 'CLAIM_UNDER_WAY';

/**
 * A registration code or tenant that does not hold. What a browser sent is the browser's fault: a host that lets the
 * error through answers with its status and message (the form of `http-errors`, which Nest, Express and Fastify know),
 * never with 500.
 */
export class ClaimRefusedError extends MarketplaceMeteringError {
  readonly statusCode: number;
  /** The same again: frameworks take the error for theirs only with both. */
  readonly status: number;
  /** The message may be shown: it holds nothing of others. */
  readonly expose = true;

  constructor(code: ClaimRefusalCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    [this.statusCode] = REGISTRATION_ERRORS[code].status;
    this.status = this.statusCode;
  }
}
