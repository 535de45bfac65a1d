// Module hooks that let plain Node run the project's TypeScript, for what runs outside jest: its global setup, and the
// processes that tests start in order to kill them. Types are not checked here (`npm run typecheck` does), only taken
// off.
//
// What was made of a source is kept in node_modules/.cache: a process under test boots in a third of the time when it
// needs no compiler.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const tsconfig = fileURLToPath(new URL('tsconfig.json', root));
const cache = fileURLToPath(new URL('node_modules/.cache/typescript-hooks/', root));
/** Everything but the source that the output depends on. */
const recipe = [import.meta.filename, tsconfig, fileURLToPath(new URL('node_modules/typescript/package.json', root))]
  .map((file) => fs.readFileSync(file, 'utf8'))
  .join('\0');

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
  const text = fs.readFileSync(fileName, 'utf8');
  const kept = path.join(cache, `${createHash('sha256').update([recipe, fileName, text].join('\0')).digest('hex')}.js`);
  return {
    format: 'module',
    source: readIfThere(kept) ?? keep(kept, await transpiled(fileName, text)),
    shortCircuit: true,
  };
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whole or not at all, since several processes write at once; a folder that cannot be written to only costs time. */
function keep(file, text) {
  const building = `${file}.${process.pid}`;
  try {
    fs.mkdirSync(cache, { recursive: true });
    fs.writeFileSync(building, text);
    fs.renameSync(building, file);
  } catch {
    fs.rmSync(building, { force: true });
  }
  return text;
}

async function transpiled(fileName, text) {
  const { default: ts } = await import('typescript');
  const { compilerOptions } = ts.readConfigFile(tsconfig, (file) => fs.readFileSync(file, 'utf8')).config;
  const { outputText } = ts.transpileModule(text, {
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
  return outputText;
}
