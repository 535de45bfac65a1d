// Module hooks that let plain Node run the project's TypeScript, for what runs outside jest: its global setup, and the processes that
// tests start in order to kill them. Types are not checked here (`npm run typecheck` does), only taken off.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../../', import.meta.url);
const tsconfig = fileURLToPath(new URL('tsconfig.json', root));
const { compilerOptions } = ts.readConfigFile(tsconfig, (file) => fs.readFileSync(file, 'utf8')).config;

/** As in jest.config.js: the package's own name means the sources. */
const ownNames = new Map([
  ['nestjs-marketplace-metering', new URL('src/index.ts', root).href],
  ['nestjs-marketplace-metering/simulator', new URL('src/simulator/index.ts', root).href],
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
  const { outputText } = ts.transpileModule(fs.readFileSync(fileName, 'utf8'), {
    fileName,
    compilerOptions: {
      ...ts.convertCompilerOptionsFromJson(compilerOptions, fileURLToPath(root)).options,
      // Said outright: the nearest package.json is out of transpileModule's sight, and it would choose CommonJS.
      module: ts.ModuleKind.ES2022,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      declaration: false,
      sourceMap: false,
      inlineSourceMap: true,
    },
  });
  return { format: 'module', source: outputText, shortCircuit: true };
}
