import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  RequestMethod,
} from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import { concatMap, defaultIfEmpty, mergeMap, type Observable, takeLast } from 'rxjs';
import { getMarketplaceToken } from '../../runtime/instance-token.js';
import { countBeforeEnd } from './held-answer.js';
import { type Meter, METERED, meterMisplaced } from './meter.js';
import { RequestMeter } from './request-meter.js';

/** Nest's own keys: of what `@Sse` decorates, and of a route's method. */
const SERVER_SENT_EVENTS = '__sse__';
const METHOD_METADATA = 'method';

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
    if (context.getType() !== 'http') throw meterMisplaced(`${context.getClass().name}.${handler.name}`);
    const http = context.switchToHttp();
    const [request, response] = [
      http.getRequest<{ method?: string }>(),
      http.getResponse<{ statusCode: number; raw?: object }>(),
    ];
    if (!meters || MeteredInterceptor.counted.has(request) || !isUse(request, handler)) return next.handle();
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
    return next.handle().pipe(takeLast(1), defaultIfEmpty(undefined), mergeMap(countBeforeEnd(response, count)));
  }
}

/**
 * HEAD is answered by the route of GET without its body, and OPTIONS (of a browser that asks what it may do) by one of
 * all methods: nobody has used anything, unless the route was made for that method.
 */
function isUse({ method }: { method?: string }, handler: object): boolean {
  const own = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
  return (method !== 'HEAD' || own === RequestMethod.HEAD) && (method !== 'OPTIONS' || own === RequestMethod.OPTIONS);
}
