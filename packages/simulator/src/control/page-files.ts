import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly text: string;
}

const packageName = 'aws-marketplace-simulator';

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

/**
 * Where this package is installed: above the program that was started, which may be its own command, or where the
 * application finds it. Both kinds of module are built of this, and only one of them could say where it lies itself.
 */
function packageRoot(): string {
  const program = process.argv[1] === undefined ? process.execPath : realpathSync(process.argv[1]);
  const own = packageAbove(program);
  if (own !== undefined) return own;
  for (const place of [path.join(process.cwd(), 'package.json'), program]) {
    try {
      return path.dirname(createRequire(place).resolve(`${packageName}/package.json`));
    } catch {
      // Not from here.
    }
  }
  throw new Error(`${packageName} is not installed for ${process.cwd()}: its page has no files`);
}

function packageAbove(file: string): string | undefined {
  const folder = path.dirname(file);
  const description = path.join(folder, 'package.json');
  const isIt =
    existsSync(description) &&
    (JSON.parse(readFileSync(description, 'utf8')) as { name?: string }).name === packageName;
  if (isIt) return folder;
  return folder === file ? undefined : packageAbove(folder);
}
