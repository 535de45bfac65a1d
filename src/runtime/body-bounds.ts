import { type Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleInit, SetMetadata } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { readBody } from './request-body.js';

/** Fastify hands it to `onRoute` as the route's `config`; on Express it is a mark on the handler like any other. */
const ROUTE_CONFIG = '__fastify_route_config__';
const ROUTE_MARK = 'marketplaceMetering';

interface RouteMark {
  /** Null: the route takes no body. */
  bodyBytesMax: number | null;
}

/** Marks a handler whose body is read here, and no further than its bound. */
export const BoundedBody = (bodyBytesMax: number): MethodDecorator => marked({ bodyBytesMax });

/** Marks a handler of ours that takes no body. */
export const NoBody = (): MethodDecorator => marked({ bodyBytesMax: null });

function marked(mark: RouteMark): MethodDecorator {
  return SetMetadata(ROUTE_CONFIG, { [ROUTE_MARK]: mark });
}

interface ExpressLayer {
  /** Of Express 4: `query` and `expressInit` are its own and come first. */
  name?: string;
  route?: { path: unknown; stack: { handle: object }[] };
}

/** Express 5 names its router `router`; 4 throws at that name, and has none until the first route. */
interface ExpressApplication {
  _router?: { stack: ExpressLayer[] };
  router: { stack: ExpressLayer[] };
  lazyrouter?: () => void;
  post(path: unknown, handler: (request: ExpressRequest, response: unknown, next: Next) => void): void;
}

interface ExpressRequest extends Readable {
  headers: Record<string, string | string[] | undefined>;
  body?: unknown;
  _body?: boolean;
}

type Next = (error?: unknown) => void;

/** Adapters that are bounded already: a second instance of the module shares the first one's. */
const bounded = new WeakSet<object>();

/** As much of a Fastify route as is looked at or changed. */
interface FastifyRoute {
  method: string | string[];
  url: string;
  routePath?: string;
  handler: unknown;
  constraints?: object;
  config?: Record<string, unknown>;
  bodyLimit?: number;
  preParsing?: (request: { raw: ExpressRequest }, reply: unknown, payload: Readable) => Promise<Readable>;
}

interface FastifyInstance {
  initialConfig?: { ignoreTrailingSlash?: boolean; routerOptions?: { ignoreTrailingSlash?: boolean } };
  route(route: FastifyRoute): unknown;
  addHook(name: 'onRoute', hook: (this: FastifyInstance, route: FastifyRoute) => void): void;
}

/**
 * Reads the bodies of our routes before the host's parsers do: what a stranger may send is bounded by us and not by what
 * a host allows elsewhere. Express's parser reads a body to its end before it refuses one without a length, and a host
 * may have raised Fastify's bound for its own uploads. Middleware of a Nest module comes after the parsers, so on Express
 * each of our routes gets a route of the same path ahead of them. No request to another route passes through it. On
 * Fastify our routes also answer under a trailing slash, as they do on Express.
 */
@Injectable()
export class BodyBounds implements OnModuleInit {
  /** Null: bounded already, or nothing to bound. */
  private readonly express: ExpressApplication | null = null;

  constructor(@Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost) {
    // A worker has none.
    const platform: unknown = (httpAdapter as { getType?: () => string } | undefined)?.getType?.();
    if (platform === undefined || bounded.has(httpAdapter)) return;
    bounded.add(httpAdapter);
    if (platform === 'express') this.express = httpAdapter.getInstance<ExpressApplication>();
    if (platform === 'fastify') httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', boundFastify);
  }

  /** Nest has registered parsers and routes by now, under whatever prefix the host has set. */
  onModuleInit(): void {
    if (this.express !== null) boundExpress(this.express);
  }
}

function boundExpress(app: ExpressApplication): void {
  const hasNoRoutes = app._router === undefined && app.lazyrouter !== undefined;
  if (hasNoRoutes) return;
  const { stack } = app._router ?? app.router;
  const routes = stack.flatMap(boundedRoute);
  for (const { path, bytesMax } of routes) app.post(path, gateOf(bytesMax));
  const gates = stack.splice(stack.length - routes.length);
  const first = stack.findIndex(({ name }) => name !== 'query' && name !== 'expressInit');
  stack.splice(Math.max(0, first), 0, ...gates);
}

function gateOf(bytesMax: number) {
  return (request: ExpressRequest, _response: unknown, next: Next): void => {
    // A platform that parses before Express is asked has read it already.
    if (request.body !== undefined) {
      next();
      return;
    }
    void readBody(request, bytesMax).then(() => {
      // Parsers of Express 4 go by this mark; those of 5 see that the request has ended.
      request._body = true;
      next();
    }, next);
  };
}

function boundedRoute({ route }: ExpressLayer): { path: unknown; bytesMax: number }[] {
  if (route === undefined) return [];
  const marks = route.stack.map(({ handle }) =>
    markIn(Reflect.getMetadata(ROUTE_CONFIG, handle) as Record<string, unknown> | undefined),
  );
  const bytesMax = marks.find((mark) => mark !== null)?.bodyBytesMax ?? null;
  return bytesMax === null ? [] : [{ path: route.path, bytesMax }];
}

function boundFastify(this: FastifyInstance, route: FastifyRoute): void {
  const mark = markIn(route.config);
  if (mark === null) return;
  if (mark.bodyBytesMax !== null) {
    const bytesMax = mark.bodyBytesMax;
    route.bodyLimit = bytesMax;
    route.preParsing = (request, _reply, payload) => readBody(request.raw, bytesMax, payload);
  }
  const { ignoreTrailingSlash, routerOptions } = this.initialConfig ?? {};
  const isTolerant = ignoreTrailingSlash === true || routerOptions?.ignoreTrailingSlash === true;
  const path = route.routePath ?? route.url;
  // Fastify adds HEAD to each GET by itself.
  if (isTolerant || path.endsWith('/') || route.method === 'HEAD') return;
  const { method, handler, constraints, config } = route;
  this.route({
    method,
    url: `${path}/`,
    handler,
    ...(constraints === undefined ? {} : { constraints }),
    ...(config === undefined ? {} : { config }),
  });
}

function markIn(config: Record<string, unknown> | undefined): RouteMark | null {
  return (config?.[ROUTE_MARK] as RouteMark | undefined) ?? null;
}
