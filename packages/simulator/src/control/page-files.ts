import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly text: string;
}

const files: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' },
};

/**
 * Nothing from anywhere else, nothing inline, in no frame. A form may go anywhere: the buyer's registration goes to the
 * seller.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/** The page's file at a path below `/_simulator`. */
export function pageFile(below: string): PageFile | undefined {
  const file = Object.hasOwn(files, below) ? files[below] : undefined;
  return (
    file && { type: file.type, text: readFileSync(path.join(packageRoot(), 'src/control/page', file.name), 'utf8') }
  );
}

/** Compiled code runs from `dist`, tests from the sources; the page lies in one place. */
function packageRoot(from = import.meta.dirname): string {
  return existsSync(path.join(from, 'package.json')) ? from : packageRoot(path.dirname(from));
}
