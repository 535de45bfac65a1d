// A host with a metered route in a process of its own, which gets SIGKILL at a place of the test's choice: in the handler
// (`handling`), once the unit is recorded (`recorded`), when its correction is about to be recorded (`correcting`), or
// once that is committed (`corrected`).
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  HttpException,
  Injectable,
  Module,
  type NestInterceptor,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { map, type Observable } from 'rxjs';
import { MarketplaceMeteringModule, Metered } from '../../src/index.js';
import { UsageRecorder } from '../../src/metering/recording/usage-recorder.js';
import { replicaOptions } from '../support/replica-options.js';
import { type ReplicaOrder } from './child-replica.js';

const { databaseUrl, awsEndpoint, now, options } = JSON.parse(process.argv[2] ?? '{}') as ReplicaOrder;
const [, , , platform, diesAt] = process.argv;
const comeBy = (place: string): void => {
  if (place === diesAt) process.kill(process.pid, 'SIGKILL');
};

const { record } = UsageRecorder.prototype;
UsageRecorder.prototype.record = async function (this: UsageRecorder, usage: never): Promise<never> {
  const isCorrection = (usage as { reason?: string }).reason !== undefined;
  if (isCorrection) comeBy('correcting');
  const result = await record.call(this, usage);
  comeBy(isCorrection ? 'corrected' : 'recorded');
  return result as never;
};

/** Stands around the meter, as a serializer or a cache of the host's may. */
@Injectable()
class Spoiling implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    const spoil = (answer: unknown): unknown => {
      if (headers['x-spoilt'] === 'true') throw new HttpException('spoilt', 502);
      return answer;
    };
    return next.handle().pipe(map(spoil));
  }
}

@Controller('calls')
@UseInterceptors(Spoiling)
class CallsController {
  @Post()
  @Metered('requests')
  call(): string {
    comeBy('handling');
    return 'done';
  }

  @Post('keyed')
  @Metered('requests', { idempotencyKey: 'x-key' })
  keyed(): string {
    return 'done';
  }
}

const owner = (): { tenantId: string } => ({ tenantId: 'acme' });
const place = { databaseUrl, awsEndpoint, clock: { now: () => new Date(now) } };
@Module({
  imports: [MarketplaceMeteringModule.forRoot(replicaOptions(place, { ...options, entitlementOwner: owner }))],
  controllers: [CallsController],
})
class Host {}
const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(Host, adapter, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
process.stdout.write(`${await app.getUrl()}\n`);
