import 'reflect-metadata';
import { Body, Controller, Post, ValidationPipe, VersioningType } from '@nestjs/common';
import { Interval, ScheduleModule } from '@nestjs/schedule';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { IsBoolean, IsString } from 'class-validator';
import { MeteringService } from 'nestjs-marketplace-metering';
import { Column, DataSource, DefaultNamingStrategy, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { salesModule } from './sales.module.js';
import { serve } from './serve.js';

// A host with all that hosts have: names by a strategy of its own, jobs of its own, a prefix, versions, raw bodies, and a
// pipe that lets nothing pass that it was not told of.

class Prefixed extends DefaultNamingStrategy {
  override tableName(className: string, customName: string | undefined): string {
    return `shop_${super.tableName(className, customName)}`;
  }
  override columnName(propertyName: string, customName: string | undefined, embedded: string[]): string {
    return `its_${super.columnName(propertyName, customName ?? '', embedded)}`;
  }
}

@Entity()
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  tenant!: string;
}

class OrderForm {
  @IsString()
  tenantId!: string;

  @IsBoolean()
  fails!: boolean;
}

@Controller('orders')
class OrdersController {
  private ticks = 0;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly metering: MeteringService,
  ) {}

  /** The order and its usage, or neither. */
  @Post()
  order(@Body() order: OrderForm) {
    return this.dataSource
      .transaction(async (manager) => {
        const { id } = await manager.save(Order, { tenant: order.tenantId });
        const event = { tenantId: order.tenantId, dimension: 'reports', quantity: 1, idempotencyKey: `order:${id}` };
        await this.metering.record(event, { manager });
        if (order.fails) throw new Error('the order failed');
        const [{ its_tenant: tenant } = { its_tenant: '' }] = await manager.query<{ its_tenant: string }[]>(
          'SELECT its_tenant FROM shop_order WHERE its_id = $1',
          [id],
        );
        return { ordered: true, tenant, isOwn: order instanceof OrderForm, hasTicked: this.ticks > 0 };
      })
      .catch((error: unknown) => ({ ordered: false, error: String(error) }));
  }

  @Interval(20)
  tick(): void {
    this.ticks += 1;
  }
}

const database = TypeOrmModule.forRoot({
  type: 'postgres',
  // The host may call its schema as it likes, and has a DataSource, entities and a schema that it synchronizes.
  url: process.env.DATABASE_URL!,
  entities: [Order],
  synchronize: true,
  namingStrategy: new Prefixed(),
});
const root = salesModule({ imports: [database, ScheduleModule.forRoot()], controllers: [OrdersController] });
serve(root, {
  rawBody: true,
  prefix: 'api',
  configure: (app) =>
    app
      .useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }))
      .enableVersioning({ type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' }),
}).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
