/** `npm run docs:generate`: writes the pages that are made of docstrings, catalogues and the migrated schema. */
import { existsSync, writeFileSync } from 'node:fs';
import { createDataSource } from '../../src/database/data-source.factory.js';
import { runMigrations } from '../../src/database/migration-runner.js';
import { withClient } from '../postgres/connection.js';
import { PostgresServer } from '../postgres/postgres-server.js';
import { pathOf, sourceOf } from './docstrings.js';
import { type GeneratedPage, generatedPages } from './generated-pages.js';
import { schemaPage } from './schema-page.js';

async function pageOfSchema(): Promise<GeneratedPage> {
  const server = await PostgresServer.start();
  try {
    const dataSource = await createDataSource({ database: { url: server.url, poolSize: 2 } }).initialize();
    try {
      await runMigrations(dataSource);
    } finally {
      await dataSource.destroy();
    }
    return await withClient(server.url, schemaPage);
  } finally {
    await server.stop();
  }
}

const pages = [...generatedPages(), await pageOfSchema()];
const problems = pages.flatMap((page) => page.problems.map((problem) => `${page.path}: ${problem}`));
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 1;
} else {
  for (const { path, text } of pages) {
    if (existsSync(pathOf(path)) && sourceOf(path) === text) continue;
    writeFileSync(pathOf(path), text);
    console.log(`${path} is written anew`);
  }
}
