import { LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { RegisterUsageCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, expect, it } from '@jest/globals';
import { type WorldSnapshot } from '../src/index.js';
import { meteringBy, startSoftware } from './buyer-software.js';
import { meteringClient, trailClient } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

it('software goes on metering after its world was kept as JSON and restored', async () => {
  const before = await startSoftware('ecs', { switches: { cloudTrailDelayMs: 0 } });
  const { productCode } = before.listing;
  const id = await before.meter({ ClientToken: 'token' });
  await before.client.send(new RegisterUsageCommand({ ProductCode: productCode, PublicKeyVersion: 1 }));
  const keys = before.sim.rotatePublicKey(productCode);
  const gone = before.launch();
  before.sim.terminate(gone.resource);
  before.sim.end(before.agreement);

  const after = await startMarketplace({ switches: { cloudTrailDelayMs: 0 } });
  after.sim.restore(JSON.parse(JSON.stringify(before.sim.snapshot())) as WorldSnapshot);
  expect(after.sim.bill()).toEqual(before.sim.bill());
  expect(after.sim.resources()).toEqual(before.sim.resources());
  expect(after.sim.publicKeys(productCode)).toEqual(keys);

  const { credentials } = before.resource;
  const trail = trailClient(after.sim.url, { credentials });
  expect((await trail.send(new LookupEventsCommand({}))).Events?.map(({ EventName }) => EventName)).toEqual([
    'RegisterUsage',
    'MeterUsage',
  ]);
  trail.destroy();

  const client = meteringClient(after.sim.url, { credentials });
  const meter = meteringBy(client, productCode, () => noon);
  expect(await meter({ ClientToken: 'token' })).toBe(id);
  expect(await meter({ ClientToken: 'token', UsageQuantity: 6 })).toBe('IdempotencyConflictException');
  expect(await meter({ UsageQuantity: 6 })).toBe('DuplicateRequestException');
  expect(await meter({ UsageDimension: 'gigabytes' })).toMatch(/^[0-9a-f-]{36}$/);
  const answer = await client.send(new RegisterUsageCommand({ ProductCode: productCode, PublicKeyVersion: 1 }));
  expect(answer.PublicKeyRotationTimestamp).toEqual(noon);
  const hours = after.sim.bill({ operation: 'RegisterUsage' }).length;
  after.sim.clock.advance(hourMs);
  expect(after.sim.bill({ operation: 'RegisterUsage' })).toHaveLength(hours + 1);
  client.destroy();
});
