import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from '@jest/globals';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { freePort } from '../../tools/postgres/connection.js';
import { cookieOf } from '../support/browser.js';
import { createTestDatabase } from '../support/postgres.js';
import { hostEnvironment, hostsFolder, isCore, runIn, tarballOf } from './host-folder.js';
import { commandsOf, layQuickstart, variablesOf } from './quickstart.js';

// A new user's path, word for word from the README, on an application that the CLI of Nest has just made: vitest and ES
// modules under Nest 12, jest and CommonJS under Nest 11. Ten minutes are the bound of the whole, which jest keeps.

/** A command of the README; what is not published yet comes from its tarball. */
async function follow(folder: string, command: string): Promise<string> {
  const [program = '', ...args] = command.split(/\s+/);
  const ours = ['nestjs-marketplace-metering', 'aws-marketplace-simulator'];
  return runIn(folder, program, ...args.map((arg) => (ours.includes(arg) ? tarballOf(arg) : arg)));
}

describe.each(
  isCore
    ? ([['12', 'esm']] as const)
    : ([
        ['12', 'esm'],
        ['11', 'commonjs'],
      ] as const),
)('a new application of Nest %s', (nest, kind) => {
  const folder = (): string => path.join(hostsFolder(), `new-${nest}`);

  it('bills its first record in the simulator within ten minutes, by what the README says', async () => {
    const cli = `@nestjs/cli@${nest}`;
    const options = ['--package-manager', 'npm', '--skip-git', '--skip-install'];
    await runIn(hostsFolder(), 'npx', '--yes', '--prefer-offline', cli, 'new', `new-${nest}`, ...options);
    const [install, ...others] = commandsOf('npm install nestjs-');
    const [forTests, ...more] = commandsOf('npm install --save-dev ');
    expect([...others, ...more]).toEqual([]);
    await follow(folder(), `${install} --prefer-offline`);
    await follow(folder(), `${forTests} --prefer-offline`);
    layQuickstart(path.join(folder(), 'src'), kind);
    const said = await follow(folder(), 'npm test');
    expect(said).toMatch(/reports\.spec\.ts/);
    expect(said).toMatch(/2 passed/);
  });

  it.each([
    { name: 'npm run build', build: ['npm', 'run', 'build'], start: ['npm', 'start'] },
    // That of Nest 12 bundles CommonJS applications alone.
    ...(kind === 'esm'
      ? []
      : [
          {
            name: 'nest build --webpack',
            build: ['npx', 'nest', 'build', '--webpack'],
            start: ['node', 'dist/main.js'],
          },
        ]),
  ])('built by $name starts with the variables of the README, and takes a buyer', async ({ build, start }) => {
    const variables = variablesOf();
    expect(Object.keys(variables)).toEqual(['DATABASE_URL', 'MARKETPLACE_PRODUCTS', 'MARKETPLACE_SIGN_UP_URL']);
    const [product] = JSON.parse(variables.MARKETPLACE_PRODUCTS ?? '') as [
      { productCode: string; dimensions: string[] },
    ];
    const database = await createTestDatabase();
    const simulator = await MarketplaceSimulator.start();
    simulator.createProduct(product);
    const port = await freePort();
    rmSync(path.join(folder(), 'dist'), { recursive: true, force: true });
    const [builder = '', ...buildArguments] = build;
    await runIn(folder(), builder, ...buildArguments);
    const [program = '', ...startArguments] = start;
    const child = spawn(program, startArguments, {
      cwd: folder(),
      env: hostEnvironment({
        ...variables,
        ...{ PORT: String(port), DATABASE_URL: database.url, MARKETPLACE_AWS_ENDPOINT: simulator.url },
        ...{ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example-secret' },
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
      // With all that it has started.
      detached: true,
    });
    const said: string[] = [];
    const started = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
      createInterface({ input: child.stdout }).on('line', (line) => {
        said.push(line);
        if (line.includes('successfully started')) resolve();
      });
      child.once('exit', () => reject(new Error(`The application ended:\n${said.join('\n')}`)));
    });
    const exit = once(child, 'exit');
    try {
      await started;
      const agreement = simulator.subscribe({ productCode: product.productCode });
      const arrival = await fetch(`http://localhost:${port}/marketplace/registration`, {
        method: 'POST',
        body: new URLSearchParams(simulator.registrationForm(agreement)),
        redirect: 'manual',
      });
      const destination = new URL(arrival.headers.get('location') ?? '');
      expect(destination.href).toMatch(variables.MARKETPLACE_SIGN_UP_URL ?? '');
      const signUp = await fetch(`http://localhost:${port}/sign-up`, {
        method: 'POST',
        headers: { cookie: cookieOf(arrival) },
        body: new URLSearchParams({
          company: 'Acme',
          registrationCode: destination.searchParams.get('registrationCode') ?? '',
        }),
      });
      expect(await signUp.json()).toMatchObject({ tenantId: 'acme' });
    } finally {
      process.kill(-child.pid!, 'SIGTERM');
      await exit;
      await simulator.stop();
      await database.drop();
    }
  });
});
