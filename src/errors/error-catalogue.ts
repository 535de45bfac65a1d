import { CONTAINER_ERRORS } from './container-errors.js';
import { NOTIFICATION_ERRORS } from './notification-errors.js';
import { OPERATOR_ERRORS } from './operator-errors.js';
import { RECORDING_ERRORS } from './recording-errors.js';
import { REGISTRATION_ERRORS } from './registration-errors.js';
import { START_ERRORS } from './start-errors.js';
import { SUBSCRIPTION_ERRORS } from './subscription-errors.js';

/**
 * Every code that an error of this module can carry. Codes are stable: they appear in HTTP bodies (`errorCode`), in
 * logs and in host code. An error with a code that is not here does not compile; a code that nobody uses fails a test.
 */
export const ERROR_CATALOGUE = {
  ...START_ERRORS,
  ...CONTAINER_ERRORS,
  ...RECORDING_ERRORS,
  ...REGISTRATION_ERRORS,
  ...NOTIFICATION_ERRORS,
  ...SUBSCRIPTION_ERRORS,
  ...OPERATOR_ERRORS,
} as const;

/** A code of an error. */
export type MarketplaceErrorCode = keyof typeof ERROR_CATALOGUE;

/** Statuses of the HTTP answers that carry a code. */
export type StatusOf<C extends MarketplaceErrorCode> = (typeof ERROR_CATALOGUE)[C]['status'][number];
