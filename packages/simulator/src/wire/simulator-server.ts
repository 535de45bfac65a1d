import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type ApiDispatcher } from './api-dispatcher.js';

/** Bytes of a body that are kept; what comes after them is counted only. */
const bodyKept = 4_194_304;

/** Answers requests that are none of AWS's protocols. */
export type SideHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The HTTP side: the AWS protocols at any path that nothing else is mounted at. */
export class SimulatorServer {
  readonly #stopping = new AbortController();
  readonly #server: Server;
  readonly #mounted: { readonly prefix: string; readonly handler: SideHandler }[] = [];
  #settle: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly dispatcher: ApiDispatcher) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => {
        request.socket.destroy();
      });
    });
    // Idle connections are never closed from this side: a client that reuses one at that very moment would see a reset
    // nobody asked for.
    this.#server.keepAliveTimeout = 0;
  }

  /** Resolves with the base URL once connections are accepted. */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const { address, family, port: actual } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
  }

  /** Requests whose path starts with the prefix go to the handler, which ends the response. */
  mount(prefix: string, handler: SideHandler): void {
    this.#mounted.push({ prefix, handler });
  }

  /** Called when a call has had its effect, before the client hears of it. Where it fails, the client hears nothing. */
  beforeAnswer(settle: () => Promise<void>): void {
    this.#settle = settle;
  }

  /** Cuts all connections, hung and delayed ones included. May be called twice. */
  async close(): Promise<void> {
    this.#stopping.abort();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, method = '', url: path = '' } = request;
    const mounted = this.#mounted.find(({ prefix }) => path.startsWith(prefix));
    if (mounted) {
      await mounted.handler(request, response);
      return;
    }
    const outcome = await this.dispatcher.dispatch(
      { headers, method, path, ...(await readBody(request)) },
      this.#stopping.signal,
    );
    await this.#settle();
    switch (outcome.type) {
      case 'hang':
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'answer': {
        const { statusCode, headers: answerHeaders, body, cut } = outcome;
        response.writeHead(statusCode, { ...answerHeaders, 'Content-Length': body.length });
        if (!cut) {
          response.end(body);
          return;
        }
        response.write(body.subarray(0, body.length / 2), () => {
          request.socket.destroySoon();
        });
      }
    }
  }
}

/** Reads to the end even where the body is too large: a client that is still sending would not see the answer. */
async function readBody(request: IncomingMessage): Promise<{ body: Buffer; size: number }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size < bodyKept) chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), size };
}
