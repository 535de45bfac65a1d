import { html, type Html } from './html.js';

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

/** `24 Nov, 14:05`, in UTC, as everything on the bill is. */
export function instantText(at: Date): string {
  return `${DAY.format(at)}, ${TIME.format(at)}`;
}

export function instant(at: Date): Html {
  return html`<time datetime="${at.toISOString()}">${instantText(at)}</time>`;
}
