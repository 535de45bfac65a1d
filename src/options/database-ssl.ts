import { type ConnectionOptions } from 'node:tls';

/**
 * What `MARKETPLACE_DATABASE_SSL` means to libpq, in options of `tls.connect`: `require` encrypts and looks at no
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
