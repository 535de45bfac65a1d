import 'reflect-metadata';
import { UseInterceptors } from '@nestjs/common';
import { lastingDecorator } from '../../runtime/lasting-decorator.js';
import { type Meter, METERED, type MeteredOptions } from './meter.js';
import { MeteredInterceptor } from './metered.interceptor.js';

/**
 * Records one unit (or `quantity`) of the dimension for each successful request of a route, or of all routes of a
 * controller, before the answer leaves. Not counted are requests whose handler fails, or that are answered with 400 or
 * more, HEAD at a route of GET, and OPTIONS. Several on one method count each its own dimension; those of a method stand in for those of its class.
 *
 * For HTTP routes: elsewhere the start is refused (`METERED_INVALID`). There call `MeteringService.record`.
 */
export function Metered(dimension: string, options: MeteredOptions = {}): ClassDecorator & MethodDecorator {
  const meter: Meter = { ...options, dimension };
  const intercept = UseInterceptors(MeteredInterceptor) as ClassDecorator & MethodDecorator;
  return lastingDecorator(METERED, (target: object, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    const place = (descriptor?.value ?? target) as object;
    const before = (Reflect.getOwnMetadata(METERED, place) ?? []) as Meter[];
    Reflect.defineMetadata(METERED, [...before, meter], place);
    if (before.length > 0) return;
    if (method === undefined || descriptor === undefined) (intercept as ClassDecorator)(target as never);
    else intercept(target, method, descriptor);
  });
}
