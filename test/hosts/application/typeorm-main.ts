import 'reflect-metadata';
import { Body, Controller, Post } from '@nestjs/common';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { MeteringService } from 'nestjs-marketplace-metering';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { salesModule } from './sales.module.js';
import { serve } from './serve.js';

@Entity()
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  tenant!: string;
}

@Controller('orders')
class OrdersController {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly metering: MeteringService,
  ) {}

  /** The order and its usage, or neither. */
  @Post()
  order(@Body() order: { tenantId: string; fails: boolean }) {
    return this.dataSource
      .transaction(async (manager) => {
        const { id } = await manager.save(Order, { tenant: order.tenantId });
        const event = { tenantId: order.tenantId, dimension: 'reports', quantity: 1, idempotencyKey: `order:${id}` };
        await this.metering.record(event, { manager });
        if (order.fails) throw new Error('the order failed');
        return { ordered: true };
      })
      .catch(() => ({ ordered: false }));
  }
}

const database = TypeOrmModule.forRoot({
  type: 'postgres',
  // The host may call its schema as it likes, and has a DataSource, entities and a schema that it synchronizes.
  url: process.env.DATABASE_URL!,
  entities: [Order],
  synchronize: true,
});
serve(salesModule({ imports: [database], controllers: [OrdersController] })).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
