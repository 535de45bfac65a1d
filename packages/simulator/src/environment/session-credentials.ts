import { type ResourceCredentials } from '../wire/compute-resource.js';

/** Credentials as the endpoints of instances, tasks and pods answer them. */
export interface SessionCredentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  /** ISO 8601. */
  readonly Expiration: string;
}

const lifetimeMs = 6 * 3_600_000;

/** They expire in wall time, by which an SDK decides whether they are still good. */
export function sessionOf({
  accessKeyId,
  secretAccessKey,
  sessionToken = '',
}: ResourceCredentials): SessionCredentials {
  const expiration = inSeconds(new Date(Date.now() + lifetimeMs));
  return { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: expiration };
}

/** ISO 8601 without a fraction, as the endpoints write it. */
export function inSeconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+/, '');
}
