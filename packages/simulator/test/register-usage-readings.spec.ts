import { constants, createHmac, createPublicKey, verify } from 'node:crypto';
import { RegisterUsageCommand, type RegisterUsageCommandInput } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Forgery, type SimulatorOptions, type Switches } from '../src/index.js';
import { type Software, startSoftware } from './buyer-software.js';
import { errorNameOf } from './marketplace-client.js';
import { hourMs, noon, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

async function startContainer(options: SimulatorOptions = {}) {
  const software = await startSoftware('ecs', options);
  const { productCode } = software.listing;
  const register = (input: Partial<RegisterUsageCommandInput> = {}, { client }: Software = software) =>
    client.send(new RegisterUsageCommand({ ProductCode: productCode, PublicKeyVersion: 1, Nonce: 'n-1', ...input }));
  const keyOf = (version = 1) =>
    software.sim.publicKeys(productCode).find((key) => key.version === version)?.publicKey ?? '';
  return {
    ...software,
    productCode,
    register,
    keyOf,
    outcome: (...args: Parameters<typeof register>) => errorNameOf(register(...args)),
  };
}

interface Jwt {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signed: (publicKey: string) => string;
}

function jwtOf(text = ''): Jwt {
  const [head = '', payload = '', signature = ''] = text.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const [content, bytes] = [Buffer.from(`${head}.${payload}`), Buffer.from(signature, 'base64url')];
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return {
    header: read(head),
    claims: read(payload),
    signed: (key) => {
      if (verify('sha256', content, { key, ...pss }, bytes)) return 'PS256';
      if (verify('sha256', content, key, bytes)) return 'RS256';
      return createHmac('sha256', key).update(content).digest().equals(bytes) ? 'HS256' : 'not signed';
    },
  };
}

describe('the signature, by switch', () => {
  it.each([
    ['upperCamel', 'number', { PublicKeyVersion: 1, Nonce: 'n-1' }],
    ['lowerCamel', 'number', { publicKeyVersion: 1, nonce: 'n-1' }],
    ['upperCamel', 'text', { PublicKeyVersion: '1', Nonce: 'n-1' }],
  ] as [Switches['signatureClaims'], Switches['publicKeyVersionClaim'], object][])(
    'has claims in %s, and the version as %s',
    async (signatureClaims, publicKeyVersionClaim, expected) => {
      const switches = { signatureClaims, publicKeyVersionClaim };
      const { productCode, register, keyOf } = await startContainer({ switches });
      const { claims, header, signed } = jwtOf((await register()).Signature);
      const named = signatureClaims === 'upperCamel' ? { ProductCode: productCode } : { productCode };
      expect(claims).toEqual({ ...named, ...expected, iat: noon.getTime() / 1000 });
      expect([header, signed(keyOf())]).toEqual([{ alg: 'PS256', typ: 'JWT' }, 'PS256']);
    },
  );

  it.each([3072, 2048])('is by a key of %d bits', async (publicKeyBits) => {
    const { register, keyOf } = await startContainer({ switches: { publicKeyBits } });
    expect(createPublicKey(keyOf()).asymmetricKeyDetails?.modulusLength).toBe(publicKeyBits);
    expect(jwtOf((await register()).Signature).signed(keyOf())).toBe('PS256');
  });

  it.each([
    ['model', 'CustomerNotEntitledException', 'InvalidPublicKeyVersionException'],
    ['prose', 'CustomerNotSubscribedException', 'InvalidPublicKeyException'],
  ] as const)('is refused by names of the %s', async (registerUsageErrors, ofBuyer, ofVersion) => {
    const { outcome, launch } = await startContainer({ switches: { registerUsageErrors } });
    expect(await outcome({}, launch({ accountId: '999999999999' }))).toBe(ofBuyer);
    expect(await outcome({ PublicKeyVersion: 2 })).toBe(ofVersion);
    expect(await outcome({ ProductCode: 'unknown' })).toBe('InvalidProductCodeException');
  });
});

it.each([
  ['CustomerNotEntitledException', 'CustomerNotEntitledException'],
  ['AccessDeniedException', 'AccessDeniedException'],
  ['PlatformNotSupportedException', 'AccessDeniedException'],
] as const)(
  '%s: what the role of a node gets, and from MeterUsage %s',
  async (unsupportedCredentials, ofMeterUsage) => {
    const { outcome, launch } = await startContainer({ switches: { unsupportedCredentials } });
    const onNode = launch({ credentials: 'node' });
    expect([await outcome({}, onNode), await onNode.meter()]).toEqual([unsupportedCredentials, ofMeterUsage]);
  },
);

describe('rotation', () => {
  it('goes on signing by the older version until it is retired', async () => {
    const { sim, productCode, register, outcome, keyOf } = await startContainer();
    sim.rotatePublicKey(productCode);
    sim.clock.advance(hourMs);
    expect((await register()).PublicKeyRotationTimestamp).toEqual(noon);
    const [first, second] = sim.retirePublicKey(productCode, 1);
    expect([first?.retiredAt, second?.retiredAt]).toEqual([sim.clock.now(), undefined]);
    expect(await outcome()).toBe('InvalidPublicKeyVersionException');
    expect(jwtOf((await register({ PublicKeyVersion: 2 })).Signature).signed(keyOf(2))).toBe('PS256');
    expect(() => sim.retirePublicKey(productCode, 3)).toThrow('version 3');
  });
});

describe('forged signatures', () => {
  const forged = async (forgery: Forgery) => {
    const started = await startContainer();
    const fault = started.sim.faults.add({ kind: 'forgedSignature', forgery, count: 1 });
    const { Signature: signature } = await started.register();
    expect([fault.hits, started.sim.calls()[0]]).toMatchObject([1, { faults: ['forgedSignature'], effective: true }]);
    // Only so many: then the genuine one comes.
    expect(jwtOf((await started.register()).Signature).signed(started.keyOf())).toBe('PS256');
    return { ...started, signature, key: started.keyOf() };
  };

  it.each([
    ['otherNonce', { Nonce: 'n-1-before', iat: noon.getTime() / 1000 - 86_400 }],
    ['noNonce', { Nonce: undefined }],
    ['otherKeyVersion', { PublicKeyVersion: 2 }],
    ['otherProductCode', { ProductCode: expect.stringMatching(/x$/) }],
  ] as [Forgery, object][])('%s: well signed, for something else', async (forgery, expected) => {
    const { signature, key } = await forged(forgery);
    const { claims, signed } = jwtOf(signature);
    expect(signed(key)).toBe('PS256');
    expect(claims).toMatchObject(
      Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== undefined)),
    );
    if (forgery === 'noNonce') expect(claims).not.toHaveProperty('Nonce');
  });

  it.each([
    ['otherKey', { alg: 'PS256', typ: 'JWT' }, 'not signed'],
    ['rs256', { alg: 'RS256', typ: 'JWT' }, 'RS256'],
    ['hs256', { alg: 'HS256', typ: 'JWT' }, 'HS256'],
    ['algNone', { alg: 'none', typ: 'JWT' }, 'not signed'],
    ['algMissing', { typ: 'JWT' }, 'PS256'],
    ['payloadChanged', { alg: 'PS256', typ: 'JWT' }, 'not signed'],
    ['signatureChanged', { alg: 'PS256', typ: 'JWT' }, 'not signed'],
    ['unsigned', { alg: 'PS256', typ: 'JWT' }, 'not signed'],
    ['twoParts', { alg: 'PS256', typ: 'JWT' }, 'not signed'],
  ] as [Forgery, object, string][])('%s: not as the header should have it', async (forgery, expected, by) => {
    const { signature, key, productCode } = await forged(forgery);
    const { header, claims, signed } = jwtOf(signature);
    expect([header, signed(key)]).toEqual([expected, by]);
    expect(claims).toMatchObject({ ProductCode: productCode, Nonce: 'n-1' });
    const emptied = ['algNone', 'unsigned'].includes(forgery) ? 3 : 0;
    if (emptied) expect(signature?.split('.')[2]).toBe('');
  });

  it.each([
    ['noJwt', 'signature'],
    ['absent', undefined],
  ] as [Forgery, string | undefined][])('%s: no signature', async (forgery, expected) => {
    expect((await forged(forgery)).signature).toBe(expected);
  });
});

it.each([
  [undefined, 502, 0],
  [200, 200, 1],
] as const)('a proxy answers with a page (HTTP %s)', async (statusCode, seen, lines) => {
  const { sim, meter } = await startSoftware('ecs');
  sim.faults.add({ kind: 'proxyPage', count: 1, ...(statusCode && { statusCode }), afterEffect: lines === 1 });
  expect(await meter()).not.toMatch(/^[0-9a-f-]{36}$/);
  expect(sim.calls()[0]).toMatchObject({ statusCode: seen, outcome: 'answered', faults: ['proxyPage'] });
  expect(sim.bill()).toHaveLength(lines);
});
