import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { hashOf } from './registration-code.js';

/** As much of a request of Express or Fastify as tells which browser it comes from. */
export interface BrowserRequest {
  headers: Record<string, string | string[] | undefined>;
}

/** What binds a code to the browser that brought the token: the header for the browser, the digest for the ledger. */
export interface BrowserBinding {
  setCookie: string;
  digest: Buffer;
}

const SECRET_BYTES = 32;
const NAME_DIGITS = 16;

type BindingOptions = Pick<ResolvedOptions, 'codeBinding' | 'codeCookieDomain' | 'codeTtlMs' | 'signUpUrl'>;

/**
 * A cookie for one code. Each code has its own name for it, so that arrivals in two tabs, of two products or at two
 * instances do not displace each other. `SameSite=Lax`, because the browser comes from AWS: it is set on the answer to
 * that POST and goes along to the sign-up page and to what is posted from there, but not with what other sites post.
 * The path is `/`, since a host claims wherever it likes, and since only then the prefix `__Host-` keeps other hosts of
 * the same domain from planting a cookie of theirs. The name is part of the digest: a cookie that could be planted is
 * not taken for one that could not.
 *
 * @returns null where the options bind codes to nothing
 */
export function bindToBrowser(code: string, options: BindingOptions): BrowserBinding | null {
  if (options.codeBinding === 'none') return null;
  const { codeCookieDomain: domain, signUpUrl = '' } = options;
  const isSecure = signUpUrl.startsWith('https:');
  const prefix = !isSecure ? '' : domain === undefined ? '__Host-' : '__Secure-';
  const pair = `${prefix}${baseNameOf(code)}=${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const attributes = [
    `Max-Age=${Math.ceil(options.codeTtlMs / 1000)}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Lax',
    ...(isSecure ? ['Secure'] : []),
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
  ];
  return { setCookie: [pair, ...attributes].join('; '), digest: hashOf(pair) };
}

/** Whether the request comes from the browser to which the code was handed. */
export function isOfBrowser(code: string, digest: Buffer, { headers }: BrowserRequest): boolean {
  const pairs = [headers.cookie ?? []].flat().flatMap((cookie) => cookie.split(';').map((pair) => pair.trim()));
  const name = baseNameOf(code);
  return pairs.some((pair) => pair.includes(name) && timingSafeEqual(hashOf(pair), digest));
}

function baseNameOf(code: string): string {
  return `marketplace-registration-${hashOf(code).toString('hex').slice(0, NAME_DIGITS)}`;
}
