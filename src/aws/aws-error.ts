import { FOREIGN_MESSAGE_MAX, foreignId, foreignName, foreignText } from './foreign-text.js';

/** Which part of a record an error of the whole request speaks of. The error never says which record. */
export type Culprit =
  | 'invalidDimension'
  | 'invalidLicense'
  | 'invalidCustomer'
  | 'invalidProduct'
  | 'invalidTag'
  | 'invalidAllocations'
  | 'invalidRequest'
  | 'timestampOutOfBounds';

/**
 * What an error of a whole call asks for. `throttled`: less haste. `setUp`: credentials, permission, region or network
 * of ours must be put right. `unavailable`: try again. `culprit`: one record of the call is wrong. `unrecognised`: an
 * error that nobody has told us of. `dropped`: we did not send.
 */
export type FailureKind = 'throttled' | 'setUp' | 'unavailable' | 'culprit' | 'unrecognised' | 'dropped';

/** A call that brought no answer for its records. */
export interface CallFailure {
  kind: FailureKind;
  culprit: Culprit | null;
  /** Whether AWS may have acted on the request all the same. `none` is said only where that is certain. */
  effect: 'none' | 'possible';
  /** Name of the error, as AWS, the SDK or Node.js gave it. Like all its texts cleaned by `foreignText`. */
  code: string;
  message: string;
  httpStatus: number | null;
  requestId: string | null;
}

const CULPRITS: Readonly<Record<string, Culprit>> = {
  InvalidUsageDimensionException: 'invalidDimension',
  InvalidLicenseException: 'invalidLicense',
  InvalidCustomerIdentifierException: 'invalidCustomer',
  InvalidProductCodeException: 'invalidProduct',
  InvalidTagException: 'invalidTag',
  InvalidUsageAllocationsException: 'invalidAllocations',
  TimestampOutOfBoundsException: 'timestampOutOfBounds',
  // The model lists no error for a broken length, range, pattern or size; these are the names that AWS services use for
  // it.
  ValidationException: 'invalidRequest',
  ValidationError: 'invalidRequest',
  InvalidParameterException: 'invalidRequest',
  InvalidParameterValue: 'invalidRequest',
  InvalidParameterCombination: 'invalidRequest',
  MissingParameter: 'invalidRequest',
  SerializationException: 'invalidRequest',
  RequestEntityTooLargeException: 'invalidRequest',
  RequestTooLargeException: 'invalidRequest',
};

