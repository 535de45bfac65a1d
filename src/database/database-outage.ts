import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';

/** Connection trouble, a server that is full, that starts or stops. */
const OUTAGE_CLASSES = new Set(['08', '53', '57']);
/** A statement was cancelled, as one that takes too long is: that may be its own doing. */
const QUERY_CANCELED = '57014';
/** The server takes no writes: a standby, or a primary that was demoted. */
const READ_ONLY = '25006';

/**
 * No connection could be had, or none of the pool's was free in time. Its code is
 * `sqlclient_unable_to_establish_sqlconnection` of the standard.
 */
export class ConnectionFailedError extends Error {
  readonly code = '08001';

  constructor(cause: unknown) {
    super((cause as Error).message, { cause });
  }
}

/** SQLSTATE of a database error, undefined for anything else. */
export function sqlStateOf(error: unknown): string | undefined {
  const code =
    (error as { code?: unknown; driverError?: { code?: unknown } } | null)?.code ??
    (error as { driverError?: { code?: unknown } } | null)?.driverError?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * Whether an error says that the database is away, and nothing about the work that met it: whatever is tried next fails
 * in the same way, and nobody is to blame.
 */
export function isOutage(error: unknown): boolean {
  const state = sqlStateOf(error);
  // A connection that breaks gives its statement an error without a state.
  if (state === undefined) return error instanceof QueryFailedError || error instanceof QueryRunnerAlreadyReleasedError;
  return state === READ_ONLY || (OUTAGE_CLASSES.has(state.slice(0, 2)) && state !== QUERY_CANCELED);
}
