import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { compile, hostsFolder, isCore, layApplication, type ModuleKind, runIn } from './host-folder.js';
import { installNest } from './matrix.js';
import { sellOneReport } from './selling-host.js';

/** What Nest and its adapters load only where a host has it, and bundlers do not find. */
const MISSING = [
  ...['@nestjs/microservices', '@nestjs/microservices/microservices-module', '@nestjs/websockets'],
  ...['@nestjs/websockets/socket-module', 'class-transformer', 'class-transformer/storage', 'class-validator'],
  ...['@fastify/static', '@fastify/view'],
];
/** What CommonJS inside of a bundle of ES modules (TypeORM, Nest 11) takes for given. */
const COMMONJS_VARIABLES = [
  'import { createRequire } from "node:module";',
  'const require = createRequire(import.meta.url);',
  'const { filename: __filename, dirname: __dirname } = import.meta;',
].join(' ');
interface Built {
  readonly folder: string;
  readonly entry: string;
}

const folders = {} as Record<ModuleKind, string>;
const inPackages = (file: string): string => path.join(folders.commonjs, '../node_modules', file);

beforeAll(async () => {
  const builders = { '@nestjs/cli': '^11.0.0', '@swc/cli': '*', '@swc/core': '^1.10.0', 'ts-loader': '^9.5.0' };
  const host = await installNest('bundled', '11', '0.3', {
    esbuild: '^0.28.0',
    // The CLI of Nest takes the compiler that is called so.
    ...(isCore ? {} : { ...builders, webpack: '^5.97.0', typescript: '~5.9.0' }),
  });
  for (const kind of ['commonjs', 'esm'] as const) {
    folders[kind] = layApplication(host, kind);
    const module = kind === 'esm' ? ['nodenext'] : ['commonjs', '--moduleResolution', 'bundler'];
    await compile(folders[kind], 'typescript-newest', '--module', ...module, '--outDir', 'out', 'src/main.ts');
  }
});

/** A folder with nothing in it but the bundle, as a serverless function has it. */
function alone(name: string, bundle: string): Built {
  const folder = path.join(hostsFolder(), name);
  mkdirSync(folder);
  const entry = path.basename(bundle);
  cpSync(bundle, path.join(folder, entry));
  return { folder, entry };
}

async function bundleByEsbuild(kind: ModuleKind): Promise<string> {
  const bundle = path.join(folders[kind], kind === 'esm' ? 'bundle.mjs' : 'bundle.cjs');
  const format = kind === 'esm' ? ['--format=esm', `--banner:js=${COMMONJS_VARIABLES}`] : ['--format=cjs'];
  const externals = MISSING.map((name) => `--external:${name}`);
  const options = ['--bundle', '--minify', '--platform=node', `--outfile=${bundle}`, ...format, ...externals];
  await runIn(folders[kind], process.execPath, inPackages('esbuild/bin/esbuild'), 'out/main.js', ...options);
  return bundle;
}

async function bundleByWebpack(): Promise<string> {
  const folder = folders.commonjs;
  writeFileSync(
    path.join(folder, 'bundle.config.cjs'),
    `module.exports = {
      mode: 'production', target: 'node', entry: './out/main.js',
      externals: ${JSON.stringify(Object.fromEntries(MISSING.map((name) => [name, `commonjs ${name}`])))},
      output: { path: ${JSON.stringify(path.join(folder, 'webpack'))}, filename: 'bundle.cjs' },
      // TypeORM asks for the drivers of every database that there is, in vain but for one.
      ignoreWarnings: [() => true],
    };`,
  );
  const build = `require('webpack')(require('./bundle.config.cjs'), (error, stats) => {
    const failed = error ?? (stats.hasErrors() ? stats.toString('errors-only') : undefined);
    if (failed) { console.error(failed); process.exit(1); }
  })`;
  await runIn(folder, process.execPath, '-e', build);
  return path.join(folder, 'webpack/bundle.cjs');
}

async function buildByNest(): Promise<Built> {
  const folder = folders.commonjs;
  const outDir = 'nest-swc';
  const compilerOptions = {
    ...{ module: 'commonjs', target: 'ES2022', experimentalDecorators: true, emitDecoratorMetadata: true },
    ...{ outDir, rootDir: 'nest-src', skipLibCheck: true, strict: true, esModuleInterop: true },
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['nest-src/**/*'] }));
  writeFileSync(path.join(folder, 'nest-cli.json'), JSON.stringify({ sourceRoot: 'nest-src' }));
  layWithoutExtensions(path.join(folder, 'src'), path.join(folder, 'nest-src'));
  // Its path is where the CLI looks for the host's compiler.
  await runIn(folder, process.execPath, inPackages('@nestjs/cli/bin/nest.js'), 'build', '--builder', 'swc');
  return { folder, entry: path.join(outDir, entryIn(path.join(folder, outDir))) };
}

async function mangleBySwc(kind: ModuleKind): Promise<Built> {
  const folder = folders[kind];
  const config = {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
      minify: { compress: true, mangle: { toplevel: true, keepClassNames: false } },
    },
    module: { type: kind === 'esm' ? 'es6' : 'commonjs' },
    minify: true,
  };
  writeFileSync(path.join(folder, '.swcrc'), JSON.stringify(config));
  await runIn(folder, process.execPath, inPackages('@swc/cli/bin/swc.js'), 'src', '-d', 'swc');
  return { folder, entry: path.join('swc', entryIn(path.join(folder, 'swc'))) };
}

const BUILDS: readonly { name: string; build: () => Promise<Built> }[] = [
  { name: 'esbuild, as one CommonJS file', build: async () => alone('esbuild-cjs', await bundleByEsbuild('commonjs')) },
  { name: 'esbuild, as one ES module', build: async () => alone('esbuild-esm', await bundleByEsbuild('esm')) },
  { name: 'webpack, as one file', build: async () => alone('webpack', await bundleByWebpack()) },
  { name: 'nest build --builder swc', build: buildByNest },
  { name: 'swc as CommonJS, with names mangled', build: () => mangleBySwc('commonjs') },
  { name: 'swc as ES modules, with names mangled', build: () => mangleBySwc('esm') },
];

// In the core set the first stands for all: the others mangle no more than it does.
describe('G10 a bundled host starts on a migrated and on an empty database, and sells', () => {
  it.each(isCore ? BUILDS.slice(0, 1) : BUILDS)('built by $name', async ({ build }) => {
    const host = await build();
    expect(await sellOneReport(host)).toBeGreaterThan(0);
    expect(await sellOneReport({ ...host, isFresh: true, adapter: 'fastify' })).toBeGreaterThan(0);
  });
});

/** As CommonJS hosts write their imports, and the only way in which the CLI's webpack understands them. */
function layWithoutExtensions(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) {
    const text = readFileSync(path.join(from, file), 'utf8');
    writeFileSync(path.join(to, file), text.replace(/(from '\.\/[\w.-]+)\.js'/g, "$1'"));
  }
}

function entryIn(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.find((file) => /(^|\/)main\.js$/.test(file)) ?? 'main.js';
}
