import { alertsPage, errorsPage, eventsPage, metricsPage } from './catalogue-pages.js';
import { optionsPage } from './options-page.js';

/** A page that is made of the sources, and what is wrong in them. */
export interface GeneratedPage {
  path: string;
  text: string;
  problems: readonly string[];
}

export function generatedPages(): GeneratedPage[] {
  return [
    { path: 'docs/options.md', ...optionsPage() },
    { path: 'docs/errors.md', text: errorsPage(), problems: [] },
    { path: 'docs/events.md', text: eventsPage(), problems: [] },
    { path: 'docs/alerts.md', text: alertsPage(), problems: [] },
    { path: 'docs/metrics.md', text: metricsPage(), problems: [] },
  ];
}
