// A replica of a host in the soak: the module with its jobs running by themselves, and a host that records what it is
// asked to. It may be killed, stopped, frozen out and given a wrong clock at any moment.
import { createInterface } from 'node:readline/promises';
import { NestFactory } from '@nestjs/core';
import { AcceleratedClock, MarketplaceMeteringModule, MeteringService } from '../../src/index.js';
import { DatabaseClock } from '../../src/options/clock.js';
import { replicaOptions } from '../support/replica-options.js';
import { type SoakOrder, type SoakReply, type SoakRequest } from './soak-order.js';

/** Business time of a host that leaves the clock to the module: right where the module has put it right. */
class AcceleratedDatabaseClock extends DatabaseClock {
  constructor(private readonly right: AcceleratedClock) {
    super();
  }

  override now(): Date {
    const isRight = Math.abs(super.now().getTime() - realNow()) < CORRECTED_MS;
    if (isRight) return withOffset(0, () => this.right.now());
    return this.right.now();
  }
}

/** Below this the module leaves a difference alone. */
const CORRECTED_MS = 60_000;
const RealDate = Date;
const realNow = RealDate.now.bind(RealDate);
let offsetMs = 0;

/** The clock of this machine: what everything in this process reads, the drivers and the SDK too. */
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [realNow() + offsetMs] : given, newTarget) as Date,
});
RealDate.now = () => realNow() + offsetMs;

function withOffset<T>(other: number, work: () => T): T {
  const mine = offsetMs;
  offsetMs = other;
  try {
    return work();
  } finally {
    offsetMs = mine;
  }
}

const tell = (reply: SoakReply): void => {
  process.send?.(reply);
};

const input = createInterface({ input: process.stdin });
const line = (await input[Symbol.asyncIterator]().next()) as IteratorResult<string, undefined>;
input.close();
if (line.done !== true) {
  const order = JSON.parse(line.value) as SoakOrder;
  const { startsAt, anchoredAt, rate } = order.clock;
  const clock = new AcceleratedDatabaseClock(new AcceleratedClock(new Date(startsAt), rate, new Date(anchoredAt)));
  const place = { databaseUrl: order.databaseUrl, awsEndpoint: order.awsEndpoint, clock };
  const module = MarketplaceMeteringModule.forRoot(replicaOptions(place, order.options));
  const app = await NestFactory.create(module, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  process.on('message', (request: SoakRequest) => {
    if (request.kind === 'clock') {
      ({ offsetMs } = request);
      return;
    }
    const { key, tenantId, quantity } = request;
    app
      .get(MeteringService)
      .record({ tenantId, dimension: 'requests', quantity, idempotencyKey: key })
      .then(
        ({ outcome }) => {
          tell({ kind: 'recorded', key, outcome });
        },
        (error: unknown) => {
          tell({ kind: 'refused', key, code: (error as { code?: string }).code ?? (error as Error).message });
        },
      );
  });
  tell({ kind: 'ready', url: await app.getUrl() });
}
