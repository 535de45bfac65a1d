import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

/** A proxy as companies have one: it makes tunnels (CONNECT), and nothing else. */
export class ConnectProxy {
  /** `host:port` of each tunnel, in order. */
  readonly tunnels: string[] = [];
  /** The Proxy-Authorization of each CONNECT. */
  readonly logins: (string | undefined)[] = [];
  /** Where a name leads, for names that only the proxy can reach. */
  readonly routes = new Map<string, string>();

  private readonly sockets = new Set<net.Socket>();

  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<ConnectProxy> {
    const server = http.createServer((_, response) => response.writeHead(405).end());
    const proxy = new ConnectProxy(server);
    server.on('connect', (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
      const target = request.url ?? '';
      proxy.tunnels.push(target);
      proxy.logins.push(request.headers['proxy-authorization']);
      const [host = '', port = ''] = (proxy.routes.get(target) ?? target).split(':');
      const onward = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      proxy.sockets.add(socket).add(onward);
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    await stopped;
  }
}
