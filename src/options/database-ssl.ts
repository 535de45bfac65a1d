import { type ConnectionOptions } from 'node:tls';

/**
 * What `MARKETPLACE_DATABASE_SSL`, `sslmode` in the URL and `PGSSLMODE` mean to libpq, in options of `tls.connect`: `require` encrypts and looks at no
 * certificate, `verify-ca` at who issued it, `verify-full` at the host's name as well.
 */
const MODES: Readonly<Record<string, boolean | ConnectionOptions>> = {
  true: true,
  false: false,
  disable: false,
  'no-verify': { rejectUnauthorized: false },
  require: { rejectUnauthorized: false },
  'verify-ca': { rejectUnauthorized: true, checkServerIdentity: () => undefined },
  'verify-full': true,
};

/**
 * Reads the variable. What it does not know stays text, for the schema to refuse: `prefer` and `allow` among it, with
 * which a connection would be in plain text whenever somebody between wants it to be.
 */
export function sslOf(text: string): boolean | ConnectionOptions | string {
  const mode = text.trim();
  return Object.hasOwn(MODES, mode) ? (MODES[mode] ?? text) : text;
}

/**
 * What the URL's `sslmode`, or else `PGSSLMODE`, says, where no option and no variable of ours does. A URL that names
 * files of certificates is left to pg, which reads them.
 */
export function sslWithoutOption(
  url: string,
  environment: NodeJS.ProcessEnv,
): boolean | ConnectionOptions | string | undefined {
  const said = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
  if (['sslrootcert', 'sslcert', 'uselibpqcompat'].some((name) => said.has(name))) return undefined;
  const mode = said.get('sslmode') ?? environment.PGSSLMODE ?? '';
  return mode.trim() === '' ? undefined : sslOf(mode);
}
