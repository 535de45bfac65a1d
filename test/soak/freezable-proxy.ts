import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can go silent: while it is frozen nothing passes, and nobody is told. */
export class FreezableProxy {
  private readonly sockets = new Set<Socket>();
  private isFrozen = false;

  private constructor(private readonly server: Server) {}

  static async before(target: string): Promise<FreezableProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FreezableProxy(server);
    server.on('connection', (near) => {
      const far = connect(Number(port), hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        proxy.sockets.add(one);
        one.on('data', (chunk) => other.write(chunk));
        one.on('error', () => undefined);
        one.on('close', () => {
          proxy.sockets.delete(one);
          other.destroy();
        });
        if (proxy.isFrozen) one.pause();
      }
    });
    return proxy;
  }

  through(url: string): string {
    const way = new URL(url);
    way.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return way.href;
  }

  freeze(): void {
    this.isFrozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  thaw(): void {
    this.isFrozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
