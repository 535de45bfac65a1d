import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type DynamicModule,
  type INestApplication,
  type INestApplicationContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Scope,
  type Type,
  type PipeTransform,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import {
  type Delivery,
  EventDeliveries,
  getMarketplaceToken,
  JobScheduler,
  type MarketplaceEvent,
  type MarketplaceEventType,
  MarketplaceMeteringModule,
  OnMarketplaceEvent,
} from '../../src/index.js';
import { LedgerDatabase } from '../../src/database/ledger-database.js';
import { Outbox } from '../../src/events/outbox.js';
import { resolveOptions } from '../../src/options/resolved-options.js';
import { START } from '../support/ledger-harness.js';
import { type TestDatabase } from '../support/postgres.js';
import { EventHost, hostOptions, type HostParts, subscriptionIds } from './event-host.js';

let postgres: TestDatabase;
let apps: INestApplicationContext[] = [];
let heard: string[] = [];

beforeAll(async () => {
  postgres = await EventHost.database();
});
afterAll(() => postgres.drop());
beforeEach(() => {
  heard = [];
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  apps = [];
  const dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
  await dataSource.query('TRUNCATE marketplace.event_handler, marketplace.event_delivery');
  await dataSource.destroy();
});

async function host(parts: HostParts): Promise<EventHost> {
  const started = await EventHost.start(postgres, parts);
  apps.push(started.app);
  return started;
}

const idsOf = async (started: EventHost): Promise<string[]> =>
  (await started.deliveries.handlers()).map(({ id, type }) => `${id} ${type.replace('subscription.', '')}`);

@Injectable()
class Provisioning {
  private readonly name = 'provisioning';

  @OnMarketplaceEvent('subscription.activated', { id: 'provision' })
  provision(event: MarketplaceEvent<'subscription.activated'>, { attempt }: Delivery): void {
    heard.push(`${this.name} ${event.payload.productCode} ${attempt}`);
  }

  @OnMarketplaceEvent(['subscription.ending', 'subscription.ended', 'subscription.ending'])
  wind(event: MarketplaceEvent<'subscription.ending' | 'subscription.ended'>): void {
    heard.push(`${event.type} ${event.payload.endsAt}`);
  }

  other(): void {
    heard.push('never');
  }
}

const activated = {
  productCode: 'a',
  startsAt: START.toISOString(),
  isTrial: false,
  previousState: 'registered',
  agreement: null,
};

