import { type MarketplaceErrorCode } from '../errors/marketplace-metering-error.js';

/** Where a connection was meant to go. */
export interface DatabaseAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  schema: string;
}

export interface ConnectionFailure {
  code: MarketplaceErrorCode;
  /** Names host, port, database, role and the fix; never a password. */
  message: string;
  /** Whether the same may succeed a little later. */
  passes: boolean;
}

/** What a server says of a session of ours. */
export interface ServerSettings {
  time_zone: string;
  date_style: string;
  version: number;
  is_read_only: boolean;
  encoding: string;
  synchronous_commit: string;
  /** Null before Postgres 17, which does not know it. */
  transaction_timeout: string | null;
}

const OLDEST_VERSION = 14;
const UTF8 = 'UTF8';
const UTC = new Set(['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT', 'UCT', 'Zulu']);

/** Errors of node's TLS, and of pg where the server has none. */
const NO_TLS = /does not support SSL|SSL connection/i;
const TLS = /^(ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_|EPROTO|HOSTNAME_MISMATCH)/;
const NEEDS_TLS = /no encryption|SSL off|requires? (an )?(SSL|encryption|TLS)|sslmode|insecure/i;

function partsOf(error: unknown): { code: string; text: string } {
  const raw = (error as { driverError?: unknown } | null)?.driverError ?? error;
  const { code, message, errors } = (raw ?? {}) as {
    code?: unknown;
    message?: unknown;
    errors?: { message?: unknown }[];
  };
  // Of a name with several addresses node says nothing itself; each of them has its own error.
  const text = typeof message === 'string' && message !== '' ? message : String(errors?.[0]?.message ?? raw);
  return { code: typeof code === 'string' ? code : '', text };
}

/** A pooler's refusal of a start-up parameter that Postgres itself would take. */
export function isParameterRefused(error: unknown): boolean {
  const { code, text } = partsOf(error);
  return (code === '08P01' && /startup parameter/i.test(text)) || (code === '0A000' && /option|parameter/i.test(text));
}

export function nameOf({ host, port, database, user }: DatabaseAddress): string {
  return `the database "${database}" at ${host}:${port} as the role "${user}"`;
}

/** What an error of connecting means, in words that name the place and the fix. */
export function connectionFailureOf(error: unknown, address: DatabaseAddress): ConnectionFailure {
  const { code, text } = partsOf(error);
  const { host, port, database, user } = address;
  const say = (errorCode: MarketplaceErrorCode, fix: string, passes = false): ConnectionFailure => ({
    code: errorCode,
    message: `Cannot use ${nameOf(address)}: ${text.replace(/[.\s]+$/, '')}${code === '' ? '' : ` (${code})`}. ${fix}`,
    passes,
  });

  if (isParameterRefused(error))
    return say(
      'DATABASE_UNSUITABLE',
      'A pooler stands there that takes no such parameter: take `options` out of DATABASE_URL and out of PGOPTIONS, ' +
        `and give the settings to the role: ALTER ROLE "${user}" SET …`,
    );
  if (code === '3D000' || /no such database|database does not exist/i.test(text))
    return say('DATABASE_MISSING', `Create it (CREATE DATABASE "${database}"), or name another in DATABASE_URL.`);
  if (NO_TLS.test(text) && code === '')
    return say(
      'DATABASE_TLS',
      'Set up TLS at the server, or, where nobody can listen on the way, set MARKETPLACE_DATABASE_SSL=disable.',
    );
  if (TLS.test(code))
    return say(
      'DATABASE_TLS',
      'Give the certificate of its authority (`database.ssl.ca`, or NODE_EXTRA_CA_CERTS with a file of PEM; Amazon RDS ' +
        'publishes one), or say MARKETPLACE_DATABASE_SSL=require to encrypt without looking at certificates.',
    );
  if (code === '28000' && NEEDS_TLS.test(text))
    return say('DATABASE_TLS', 'The server wants TLS: set MARKETPLACE_DATABASE_SSL=verify-full (or require).');
  if (code === '28P01' || code === '28000' || /password|authentication|SASL/i.test(text))
    return say(
      'DATABASE_LOGIN_REFUSED',
      `Check user and password in DATABASE_URL (or PGUSER, PGPASSWORD, \`database.password\`), that the role "${user}" ` +
        'exists and may log in, and pg_hba.conf.',
    );
  if (code === '42501')
    return say(
      'DATABASE_FORBIDDEN',
      `Let it in: GRANT CONNECT ON DATABASE "${database}" TO "${user}". \`npx marketplace-migrations grants\` prints ` +
        'all that the application needs.',
    );
  if (code === '53300')
    return say(
      'DATABASE_UNREACHABLE',
      'All its connections are taken: lower MARKETPLACE_DATABASE_POOL_SIZE, or raise max_connections.',
      true,
    );
  if (code === '25006') return readOnly(address);
  return say(
    'DATABASE_UNREACHABLE',
    `Check that Postgres runs and takes connections at ${host}:${port}, that DATABASE_URL names the right place, and ` +
      'that the network lets this process through.',
    true,
  );
}

