import { AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import {
  GetEntitlementsCommand,
  MarketplaceEntitlementServiceClient,
} from '@aws-sdk/client-marketplace-entitlement-service';
import {
  BatchMeterUsageCommand,
  MarketplaceMeteringClient,
  RegisterUsageCommand,
  ResolveCustomerCommand,
} from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { decode, encode } from 'cbor2';
import { startSoftware } from './buyer-software.js';
import { errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

/** What a current SDK may choose for the entitlement service: its model lists smithy-rpc-v2-cbor first [BOTO]. */
const cbor = {
  protocol: AwsSmithyRpcV2CborProtocol,
  region: 'us-east-1',
  maxAttempts: 1,
  credentials: { accessKeyId: 'A', secretAccessKey: 's' },
};

async function rawCall(url: string, path: string, body: Uint8Array) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'smithy-protocol': 'rpc-v2-cbor',
      'content-type': 'application/cbor',
      'x-amz-date': date,
      authorization:
        `AWS4-HMAC-SHA256 Credential=A/${date.slice(0, 8)}/us-east-1/aws-marketplace/aws4_request, ` +
        'SignedHeaders=host, Signature=0',
    },
    body: Buffer.from(body),
  });
  const { status, headers } = response;
  return { status, headers, body: decode<Record<string, unknown>>(new Uint8Array(await response.arrayBuffer())) };
}

describe('RPC v2 CBOR', () => {
  it('answers the SDK, timestamps and each type of value included', async () => {
    const { sim } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: [{ name: 'seats', type: 'Entitled' }] });
    const values: (number | boolean | string)[] = [3, 2.25, true, 'gold'];
    const endsAt = new Date(noon.getTime() + hourMs + 250);
    const { licenseArn } = sim.subscribe({
      productCode,
      endsAt,
      entitlements: values.map((value) => ({ dimension: 'seats', value })),
    });
    const client = new MarketplaceEntitlementServiceClient({ ...cbor, endpoint: sim.url });
    const Filter = { LICENSE_ARN: [licenseArn] };
    const { Entitlements: all, $metadata } = await client.send(
      new GetEntitlementsCommand({ ProductCode: productCode, Filter }),
    );
    expect(all?.map(({ Value }) => Value)).toEqual([
      { IntegerValue: 3 },
      { DoubleValue: 2.25 },
      { BooleanValue: true },
      { StringValue: 'gold' },
    ]);
    expect(all?.[0]?.ExpirationDate).toEqual(endsAt);
    expect($metadata.requestId).toBe(sim.calls()[0]?.requestId);
    const refused = await client
      .send(new GetEntitlementsCommand({ ProductCode: 'unknown' }))
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'InvalidParameterException', message: 'There is no product unknown.' });
    client.destroy();
  });

  it.each(['bare', 'namespaced'] as const)(
    'meters, bills and refuses as AWS JSON does (errorType %s)',
    async (errorType) => {
      const { sim, record } = await startMetering({ switches: { errorType } });
      const client = new MarketplaceMeteringClient({ ...cbor, endpoint: sim.url });
      const sent = record({ Timestamp: new Date('2026-11-18T11:10:05.250Z') });
      const { Results: results } = await client.send(new BatchMeterUsageCommand({ UsageRecords: [sent] }));
      expect(results).toEqual([
        { UsageRecord: sent, MeteringRecordId: sim.bill()[0]?.meteringRecordId, Status: 'Success' },
      ]);
      expect(sim.calls()[0]?.request).toMatchObject({
        UsageRecords: [{ Timestamp: Date.UTC(2026, 10, 18, 11, 10, 5, 250) / 1000 }],
      });
      expect(await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken: 'x' })))).toBe(
        'InvalidTokenException',
      );
      sim.faults.add({ kind: 'error500Before' });
      const broken = await client
        .send(new BatchMeterUsageCommand({ UsageRecords: [] }))
        .catch((error: unknown) => error);
      expect(broken).toMatchObject({ name: 'InternalServiceErrorException', $metadata: { httpStatusCode: 500 } });
      client.destroy();
    },
  );

  it('carries the rotation of a key', async () => {
    const { sim, listing, resource } = await startSoftware('ecs');
    sim.rotatePublicKey(listing.productCode);
    const client = new MarketplaceMeteringClient({ ...cbor, endpoint: sim.url, credentials: resource.credentials });
    const answer = await client.send(
      new RegisterUsageCommand({ ProductCode: listing.productCode, PublicKeyVersion: 1 }),
    );
    expect(answer.PublicKeyRotationTimestamp).toEqual(noon);
    client.destroy();
  });

  it('says which protocol it answers in, and where the body is none', async () => {
    const { sim } = await startMarketplace();
    const path = '/some/prefix/service/AWSMPMeteringService/operation/BatchMeterUsage';
    const taken = await rawCall(sim.url, path, encode({ UsageRecords: [] }));
    expect(taken).toMatchObject({ status: 200, body: { Results: [], UnprocessedRecords: [] } });
    expect([taken.headers.get('smithy-protocol'), taken.headers.get('content-type')]).toEqual([
      'rpc-v2-cbor',
      'application/cbor',
    ]);
    for (const body of [new Uint8Array([0xff]), encode([]), encode({ UsageRecords: 'x' })]) {
      expect(await rawCall(sim.url, path, body)).toMatchObject({
        status: 400,
        body: { __type: 'SerializationException' },
      });
    }
    expect(await rawCall(sim.url, path, new Uint8Array())).toMatchObject({
      status: 400,
      body: { __type: 'ValidationException' },
    });
  });

  it.each([['/service/AWSMPMeteringService/operation/Nothing'], ['/service/Nothing/operation/BatchMeterUsage'], ['/']])(
    'answers UnknownOperationException with HTTP 404 at %s',
    async (path) => {
      const { sim } = await startMarketplace();
      expect(await rawCall(sim.url, path, encode({}))).toMatchObject({
        status: 404,
        body: { __type: 'UnknownOperationException' },
      });
    },
  );
});
