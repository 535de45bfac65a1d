// A replica of a host in the soak: the module with its jobs running by themselves, and a host that records what it is
// asked to. It may be killed, stopped, frozen out and given a wrong clock at any moment.
import { createInterface } from 'node:readline/promises';
import { NestFactory } from '@nestjs/core';
import { AcceleratedClock, MarketplaceMeteringModule, MeteringService } from '../../src/index.js';
import { replicaOptions } from '../support/replica-options.js';
import { type SoakOrder, type SoakReply, type SoakRequest } from './soak-order.js';

const tell = (reply: SoakReply): void => {
  process.send?.(reply);
};

const input = createInterface({ input: process.stdin });
const line = (await input[Symbol.asyncIterator]().next()) as IteratorResult<string, undefined>;
input.close();
if (line.done !== true) {
  const order = JSON.parse(line.value) as SoakOrder;
  const { startsAt, anchoredAt, rate } = order.clock;
  const right = new AcceleratedClock(new Date(startsAt), rate, new Date(anchoredAt));
  let offsetMs = 0;
  const clock = { now: () => new Date(right.now().getTime() + offsetMs) };
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
