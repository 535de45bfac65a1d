import http from 'node:http';
import { type AddressInfo } from 'node:net';
import { type MarketplaceSimulator } from 'aws-marketplace-simulator';

/**
 * One endpoint for several seller accounts, as AWS has it: whose access key signs says in which account a call is, and
 * there is no other word of it in a request.
 */
export class SellerAccounts {
  /** By a part of the access key. A key of none of them is refused. */
  readonly accounts = new Map<string, MarketplaceSimulator>();
  readonly refused: string[] = [];

  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<SellerAccounts> {
    const server = http.createServer();
    const sellers = new SellerAccounts(server);
    server.on('request', (request, response) => {
      sellers.pass(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return sellers;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await stopped;
  }

  private pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const [, key = ''] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
    const account = [...this.accounts].find(([part]) => key.includes(part))?.[1];
    if (account === undefined) {
      this.refused.push(key);
      response.writeHead(403).end('{"__type":"UnrecognizedClientException"}');
      return;
    }
    const { method, headers, url = '/' } = request;
    const passed = http.request(new URL(url, account.url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  }
}
