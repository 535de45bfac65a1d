import { Test } from '@nestjs/testing';
import { TestMarketplace } from 'nestjs-marketplace-metering/testing';
import { AppModule } from './app.module.js';
import { ReportsService } from './reports.service.js';

it('bills a report once, however often it is told', async () => {
  const products = [{ productCode: '4f1xyz', dimensions: ['reports'] }];
  const market = await TestMarketplace.start({ options: { products } });
  const app = await market.boot(Test.createTestingModule({ imports: [AppModule] }));
  await market.subscribe('acme');
  await app.get(ReportsService).reportMade('acme', 'r-1');
  await app.get(ReportsService).reportMade('acme', 'r-1');
  const billed = { tenantId: 'acme', dimension: 'reports', quantity: 1 };
  await market.waitFor(() => expect(market.bill()).toMatchObject([billed]), { hours: 2 });
  await market.stop();
}, 60_000); // it starts a Postgres