describe('handlers', () => {
  it('are found on providers, controllers and what factories made, once each, and called as methods', async () => {
    @Controller('desk')
    class Desk {
      @OnMarketplaceEvent('subscription.activated')
      note(): void {
        heard.push('desk');
      }
    }
    abstract class Base {
      @OnMarketplaceEvent('subscription.activated')
      greet(): void {
        heard.push(`greeted by ${this.constructor.name}`);
      }
      @OnMarketplaceEvent('subscription.activated')
      dropped(): void {
        heard.push('never');
      }
    }
    class Made extends Base {
      override dropped(): void {
        heard.push('never');
      }
    }
    @Injectable()
    class Derived extends Base {
      override dropped(): void {
        heard.push('never');
      }
    }
    const started = await host({
      controllers: [Desk],
      providers: [
        Provisioning,
        Derived,
        { provide: 'ALIAS', useExisting: Provisioning },
        { provide: 'SAME', useFactory: (provisioning: Provisioning) => provisioning, inject: [Provisioning] },
        { provide: 'MADE', useFactory: () => Promise.resolve(new Made()) },
        { provide: 'PLAIN', useValue: 'text' },
        { provide: 'BARE', useValue: Object.create(null) },
      ],
    });
    expect(await idsOf(started)).toEqual([
      'Derived.greet activated',
      'Desk.note activated',
      'Made.greet activated',
      'Provisioning.wind ended',
      'Provisioning.wind ending',
      'provision activated',
    ]);
    const [id] = subscriptionIds(1) as [string];
    await started.append(started.database, 'subscription.activated', id, activated);
    await started.append(started.database, 'subscription.ending', id, {
      productCode: 'a',
      endsAt: 'soon',
      agreement: null,
    });
    await started.deliver();
    expect(heard.sort()).toEqual([
      'desk',
      'greeted by Derived',
      'greeted by Made',
      'provisioning a 1',
      'subscription.ending soon',
    ]);
  });

  it('get the event as it was told, and what tells its deliveries apart', async () => {
    const got: unknown[] = [];
    @Injectable()
    class Listener {
      @OnMarketplaceEvent('metering.unknown', { id: 'listener' })
      listen(event: MarketplaceEvent<'metering.unknown'>, { id, attempt, instance, signal }: Delivery): void {
        got.push(event, { id, attempt, instance, aborted: signal.aborted });
      }
    }
    const started = await host({ providers: [Listener] });
    const [subscriptionId, recordId] = subscriptionIds(2) as [string, string];
    const payload = { productCode: 'a', dimension: 'd', hour: START.toISOString(), quantity: '1.5', reason: null };
    const event = { type: 'metering.unknown' as const, subscriptionId, recordId, payload, occurredAt: START };
    await started.app.get(Outbox).append(started.database, [event]);
    await started.deliver();
    const [delivery] = await started.deliveries.list();
    expect(got).toEqual([
      { ...event, id: delivery?.eventId },
      { id: delivery?.id, attempt: 1, instance: null, aborted: false },
    ]);
  });

  it('H12 run whatever decorators stand above and below, and whether those take metadata along', async () => {
    const traced =
      (keepsMetadata: boolean) =>
      (_target: object, name: string, descriptor: PropertyDescriptor): PropertyDescriptor => {
        const original = descriptor.value as (...given: unknown[]) => unknown;
        function wrapped(this: unknown, ...given: unknown[]): unknown {
          heard.push(`traced ${name}`);
          return original.apply(this, given);
        }
        if (keepsMetadata)
          for (const key of Reflect.getMetadataKeys(original))
            Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapped);
        return { ...descriptor, value: wrapped };
      };
    @Injectable()
    class Traced {
      @traced(false)
      @OnMarketplaceEvent('subscription.activated')
      bare(): void {
        heard.push('bare');
      }
      @traced(true)
      @OnMarketplaceEvent('subscription.activated')
      copied(): void {
        heard.push('copied');
      }
      @OnMarketplaceEvent('subscription.activated')
      @traced(false)
      below(): void {
        heard.push('below');
      }
      @traced(false)
      @traced(true)
      @OnMarketplaceEvent('subscription.activated')
      @traced(false)
      between(): void {
        heard.push('between');
      }
    }
    @Injectable()
    class Heir extends Traced {
      override below(): void {
        heard.push('never');
      }
    }
    const started = await host({ providers: [Traced, Heir] });
    expect(await idsOf(started)).toEqual([
      ...['Heir.bare', 'Heir.between', 'Heir.copied'].map((id) => `${id} activated`),
      ...['Traced.bare', 'Traced.below', 'Traced.between', 'Traced.copied'].map((id) => `${id} activated`),
    ]);
    const [id] = subscriptionIds(1) as [string];
    await started.append(started.database, 'subscription.activated', id, activated);
    await started.settle();
    expect(heard.filter((what) => what === 'bare' || what === 'traced bare')).toHaveLength(4);
    expect(heard.filter((what) => what === 'between')).toHaveLength(2);
    expect(heard.filter((what) => what === 'traced between')).toHaveLength(6);
    expect(heard).toEqual(expect.arrayContaining(['copied', 'below', 'traced below']));
    expect(heard).not.toContain('never');
  });

  it('that share an id are refused at the start', async () => {
    @Injectable()
    class Twin {
      @OnMarketplaceEvent('subscription.ended', { id: 'provision' })
      provision(): void {
        heard.push('never');
      }
    }
    await expect(host({ providers: [Provisioning, Twin] })).rejects.toMatchObject({ code: 'HANDLER_DUPLICATE' });
    const twice = [Provisioning, { provide: 'AGAIN', useClass: Provisioning }];
    await expect(host({ providers: twice })).rejects.toThrow('provide its class once');
  });

  it.each<[string, Scope]>([
    ['for each request', Scope.REQUEST],
    ['for each use', Scope.TRANSIENT],
  ])('of a provider made anew %s are refused at the start', async (_, scope) => {
    @Injectable({ scope })
    class Scoped {
      @OnMarketplaceEvent('subscription.ended')
      end(): void {
        heard.push('never');
      }
    }
    await expect(host({ providers: [Scoped] })).rejects.toMatchObject({
      code: 'HANDLER_INVALID',
      message: expect.stringContaining('Scoped.end') as unknown,
    });
  });

  it('of a provider that depends on a request are refused at the start', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}
    @Injectable()
    class Dependent {
      constructor(readonly tenant: Tenant) {}

      @OnMarketplaceEvent('subscription.ended')
      end(): void {
        heard.push('never');
      }
    }
    await expect(host({ providers: [Tenant, Dependent] })).rejects.toMatchObject({ code: 'HANDLER_INVALID' });
  });

  it.each<[string, MarketplaceEventType | MarketplaceEventType[], object, string]>([
    [
      'of an event that there is not',
      'subscription.exploded' as MarketplaceEventType,
      {},
      'there is no event subscription.exploded',
    ],
    ['of no event', [], {}, 'names no type'],
    ['without a name', 'subscription.ended', { id: ' ' }, 'its id'],
    ['with a name that is too long', 'subscription.ended', { id: 'x'.repeat(256) }, 'its id'],
    [
      'of an instance that there is not',
      'subscription.ended',
      { instance: 'elsewhere' },
      'no MarketplaceMeteringModule is named "elsewhere"',
    ],
  ])('%s are refused at the start', async (_, types, options, why) => {
    @Injectable()
    class Wrong {
      @OnMarketplaceEvent(types, options)
      listen(): void {
        heard.push('never');
      }
    }
    await expect(host({ providers: [Wrong] })).rejects.toMatchObject({
      code: 'HANDLER_INVALID',
      message: expect.stringContaining(why) as unknown,
    });
  });

  it('that could never be called are refused where they are written', () => {
    const decorate = (target: object, name: string | symbol, value: unknown): void => {
      OnMarketplaceEvent('subscription.ended')(target, name, { value } as TypedPropertyDescriptor<() => void>);
    };
    const method = (): void => undefined;
    expect(() => {
      decorate(Provisioning, 'name', method);
    }).toThrow('static');
    expect(() => {
      decorate({}, Symbol('name'), method);
    }).toThrow('symbol');
    expect(() => {
      decorate({}, 'name', undefined);
    }).toThrow('no method');
    expect(() => {
      decorate({}, 'name', method);
      decorate({}, 'name', method);
    }).toThrow('name all types in one');
  });

  it('are checked by the compiler', () => {
    class Typed {
      // @ts-expect-error there is no such event
      @OnMarketplaceEvent('subscription.exploded')
      unknown(): void {
        heard.push('never');
      }

      // @ts-expect-error the payload is that of another event
      @OnMarketplaceEvent('subscription.claimed')
      other(event: MarketplaceEvent<'metering.blocked'>): void {
        heard.push(event.payload.dimension);
      }

      // @ts-expect-error one of the two has no quantity
      @OnMarketplaceEvent(['metering.blocked', 'subscription.ended'])
      half(event: MarketplaceEvent<'metering.blocked'>): void {
        heard.push(event.payload.quantity);
      }

      @OnMarketplaceEvent(['metering.blocked', 'subscription.ended'])
      both(event: MarketplaceEvent): string {
        return event.type === 'subscription.ended' ? event.payload.endsAt : event.type;
      }
    }
    expect(new Typed()).toBeInstanceOf(Typed);
  });
});