/** Whether the ledger could work on a server that is set like that. */
export function settingsFailureOf(settings: ServerSettings, address: DatabaseAddress): ConnectionFailure | null {
  const unsuitable = (message: string): ConnectionFailure => ({ code: 'DATABASE_UNSUITABLE', message, passes: false });
  const major = Math.floor(settings.version / 10_000);
  if (major < OLDEST_VERSION)
    return unsuitable(
      `Cannot use ${nameOf(address)}: it is Postgres ${major}. The ledger needs Postgres ${OLDEST_VERSION} or newer.`,
    );
  const { time_zone: timeZone, date_style: dateStyle } = settings;
  if (!UTC.has(timeZone) || !dateStyle.startsWith('ISO'))
    return unsuitable(
      `Cannot use ${nameOf(address)}: a session there has the time zone ${timeZone} and the dates ${dateStyle}, ` +
        'although it was begun with UTC and ISO; a pooler between does not pass that on. Give it to the role: ' +
        `ALTER ROLE "${address.user}" SET timezone = 'UTC'; ALTER ROLE "${address.user}" SET datestyle = 'ISO';`,
    );
  if (settings.encoding !== UTF8)
    return unsuitable(
      `Cannot use ${nameOf(address)}: its encoding is ${settings.encoding}, which cannot hold every name of a tenant and ` +
        `every message of AWS. Create one for the ledger: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
    );
  return settings.is_read_only ? readOnly(address) : null;
}

/**
 * What our sessions have to say against what a DBA has set there. An answer of `record()`, and an attempt before its
 * call, must be on the disk: without that a crash of the server forgets what AWS, or a host, was told. Other values of
 * `synchronous_commit` say where else it must be, and stay.
 */
export function insistedOn(
  found: Pick<ServerSettings, 'synchronous_commit' | 'transaction_timeout'>,
): Record<string, string> {
  return {
    ...(found.synchronous_commit === 'off' ? { synchronous_commit: 'on' } : {}),
    ...(found.transaction_timeout === null || found.transaction_timeout === '0' ? {} : { transaction_timeout: '0' }),
  };
}

/** A pooler that does not pass on what our sessions say leaves single statements as they were. */
export function unsafeCommits(address: DatabaseAddress): ConnectionFailure {
  return {
    code: 'DATABASE_UNSUITABLE',
    message:
      `Cannot use ${nameOf(address)}: synchronous_commit is off there, so that a crash of the server would forget usage ` +
      'and calls to AWS that were already confirmed, and a pooler between does not let a session say otherwise. Give it to ' +
      `the role: ALTER ROLE "${address.user}" SET synchronous_commit = 'on';`,
    passes: false,
  };
}

function readOnly(address: DatabaseAddress): ConnectionFailure {
  return {
    code: 'DATABASE_READ_ONLY',
    message:
      `Cannot write into ${nameOf(address)}: it is read-only, a replica or a primary of before a failover. Name the ` +
      'primary (its writer endpoint) in DATABASE_URL; where it is the primary, take default_transaction_read_only off ' +
      'the role and the database.',
    // A failover ends, and a name then leads to another server.
    passes: true,
  };
}
