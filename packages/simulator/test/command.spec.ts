import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { spawn } from 'node:child_process';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import {
  BatchMeterUsageCommand,
  type BatchMeterUsageCommandOutput,
  ResolveCustomerCommand,
} from '@aws-sdk/client-marketplace-metering';
import ts from 'typescript';
import { commandSettings, commandUsage } from '../src/control/command-settings.js';
import { type Agreement, type BillLine, MarketplaceSimulator, presets, VirtualClock } from '../src/index.js';
import {
  nextLine,
  repositoryRoot,
  spawnTypescript,
  type TestProcess,
  typescriptArgs,
} from '../../../test/support/processes.js';
import { meteringClient } from './marketplace-client.js';

const COMMAND = 'packages/simulator/src/control/marketplace-simulator.command.ts';
const folder = mkdtempSync(path.join(tmpdir(), 'simulator-command-'));
const started: TestProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The command as it runs, and the address that it prints. */
async function command(...args: string[]): Promise<{ child: TestProcess; url: string }> {
  const child = spawnTypescript(COMMAND, ['--port', '0', ...args]);
  started.push(child);
  const url = /http:\S+/.exec(await nextLine(child))?.[0] ?? '';
  return { child, url };
}

/** The command to its end. */
async function failing(...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [...typescriptArgs, path.join(repositoryRoot, COMMAND), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  return { code, said };
}

async function ended(child: TestProcess, signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]> {
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  child.kill(signal);
  return exited;
}

async function control<Answer>(url: string, method: string, below: string, body?: object): Promise<Answer> {
  const response = await fetch(`${url}/_simulator${below}`, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

function file(name: string, content: object | string): string {
  const where = path.join(folder, name);
  writeFileSync(where, typeof content === 'string' ? content : JSON.stringify(content));
  return where;
}

const STORY = {
  clock: { startAt: '2026-11-30T20:30:00Z', rate: 0 },
  products: [{ productCode: 'maple', dimensions: ['users'] }],
  agreements: [{ name: 'acme', productCode: 'maple', accountId: '012345678901', startsAt: '2026-11-01T00:00:00Z' }],
  steps: [
    { at: '+PT2H', do: 'setSwitches', switches: { identicalResend: 'duplicateRecord' } },
    { at: '+PT6H', do: 'cancel', agreement: 'acme' },
  ],
};

/** Hours of usage, sent as they pass; between two of them the simulator may come and go. */
async function story(urlNow: () => Promise<string>): Promise<unknown> {
  const agreements = await control<{ agreements: Agreement[] }>(await urlNow(), 'GET', '/agreements');
  const [{ agreementId = '', licenseArn = '', accountId = '' } = {}] = agreements.agreements as Partial<Agreement>[];
  const form = await control<{ fields: Record<string, string> }>(
    await urlNow(),
    'POST',
    `/agreements/${agreementId}/registration-form`,
  );
  const told: unknown[] = [];
  const sent = async (Timestamp: Date, Quantity: number): Promise<void> => {
    const client = meteringClient(await urlNow());
    const record = { Timestamp, Quantity, Dimension: 'users', LicenseArn: licenseArn, CustomerAWSAccountId: accountId };
    const answer: BatchMeterUsageCommandOutput | string = await client
      .send(new BatchMeterUsageCommand({ UsageRecords: [record] }))
      .catch((error: unknown) => (error as Error).name);
    client.destroy();
    told.push(
      typeof answer === 'string'
        ? answer
        : answer.Results?.map(({ Status, MeteringRecordId }) => [Status, MeteringRecordId]),
    );
  };
  const resolve = async (): Promise<string | undefined> => {
    const client = meteringClient(await urlNow());
    const resolved = await client.send(
      new ResolveCustomerCommand({ RegistrationToken: form.fields['x-amzn-marketplace-token'] }),
    );
    client.destroy();
    return resolved.LicenseArn;
  };
  for (let hour = 0; hour < 8; hour += 1) {
    const { now } = await control<{ now: string }>(await urlNow(), 'GET', '/clock');
    await sent(new Date(now), hour);
    await sent(new Date(now), hour);
    if (hour === 3) told.push(await resolve());
    await control(await urlNow(), 'POST', '/clock/advance', { by: 'PT1H' });
  }
  const bill = await control<{ lines: BillLine[] }>(await urlNow(), 'GET', '/bill');
  const { agreements: left } = await control<{ agreements: Agreement[] }>(await urlNow(), 'GET', '/agreements');
  return { told, token: form.fields, bill, left };
}

describe('the command', () => {
  it('prints where it is, and ends with 0 when asked to', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, url } = await command();
      expect((await fetch(`${url}/_simulator/openapi.json`)).status).toBe(200);
      expect(await ended(child, signal)).toEqual([0, null]);
    }
  });

  it('tells the same story when it is killed again and again, and goes on from its state file', async () => {
    const scenario = file('story.json', STORY);
    const args = ['--scenario', scenario, '--seed', '7', '--calls-per-second', '0'];
    const whole = await command(...args);
    const expected = await story(() => Promise.resolve(whole.url));
    expect(JSON.stringify(expected)).toContain('DuplicateRecord');
    expect(JSON.stringify(expected)).toContain('"CANCELLED"');

    const stateFile = path.join(folder, 'state.json');
    let running = await command(...args, '--state', stateFile);
    let asked = 0;
    const interrupted = await story(async () => {
      asked += 1;
      // Twice between the same record and its repetition, and elsewhere.
      if ([2, 5, 13, 22].includes(asked)) {
        await ended(running.child, 'SIGKILL');
        running = await command(...args, '--state', stateFile);
      }
      return running.url;
    });
    expect(interrupted).toEqual(expected);
  });

  it('keeps the time that has passed', async () => {
    const { url } = await command('--start-at', '2026-11-30T22:00:00Z', '--rate', '0', '--preset', 'chaos');
    expect(await control(url, 'GET', '/clock')).toEqual({ now: '2026-11-30T22:00:00.000Z', rate: 0 });
    expect(await control(url, 'GET', '/switches')).toEqual(presets.chaos);
  });

  it.each<[string, () => string[] | Promise<string[]>, number, string]>([
    ['an option that does not exist', () => ['--prot', '1'], 2, '--prot'],
    [
      'a scenario that does not fit',
      () => ['--scenario', file('wrong.json', { products: [{}] })],
      1,
      'products[0].dimensions',
    ],
    [
      'a state file of another version',
      () => ['--state', file('old.json', { format: 'marketplace-simulator-state', version: 0 })],
      1,
      'version 0',
    ],
    ['a port that is taken', async () => ['--port', await takenPort()], 1, 'Give another with --port'],
    ['a host that is not here', () => ['--port', '0', '--host', '203.0.113.7'], 1, '--host'],
  ])('says what to do about %s', async (_, args, code, said) => {
    expect(await failing(...(await args()))).toEqual({ code, said: expect.stringContaining(said) });
  });
});

