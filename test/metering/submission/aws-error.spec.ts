import { describe, expect, it } from '@jest/globals';
import { callFailureOf, pagesWithoutEnd, refusesByName } from '../../../src/aws/aws-error.js';

const aws = (name: string, httpStatusCode = 400): Error =>
  Object.assign(new Error(`says ${name} of 123456789012`), { name, $metadata: { httpStatusCode, requestId: 'r-1' } });
const node = (fields: object): Error => Object.assign(new Error('of the network'), fields);

describe('every error of a call has a path', () => {
  it.each([
    ['ThrottlingException', 400, 'throttled', 'none', null],
    ['TooManyRequestsException', 429, 'throttled', 'none', null],
    ['Whatever', 429, 'throttled', 'none', null],
    // A 5xx proves nothing, whatever its name: the effect may have come before the failure.
    ['ThrottlingException', 503, 'throttled', 'possible', null],
    ['InternalServiceErrorException', 500, 'unavailable', 'possible', null],
    ['ServiceUnavailable', 503, 'unavailable', 'possible', null],
    ['InvalidLicenseException', 500, 'unavailable', 'possible', null],
    ['RequestTimeout', 400, 'unavailable', 'possible', null],
    ['Whatever', 408, 'unavailable', 'possible', null],
    ['AccessDeniedException', 400, 'setUp', 'none', null],
    ['UnrecognizedClientException', 400, 'setUp', 'none', null],
    ['ExpiredTokenException', 400, 'setUp', 'none', null],
    ['InvalidSignatureException', 400, 'setUp', 'none', null],
    ['DisabledApiException', 400, 'setUp', 'none', null],
    ['UnknownOperationException', 400, 'setUp', 'none', null],
    ['ForbiddenByProxy', 403, 'setUp', 'possible', null],
    ['NotFound', 404, 'setUp', 'possible', null],
    ['InvalidUsageDimensionException', 400, 'culprit', 'none', 'invalidDimension'],
    ['InvalidLicenseException', 400, 'culprit', 'none', 'invalidLicense'],
    ['InvalidCustomerIdentifierException', 400, 'culprit', 'none', 'invalidCustomer'],
    ['InvalidProductCodeException', 400, 'culprit', 'none', 'invalidProduct'],
    ['InvalidTagException', 400, 'culprit', 'none', 'invalidTag'],
    ['InvalidUsageAllocationsException', 400, 'culprit', 'none', 'invalidAllocations'],
    ['TimestampOutOfBoundsException', 400, 'culprit', 'none', 'timestampOutOfBounds'],
    ['ValidationException', 400, 'culprit', 'none', 'invalidRequest'],
    ['SerializationException', 400, 'culprit', 'none', 'invalidRequest'],
    ['Whatever', 413, 'culprit', 'none', 'invalidRequest'],
    ['BrandNewException', 400, 'unrecognised', 'possible', null],
    // A name like a property of every object is only a name.
    ['constructor', 400, 'unrecognised', 'possible', null],
  ])('%s with HTTP %i is %s, effect %s', (name, status, kind, effect, culprit) => {
    const failure = callFailureOf(aws(name, status), 'left');
    expect(failure).toMatchObject({ kind, effect, culprit, code: name, httpStatus: status, requestId: 'r-1' });
    expect(failure.message).not.toContain('123456789012');
  });

  it.each([
    ['nobody listens', node({ code: 'ECONNREFUSED', syscall: 'connect' }), 'setUp', 'none'],
    ['no such name', node({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), 'setUp', 'none'],
    [
      'no route on any address',
      new AggregateError([node({ syscall: 'connect' }), node({ syscall: 'connect' })]),
      'setUp',
      'none',
    ],
    ['no trust', node({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'setUp', 'none'],
    [
      'never connected',
      node({ name: 'TimeoutError', message: 'the request socket did not establish a connection with' }),
      'setUp',
      'none',
    ],
    ['reset', node({ code: 'ECONNRESET', syscall: 'read' }), 'unavailable', 'possible'],
    ['broken pipe', node({ code: 'EPIPE', syscall: 'write' }), 'unavailable', 'possible'],
    ['timeout', node({ name: 'TimeoutError' }), 'unavailable', 'possible'],
    [
      'an answer that is no JSON',
      Object.assign(new SyntaxError('Unexpected token'), { $metadata: { httpStatusCode: 200 } }),
      'unavailable',
      'possible',
    ],
    ['something that is no error', 'text', 'unavailable', 'possible'],
  ])('%s', (_what, error, kind, effect) => {
    expect(callFailureOf(error, 'left')).toMatchObject({ kind, effect });
  });

  it('is certain that nothing happened when the request never left', () => {
    for (const error of [
      aws('InternalServiceErrorException', 500),
      node({ code: 'ECONNRESET' }),
      node({ name: 'CredentialsProviderError' }),
    ]) {
      expect(callFailureOf(error, 'held')).toMatchObject({ kind: 'setUp', effect: 'none' });
    }
  });
});

describe('every name that AWS has for it', () => {
  it.each([
    ...['ThrottlingException', 'Throttling', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
    ...['TooManyRequestsException', 'RequestLimitExceeded', 'SlowDown'],
  ])('%s is throttling', (name) => {
    expect(callFailureOf(aws(name), 'left')).toMatchObject({ kind: 'throttled', effect: 'none' });
  });

  it.each([
    ...['AccessDeniedException', 'AccessDenied', 'UnauthorizedOperation', 'NotAuthorized', 'AuthFailure'],
    ...['OptInRequired', 'SubscriptionRequiredException', 'UnrecognizedClientException', 'InvalidClientTokenId'],
    ...['InvalidClientTokenIdException', 'ExpiredTokenException', 'ExpiredToken', 'RequestExpired'],
    ...['RequestTimeTooSkewed', 'InvalidSignatureException', 'SignatureDoesNotMatch', 'IncompleteSignature'],
    ...['IncompleteSignatureException', 'MissingAuthenticationToken', 'MissingAuthenticationTokenException'],
    ...['InvalidAccessKeyId', 'DisabledApiException', 'InvalidEndpointRegionException', 'UnknownOperationException'],
    'InvalidAction',
  ])('%s is a set-up error', (name) => {
    expect(callFailureOf(aws(name), 'left')).toMatchObject({ kind: 'setUp', effect: 'none' });
  });

  it.each([
    ...['ValidationException', 'ValidationError', 'InvalidParameterException', 'InvalidParameterValue'],
    ...['InvalidParameterCombination', 'MissingParameter', 'SerializationException'],
    ...['RequestEntityTooLargeException', 'RequestTooLargeException'],
  ])('%s is a request that breaks a rule', (name) => {
    expect(callFailureOf(aws(name), 'left')).toMatchObject({ kind: 'culprit', culprit: 'invalidRequest' });
  });

  it.each(['RequestTimeout', 'RequestTimeoutException', 'InternalServiceErrorException', 'InternalFailure'])(
    '%s proves nothing, even as a 400',
    (name) => {
      expect(callFailureOf(aws(name), 'left')).toMatchObject({ kind: 'unavailable', effect: 'possible' });
    },
  );

  it.each([401, 403, 404, 405, 407])('a %i of no known name is no answer of the API', (httpStatus) => {
    expect(callFailureOf(aws('Whatever', httpStatus), 'left')).toMatchObject({ kind: 'setUp', effect: 'possible' });
  });
});

describe('a connection that was never made', () => {
  it.each([
    ...['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
    ...['CERT_UNTRUSTED', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
    ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('for the certificate: %s', (code) => {
    expect(callFailureOf(node({ code }), 'left')).toMatchObject({ kind: 'setUp', effect: 'none', code });
  });

  it('is certain only where every address was in vain', () => {
    const tried = [node({ syscall: 'connect' }), node({ syscall: 'read', code: 'ECONNRESET' })];
    expect(callFailureOf(new AggregateError(tried), 'left')).toMatchObject({ kind: 'unavailable', effect: 'possible' });
    expect(callFailureOf(new AggregateError([]), 'left')).toMatchObject({ kind: 'unavailable', effect: 'possible' });
  });
});

describe('a list that goes on and on', () => {
  it('is a failure that had no effect, and says how far it was read', () => {
    expect(pagesWithoutEnd(400, 'entitlements')).toEqual({
      ...{ kind: 'unrecognised', culprit: null, effect: 'none', code: 'PagesWithoutEnd' },
      ...{ message: 'more than 400 pages of entitlements', httpStatus: null, requestId: null },
    });
  });
});

describe('a name alone, as CloudTrail keeps it', () => {
  it.each([
    ['InvalidLicenseException', true],
    ['ThrottlingException', true],
    ['AccessDeniedException', true],
    ['InternalServiceErrorException', false],
    ['BrandNewException', false],
    ['constructor', false],
  ])('%s: that the call had no effect is certain: %p', (name, isCertain) => {
    expect(refusesByName(name)).toBe(isCertain);
  });
});

describe('what is told of a failure', () => {
  it('never repeats the secret of the request, and leaves the rest as it is', () => {
    const error = node({ message: 'token tok-1 is bad, tok-1 was sent' });
    expect(callFailureOf(error, 'left', 'tok-1').message).toBe('token (secret) is bad, (secret) was sent');
    expect(callFailureOf(error, 'left').message).toBe('token tok-1 is bad, tok-1 was sent');
  });

  it.each<[string, unknown, object]>([
    ['its code, where there was no answer', node({ code: 'ECONNRESET' }), { code: 'ECONNRESET', httpStatus: null }],
    ['its name, where there is no code', node({ name: 'TimeoutError' }), { code: 'TimeoutError' }],
    ['its name, where the code is no text', node({ name: 'TimeoutError', code: 7 }), { code: 'TimeoutError' }],
    [
      'its name, where there was an answer',
      Object.assign(aws('SlowDown'), { code: 'ECONNRESET' }),
      { code: 'SlowDown', httpStatus: 400 },
    ],
    ['that it has no name', { name: '' }, { code: 'UnknownError' }],
    ['that its name is no text', { name: 7 }, { code: 'UnknownError' }],
    ['its message', node({}), { message: 'of the network' }],
    ['what it is, where it has no message', 'text', { message: 'text', requestId: null }],
    ['that a status of zero is none', { $metadata: { httpStatusCode: 0 } }, { httpStatus: null }],
    ['that a status in words is none', { $metadata: { httpStatusCode: '400' } }, { httpStatus: null }],
    ['the status of a response that was not read', { $response: { statusCode: 502 } }, { httpStatus: 502 }],
    ['nothing of nothing', null, { code: 'UnknownError', message: 'null', httpStatus: null, requestId: null }],
  ])('%s', (_, error, expected) => {
    expect(callFailureOf(error, 'left')).toMatchObject(expected);
  });
});
