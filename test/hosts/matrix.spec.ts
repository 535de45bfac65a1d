import { beforeAll, describe, expect, it } from '@jest/globals';
import { compile, layApplication, type ModuleKind } from './host-folder.js';
import { cellsOf, furnishingOf, HOSTS, installNest, nodeProgram, NODES, typechecksOf } from './matrix.js';
import { sellOneReport } from './selling-host.js';

const nodes = new Map<string, string>();
beforeAll(async () => {
  for (const version of NODES) nodes.set(version, await nodeProgram(version));
});

describe.each(HOSTS)('a host of Nest $nest with TypeORM $typeorm', (hostKind) => {
  const { nest, typeorm } = hostKind;
  const folders = {} as Record<ModuleKind, string>;

  beforeAll(async () => {
    const host = await installNest(`nest-${nest}-typeorm-${typeorm}`, nest, typeorm, furnishingOf(nest));
    for (const kind of ['commonjs', 'esm'] as const) folders[kind] = layApplication(host, kind);
  });

  it.each(typechecksOf(hostKind))('is typed in $kind by $compiler $options', async ({ kind, compiler, options }) => {
    const said = await compile(
      folders[kind],
      compiler,
      ...options.split(' '),
      '--noEmit',
      'src/typeorm-main.ts',
      'src/main.ts',
    );
    expect(said).toBe('');
  });

  it('is built', async () => {
    for (const kind of ['commonjs', 'esm'] as const) {
      const options = kind === 'esm' ? '--module nodenext' : '--module commonjs --moduleResolution bundler';
      await compile(
        folders[kind],
        'typescript-newest',
        ...options.split(' '),
        '--outDir',
        'out',
        'src/typeorm-main.ts',
      );
    }
    expect(Object.keys(folders)).toEqual(['commonjs', 'esm']);
  });

  it.each(cellsOf(hostKind))(
    'sells one report in $kind under $adapter on Node $node',
    async ({ kind, adapter, node }) => {
      const startedAfterMs = await sellOneReport({
        node: nodes.get(node) ?? '',
        folder: folders[kind],
        entry: 'out/typeorm-main.js',
        adapter,
        hasOrders: true,
      });
      expect(startedAfterMs).toBeGreaterThan(0);
    },
  );
});