const servers: ReturnType<typeof createServer>[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

async function takenPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return String((server.address() as { port: number }).port);
}

describe('arguments', () => {
  it('have defaults', () => {
    expect(commandSettings([])).toEqual({
      ...{
        port: 4570,
        host: '127.0.0.1',
        scenario: undefined,
        stateFile: undefined,
        preset: 'strict',
        seed: 1,
        startAt: undefined,
        rate: 1,
        callsPerSecond: undefined,
      },
    });
    expect(commandSettings(['--help'])).toBe('help');
    for (const option of [
      'port',
      'host',
      'scenario',
      'state',
      'preset',
      'seed',
      'start-at',
      'rate',
      'calls-per-second',
    ])
      expect(commandUsage).toContain(`--${option} <`);
  });

  it.each([
    [['--port', '65536'], '--port: give a whole number from 0 to 65535, not "65536".'],
    [['--port', ''], '--port'],
    [['--calls-per-second', 'many'], '--calls-per-second: give a number >= 0, not "many".'],
    [['--seed', '1.5'], '--seed: give a whole number'],
    [['--rate', '-1'], '--rate'],
    [['--rate', 'fast'], '--rate: give a number >= 0, not "fast".'],
    [['--preset', 'toString'], '--preset: give one of strict, lenient, chaos, not "toString".'],
    [['--start-at', 'tomorrow'], '--start-at'],
    [['--start-at', '2026-11-30T22:00:00'], 'with its zone'],
    [['--scenario', '/nowhere.json'], '/nowhere.json cannot be read (ENOENT)'],
    [['--scenario', path.join(repositoryRoot, 'README.md')], 'is not JSON'],
    [['stray'], 'stray'],
  ])('%j are refused with what to write instead', (args, message) => {
    expect(() => commandSettings(args)).toThrow(message);
  });
});

describe('in a test', () => {
  it('starts in less than 100 ms', async () => {
    const took: number[] = [];
    for (let start = 0; start < 5; start += 1) {
      const begun = performance.now();
      const sim = await MarketplaceSimulator.start({ clock: new VirtualClock() });
      took.push(performance.now() - begun);
      await sim.stop();
    }
    // The best of five: the machine may be doing other things as well.
    expect(Math.min(...took)).toBeLessThan(100);
  });

  it('loads nothing heavy before it is asked for: no AWS client, no zod', () => {
    const loaded = new Set<string>();
    const external = new Set<string>();
    const load = (source: string): void => {
      if (loaded.has(source)) return;
      loaded.add(source);
      const code = ts.createSourceFile(source, readFileSync(source, 'utf8'), ts.ScriptTarget.Latest);
      for (const statement of code.statements) {
        if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
        const { moduleSpecifier } = statement;
        if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier) || isTypeOnly(statement)) continue;
        const specifier = moduleSpecifier.text;
        if (specifier.startsWith('.')) load(path.join(path.dirname(source), specifier.replace(/\.js$/, '.ts')));
        else external.add(specifier);
      }
    };
    load(path.join(repositoryRoot, 'packages/simulator/src/index.ts'));
    expect(loaded.size).toBeGreaterThan(20);
    expect([...external].filter((name) => !name.startsWith('node:'))).toEqual([]);
  });
});

/** Whether the compiled file imports nothing for it. */
function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    return (
      exportClause !== undefined &&
      ts.isNamedExports(exportClause) &&
      exportClause.elements.every(({ isTypeOnly: is }) => is)
    );
  }
  const bindings = statement.importClause?.namedBindings;
  return bindings !== undefined && ts.isNamedImports(bindings) && bindings.elements.every(({ isTypeOnly: is }) => is);
}
