import { type Client } from 'pg';
import { sourceOf } from './docstrings.js';
import { type GeneratedPage } from './generated-pages.js';
import { between } from './markdown.js';
import { schemaDiagrams } from './schema-diagram.js';

/** docs/architecture.md with the diagrams of the schema that a database was migrated to. */
export async function architecturePage(client: Client): Promise<GeneratedPage> {
  const path = 'docs/architecture.md';
  return { path, text: between(sourceOf(path), 'schema', await schemaDiagrams(client)), problems: [] };
}
