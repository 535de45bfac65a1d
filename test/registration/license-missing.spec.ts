import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import { dropDatabaseOfSuite, LEGACY_PRODUCT, Rooms } from '../subscription/rooms.js';
import { closeHosts, codeIn, type Host, post, startHost } from './registration-host.js';

/** A listing from before licenses, of which ResolveCustomer names none, on a product that is set to `license`. */
const PRODUCTS = [{ productCode: LEGACY_PRODUCT, dimensions: ['requests'], identity: 'license' as const }];

let rooms: Rooms;
let host: Host;
beforeEach(async () => {
  rooms = await Rooms.open({ products: PRODUCTS, switches: { legacyLicenseArn: 'absent' } });
  host = await startHost(rooms, { adapter: 'express', options: { products: PRODUCTS } });
});
afterEach(async () => {
  await closeHosts();
  await rooms.close();
});
afterAll(dropDatabaseOfSuite);

const arrive = (agreement: Agreement) =>
  post(host.url, rooms.simulator.registrationForm(agreement), { Accept: 'application/json' });

async function licensed({ agreementId, licenseArn, accountId }: Agreement): Promise<void> {
  const about = { productCode: LEGACY_PRODUCT, agreementId, licenseArn, customerAwsAccountId: accountId };
  const event = { type: 'license.updated' as const, at: rooms.clock.now(), about, details: { offerId: null } };
  await rooms.inbox.receive([
    { origin: 'eventBridge', messageId: `of ${agreementId}`, via: 'test', body: '{}', content: { event } },
  ]);
  await rooms.messages.run();
}

async function advice(): Promise<string | undefined> {
  const [alert] = await rooms.query<{ message: string }>(
    `SELECT message FROM marketplace.alert WHERE seller_account = $1 AND subject = 'registration of ${LEGACY_PRODUCT}'
      AND resolved_at IS NULL`,
    [rooms.options.sellerAccount],
  );
  return alert?.message;
}

describe('M18: ResolveCustomer names no license of a product that is metered by license', () => {
  it('shows the buyer a page below 500, and tells the operator which setting says so', async () => {
    const response = await arrive(rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT }));
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ errorCode: 'SUBSCRIPTION_IDENTITY_INCOMPLETE' });
    expect(await advice()).toMatch(/products\[\]\.identity \(MARKETPLACE_PRODUCTS\).*set it to "legacy"/);
    expect(await rooms.count('subscription')).toBe(0);
  });

  it('advises nothing that would bill twice where other agreements have licenses', async () => {
    await licensed(rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT }));
    expect((await arrive(rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT }))).status).toBe(409);
    expect(await advice()).toMatch(/leave products\[\]\.identity \(MARKETPLACE_PRODUCTS\) at "license"/);
  });

  it('lets the buyer in where messages have named license and account, and closes the alert', async () => {
    const agreement = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    expect((await arrive(agreement)).status).toBe(409);
    await licensed(agreement);
    const response = await arrive(agreement);
    expect(response.status).toBe(303);
    const { subscriptionId } = await rooms.registration.inspect(codeIn(response));
    expect(await rooms.subscriptions.get(subscriptionId)).toMatchObject({
      agreements: [{ agreementId: agreement.agreementId, licenseArn: agreement.licenseArn }],
    });
    expect(await rooms.count('subscription')).toBe(1);
    expect(await advice()).toBeUndefined();
  });

  it('guesses nothing where the account has several agreements', async () => {
    const first = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT });
    const second = rooms.simulator.subscribe({ productCode: LEGACY_PRODUCT, accountId: first.accountId });
    await licensed(first);
    await licensed(second);
    expect((await arrive(second)).status).toBe(409);
  });
});
