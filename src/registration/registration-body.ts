import { bodyOf, type IncomingBody, RequestBodyError } from '../runtime/request-body.js';
import { RegistrationRefusedError } from './registration-refusal.js';

export const BODY_BYTES_MAX = 64 * 1024;

/**
 * The form as the host's parsers left it, or as it was sent.
 * @throws RegistrationRefusedError `BODY_TOO_LARGE`, `BODY_INVALID`
 */
export async function formBodyOf(request: IncomingBody): Promise<unknown> {
  try {
    return await bodyOf(request, BODY_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof RequestBodyError)) throw error;
    throw new RegistrationRefusedError(error.fault === 'tooLarge' ? 'BODY_TOO_LARGE' : 'BODY_INVALID');
  }
}