const THROTTLING = new Set([
  ...['ThrottlingException', 'Throttling', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
  ...['TooManyRequestsException', 'RequestLimitExceeded', 'SlowDown'],
]);

/** AWS's common errors about who calls and where, and the metering API's own `DisabledApiException`. */
const SET_UP = new Set([
  ...[
    'AccessDeniedException',
    'AccessDenied',
    'UnauthorizedOperation',
    'NotAuthorized',
    'AuthFailure',
    'OptInRequired',
  ],
  ...[
    'SubscriptionRequiredException',
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    'InvalidClientTokenIdException',
  ],
  ...['ExpiredTokenException', 'ExpiredToken', 'RequestExpired', 'RequestTimeTooSkewed', 'InvalidSignatureException'],
  ...['SignatureDoesNotMatch', 'IncompleteSignature', 'IncompleteSignatureException', 'MissingAuthenticationToken'],
  ...[
    'MissingAuthenticationTokenException',
    'InvalidAccessKeyId',
    'DisabledApiException',
    'InvalidEndpointRegionException',
  ],
  ...['UnknownOperationException', 'InvalidAction'],
]);

// Answers of something that is not the API: a proxy, a wrong endpoint. They say nothing about a record, and nothing
// certain about the effect.
const SET_UP_STATUSES = new Set([401, 403, 404, 405, 407]);
const PAYLOAD_TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;
const REQUEST_TIMEOUT = 408;
const TRANSIENT = new Set([
  'RequestTimeout',
  'RequestTimeoutException',
  'InternalServiceErrorException',
  'InternalFailure',
]);

/** How far a request came before it failed. */
export type Departure = 'held' | 'left';

/**
 * Reads an error of an SDK call.
 * @param departure `held` when the request was never given to the network: then nothing of it can have had an effect.
 * @param secret of the request, which no text of the failure repeats
 */
export function callFailureOf(error: unknown, departure: Departure, secret?: string): CallFailure {
  const { name, message, httpStatus, requestId } = partsOf(error, secret);
  const failure = (kind: FailureKind, effect: CallFailure['effect'], culprit: Culprit | null = null): CallFailure => ({
    ...{ kind, culprit, effect },
    ...{ code: name, message, httpStatus, requestId },
  });

  if (departure === 'held') return failure('setUp', 'none');
  if (httpStatus === null) return neverConnected(error) ? failure('setUp', 'none') : failure('unavailable', 'possible');
  // A 5xx proves nothing, whatever it is called: AWS may have failed after the effect.
  const refused = httpStatus >= 400 && httpStatus < 500 ? 'none' : 'possible';
  if (THROTTLING.has(name) || httpStatus === TOO_MANY_REQUESTS) return failure('throttled', refused);
  if (refused === 'possible') return failure('unavailable', 'possible');
  if (TRANSIENT.has(name) || httpStatus === REQUEST_TIMEOUT) return failure('unavailable', 'possible');
  if (SET_UP.has(name)) return failure('setUp', 'none');
  const culprit = Object.hasOwn(CULPRITS, name) ? CULPRITS[name] : undefined;
  if (culprit !== undefined) return failure('culprit', 'none', culprit);
  if (httpStatus === PAYLOAD_TOO_LARGE) return failure('culprit', 'none', 'invalidRequest');
  return SET_UP_STATUSES.has(httpStatus) ? failure('setUp', 'possible') : failure('unrecognised', 'possible');
}

/** A list of AWS's that goes on and on is read no further than `pagesMax`, and proves nothing. */
export function pagesWithoutEnd(pagesMax: number, what: string): CallFailure {
  const message = `more than ${pagesMax} pages of ${what}`;
  return {
    ...{ kind: 'unrecognised', culprit: null, effect: 'none' },
    ...{ code: 'PagesWithoutEnd', message, httpStatus: null, requestId: null },
  };
}

/**
 * Whether an error of that name says for certain that the call had no effect. For who has the name alone, as CloudTrail
 * keeps it: an HTTP status says more.
 */
export function refusesByName(code: string): boolean {
  return Object.hasOwn(CULPRITS, code) || THROTTLING.has(code) || SET_UP.has(code);
}

function partsOf(
  error: unknown,
  secret?: string,
): {
  name: string;
  message: string;
  httpStatus: number | null;
  requestId: string | null;
} {
  const shape = (error ?? {}) as {
    name?: unknown;
    code?: unknown;
    message?: unknown;
    $metadata?: { httpStatusCode?: unknown; requestId?: unknown };
    $response?: { statusCode?: unknown };
  };
  const status = shape.$metadata?.httpStatusCode ?? shape.$response?.statusCode;
  const httpStatus = typeof status === 'number' && status > 0 ? status : null;
  const label = httpStatus === null && typeof shape.code === 'string' ? shape.code : shape.name;
  const said = typeof shape.message === 'string' ? shape.message : String(error);
  const message = secret === undefined ? said : said.replaceAll(secret, '(secret)');
  return {
    name: foreignName(label) ?? 'UnknownError',
    message: foreignText(message, FOREIGN_MESSAGE_MAX),
    httpStatus,
    requestId: foreignId(shape.$metadata?.requestId),
  };
}

const CERTIFICATE_CODES = new Set([
  ...[
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_UNTRUSTED',
  ],
  ...[
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ],
]);

/**
 * Whether the error says for certain that no connection was made: no name, no route, nobody listening, no trust in the
 * certificate.
 */
function neverConnected(error: unknown): boolean {
  const { errors, syscall, code, message } = (error ?? {}) as {
    errors?: unknown;
    syscall?: unknown;
    code?: unknown;
    message?: unknown;
  };
  // Several addresses were tried, all in vain. By shape, since an error may come from another realm.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(neverConnected);
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  if (typeof code === 'string' && CERTIFICATE_CODES.has(code)) return true;
  return typeof message === 'string' && message.includes('did not establish a connection');
}
