import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import { concatMap, defaultIfEmpty, mergeMap, type Observable, takeLast } from 'rxjs';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { getMarketplaceToken } from '../../runtime/instance-token.js';
import { type Meter, METERED } from './meter.js';
import { RequestMeter } from './request-meter.js';

/** Nest's own key of what `@Sse` decorates. */
const SERVER_SENT_EVENTS = '__sse__';

/** The interceptor of `@Metered`. It asks nothing of the module that it is used in. */
@Injectable()
export class MeteredInterceptor implements NestInterceptor {
  /** A class and its method may both have one. */
  private static readonly counted = new WeakSet();

  constructor(
    private readonly reflector: Reflector,
    private readonly modules: ModuleRef,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const handler = context.getHandler();
    const meters = this.reflector.getAllAndOverride<readonly Meter[] | undefined>(METERED, [
      handler,
      context.getClass(),
    ]);
    if (context.getType() !== 'http') {
      throw new MarketplaceMeteringError(
        'METERED_INVALID',
        `@Metered on ${context.getClass().name}.${handler.name}: it counts HTTP requests. Call MeteringService.record there.`,
      );
    }
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<object>(), http.getResponse<{ statusCode: number; raw?: object }>()];
    if (!meters || MeteredInterceptor.counted.has(request)) return next.handle();
    MeteredInterceptor.counted.add(request);

    // Before the handler does anything: what is wrong here must not cost usage.
    const counts: ((answer: unknown) => Promise<void>)[] = [];
    for (const meter of meters) {
      const requests = this.modules.get(getMarketplaceToken(RequestMeter, meter.name), { strict: false });
      counts.push(await requests.begin(meter, request, response));
    }
    const count = async (answer: unknown): Promise<unknown> => {
      for (const one of counts) await one(answer);
      return answer;
    };
    if (Reflect.getMetadata(SERVER_SENT_EVENTS, handler) === true) {
      // Such an answer has begun with its first message, and may have no end.
      let first: Promise<unknown> | null = null;
      return next.handle().pipe(
        concatMap(async (message: unknown) => {
          await (first ??= count(message));
          return message;
        }),
      );
    }
    return next.handle().pipe(takeLast(1), defaultIfEmpty(undefined), mergeMap(count));
  }
}
