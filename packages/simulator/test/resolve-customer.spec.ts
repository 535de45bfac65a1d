import { type MarketplaceMeteringClient, ResolveCustomerCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { errorNameOf } from './marketplace-client.js';
import { startMarketplace, stopMarketplaces } from './simulated-marketplace.js';

const hourMs = 3_600_000;
const resolve = (client: MarketplaceMeteringClient, RegistrationToken: string) =>
  client.send(new ResolveCustomerCommand({ RegistrationToken }));

afterEach(stopMarketplaces);

describe('ResolveCustomer', () => {
  it('answers a license product without CustomerIdentifier', async () => {
    const { sim, client } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: ['users'] });
    const agreement = sim.subscribe({ productCode, accountId: '071964067459' });
    const { $metadata, ...answer } = await resolve(client, sim.registrationToken(agreement));
    expect(answer).toEqual({
      CustomerAWSAccountId: '071964067459',
      ProductCode: productCode,
      LicenseArn: agreement.licenseArn,
    });
    expect($metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers a legacy product with CustomerIdentifier, and with a LicenseArn by switch', async () => {
    const { sim, client } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: ['users'], identity: 'legacy' });
    const agreement = sim.subscribe({ productCode });
    const { customerIdentifier, licenseArn, accountId } = agreement;
    const token = sim.registrationToken(agreement);
    const legacy = {
      CustomerAWSAccountId: accountId,
      ProductCode: productCode,
      CustomerIdentifier: customerIdentifier,
    };
    expect(await resolve(client, token)).toMatchObject({ ...legacy, LicenseArn: licenseArn });
    sim.setSwitches({ legacyLicenseArn: 'absent' });
    const { $metadata: metadata, ...answer } = await resolve(client, token);
    expect(metadata.httpStatusCode).toBe(200);
    expect(answer).toEqual(legacy);
  });

  it('gives one account the same CustomerIdentifier in every agreement', async () => {
    const { sim } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: ['users'], identity: 'legacy' });
    const [first, second] = [
      sim.subscribe({ productCode, accountId: '1' }),
      sim.subscribe({ productCode, accountId: '1' }),
    ];
    expect(second.customerIdentifier).toBe(first.customerIdentifier);
    expect(second.licenseArn).not.toBe(first.licenseArn);
  });

  it('issues tokens that only survive careful form handling', async () => {
    const { sim } = await startMarketplace();
    const agreement = sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode });
    const [first, second] = [sim.registrationToken(agreement), sim.registrationToken(agreement.agreementId)];
    expect(first).not.toBe(second);
    expect(first).toMatch(/\+.*\/.*=/);
  });

  it('marks the registration form of a free trial, and only of a free trial', async () => {
    const { sim } = await startMarketplace();
    const { productCode } = sim.createProduct({ dimensions: ['users'] });
    expect(sim.registrationForm(sim.subscribe({ productCode, freeTrial: true }))).toEqual({
      'x-amzn-marketplace-token': expect.any(String),
      'x-amzn-marketplace-offer-type': 'free-trial',
    });
    expect(Object.keys(sim.registrationForm(sim.subscribe({ productCode })))).toEqual(['x-amzn-marketplace-token']);
  });

  it('adds fields to the form by switch', async () => {
    const { sim } = await startMarketplace({ switches: { registrationFormFields: 'extended' } });
    const agreement = sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode });
    expect(sim.registrationForm(agreement)).toEqual({
      'x-amzn-marketplace-token': expect.any(String),
      'x-amzn-marketplace-agreement-id': agreement.agreementId,
      'x-amzn-marketplace-product-id': agreement.productId,
    });
  });

  it.each([
    [4 * hourMs, undefined],
    [hourMs, hourMs],
  ])('expires a token after %d ms of the virtual clock', async (lifetime, registrationTokenLifetimeMs) => {
    const { sim, client } = await startMarketplace({
      switches: registrationTokenLifetimeMs === undefined ? {} : { registrationTokenLifetimeMs },
    });
    const agreement = sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode });
    const token = sim.registrationToken(agreement);
    sim.clock.advance(lifetime - 1);
    expect(await errorNameOf(resolve(client, token))).toBe('no error');
    sim.clock.advance(1);
    expect(await errorNameOf(resolve(client, token))).toBe('ExpiredTokenException');
    expect(await errorNameOf(resolve(client, sim.registrationToken(agreement)))).toBe('no error');
  });

  it.each([
    ['untilExpiry', 'no error'],
    ['once', 'ExpiredTokenException'],
  ] as const)('resolves a token again when reuse is %s: %s', async (registrationTokenReuse, second) => {
    const { sim, client } = await startMarketplace({ switches: { registrationTokenReuse } });
    const token = sim.registrationToken(
      sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode }),
    );
    expect(await errorNameOf(resolve(client, token))).toBe('no error');
    expect(await errorNameOf(resolve(client, token))).toBe(second);
  });

  it('refuses a token it never issued, and none at all', async () => {
    const { client } = await startMarketplace();
    expect(await errorNameOf(resolve(client, 'nonsense'))).toBe('InvalidTokenException');
    expect(await errorNameOf(resolve(client, ''))).toBe('ValidationException');
    expect(await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken: undefined })))).toBe(
      'ValidationException',
    );
  });

  it('answers for suspended and ended agreements too: resolved is not subscribed', async () => {
    const { sim, client } = await startMarketplace();
    const agreement = sim.subscribe({ productCode: sim.createProduct({ dimensions: ['users'] }).productCode });
    sim.suspend(agreement);
    expect(await errorNameOf(resolve(client, sim.registrationToken(agreement)))).toBe('no error');
    sim.end(agreement);
    expect(await errorNameOf(resolve(client, sim.registrationToken(agreement)))).toBe('no error');
  });
});
