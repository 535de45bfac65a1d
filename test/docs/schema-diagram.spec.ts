import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { schemaPage } from '../../tools/docs/schema-page.js';
import { sourceOf } from '../../tools/docs/docstrings.js';
import { schemaDiagrams } from '../../tools/docs/schema-diagram.js';
import { withClient } from '../../tools/postgres/connection.js';
import { migrate } from '../support/migrate.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await migratedDatabase(migrate);
});
afterEach(async () => {
  await database.drop();
});

const diagramsAfter = (statement: string): Promise<string> =>
  withClient(database.url, async (client) => {
    await client.query(statement);
    return schemaDiagrams(client);
  });

describe('the diagrams of the schema', () => {
  it('stand in docs/schema.md as the migrations make them: otherwise run `npm run docs:generate`', async () => {
    const { path, text } = await withClient(database.url, schemaPage);
    expect(sourceOf(path)).toBe(text);
  });

  it('draw a foreign key, and whether it may be missing', async () => {
    const plain = await diagramsAfter('SELECT');
    const line = 'attempt ||--o{ alert : "attempt_id"';
    expect(plain).not.toContain(line);
    const more = `ALTER TABLE marketplace.alert ADD attempt_id uuid NOT NULL,
      ADD FOREIGN KEY (seller_account, attempt_id) REFERENCES marketplace.attempt`;
    expect(await diagramsAfter(more)).toContain(line);
    const nullable = await diagramsAfter('ALTER TABLE marketplace.alert ALTER attempt_id DROP NOT NULL');
    expect(nullable).toContain(line.replace('||--', '|o--'));
  });

  it.each([
    ['a table that no section names', 'CREATE TABLE marketplace.stray (id uuid PRIMARY KEY)', 'stray'],
    ['a table that is gone', 'DROP TABLE marketplace.call_budget', 'call_budget'],
    [
      'a reference that has become a foreign key',
      'ALTER TABLE marketplace.usage_event ADD FOREIGN KEY (subject) REFERENCES marketplace.subject',
      'usage_event.subject',
    ],
  ])('refuse %s', async (_, statement, named) => {
    await expect(diagramsAfter(statement)).rejects.toThrow(named);
  });
});
