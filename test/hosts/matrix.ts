import path from 'node:path';
import { installHost, isCore, type ModuleKind, tarballOf } from './host-folder.js';

export const NESTS = ['10', '11', '12'] as const;
export type Nest = (typeof NESTS)[number];
export type TypeOrm = '0.3' | '1';

export interface Host {
  readonly nest: Nest;
  readonly typeorm: TypeOrm;
}

export const HOSTS: readonly Host[] = isCore
  ? [
      { nest: '10', typeorm: '0.3' },
      { nest: '11', typeorm: '0.3' },
      { nest: '12', typeorm: '1' },
    ]
  : NESTS.flatMap((nest) => (['0.3', '1'] as const).map((typeorm) => ({ nest, typeorm })));

/** What a host of each major of Nest has beside it. */
const COMPANIONS: Record<Nest, Record<string, string>> = {
  // Of @nestjs/typeorm the first that takes both majors of TypeORM.
  '10': { '@nestjs/typeorm': '^11.0.3', 'reflect-metadata': '^0.1.13' },
  '11': { '@nestjs/typeorm': '^11.0.3', 'reflect-metadata': '^0.2.0' },
  '12': { '@nestjs/typeorm': '^12.0.0', 'reflect-metadata': '^0.2.0' },
};

const SCHEDULES: Record<Nest, string> = { '10': '^4.0.0', '11': '^6.0.0', '12': '^12.0.0' };

/** What a host has that uses more of Nest: jobs of its own, and pipes that validate. */
export const furnishingOf = (nest: Nest): Record<string, string> => ({
  '@nestjs/schedule': SCHEDULES[nest],
  'class-transformer': '^0.5.1',
  'class-validator': '^0.14.1',
});

/** The first of both lines that are supported, and the newest; beside them the one that runs the tests. */
export const NODES = isCore ? ['this'] : ['this', '20.19.0', '22.12.0', '24'];

/** Oldest and newest compiler that are supported, and the one between whose module `node16` and `nodenext` differ. */
export const TYPESCRIPTS = { 'typescript-oldest': '~5.4.0', 'typescript-newest': '^7.0.2' } as const;

export interface Cell {
  readonly kind: ModuleKind;
  readonly adapter: 'express' | 'fastify';
  readonly node: string;
}

const PLACES = [
  { kind: 'commonjs', adapter: 'express' },
  { kind: 'esm', adapter: 'fastify' },
  { kind: 'commonjs', adapter: 'fastify' },
  { kind: 'esm', adapter: 'express' },
] as const;

/**
 * Every kind under every HTTP server, each on another Node, turned by one from host to host: every two of Nest, TypeORM,
 * kind, server and Node meet. In the core set the kinds under one server each, another one for each major of Nest.
 */
export const cellsOf = (host: Host): readonly Cell[] => {
  const turn = HOSTS.indexOf(host);
  if (isCore)
    return PLACES.slice((turn % 2) * 2)
      .slice(0, 2)
      .map((place) => ({ ...place, node: 'this' }));
  return PLACES.map((place, index) => ({ ...place, node: NODES[(index + turn) % NODES.length] ?? 'this' }));
};

export interface Typecheck {
  readonly kind: ModuleKind;
  readonly compiler: keyof typeof TYPESCRIPTS;
  readonly options: string;
}

const MODULES: readonly (Typecheck & { readonly nests: readonly Nest[] })[] = [
  {
    kind: 'commonjs',
    compiler: 'typescript-oldest',
    options: '--module commonjs --moduleResolution node10',
    nests: NESTS,
  },
  // From CommonJS, node16 refuses Nest 12 itself, which is ES modules alone.
  { kind: 'commonjs', compiler: 'typescript-oldest', options: '--module node16', nests: ['10', '11'] },
  {
    kind: 'commonjs',
    compiler: 'typescript-oldest',
    options: '--module esnext --moduleResolution bundler',
    nests: NESTS,
  },
  {
    kind: 'commonjs',
    compiler: 'typescript-newest',
    options: '--module commonjs --moduleResolution bundler',
    nests: NESTS,
  },
  { kind: 'esm', compiler: 'typescript-oldest', options: '--module node16', nests: NESTS },
  { kind: 'esm', compiler: 'typescript-oldest', options: '--module esnext --moduleResolution bundler', nests: NESTS },
  { kind: 'esm', compiler: 'typescript-newest', options: '--module node16', nests: NESTS },
];
/**
 * Half of them under either major of TypeORM, on which few of the types depend; in the core set the oldest compiler under
 * the oldest resolution, for Nest 12 the newest.
 */
export const typechecksOf = ({ nest, typeorm }: Host): readonly Typecheck[] => {
  const all = MODULES.filter(({ nests }) => nests.includes(nest));
  if (isCore) return all.slice(nest === '12' ? -1 : 0).slice(0, 1);
  return all.filter((_, index) => index % 2 === (typeorm === '1' ? 1 : 0));
};

/** A host with the packed package, under its Nest and TypeORM. */
export function installNest(
  name: string,
  nest: Nest,
  typeorm: TypeOrm,
  others: Record<string, string> = {},
): Promise<string> {
  return installHost(name, {
    'nestjs-marketplace-metering': tarballOf('nestjs-marketplace-metering'),
    ...Object.fromEntries(
      ['common', 'core', 'platform-express', 'platform-fastify'].map((name) => [`@nestjs/${name}`, `^${nest}.0.0`]),
    ),
    ...COMPANIONS[nest],
    rxjs: '^7.8.0',
    typeorm: `^${typeorm}`,
    '@types/node': '^20.19.0',
    '@types/express': nest === '10' ? '^4.17.0' : '^5.0.0',
    ...Object.fromEntries(Object.entries(TYPESCRIPTS).map(([alias, range]) => [alias, `npm:typescript@${range}`])),
    ...others,
  });
}

/** The program of a Node, brought by npm. */
export async function nodeProgram(version: string): Promise<string> {
  if (version === 'this') return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = await installHost(`node-${version}`, { [name]: version });
  return path.join(folder, 'node_modules', name, 'bin/node');
}
