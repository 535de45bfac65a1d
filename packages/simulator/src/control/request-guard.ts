import { type IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { ControlProblem } from './control-problem.js';

/**
 * Refuses what a web page elsewhere could make a browser send. The simulator has no login: whoever reaches it may drive
 * it, and a browser reaches 127.0.0.1 for every page it shows.
 *
 * The host must be one that no stranger's name server can point here (DNS rebinding): an address, `localhost`, a name
 * without dots (as in a Docker network), or a name reserved for local use. An origin, where the browser names one, must
 * be the simulator's own.
 */
export function checkRequest(method: string, headers: IncomingHttpHeaders): void {
  const host = headers.host ?? '';
  if (!isLocalName(hostname(host))) {
    throw new ControlProblem(
      403,
      `The control API does not answer for the host "${host}". Use an address, localhost, or a name without dots.`,
    );
  }
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) throw crossSite(`the origin ${origin}`);
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  // A link to the page from elsewhere is fine: it shows the page and nothing more.
  if (method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return;
  throw crossSite('another site');
}

function crossSite(from: string): ControlProblem {
  return new ControlProblem(
    403,
    `The control API takes no browser requests from ${from}. Call it from a program, or from its own page.`,
  );
}

function hostname(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host)?.[1];
  return (bracketed ?? host.replace(/:\d+$/, '')).toLowerCase();
}

function isLocalName(name: string): boolean {
  return isIP(name) !== 0 || /^[a-z0-9_-]+$/.test(name) || /\.(?:localhost|local|internal|test)$/.test(name);
}
