import { optionsPage } from './options-page.js';

/** A page that is made of the sources, and what is wrong in them. */
export interface GeneratedPage {
  path: string;
  text: string;
  problems: readonly string[];
}

export function generatedPages(): GeneratedPage[] {
  return [{ path: 'docs/options.md', ...optionsPage() }];
}
