import { describe, expect, it } from '@jest/globals';
import { callFailureOf } from '../../../src/aws/aws-error.js';

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
