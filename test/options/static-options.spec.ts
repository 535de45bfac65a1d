import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule, MeteringService } from '../../src/index.js';
import { migrate } from '../support/ledger-harness.js';
import { migratedDatabase, type TestDatabase } from '../support/postgres.js';
import { replicaOptions } from '../support/replica-options.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await migratedDatabase(migrate);
});
afterAll(() => postgres.drop());

@Injectable()
class ReportsService {
  constructor(readonly metering: MeteringService) {}
}
@Module({ providers: [ReportsService] })
class ReportsModule {}

describe('isGlobal', () => {
  const marketplace = (isGlobal?: boolean) =>
    MarketplaceMeteringModule.forRoot({
      ...replicaOptions({
        databaseUrl: postgres.url,
        awsEndpoint: 'http://127.0.0.1:9',
        clock: { now: () => new Date() },
      }),
      ...(isGlobal === undefined ? {} : { isGlobal }),
    });
  const boot = (module: Type) => NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });

  it.each([[undefined], [true]])('%s shows the services to every module', async (isGlobal) => {
    @Module({ imports: [marketplace(isGlobal), ReportsModule] })
    class Host {}
    const host = await boot(Host);
    expect(host.get(ReportsService, { strict: false }).metering).toBeInstanceOf(MeteringService);
    await host.close();
  });

  it('false shows them to those who import the module', async () => {
    const imported = marketplace(false);
    @Module({ imports: [imported, ReportsModule] })
    class Stranger {}
    await expect(boot(Stranger)).rejects.toThrow(/MeteringService/);

    @Module({ imports: [imported], providers: [ReportsService] })
    class Importer {}
    const host = await boot(Importer);
    expect(host.get(ReportsService).metering).toBeInstanceOf(MeteringService);
    await host.close();
  });
});
