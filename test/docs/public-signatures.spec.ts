import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { pathOf } from '../../tools/docs/docstrings.js';
import { hiddenTypes } from '../../tools/docs/public-signatures.js';

describe('the public face', () => {
  it('exports every type of ours that a public signature names', () => {
    const { config } = ts.readConfigFile(pathOf('tsconfig.json'), (file) => ts.sys.readFile(file)) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent(
      { ...config, include: [], files: ['src/index.ts'] },
      ts.sys,
      pathOf('.'),
    );
    expect(hiddenTypes(pathOf('src/index.ts'), options, (file) => file.startsWith(pathOf('src/')))).toEqual([]);
  });
});

describe('the check', () => {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'public-signatures-'));
  afterAll(() => {
    fs.rmSync(directory, { recursive: true, force: true });
  });
  fs.writeFileSync(
    path.join(directory, 'room.ts'),
    `export interface Hidden { id: string }
     export interface Shown { hidden: Hidden }
     type Loose = string;
     declare const Injectable: () => ClassDecorator;
     function made(): Hidden { return { id: '' }; }
     @Injectable() export class Service {
       kept?: Hidden;
       private secret?: Hidden;
       constructor(readonly given: Hidden) {}
       ask<T extends Hidden>(of: T): Loose { return of.id; }
       make() { return made(); }
       protected inner(): Hidden { return made(); }
       plain(shown: Shown): string { return shown.hidden.id; }
     }
     export class Failure extends Error { constructor(about: Hidden) { super(about.id); } }
     export function take(hidden: Hidden[]): void { hidden.pop(); }
     export const MANY: readonly Hidden[] = [];`,
  );
  fs.writeFileSync(
    path.join(directory, 'index.ts'),
    `export { Service, Failure, take, MANY } from './room.js';\nexport type { Shown } from './room.js';\n`,
  );
  const found = hiddenTypes(
    path.join(directory, 'index.ts'),
    {
      ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true, experimentalDecorators: true },
      ...{ moduleResolution: ts.ModuleResolutionKind.NodeNext, types: [] },
    },
    (file) => file.startsWith(directory),
  );

  it('finds what classes, functions, interfaces and values name', () => {
    expect(found).toEqual([
      'Failure.constructor: Hidden',
      'MANY: Hidden',
      'Service.ask: Hidden',
      'Service.ask: Loose',
      'Service.kept: Hidden',
      'Service.make: Hidden',
      'Shown: Hidden',
      'take: Hidden',
    ]);
  });
});