describe('instances', () => {
  it('are heard all by a handler that names none, and one by a handler that names it', async () => {
    @Injectable()
    class Listener {
      @OnMarketplaceEvent('subscription.converted')
      all({ payload }: MarketplaceEvent<'subscription.converted'>, { instance }: Delivery): void {
        heard.push(`all ${payload.productCode} of ${instance ?? '(unnamed)'}`);
      }

      @OnMarketplaceEvent('subscription.converted', { instance: 'second' })
      one({ payload }: MarketplaceEvent<'subscription.converted'>): void {
        heard.push(`one ${payload.productCode}`);
      }
    }
    @Injectable()
    class Jobs {
      constructor(
        readonly unnamed: JobScheduler,
        @Inject(getMarketplaceToken(JobScheduler, 'second')) readonly second: JobScheduler,
      ) {}
    }
    const optionsOf = (sellerAccount: string) => hostOptions(postgres.url, { sellerAccount });
    @Module({
      imports: [
        MarketplaceMeteringModule.forRoot(optionsOf('first-seller')),
        MarketplaceMeteringModule.forRoot({ ...optionsOf('second-seller'), name: 'second' }),
      ],
      providers: [Listener, Jobs],
    })
    class Host {}
    const app = await NestFactory.create(Host, { logger: false, abortOnError: false });
    apps.push(await app.init());
    for (const [seller, instance] of [
      ['first-seller', undefined],
      ['second-seller', 'second'],
    ] as const) {
      const [database] = app.get(LedgerDatabase, { each: true, strict: false });
      if (database === undefined) throw new Error('no ledger');
      const outbox = new Outbox(resolveOptions(optionsOf(seller), {}));
      const event = {
        type: 'subscription.converted' as const,
        subscriptionId: null,
        payload: { productCode: seller, at: START.toISOString(), agreement: null },
        occurredAt: START,
      };
      await outbox.append(database, [event]);
      await app.get(Jobs)[instance ?? 'unnamed'].runOnce('deliver');
    }
    expect(heard.sort()).toEqual(['all first-seller of (unnamed)', 'all second-seller of second', 'one second-seller']);
    const known = await app.get<EventDeliveries>(getMarketplaceToken(EventDeliveries, 'second')).handlers();
    expect(known.map(({ id }) => id)).toEqual(['Listener.all', 'Listener.one']);
  });
});

