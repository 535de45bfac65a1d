import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

/** Called with each message that is delivered, and the secret that came with it; rejects what is to be sent again. */
export type MessageHandler = (body: string, secret: string) => Promise<void>;

const SECRET_HEADER = 'x-marketplace-secret';

/**
 * Where AWS's messages arrive in a test. Beside the host's own routes: prefix, versions and guards of the host have no
 * say in whether a test hears of a subscription.
 */
export class MessageReceiver {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(handle: MessageHandler): Promise<MessageReceiver> {
    const server = createServer((request, response) => {
      void answer(request, response, handle);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new MessageReceiver(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  headersWith(secret: string): Record<string, string> {
    return { [SECRET_HEADER]: secret };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, handle: MessageHandler): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const secret = request.headers[SECRET_HEADER];
    await handle(Buffer.concat(chunks).toString('utf8'), typeof secret === 'string' ? secret : '');
    response.writeHead(200).end();
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end((error as Error).message);
  }
}
