import { constants, verify } from 'node:crypto';
import { RegisterUsageCommand, type RegisterUsageCommandInput } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Switches } from '../src/index.js';
import { type Software, startSoftware } from './buyer-software.js';
import { errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const startContainer = async (...args: Parameters<typeof startSoftware>) => {
  const software = await startSoftware(...args);
  const register = (input: Partial<RegisterUsageCommandInput> = {}, by: Software = software) =>
    by.client.send(
      new RegisterUsageCommand({ ProductCode: software.listing.productCode, PublicKeyVersion: 1, ...input }),
    );
  const outcome = (input: Partial<RegisterUsageCommandInput> = {}, by?: Software) => errorNameOf(register(input, by));
  return { ...software, register, outcome };
};

/** The claims of a JWT, if this key signed it. */
function claimsOf(jwt: string | undefined, publicKey: string | undefined): unknown {
  const [header = '', payload = '', signature = ''] = (jwt ?? '').split('.');
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const key = { key: publicKey ?? '', ...padding };
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
    return 'not signed by this key';
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'PS256', typ: 'JWT' });
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
}

describe('RegisterUsage', () => {
  it('answers a JWT that the product key signed, with the nonce', async () => {
    const { sim, listing, register } = await startContainer('ecs');
    const { Signature: jwt, PublicKeyRotationTimestamp: rotation } = await register({ Nonce: 'n-1' });
    const [key] = sim.publicKeys(listing.productCode);
    const claims = { ProductCode: listing.productCode, PublicKeyVersion: 1, Nonce: 'n-1', iat: noon.getTime() / 1000 };
    expect(claimsOf(jwt, key?.publicKey)).toEqual(claims);
    expect(rotation).toBeUndefined();
    expect(claimsOf((await register()).Signature, key?.publicKey)).not.toHaveProperty('Nonce');
    const other = sim.createProduct({ dimensions: [], type: 'container' });
    expect(claimsOf(jwt, sim.publicKeys(other.productCode)[0]?.publicKey)).toBe('not signed by this key');
  });

  it('says when the key was rotated, to those who ask for the old version', async () => {
    const { sim, listing, register, outcome } = await startContainer('ecs');
    sim.clock.advance(1500);
    const rotatedAt = sim.clock.now();
    const [old, current] = sim.rotatePublicKey(listing.productCode);
    expect([old?.version, old?.rotatedAt, current?.version, current?.rotatedAt]).toEqual([1, rotatedAt, 2, undefined]);
    sim.clock.advance(hourMs);
    const answers = [await register(), await register({ PublicKeyVersion: 2 })];
    expect(answers.map((answer) => answer.PublicKeyRotationTimestamp)).toEqual([rotatedAt, undefined]);
    expect(claimsOf(answers[0]?.Signature, old?.publicKey)).toMatchObject({ PublicKeyVersion: 1 });
    expect(claimsOf(answers[1]?.Signature, current?.publicKey)).toMatchObject({ PublicKeyVersion: 2 });
    expect(await outcome({ PublicKeyVersion: 3 })).toBe('InvalidPublicKeyVersionException');
  });

  it.each([
    ['ecs', 'no error'],
    ['eks', 'no error'],
    ['fargate', 'no error'],
    ['ec2', 'PlatformNotSupportedException'],
    ['agentcore', 'PlatformNotSupportedException'],
  ] as const)('on %s: %s', async (platform, expected) => {
    const { outcome } = await startContainer(platform);
    expect(await outcome()).toBe(expected);
  });

  it('refuses what does not fit', async () => {
    const { sim, client, outcome, launch } = await startContainer('ecs');
    const { productCode: ami } = sim.createProduct({ dimensions: [], type: 'ami' });
    const strange: [object, string][] = [
      [{ ProductCode: 'unknown' }, 'InvalidProductCodeException'],
      [{ ProductCode: ami }, 'InvalidProductCodeException'],
      [{ ProductCode: undefined }, 'ValidationException'],
      [{ PublicKeyVersion: undefined }, 'ValidationException'],
      [{ PublicKeyVersion: 0 }, 'ValidationException'],
      [{ Nonce: 'n'.repeat(256) }, 'ValidationException'],
    ];
    for (const [input, expected] of strange) expect([input, await outcome(input)]).toEqual([input, expected]);
    expect(await outcome({}, launch({ region: 'eu-west-1' }, 'us-east-1'))).toBe('InvalidRegionException');
    expect(await outcome({}, launch({ platform: 'eks', region: 'af-south-1' }))).toBe('DisabledApiException');
    expect(await outcome({}, launch({ credentials: 'node' }))).toBe('CustomerNotEntitledException');
    expect(await outcome({}, launch({ accountId: '999999999999' }))).toBe('CustomerNotEntitledException');
    expect(sim.bill()).toEqual([]);
    expect(
      await errorNameOf(client.send(new RegisterUsageCommand({ ProductCode: 'x', PublicKeyVersion: 1, Nonce: '' }))),
    ).toBe('InvalidProductCodeException');
  });

  it('is not for callers outside a container platform', async () => {
    const { client } = await startMarketplace();
    const command = new RegisterUsageCommand({ ProductCode: 'x', PublicKeyVersion: 1 });
    expect(await errorNameOf(client.send(command))).toBe('PlatformNotSupportedException');
  });

  it('asks for a subscription once per container, and registers the seller without one, unbilled', async () => {
    const { sim, agreement, outcome, launch } = await startContainer('fargate', {
      switches: { entitlementCheck: 'everyCall' },
    });
    expect(await outcome()).toBe('no error');
    sim.end(agreement);
    expect(await outcome()).toBe('no error');
    expect(await outcome({}, launch())).toBe('CustomerNotEntitledException');
    const lines = sim.bill().length;
    expect(await outcome({}, launch({ accountId: sim.sellerAccountId }))).toBe('no error');
    expect(sim.bill()).toHaveLength(lines);
  });
});

