import { type CallFailure } from '../aws/aws-error.js';
import { type StartRefusalCode } from '../errors/start-refused-error.js';

/** What a first call that brought no yes asks for. */
export type StartVerdict = { kind: 'retry' } | { kind: 'nextKey' } | { kind: 'refused'; code: StartRefusalCode };

/**
 * AWS's answers by name. Its prose has names that its model has not (`CustomerNotSubscribedException`,
 * `InvalidPublicKeyException`, a misspelt one), so both are here.
 */
const REFUSALS: Readonly<Record<string, StartRefusalCode>> = {
  CustomerNotEntitledException: 'CUSTOMER_NOT_ENTITLED',
  CustomerNotEntitiledException: 'CUSTOMER_NOT_ENTITLED',
  CustomerNotSubscribedException: 'CUSTOMER_NOT_ENTITLED',
  PlatformNotSupportedException: 'PLATFORM_NOT_SUPPORTED',
  InvalidRegionException: 'REGION_REFUSED',
  InvalidEndpointRegionException: 'REGION_REFUSED',
  InvalidProductCodeException: 'PRODUCT_CODE_REFUSED',
  InvalidUsageDimensionException: 'DIMENSION_REFUSED',
  DisabledApiException: 'API_DISABLED',
  AccessDeniedException: 'CALL_NOT_PERMITTED',
  AccessDenied: 'CALL_NOT_PERMITTED',
  // So says DryRun where rights are missing.
  UnauthorizedException: 'CALL_NOT_PERMITTED',
  UnauthorizedOperation: 'CALL_NOT_PERMITTED',
  NotAuthorized: 'CALL_NOT_PERMITTED',
  AuthFailure: 'CALL_NOT_PERMITTED',
  UnrecognizedClientException: 'CREDENTIALS_REFUSED',
  InvalidClientTokenId: 'CREDENTIALS_REFUSED',
  InvalidClientTokenIdException: 'CREDENTIALS_REFUSED',
  InvalidAccessKeyId: 'CREDENTIALS_REFUSED',
};

const KEY_REFUSALS = new Set(['InvalidPublicKeyVersionException', 'InvalidPublicKeyException']);

/** A role is handed out anew, and a clock is corrected by the SDK: what such an error says is over at the next try. */
const PASSING = new Set([
  ...['ExpiredTokenException', 'ExpiredToken', 'RequestExpired', 'RequestTimeTooSkewed'],
  // AWS's table tells to end for this one, its reference to try again: a short outage of AWS must not end a fleet.
  'InternalServiceErrorException',
]);

/**
 * Ends for what AWS refuses, tries again for all else: throttling, its own failures, the network, and answers of
 * something that is not AWS, such as a proxy's page.
 */
export function verdictOn({ code, kind, httpStatus, requestId }: CallFailure): StartVerdict {
  if (httpStatus === null || httpStatus >= 500 || kind === 'throttled' || kind === 'unavailable')
    return { kind: 'retry' };
  if (PASSING.has(code)) return { kind: 'retry' };
  if (KEY_REFUSALS.has(code)) return { kind: 'nextKey' };
  const known = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  if (known !== undefined) return { kind: 'refused', code: known };
  // AWS numbers its answers.
  return requestId === null ? { kind: 'retry' } : { kind: 'refused', code: 'START_REFUSED' };
}
