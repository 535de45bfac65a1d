import { type Content, html, type Html } from './html.js';

export interface Link {
  href: string;
  label: string;
}

export interface PageOptions {
  title: string;
  /** Whose page it is: the seller's application, the stand-in for AWS, or the view behind both. */
  site: 'larkspur' | 'aws' | 'control-panel';
  links: readonly Link[];
  /** The link to mark as the one the reader is at. */
  at?: string;
  body: Content;
}

const NAMES = { larkspur: 'Larkspur', aws: 'AWS Marketplace stand-in', 'control-panel': 'Control panel' } as const;

/**
 * A whole page. Styles and scripts come from files only, so that the content security policy can refuse everything
 * inline.
 */
export function page({ title, site, links, at, body }: PageOptions): string {
  const document = html`<!doctype html>
    <html lang="en" data-site="${site}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · ${NAMES[site]}</title>
        <link rel="stylesheet" href="/assets/larkspur.css" />
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        <script src="/assets/live.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <div class="wrap">
            <span class="brand">${NAMES[site]}</span>
            <nav aria-label="Pages">${links.map((link) => navigationLink(link, at))}</nav>
          </div>
        </header>
        <main id="main" class="wrap">${body}</main>
      </body>
    </html>`;
  return document.text;
}

function navigationLink({ href, label }: Link, at: string | undefined): Html {
  return href === at ? html`<a href="${href}" aria-current="page">${label}</a>` : html`<a href="${href}">${label}</a>`;
}

/** A message at the top of a page; errors are read out at once. */
export function notice(kind: 'good' | 'bad' | 'plain', content: Content): Html {
  return html`<div class="notice ${kind}" role="${kind === 'bad' ? 'alert' : 'status'}">${content}</div>`;
}