describe('container time', () => {
  const hours = (lines: readonly { hour: string; quantity: number }[]) =>
    lines.map(({ hour, quantity }) => [hour.slice(5, 16), quantity]);

  it('is billed per hour and prorated to the second, from launch to end', async () => {
    const { sim, agreement, listing, launch, outcome } = await startContainer('ecs');
    const container = launch();
    sim.clock.advance(600_000);
    expect(await outcome({}, container)).toBe('no error');
    sim.clock.advance(hourMs);
    sim.clock.advance(90_000);
    const { resourceId } = sim.terminate(container.resource);
    sim.clock.advance(hourMs);
    expect(hours(sim.bill({ operation: 'RegisterUsage' }))).toEqual([
      ['11-18T12:00', 0.5],
      ['11-18T13:00', 41.5 / 60],
    ]);
    const { agreementId, accountId } = agreement;
    const { productCode } = listing;
    const line = {
      agreementId,
      productCode,
      resourceId,
      customerAWSAccountId: accountId,
      dimension: 'Hours',
      identity: 'resource',
    };
    expect(sim.bill({ resourceId })[0]).toMatchObject({ ...line, region: 'us-east-1' });
  });

  it('grows while the container runs, and counts its registration once', async () => {
    const { sim, launch, outcome } = await startContainer('ecs', { switches: { containerTimeFrom: 'registration' } });
    const container = launch();
    await outcome({}, container);
    sim.clock.advance(0.25 * hourMs);
    await outcome({}, container);
    expect(hours(sim.bill())).toEqual([['11-18T12:00', 0.25]]);
    sim.clock.advance(0.5 * hourMs);
    expect(hours(sim.bill())).toEqual([
      ['11-18T12:00', 0.5],
      ['11-18T13:00', 0.25],
    ]);
  });

  it('is a minute at least, across the hour too', async () => {
    const { sim, launch, outcome } = await startContainer('ecs');
    sim.clock.set(new Date('2026-11-18T12:59:40Z'));
    const container = launch();
    await outcome({}, container);
    sim.clock.advance(5000);
    sim.terminate(container.resource);
    expect(hours(sim.bill())).toEqual([
      ['11-18T12:00', 20 / 3600],
      ['11-18T13:00', 40 / 3600],
    ]);
  });

  it.each([
    ['launch', 5.5, '11-30T22:00', 6],
    ['launch', 6.5, '12-01T00:00', 5],
    ['registration', 5.5, '12-01T03:00', 1],
  ] as [Switches['containerTimeFrom'], number, string, number][])(
    'counts from %s; registered %d h after a launch at the end of a month it begins at %s',
    async (containerTimeFrom, after, first, lines) => {
      const { sim, launch, outcome } = await startContainer('ecs', { switches: { containerTimeFrom } });
      sim.clock.set(new Date('2026-11-30T22:00:00Z'));
      const container = launch();
      sim.clock.advance(after * hourMs);
      await outcome({}, container);
      sim.clock.advance(60_000);
      expect(hours(sim.bill())[0]?.[0]).toBe(first);
      expect(sim.bill()).toHaveLength(lines);
    },
  );
});
