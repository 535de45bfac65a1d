import { describe, expect, it } from '@jest/globals';
import { MarketplaceSimulator } from 'aws-marketplace-simulator';
import { AwsClients } from '../../../src/aws/aws-clients.js';
import { CALL_BYTES_LIMIT, MeteringGateway, type UsageReport } from '../../../src/aws/metering-gateway.js';
import { planBatch } from '../../../src/metering/submission/batch-planner.js';
import { resolveOptions } from '../../../src/options/resolved-options.js';
import { HOUR, hour, record } from './sendable-record.js';
import { testCredentials } from './submission-bench.js';

describe('a batch', () => {
  it('stays under 90,000 bytes as the wire has it, and no smaller than need be', async () => {
    await using simulator = await MarketplaceSimulator.start();
    const clients = new AwsClients(
      resolveOptions({
        database: { url: 'postgres://localhost/none' },
        products: [{ productCode: 'larkspur', dimensions: ['requests'] }],
        signUpUrl: 'http://localhost/',
        aws: { endpoint: simulator.url, credentials: testCredentials },
      }),
    );
    const sizes: number[] = [];
    clients.metering('us-east-1').middlewareStack.add(
      (proceed) => (args) => {
        sizes.push(Buffer.byteLength((args.request as { body: string }).body));
        return proceed(args);
      },
      { step: 'finalizeRequest' },
    );
    const allocations = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        AllocatedUsageQuantity: n,
        Tags: [{ Key: 'kö', Value: `"${'v'.repeat(100)}${n}` }],
      }));
    for (const legacy of [false, true]) {
      const identity = legacy ? { licenseArn: null, customerAwsAccountId: null, customerIdentifier: 'Zoë' } : {};
      const batch = planBatch(
        Array.from({ length: 25 }, (_, n) =>
          record({
            ...identity,
            ...hour(n),
            timestamp: new Date(HOUR.getTime() - n * 3_600_000 + 250),
            allocations: allocations(40),
          }),
        ),
      );
      expect(batch.length).toBeLessThan(25);
      const send = (reports: UsageReport[]) =>
        new MeteringGateway(clients).batchMeterUsage({
          attemptId: '01f3c1a0-0000-7000-8000-000000000000',
          region: 'us-east-1',
          productCode: legacy ? 'larkspur' : null,
          reports,
          timeoutMs: 5000,
          mayLeave: () => true,
        });
      await send(batch.map((sent) => sent.report));
      await send([
        ...batch.map((sent) => sent.report),
        record({ ...identity, ...hour(99), allocations: allocations(40) }).report,
      ]);
      const [planned, oneMore] = sizes.splice(0);
      expect(planned).toBeLessThan(CALL_BYTES_LIMIT);
      expect(oneMore).toBeGreaterThanOrEqual(CALL_BYTES_LIMIT - 1000);
    }
    await clients.onApplicationShutdown();
  });
});
