import { type IncomingHttpHeaders } from 'node:http';
import { ServiceError } from './service-error.js';

const skewMaxMs = 5 * 60_000;

/**
 * Checks the SigV4 envelope of a request and returns the region and the access key of its credential scope.
 *
 * Checked as AWS does: that the request is signed, the form of the scope, the service, that the region is the one of
 * the host (where the host is one of AWS's own names), and that X-Amz-Date is within five minutes of `wallTime`. Not
 * checked: the signature itself, since the simulator knows nobody's secret.
 */
export function checkSignature(
  headers: IncomingHttpHeaders,
  wallTime: Date,
  signingName: string,
): { region: string; accessKeyId: string } {
  const { authorization } = headers;
  if (authorization === undefined || authorization === '') {
    throw new ServiceError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  if (!authorization.startsWith('AWS4-HMAC-SHA256 '))
    throw incomplete("Authorization header requires 'AWS4-HMAC-SHA256'.");
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
  const [accessKeyId = '', ...scope] = required('Credential').split('/');
  required('Signature');
  required('SignedHeaders');
  const [date, region, service, terminator] = scope;
  if (
    accessKeyId === '' ||
    scope.length !== 4 ||
    date === undefined ||
    region === undefined ||
    region === '' ||
    terminator !== 'aws4_request'
  ) {
    throw incomplete('Credential must have the form key/date/region/service/aws4_request.');
  }
  if (service !== signingName) throw invalid(`Credential should be scoped to correct service: '${signingName}'.`);
  checkDate(headers['x-amz-date'], date, wallTime);
  const hostRegion = regionOfHost(headers.host ?? '');
  if (hostRegion !== undefined && hostRegion !== region)
    throw invalid(`Credential should be scoped to a valid Region, not '${region}'.`);
  return { region, accessKeyId };
}

/** The region in `<service>.<region>.amazonaws.com` and its kin; undefined for any other host. */
function regionOfHost(host: string): string | undefined {
  return /\.([a-z0-9-]+)\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws)(?::\d+)?$/.exec(host)?.[1];
}

function checkDate(header: string | string[] | undefined, scopeDate: string, wallTime: Date): void {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(typeof header === 'string' ? header : '');
  if (!match) throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  const [, year, month, day, hour, minute, second] = match;
  if (`${year ?? ''}${month ?? ''}${day ?? ''}` !== scopeDate)
    throw invalid('Date in Credential scope does not match YYYYMMDD of X-Amz-Date.');
  const signedAt = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const age = wallTime.getTime() - signedAt;
  if (age > skewMaxMs)
    throw invalid(`Signature expired: ${match[0]} is now earlier than the server's time minus 5 minutes.`);
  if (age < -skewMaxMs)
    throw invalid(`Signature not yet current: ${match[0]} is still later than the server's time plus 5 minutes.`);
}

function incomplete(message: string): ServiceError {
  return new ServiceError('IncompleteSignatureException', message);
}

function invalid(message: string): ServiceError {
  return new ServiceError('InvalidSignatureException', message);
}
