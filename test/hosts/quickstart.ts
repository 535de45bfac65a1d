import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../support/processes.js';
import { type ModuleKind } from './host-folder.js';

const README = readFileSync(path.join(repositoryRoot, 'README.md'), 'utf8');

/** The code blocks of the README, laid into the application's sources under the names that stand above them. */
export function layQuickstart(sources: string, kind: ModuleKind): void {
  mkdirSync(sources, { recursive: true });
  for (const [, file = '', code = ''] of README.matchAll(/^<!-- (\S+) -->\n```ts\n([^]*?)^```/gm))
    writeFileSync(path.join(sources, path.basename(file)), kind === 'esm' ? code : withoutExtensions(code));
}

/** As a CommonJS application writes its imports: its jest and its webpack find no source under a name in `.js`. */
export const withoutExtensions = (code: string): string => code.replace(/(from '\.\/[\w.-]+)\.js'/g, "$1'");

/** The commands of the README that begin so, in their order. */
export const commandsOf = (start: string): string[] =>
  [...README.matchAll(/^```sh\n([^]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => line.startsWith(start));

/** The variables that the README tells a new user to set. */
export const variablesOf = (): Record<string, string> =>
  Object.fromEntries(
    [...README.matchAll(/^(DATABASE_URL|MARKETPLACE_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value.replace(/^'|'$/g, ''),
    ]),
  );
