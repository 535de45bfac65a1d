import { CONTAINER_ERRORS } from './container-errors.js';
import { MarketplaceMeteringError } from './marketplace-metering-error.js';

/** A code that ends the start of software in a buyer's account. */
export type StartRefusalCode = keyof typeof CONTAINER_ERRORS;

/**
 * Software that runs in a buyer's account must not start. `message` is one line that a buyer understands, and ends with
 * the next step; `exitCode` is what the process ends with.
 */
export class StartRefusedError extends MarketplaceMeteringError {
  override readonly code: StartRefusalCode;
  readonly exitCode: number;

  constructor(code: StartRefusalCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.code = code;
    this.exitCode = CONTAINER_ERRORS[code].exitCode;
  }
}
