import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type ApiDispatcher, bodyLimit } from './api-dispatcher.js';

/** The HTTP side: AWS JSON 1.1 at any path, one answer per POST. */
export class SimulatorServer {
  readonly #stopping = new AbortController();
  readonly #server: Server;

  constructor(private readonly dispatcher: ApiDispatcher) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => {
        request.socket.destroy();
      });
    });
    // Idle connections are never closed from this side: a client that reuses one at that very moment would see a reset nobody asked for.
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
    const body = await readBody(request);
    const outcome = await this.dispatcher.dispatch({ headers: request.headers, body }, this.#stopping.signal);
    switch (outcome.type) {
      case 'hang':
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'answer': {
        const text = JSON.stringify(outcome.body);
        response.writeHead(outcome.statusCode, {
          'Content-Type': 'application/x-amz-json-1.1',
          'Content-Length': Buffer.byteLength(text),
          'x-amzn-RequestId': outcome.requestId,
        });
        response.end(text);
      }
    }
  }
}

/** The whole body, or undefined when it is too large; what is over the limit is read and thrown away so that the client can read the answer. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size < bodyLimit) chunks.push(chunk);
  }
  return size < bodyLimit ? Buffer.concat(chunks).toString('utf8') : undefined;
}
