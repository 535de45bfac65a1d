import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of who connects while the proxy is frozen. */
export type NewcomerRule = 'served' | 'silent' | 'refused';

/** Data on its way to the server, and back. */
export type Passing = 'requests' | 'answers';

interface Pair {
  near: Socket;
  far: Socket;
}

/**
 * A stretch of network that can go silent: what is established stays open and carries nothing any more, in either
 * direction, as behind a firewall that has forgotten it or a host that has lost its power.
 */
export class FreezingProxy {
  private readonly pairs = new Set<Pair>();
  private readonly frozen = new Set<Pair>();
  private newcomers: NewcomerRule = 'served';
  private readonly passed = { requests: 0, answers: 0 };
  private armed: { what: Passing; at: number } | null = null;

  private constructor(
    private readonly server: Server,
    private target: { host: string; port: number },
  ) {}

  /** Before the server of a URL. */
  static async before(url: string): Promise<FreezingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FreezingProxy(server, placeOf(url));
    server.on('connection', (near) => {
      proxy.take(near);
    });
    return proxy;
  }

  /** The URL, by way of the proxy. */
  through(url: string): string {
    const way = new URL(url);
    way.hostname = '127.0.0.1';
    way.port = String((this.server.address() as AddressInfo).port);
    return way.href.replace(/\/$/, url.endsWith('/') ? '/' : '');
  }

  /** Whoever connects from now on reaches another server; who is connected stays where it is. */
  pointTo(url: string): void {
    this.target = placeOf(url);
  }

  get connections(): number {
    return this.pairs.size;
  }

  get frozenConnections(): number {
    return this.frozen.size;
  }

  /** How many pieces of data have gone that way. */
  count(what: Passing): number {
    return this.passed[what];
  }

  /** All that is established carries nothing more once so many more pieces have gone that way. */
  freezeAfter(what: Passing, count: number): void {
    this.armed = { what, at: this.passed[what] + count };
  }

  /** Whether it has frozen meanwhile; from now on it does not. */
  disarm(): boolean {
    const hasFrozen = this.armed === null;
    this.armed = null;
    return hasFrozen;
  }

  /** All that is established carries nothing from this instant on. */
  freeze(newcomers: NewcomerRule = 'served'): void {
    this.newcomers = newcomers;
    for (const pair of this.pairs) this.still(pair);
  }

  /** What was held back arrives, as far as anybody still listens; so does the news that somebody has hung up. */
  thaw(): void {
    this.newcomers = 'served';
    for (const { near, far } of this.frozen) {
      if (near.destroyed) far.destroy();
      else near.pipe(far);
      if (far.destroyed) near.destroy();
      else far.pipe(near);
    }
    this.frozen.clear();
  }

  /** Ends the connections that are frozen as a peer that is gone for good: the other side hears nothing. */
  async stop(): Promise<void> {
    for (const { near, far } of this.pairs) {
      near.destroy();
      far.destroy();
    }
    this.server.close();
    await once(this.server, 'close');
  }

  private still(pair: Pair): void {
    pair.near.unpipe(pair.far);
    pair.far.unpipe(pair.near);
    pair.near.pause();
    pair.far.pause();
    this.frozen.add(pair);
  }

  private take(near: Socket): void {
    near.on('error', () => undefined);
    if (this.newcomers === 'refused') {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ ...this.target, allowHalfOpen: true });
    far.on('error', () => near.destroy());
    const pair = { near, far };
    this.pairs.add(pair);
    near.on('data', () => {
      this.pass('requests');
    });
    far.on('data', () => {
      this.pass('answers');
    });
    if (this.newcomers === 'silent') this.still(pair);
    else {
      near.pipe(far);
      far.pipe(near);
    }
    near.on('close', () => {
      // A frozen stretch does not carry the news that one side has hung up.
      if (!this.frozen.has(pair)) far.destroy();
      this.forget(pair);
    });
    far.on('close', () => {
      if (!this.frozen.has(pair)) near.destroy();
      this.forget(pair);
    });
  }

  /** The piece itself still arrives. */
  private pass(what: Passing): void {
    this.passed[what] += 1;
    if (this.armed?.what !== what || this.passed[what] < this.armed.at) return;
    this.armed = null;
    this.freeze();
  }

  private forget(pair: Pair): void {
    if (!pair.near.destroyed || !pair.far.destroyed) return;
    this.pairs.delete(pair);
    this.frozen.delete(pair);
  }
}

function placeOf(url: string): { host: string; port: number } {
  const { hostname, port, protocol } = new URL(url);
  const standard = protocol.startsWith('postgres') ? 5432 : 80;
  return { host: hostname, port: port === '' ? standard : Number(port) };
}
