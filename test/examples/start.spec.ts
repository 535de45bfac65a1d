import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startSettingsOf } from '../../examples/saas/start-settings.js';
import { eventually, listProcesses, repositoryRoot, spawnTypescript, type TestProcess } from '../support/processes.js';

describe('what npm start is told', () => {
  it('nothing: a free port, a database of its own, an hour in six seconds', () => {
    expect(startSettingsOf([], {})).toEqual({ rate: 600, port: undefined, databaseUrl: undefined });
  });

  it('everything', () => {
    const environment = { PORT: '8080', DATABASE_URL: 'postgres://somewhere/larkspur' };
    expect(startSettingsOf(['--rate', '60'], environment)).toEqual({
      rate: 60,
      port: 8080,
      databaseUrl: 'postgres://somewhere/larkspur',
    });
  });

  it.each([
    { args: ['--rate', '0'], environment: {}, says: '--rate: give a number from 1 to 7200, not "0".' },
    { args: ['--rate', 'fast'], environment: {}, says: '--rate: give a number from 1 to 7200, not "fast".' },
    { args: ['--speed', '3'], environment: {}, says: "Unknown option '--speed'" },
    { args: [], environment: { PORT: '70000' }, says: 'PORT: give a number from 1 to 65535, not "70000"' },
    {
      args: [],
      environment: { DATABASE_URL: 'mysql://u:secret@host/db' },
      says: 'DATABASE_URL: give a URL that starts with postgres://',
    },
  ])('wrong: $args $environment', ({ args, environment, says }) => {
    expect(() => startSettingsOf(args, environment)).toThrow(says);
    expect(() => startSettingsOf(args, environment)).not.toThrow('secret');
  });
});

describe('what npm start says before anything is built', () => {
  it.each([
    [[], /^Building first: .* about a minute/],
    [['dist/src/index.js'], /^Building what has changed/],
  ])('where there is %j', (files, said) => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'clone-'));
    try {
      for (const file of ['tools/say-building.mjs', ...files]) {
        fs.mkdirSync(path.join(place, path.dirname(file)), { recursive: true });
        fs.copyFileSync(path.join(repositoryRoot, 'tools/say-building.mjs'), path.join(place, file));
      }
      const { stdout } = spawnSync(process.execPath, [path.join(place, 'tools/say-building.mjs')], {
        encoding: 'utf8',
      });
      expect(stdout).toMatch(said);
    } finally {
      fs.rmSync(place, { recursive: true, force: true });
    }
  });

  it.each(['start', 'simulator', 'demo:check', 'example:container', 'example:contract'])(
    'npm run %s says it first',
    (name) => {
      const { scripts } = JSON.parse(fs.readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
      };
      expect(scripts[name]).toMatch(/^node tools\/say-building\.mjs && tsc -b /);
    },
  );
});

describe('npm start', () => {
  let temporary: string;
  let child: TestProcess;
  let lines: AsyncIterableIterator<string>;

  function start(...args: string[]): void {
    temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-start-'));
    // The server runs as somebody else where the demo runs as root.
    fs.chmodSync(temporary, 0o755);
    child = spawnTypescript('examples/saas/main.ts', args, { env: { TMPDIR: temporary, DATABASE_URL: '', PORT: '' } });
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  afterEach(() => {
    child.kill('SIGKILL');
    fs.rmSync(temporary, { recursive: true, force: true });
  });

  /** Reads on until a line matches. */
  async function lineWith(pattern: RegExp): Promise<string> {
    for (;;) {
      const { done, value } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done === true) throw new Error(`The demo ended without a line like ${String(pattern)}`);
      if (pattern.test(value)) return value;
    }
  }

  async function expectNothingLeft(): Promise<void> {
    await eventually('no process and no folder is left', () => {
      return (
        !listProcesses().some(({ command }) => command.includes(temporary)) && fs.readdirSync(temporary).length === 0
      );
    });
    expect(fs.readdirSync(temporary)).toEqual([]);
  }

  it.each([
    ['SIGINT', []],
    ['SIGTERM', ['--rate', '3600']],
  ] as const)('is served, tells of the first metered usage, and leaves nothing after %s', async (signal, args) => {
    start(...args);
    const address = /http:\/\/[\d.:]+/.exec(await lineWith(/Start here/))?.[0];
    const response = await fetch(`${address!}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    await lineWith(/metered +Birch & Co: \d+ renders/);
    const exited = once(child, 'exit');
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
    await expectNothingLeft();
  });

  it('leaves nothing after SIGKILL', async () => {
    start();
    await lineWith(/Start here/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expectNothingLeft();
  });
});
