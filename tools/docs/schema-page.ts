import { type Client } from 'pg';
import { sourceOf } from './docstrings.js';
import { type GeneratedPage } from './generated-pages.js';
import { between } from './markdown.js';
import { schemaDiagrams } from './schema-diagram.js';

/** docs/schema.md with the diagrams of the schema that a database was migrated to. */
export async function schemaPage(client: Client): Promise<GeneratedPage> {
  const path = 'docs/schema.md';
  return { path, text: between(sourceOf(path), 'schema', await schemaDiagrams(client)), problems: [] };
}
