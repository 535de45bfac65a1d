import { type Agent } from 'node:http';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type AwsOptions } from '../options/aws-options.js';

/** How long a connection and an answer may take, as NodeHttpHandler names it. Milliseconds. */
export interface ConnectionLimits {
  connectionTimeout: number;
  requestTimeout: number;
}

type HandledRequest = Parameters<NodeHttpHandler['handle']>[0];
type HandlerOptions = Parameters<NodeHttpHandler['handle']>[1];

const DIRECT = 'direct';
const GIVEN_AGENT = 'agent';

/**
 * The SDK's own handler of requests, behind the proxy that its host has: the SDK knows of none. Which one is asked with
 * each request, since only then is its host known. The library that makes tunnels is loaded with the first of them.
 */
export class ProxiedHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  private readonly handlers = new Map<string, Promise<NodeHttpHandler>>();

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly proxy: AwsOptions['proxy'],
  ) {}

  async handle(request: HandledRequest, options?: HandlerOptions): Promise<{ response: never }> {
    const origin = `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}`;
    const proxy = await proxyOf(new URL(origin), this.proxy);
    const key = typeof proxy === 'object' ? GIVEN_AGENT : proxy;
    const handler = this.handlers.get(key) ?? this.handlerBehind(proxy);
    this.handlers.set(key, handler);
    return (await handler).handle(request, options) as Promise<{ response: never }>;
  }

  /** The SDK asks for it where somebody changes a setting of the connection: nobody does. */
  updateHttpClientConfig(): void {
    // Nothing to change.
  }

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  destroy(): void {
    for (const [proxy, handler] of this.handlers) {
      // An agent of the host's has other users.
      if (proxy !== GIVEN_AGENT)
        void handler.then(
          (made) => {
            made.destroy();
          },
          () => undefined,
        );
    }
    this.handlers.clear();
  }

  private async handlerBehind(proxy: string | Agent): Promise<NodeHttpHandler> {
    // Without the third line the second would be one in the log.
    const settings = { ...this.limits, throwOnRequestTimeout: true };
    if (proxy === DIRECT) return new NodeHttpHandler(settings);
    const agent = typeof proxy === 'string' ? await tunnelThrough(proxy, { keepAlive: true }) : proxy;
    return new NodeHttpHandler({ ...settings, httpAgent: agent, httpsAgent: agent as never });
  }
}

/** Agent for one connection to AWS that the SDK does not make; undefined for a direct one. */
export async function agentTo(url: URL, proxy: AwsOptions['proxy']): Promise<Agent | undefined> {
  const found = await proxyOf(url, proxy);
  if (typeof found === 'object') return found;
  return found === DIRECT ? undefined : tunnelThrough(found, { keepAlive: false });
}

async function proxyOf(url: URL, given: AwsOptions['proxy']): Promise<string | Agent> {
  if (given === false) return DIRECT;
  if (given !== undefined) return given;
  if (isThisMachine(url.hostname)) return DIRECT;
  const { getProxyForUrl } = await import('proxy-from-env');
  const proxy = getProxyForUrl(url.href);
  return proxy === '' ? DIRECT : proxy;
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

async function tunnelThrough(proxy: string, { keepAlive }: { keepAlive: boolean }): Promise<Agent> {
  if (!/^https?:/.test(proxy)) {
    const message =
      `${new URL(proxy).protocol}// is no HTTP proxy. Give \`aws.proxy\` an agent for it, or correct HTTPS_PROXY; ` +
      'false goes without.';
    // As of a connection that could not be made: nothing has left.
    throw Object.assign(new Error(message), { code: 'PROXY_UNKNOWN', syscall: 'connect' });
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(proxy, { keepAlive });
}
