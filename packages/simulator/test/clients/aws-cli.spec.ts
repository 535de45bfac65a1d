import { afterEach, describe, expect, it } from '@jest/globals';
import { startSoftware } from '../buyer-software.js';
import { noon, startMetering, stopMarketplaces } from '../simulated-marketplace.js';
import { clientEnvironment, run } from './client-process.js';

afterEach(stopMarketplaces);

/** The answer, or the text of the error. */
async function aws(url: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const { code, stdout, stderr } = await run('aws', [...args, '--endpoint-url', url, '--output', 'json'], {
    env: { ...clientEnvironment, ...env },
  });
  return code === 0 ? (JSON.parse(stdout) as unknown) : stderr.trim();
}

describe('AWS CLI', () => {
  it('resolves, meters, reads entitlements and looks into the trail', async () => {
    const { sim, agreement } = await startMetering({ switches: { cloudTrailDelayMs: 0 } }, 'legacy');
    const { productCode, customerIdentifier = '', accountId } = agreement;
    sim.setEntitlements(agreement, [{ dimension: 'seats', value: 3 }]);
    const resolve = await aws(sim.url, [
      'meteringmarketplace',
      'resolve-customer',
      '--registration-token',
      sim.registrationToken(agreement),
    ]);
    expect(resolve).toMatchObject({
      ProductCode: productCode,
      CustomerIdentifier: customerIdentifier,
      CustomerAWSAccountId: accountId,
    });
    const meter = (quantity: number, dimension = 'users') =>
      aws(sim.url, [
        ...['meteringmarketplace', 'batch-meter-usage', '--product-code', productCode, '--usage-records'],
        `Timestamp=2026-11-18T11:00:00Z,CustomerIdentifier=${customerIdentifier},Dimension=${dimension},Quantity=${quantity}`,
      ]);
    expect(await meter(5)).toMatchObject({
      Results: [{ Status: 'Success', UsageRecord: { Quantity: 5 } }],
      UnprocessedRecords: [],
    });
    expect(await meter(6)).toMatchObject({ Results: [{ Status: 'DuplicateRecord' }] });
    expect(await meter(5, 'unknown')).toContain('InvalidUsageDimensionException');
    const entitlements = await aws(sim.url, [
      'marketplace-entitlement',
      'get-entitlements',
      '--product-code',
      productCode,
    ]);
    expect(entitlements).toMatchObject({ Entitlements: [{ Dimension: 'seats', Value: { IntegerValue: 3 } }] });
    const attributes = 'AttributeKey=EventName,AttributeValue=BatchMeterUsage';
    const trail = await aws(sim.url, [
      'cloudtrail',
      'lookup-events',
      '--lookup-attributes',
      attributes,
      '--max-items',
      '2',
    ]);
    expect(trail).toMatchObject({ Events: [{ EventName: 'BatchMeterUsage' }, { EventName: 'BatchMeterUsage' }] });
    expect(sim.bill()).toMatchObject([{ quantity: 5 }]);
  });

  it('meters and registers with the credentials of software in a buyer account', async () => {
    const { sim, listing, resource } = await startSoftware('eks');
    const { accessKeyId, secretAccessKey, sessionToken } = resource.credentials;
    const env = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    };
    const product = ['--product-code', listing.productCode];
    const usage = ['--timestamp', noon.toISOString(), '--usage-dimension', 'users', '--usage-quantity', '7'];
    const metered = await aws(sim.url, ['meteringmarketplace', 'meter-usage', ...product, ...usage], env);
    expect(metered).toEqual({ MeteringRecordId: sim.bill({ operation: 'MeterUsage' })[0]?.meteringRecordId });
    const registered = await aws(
      sim.url,
      ['meteringmarketplace', 'register-usage', ...product, '--public-key-version', '1'],
      env,
    );
    expect(registered).toEqual({ Signature: expect.any(String) });
    const stale = { ...env, AWS_SESSION_TOKEN: '' };
    expect(
      await aws(sim.url, ['meteringmarketplace', 'register-usage', ...product, '--public-key-version', '1'], stale),
    ).toContain('UnrecognizedClientException');
  });
});
