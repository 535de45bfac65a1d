import { type CallFailure } from '../aws/aws-error.js';
import { type StartRefusedError } from '../errors/start-refused-error.js';

/** What came of one try of a check at the start. */
export type CheckOutcome =
  | { kind: 'passed'; detail: string }
  | { kind: 'refused'; error: StartRefusedError }
  /** No answer that says yes or no: to be tried again. */
  | { kind: 'failed'; why: string; failure?: CallFailure };
