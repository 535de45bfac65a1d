import { createServer, connect, type Server, type Socket } from 'node:net';
import { MarketplaceMeteringClient, MeterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { type ComputeResource } from 'aws-marketplace-simulator';
import { CONTAINER, type InstalledWorld, UNITS } from './installed-world.js';

/** MeterUsage by whoever else has the role of the resource: an old cron job, another image, a person with the CLI. */
export async function meterByHand(
  world: InstalledWorld,
  resource: ComputeResource,
  usage: { quantity: number; at: string; clientToken?: string },
): Promise<void> {
  const client = new MarketplaceMeteringClient({
    region: resource.region,
    endpoint: world.simulator.url,
    credentials: { ...resource.credentials },
  });
  const day = world.clock.now().toISOString().slice(0, 11);
  try {
    await client.send(
      new MeterUsageCommand({
        ProductCode: CONTAINER,
        Timestamp: new Date(`${day}${usage.at}Z`),
        UsageDimension: UNITS,
        UsageQuantity: usage.quantity,
        ...(usage.clientToken === undefined ? {} : { ClientToken: usage.clientToken }),
      }),
    );
  } finally {
    client.destroy();
  }
}

/** The way of a private subnet to AWS: while it is shut nobody listens, and no call leaves. */
export class Egress {
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  constructor(private readonly target: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async open(): Promise<void> {
    const { port } = new URL(this.target);
    const server = createServer((socket) => {
      const onward = connect(Number(port), '127.0.0.1');
      for (const end of [socket, onward]) {
        this.sockets.add(end);
        end.on('error', () => undefined).on('close', () => this.sockets.delete(end));
      }
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as { port: number }).port;
    this.server = server;
  }

  async shut(): Promise<void> {
    const { server } = this;
    this.server = null;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
