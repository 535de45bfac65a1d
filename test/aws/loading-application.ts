import { appendFileSync, readFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { NestFactory } from '@nestjs/core';
import { testCredentials } from '../support/replica-options.js';

// An application that starts and stops with the options of LOADING_OPTIONS, and prints which packages that loaded.

const [log = '', given = '{}'] = process.argv.slice(2);
// Imports go by the loader, what they require in turn by the cache of CommonJS.
register(
  `data:text/javascript,${encodeURIComponent(
    `import { appendFileSync } from 'node:fs';
     export async function resolve(specifier, context, next) {
       const found = await next(specifier, context);
       appendFileSync(${JSON.stringify(log)}, found.url + '\\n');
       return found;
     }`,
  )}`,
);
const { MarketplaceMeteringModule } = await import('../../src/index.js');
const options = JSON.parse(given) as { aws?: object };
const app = await NestFactory.createApplicationContext(
  MarketplaceMeteringModule.forRoot({ ...options, aws: { credentials: testCredentials, ...options.aws } }),
  { logger: false, abortOnError: false },
);
await app.close();
const required = Object.keys(createRequire(import.meta.url).cache);
appendFileSync(log, required.join('\n'));
const packages = readFileSync(log, 'utf8').matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)\//g);
process.stdout.write(JSON.stringify([...new Set([...packages].map(([, name]) => name))].sort()));
