import { type IncomingHttpHeaders } from 'node:http';
import { ServiceError } from './service-error.js';

const signingName = 'aws-marketplace';
const skewMaxMs = 5 * 60_000;

/**
 * Checks the SigV4 envelope of a request and returns the region of its credential scope.
 *
 * Checked as AWS does: that the request is signed, the form of the scope, the service `aws-marketplace`, and that X-Amz-Date is within five
 * minutes of `wallTime`. Not checked: the signature itself, since the simulator knows nobody's secret.
 */
export function checkSignature(headers: IncomingHttpHeaders, wallTime: Date): { region: string } {
  const { authorization } = headers;
  if (authorization === undefined || authorization === '') {
    throw new ServiceError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  if (!authorization.startsWith('AWS4-HMAC-SHA256 ')) throw incomplete("Authorization header requires 'AWS4-HMAC-SHA256'.");
  const parts = new Map(
    authorization
      .slice('AWS4-HMAC-SHA256 '.length)
      .split(',')
      .map((part) => {
        const [name = '', ...value] = part.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const required = (name: string): string => {
    const value = parts.get(name);
    if (value === undefined || value === '') throw incomplete(`Authorization header requires '${name}' parameter.`);
    return value;
  };
  const scope = required('Credential').split('/').slice(1);
  required('Signature');
  required('SignedHeaders');
  const [date, region, service, terminator] = scope;
  if (scope.length !== 4 || date === undefined || region === undefined || region === '' || terminator !== 'aws4_request') {
    throw incomplete('Credential must have the form key/date/region/service/aws4_request.');
  }
  if (service !== signingName) throw invalid(`Credential should be scoped to correct service: '${signingName}'.`);
  checkDate(headers['x-amz-date'], date, wallTime);
  return { region };
}

function checkDate(header: string | string[] | undefined, scopeDate: string, wallTime: Date): void {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(typeof header === 'string' ? header : '');
  if (!match) throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  const [, year, month, day, hour, minute, second] = match;
  if (`${year ?? ''}${month ?? ''}${day ?? ''}` !== scopeDate)
    throw invalid('Date in Credential scope does not match YYYYMMDD of X-Amz-Date.');
  const signedAt = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const age = wallTime.getTime() - signedAt;
  if (age > skewMaxMs) throw invalid(`Signature expired: ${match[0]} is now earlier than the server's time minus 5 minutes.`);
  if (age < -skewMaxMs) throw invalid(`Signature not yet current: ${match[0]} is still later than the server's time plus 5 minutes.`);
}

function incomplete(message: string): ServiceError {
  return new ServiceError('IncompleteSignatureException', message);
}

function invalid(message: string): ServiceError {
  return new ServiceError('InvalidSignatureException', message);
}
