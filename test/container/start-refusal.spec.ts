import { describe, expect, it } from '@jest/globals';
import { type CallFailure } from '../../src/aws/aws-error.js';
import { callFailureOf } from '../../src/aws/aws-error.js';
import { verdictOn } from '../../src/container/start-refusal.js';
import { CONTAINER_ERRORS } from '../../src/errors/container-errors.js';

/** What an error of the SDK comes to, by the module's own reading of it. */
function failure(name: string, httpStatus: number | null = 400, requestId: string | null = 'r-1'): CallFailure {
  const $metadata =
    httpStatus === null ? {} : { httpStatusCode: httpStatus, ...(requestId === null ? {} : { requestId }) };
  return callFailureOf(Object.assign(new Error('words'), { name, $metadata }), 'left');
}

const said = (...args: Parameters<typeof failure>): string => {
  const verdict = verdictOn(failure(...args));
  return verdict.kind === 'refused' ? verdict.code : verdict.kind;
};

describe('the first call', () => {
  it.each([
    ['CustomerNotEntitledException', 'CUSTOMER_NOT_ENTITLED'],
    ['CustomerNotEntitiledException', 'CUSTOMER_NOT_ENTITLED'],
    ['CustomerNotSubscribedException', 'CUSTOMER_NOT_ENTITLED'],
    ['PlatformNotSupportedException', 'PLATFORM_NOT_SUPPORTED'],
    ['InvalidRegionException', 'REGION_REFUSED'],
    ['InvalidEndpointRegionException', 'REGION_REFUSED'],
    ['InvalidProductCodeException', 'PRODUCT_CODE_REFUSED'],
    ['InvalidUsageDimensionException', 'DIMENSION_REFUSED'],
    ['DisabledApiException', 'API_DISABLED'],
    ['AccessDeniedException', 'CALL_NOT_PERMITTED'],
    ['AccessDenied', 'CALL_NOT_PERMITTED'],
    ['UnauthorizedException', 'CALL_NOT_PERMITTED'],
    ['UnauthorizedOperation', 'CALL_NOT_PERMITTED'],
    ['NotAuthorized', 'CALL_NOT_PERMITTED'],
    ['AuthFailure', 'CALL_NOT_PERMITTED'],
    ['UnrecognizedClientException', 'CREDENTIALS_REFUSED'],
    ['InvalidClientTokenId', 'CREDENTIALS_REFUSED'],
    ['InvalidClientTokenIdException', 'CREDENTIALS_REFUSED'],
    ['InvalidAccessKeyId', 'CREDENTIALS_REFUSED'],
    ['InvalidPublicKeyVersionException', 'nextKey'],
    ['InvalidPublicKeyException', 'nextKey'],
    ['ValidationException', 'START_REFUSED'],
    ['TeapotException', 'START_REFUSED'],
    ['constructor', 'START_REFUSED'],
  ])('%s ends it, or goes on with the next key: %s', (name, expected) => {
    expect(said(name)).toBe(expected);
  });

  it.each([
    ['ThrottlingException', 400],
    ['TooManyRequestsException', 429],
    ['InternalServiceErrorException', 400],
    ['InternalServiceErrorException', 500],
    ['ServiceUnavailable', 503],
    // Whatever its name: a failure of the service says nothing about the buyer.
    ['AccessDeniedException', 500],
    ['ExpiredTokenException', 400],
    ['ExpiredToken', 400],
    ['RequestExpired', 400],
    ['RequestTimeTooSkewed', 403],
  ])('%s with status %d is tried again', (name, status) => {
    expect(said(name, status)).toBe('retry');
  });

  it.each<[CallFailure['kind'], number | null]>([
    ['setUp', null],
    ['throttled', 400],
    ['unavailable', 400],
    ['unrecognised', 500],
  ])('a failure read as %s with status %s is tried again, whatever it calls itself', (kind, httpStatus) => {
    expect(verdictOn({ ...failure('AccessDeniedException'), kind, httpStatus })).toEqual({ kind: 'retry' });
  });

  it('a short outage of AWS is tried again, even where it is read as something that nobody has told us of', () => {
    const outage: CallFailure = { ...failure('InternalServiceErrorException'), kind: 'unrecognised' };
    expect(verdictOn(outage)).toEqual({ kind: 'retry' });
  });

  it.each([
    ['no route', null],
    ['a page of a proxy that asks for a login', 407],
    ['a page of a firewall', 403],
    ['a page that is not there', 404],
    ['a page of an application firewall', 400],
    ['a page with status 200', 200],
  ])('%s is no answer of AWS, and is tried again', (_, status) => {
    expect(said('SyntaxError', status, null)).toBe('retry');
  });
});

describe('exit codes', () => {
  it('are those of one class each, and none that a shell or a signal uses', () => {
    const codes = Object.values(CONTAINER_ERRORS).map(({ exitCode }) => exitCode);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code > 2 && code < 126).toBe(true);
  });

  it('never change: they stand in alarms and runbooks', () => {
    expect(
      Object.fromEntries(Object.entries(CONTAINER_ERRORS).map(([name, { exitCode }]) => [exitCode, name])),
    ).toEqual({
      71: 'CREDENTIALS_MISSING',
      72: 'CREDENTIALS_UNSUPPORTED',
      73: 'CREDENTIALS_UNREADABLE',
      74: 'CREDENTIALS_REFUSED',
      75: 'REGION_UNKNOWN',
      76: 'RESOURCE_UNKNOWN',
      81: 'CUSTOMER_NOT_ENTITLED',
      82: 'PLATFORM_NOT_SUPPORTED',
      83: 'REGION_REFUSED',
      84: 'PUBLIC_KEY_REFUSED',
      85: 'PRODUCT_CODE_REFUSED',
      86: 'API_DISABLED',
      87: 'CALL_NOT_PERMITTED',
      88: 'SIGNATURE_REFUSED',
      89: 'START_REFUSED',
      90: 'AWS_UNREACHABLE',
      91: 'DIMENSION_REFUSED',
    });
  });
});
