import { createHash } from 'node:crypto';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { type RefusalText } from './registration-refusal.js';

const STYLE =
  ':root{color-scheme:light dark}body{font:1.05rem/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh ' +
  'auto;padding:0 1.25rem}' +
  'h1{font-size:1.5rem;line-height:1.25}.reference{opacity:.75;font-size:.9rem}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * No script, no image, no form, no frame; the one style is named by its hash. Nothing may keep, sniff or refer to these
 * pages.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

type Support = ResolvedOptions['support'];

/** The page for a buyer whose arrival failed: what happened, what to do, whom to ask. */
export function refusalPage(refusal: RefusalText, support: Support, reference: string | null): string {
  const parts = [
    `<p>${escaped(refusal.happened)}</p>`,
    `<p><strong>What to do next.</strong> ${escaped(refusal.next)}</p>`,
    helpOf(support),
  ];
  if (reference !== null) parts.push(`<p class="reference">Reference for support: ${escaped(reference)}</p>`);
  return page(refusal.title, parts);
}

/** The page for anybody who opens the address in a browser. AWS looks for it too before a listing goes live. */
export function welcomePage(support: Support): string {
  return page('Set up your account from AWS Marketplace', [
    '<p>AWS Marketplace sends new subscribers to this page. To set up your account, open <em>Manage ' +
      'subscriptions</em> in AWS Marketplace, ' +
      'choose the product and press <em>Set up your account</em>.</p>',
    helpOf(support),
  ]);
}

function helpOf({ email, url }: Support): string {
  const ways = [
    ...(email === undefined ? [] : [`write to <a href="mailto:${escaped(encodeURI(email))}">${escaped(email)}</a>`]),
    ...(url === undefined ? [] : [`visit <a href="${escaped(url)}" rel="noreferrer">${escaped(url)}</a>`]),
  ];
  if (ways.length === 0) return '<p>Need help? Contact the seller through the product’s page on AWS Marketplace.</p>';
  return `<p>Need help? ${sentence(ways.join(' or '))}.</p>`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function page(title: string, parts: readonly string[]): string {
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" ' +
    'content="width=device-width, initial-scale=1">' +
    `<meta name="robots" content="noindex"><title>${escaped(title)}</title><style>${STYLE}</style></head>\n` +
    `<body><main><h1>${escaped(title)}</h1>\n${parts.join('\n')}\n</main></body></html>\n`
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
