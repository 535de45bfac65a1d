// The project's TypeScript without its types, for jest and for plain Node alike. Types are not checked here (`npm run
// typecheck` does), only taken off.
//
// What was made of a source is kept in node_modules/.cache, for every run and every configuration of jest: a process
// under test boots in a third of the time when it needs no compiler, and a jest worker starts without loading one.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tsconfig = path.join(root, 'tsconfig.json');
const cache = path.join(root, 'node_modules/.cache/transpiled-source/');
/** Everything but the source that the output depends on. */
const recipe = [import.meta.filename, tsconfig, path.join(root, 'node_modules/typescript/package.json')]
  .map((file) => fs.readFileSync(file, 'utf8'))
  .join('\0');

/** Of a source and its path: what is made of it, other than of any other. */
export function keyOf(fileName, text) {
  return createHash('sha256')
    .update([recipe, path.relative(root, fileName), text].join('\0'))
    .digest('hex');
}

/** An ES module, with its source map in it. */
export function transpiledSource(fileName, text) {
  const kept = path.join(cache, `${keyOf(fileName, text)}.js`);
  return readIfThere(kept) ?? keep(kept, transpile(fileName, text));
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

let typescript;

function transpile(fileName, text) {
  typescript ??= createRequire(import.meta.url)('typescript');
  const ts = typescript;
  const { compilerOptions } = ts.readConfigFile(tsconfig, (file) => fs.readFileSync(file, 'utf8')).config;
  const { outputText } = ts.transpileModule(text, {
    fileName,
    compilerOptions: {
      ...ts.convertCompilerOptionsFromJson(compilerOptions, root).options,
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