describe('a host', () => {
  @Injectable()
  class Closed implements CanActivate {
    canActivate(): boolean {
      heard.push('guarded');
      return false;
    }
  }
  @Injectable()
  class Swallowing implements NestInterceptor {
    intercept(): never {
      throw new Error('intercepted');
    }
  }
  class Refusing implements PipeTransform {
    transform(): never {
      throw new Error('piped');
    }
  }
  @Injectable()
  class Guarded {
    constructor(@Inject('GREETING') private readonly greeting: string) {}

    @UseGuards(Closed)
    @OnMarketplaceEvent('subscription.converted')
    hear({ payload }: MarketplaceEvent<'subscription.converted'>): void {
      heard.push(`${this.greeting} ${payload.productCode}`);
    }
  }
  const WAYS: Record<string, () => DynamicModule> = {
    forRoot: () => MarketplaceMeteringModule.forRoot(hostOptions(postgres.url)),
    forRootAsync: () => MarketplaceMeteringModule.forRootAsync({ useFactory: () => hostOptions(postgres.url) }),
  };
  const ADAPTERS: Record<string, (module: Type) => Promise<INestApplication>> = {
    Express: (module) => NestFactory.create(module, { logger: false, abortOnError: false }),
    Fastify: (module) => NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false }),
  };

  it.each(Object.keys(WAYS).flatMap((way) => Object.keys(ADAPTERS).map((adapter) => [way, adapter] as const)))(
    'with %s on %s, guards, pipes and interceptors on everything, hears its events',
    async (way, adapter) => {
      @Module({
        imports: [(WAYS[way] as () => DynamicModule)()],
        providers: [
          Guarded,
          { provide: 'GREETING', useValue: 'hello' },
          { provide: APP_GUARD, useClass: Closed },
          { provide: APP_INTERCEPTOR, useClass: Swallowing },
        ],
      })
      class Host {}
      const app = await (ADAPTERS[adapter] as (module: Type) => Promise<INestApplication>)(Host);
      app.useGlobalPipes(new Refusing());
      app.setGlobalPrefix('api');
      apps.push(await app.init());
      const event = {
        type: 'subscription.converted' as const,
        subscriptionId: null,
        payload: { productCode: way, at: START.toISOString(), agreement: null },
        occurredAt: START,
      };
      await app.get(Outbox).append(app.get(LedgerDatabase), [event]);
      await app.get(JobScheduler).runOnce('deliver');
      expect(heard).toEqual([`hello ${way}`]);
    },
  );
});
