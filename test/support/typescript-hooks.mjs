// Module hooks that let plain Node run the project's TypeScript, for what runs outside jest: its global setup, and the
// processes that tests start in order to kill them.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transpiledSource } from './transpiled-source.mjs';

const root = new URL('../../', import.meta.url);

/** As in jest.config.js: a package's name means the sources. */
const ownNames = new Map([
  ['nestjs-marketplace-metering', new URL('src/index.ts', root).href],
  ['aws-marketplace-simulator', new URL('packages/simulator/src/index.ts', root).href],
]);

/** @type {import('node:module').ResolveHook} */
export async function resolve(specifier, context, nextResolve) {
  if (context.parentURL?.endsWith('.ts')) {
    const own = ownNames.get(specifier);
    if (own !== undefined) {
      return { url: own, format: 'module', shortCircuit: true };
    }
    if (specifier.startsWith('.') && specifier.endsWith('.js')) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (fs.existsSync(source)) {
        return { url: source.href, format: 'module', shortCircuit: true };
      }
    }
  }
  return nextResolve(specifier, context);
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) {
    return nextLoad(url, context);
  }
  const fileName = fileURLToPath(url);
  return {
    format: 'module',
    source: transpiledSource(fileName, fs.readFileSync(fileName, 'utf8')),
    shortCircuit: true,
  };
}
