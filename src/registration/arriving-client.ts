import { headerOf } from '../runtime/request-body.js';

const HOP_LENGTH_MAX = 64;

/** What tells clients apart, in a request of Express or Fastify. */
export interface AddressedRequest {
  headers: Record<string, string | string[] | undefined>;
  /** As the framework sees it, through the proxies that it trusts. */
  ip?: string;
  socket?: { remoteAddress?: string };
}

/** Whom an arrival counts against. */
export interface ArrivingClient {
  name: string;
  /** A proxy has named the client, and the framework does not trust it: to that one, all clients are the proxy. */
  isProxyUntrusted: boolean;
}

/**
 * Behind a proxy that the framework does not trust all clients have the proxy's address. What the nearest proxy saw, the
 * last hop that it names, then tells them apart: not as a proof of anything, but as the line in which they wait.
 */
export function arrivingClientOf(request: AddressedRequest): ArrivingClient {
  const peer = request.socket?.remoteAddress;
  const address = request.ip ?? peer ?? 'unknown';
  const hops = headerOf(request, 'x-forwarded-for') || headerOf(request, 'forwarded');
  const isProxyUntrusted = hops !== '' && (peer === undefined || address === peer);
  if (!isProxyUntrusted) return { name: address, isProxyUntrusted };
  const last = hops.slice(hops.lastIndexOf(',') + 1).trim();
  return { name: `${address} for ${last.slice(0, HOP_LENGTH_MAX)}`, isProxyUntrusted };
}
