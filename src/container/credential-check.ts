import { FOREIGN_MESSAGE_MAX, foreignText } from '../aws/foreign-text.js';
import { type StartRefusalCode, StartRefusedError } from '../errors/start-refused-error.js';
import { takenOn } from './credential-rule.js';
import { type CheckOutcome } from './start-check.js';
import { type Workload } from './workload.js';

const NOT_TRUSTED = new Set([
  ...['AccessDenied', 'AccessDeniedException', 'InvalidIdentityToken', 'InvalidIdentityTokenException'],
  ...['ValidationError', 'ValidationException', 'MalformedPolicyDocument'],
]);
const NOT_FOUND = 404;
const TIMEOUT_MS = 10_000;

/** Has the role's credentials handed out, before a call could fail for them in other words. Never throws. */
export async function checkCredentials({ platform, says, credentials }: Workload): Promise<CheckOutcome> {
  const refused = (code: StartRefusalCode, message: string, cause?: unknown): CheckOutcome => ({
    kind: 'refused',
    error: new StartRefusedError(code, message, { cause }),
  });
  try {
    const { sessionToken } = await withinMs(TIMEOUT_MS, credentials());
    if (sessionToken !== undefined && sessionToken !== '') return { kind: 'passed', detail: `signed by ${says}` };
    const message = `AWS Marketplace does not take an IAM user's keys. ${takenOn(platform)}`;
    return refused('CREDENTIALS_UNSUPPORTED', message);
  } catch (error) {
    const { name, message, statusCode } = error as { name?: unknown; message?: unknown; statusCode?: unknown };
    if (typeof name === 'string' && NOT_TRUSTED.has(name))
      return refused(
        'CREDENTIALS_REFUSED',
        `AWS does not let this workload have ${says} (${name}). Its trust policy must name the OIDC provider of the ` +
          'cluster, and the namespace and name of the service account.',
        error,
      );
    if (platform === 'ec2' && statusCode === NOT_FOUND)
      return refused('CREDENTIALS_MISSING', `The instance has no role. ${takenOn(platform)}`, error);
    return { kind: 'failed', why: `no credentials of ${says}: ${foreignText(String(message), FOREIGN_MESSAGE_MAX)}` };
  }
}

async function withinMs<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let expire: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    expire = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(expire);
  }
}
