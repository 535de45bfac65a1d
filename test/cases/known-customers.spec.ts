import { describe, expect, it } from '@jest/globals';
import { type Buyer } from '../support/buyer.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type KnownCustomer } from '../../src/index.js';
import { LEGACY_CODE, PRODUCT_CODE, type Way, World } from '../support/world.js';

// Customers whom another system has billed so far: they are entered with the hour from which this module bills. Stands
// for its kind: of licenses and of accounts, known to AWS alone or to the ledger too, before and after a dry run; by the
// agreement or the license alone, renewed before, resold, and known to the ledger under another name.

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
const BILLED_FROM = at('14:00');
const LONG_AGO = new Date('2026-08-01T09:00:00Z');

const namesOf = (buyer: Buyer): object =>
  buyer.productCode === PRODUCT_CODE
    ? { licenseArn: buyer.agreement.licenseArn, customerAwsAccountId: buyer.accountId }
    : { customerAwsAccountId: buyer.accountId };

const enterAs = async (world: World, customer: Partial<KnownCustomer>): Promise<string> => {
  const customers = [{ productCode: PRODUCT_CODE, tenantId: 'acme', billedFrom: BILLED_FROM, ...customer }];
  const [result] = await world.subscriptions.register(customers);
  expect(result!.error).toBeNull();
  return result!.outcome;
};

const enter = async (world: World, buyer: Buyer, dryRun = false): Promise<string> => {
  const [result] = await world.subscriptions.register(
    [{ productCode: buyer.productCode, tenantId: 'acme', ...namesOf(buyer), billedFrom: BILLED_FROM }],
    { dryRun },
  );
  return result!.error === null ? result!.outcome : `${result!.outcome}: ${result!.error.code}`;
};

describe.each([
  ['a license', PRODUCT_CODE],
  ['an account', LEGACY_CODE],
])('a customer of %s from before the module', (_, productCode) => {
  it('is billed from the hour that was named: nothing of before, every unit from there on', async () => {
    await using world = await World.start();
    const buyer = world.sign({ productCode, startsAt: LONG_AGO });
    expect(await enter(world, buyer, true)).toBe('registered');
    expect(await world.database.query(`SELECT FROM marketplace.subscription`)).toEqual([]);
    expect(await enter(world, buyer)).toBe('registered');
    expect(await enter(world, buyer)).toBe('unchanged');
    await world.turn();
    buyer.tenantId = 'acme';
    await buyer.use(7, { occurredAt: at('09:30') });
    await world.goTo(at('13:59'));
    await buyer.use('5.25');
    await world.goTo(at('14:00'));
    await buyer.use(3);
    await world.goTo(at('15:10'));
    await buyer.use('2.5');
    // Told late, of the other system's last hour.
    await buyer.use(4, { occurredAt: at('13:10') });
    await world.pass(30, 6);
    expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T14': 3, '2026-11-11T15': 2 });
    const { billed, ...rest } = await world.expectConserved();
    expect(Object.values(billed ?? {})).toEqual([5]);
    expect(rest).toEqual({ records: { 'setApart beforeStart': 16.25 }, carry: 0.5 });
  });
});

it('who was metered in a dry run beside the other system is billed from the hour that was named, and live', async () => {
  await using world = await World.start({ lists: [PRODUCT_CODE], product: { mode: 'dry-run' } });
  const buyer = await world.join('acme', { startsAt: LONG_AGO });
  await buyer.use(6);
  world.clock.advance(2 * HOUR_MS);
  await world.turn();
  expect(await world.records(`mode = 'dry-run'`)).toHaveLength(1);
  expect(await enter(world, buyer)).toBe('linked');
  await world.restart({ product: { mode: 'live', liveFrom: BILLED_FROM } });
  await buyer.use(2);
  await world.goTo(at('14:20'));
  await buyer.use(9);
  await world.pass(30, 6);
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T14': 9 });
  const { billed } = await world.expectConserved();
  expect(Object.values(billed ?? {})).toEqual([9]);
});

it('who was billed live for an earlier hour is not given a later one', async () => {
  await using world = await World.start({ lists: [PRODUCT_CODE] });
  const buyer = await world.join('acme', { startsAt: LONG_AGO });
  await buyer.use(6);
  world.clock.advance(2 * HOUR_MS);
  await world.turn();
  expect(await enter(world, buyer)).toBe('refused: CUSTOMER_INVALID');
  await world.expectUnits({ billed: { 'l-1': 6 } });
});

const WAYS: readonly (readonly Way[])[] = [['eventBridge'], []];

describe.each(WAYS.map((ways) => ({ ways })))('a customer whom AWS knows better (by $ways)', ({ ways }) => {
  it.each(['agreementId', 'licenseArn'] as const)(
    'named by the %s alone of what was renewed long ago goes on under the renewal, and nobody hears of an end',
    async (name) => {
      await using world = await World.start({ ways, lists: [PRODUCT_CODE] });
      const buyer = world.sign({ startsAt: LONG_AGO });
      buyer.renew({ startsAt: at('09:00') });
      await world.simulator.notifications.settled();
      await enterAs(world, { [name]: buyer.agreements[0]![name] });
      await world.turn();
      buyer.tenantId = 'acme';
      await world.goTo(at('14:10'));
      await buyer.use(5);
      await world.pass(3);
      expect(world.story().filter((type) => type !== 'notice')).toEqual(['registered', 'activated']);
      await world.expectUnits({ billed: { 'l-2': 5 } });
    },
  );

  it('and of whom it told under another name is one subscription', async () => {
    await using world = await World.start({ ways, lists: [PRODUCT_CODE] });
    world.asksAws = false;
    world.mailbox.lose({ type: 'License Updated' });
    const buyer = world.sign({ endsAt: at('18:30') });
    await world.hear();
    await enterAs(world, { licenseArn: buyer.agreement.licenseArn });
    expect(await enterAs(world, { agreementId: buyer.agreement.agreementId })).not.toBe('unchanged');
    world.mailbox.calm();
    world.asksAws = true;
    await world.turn();
    buyer.tenantId = 'acme';
    expect(await world.subscriptions.forTenant('acme')).toHaveLength(1);
    await world.goTo(at('14:10'));
    await buyer.use(5);
    await world.goTo(at('18:00'));
    buyer.renew({ startsAt: at('18:30') });
    await world.goTo(at('18:50'));
    await buyer.use(7);
    await world.pass(3);
    await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
  });
});

it('who buys from a partner, of whom AWS tells nothing, is billed from the hour that was named', async () => {
  await using world = await World.start({ ways: [], lists: [PRODUCT_CODE] });
  const buyer = world.sign({ startsAt: LONG_AGO, resale: { partnerAccountId: '999988887777' } });
  await world.goTo(at('17:20'));
  await enterAs(world, namesOf(buyer));
  await world.turn();
  buyer.tenantId = 'acme';
  await buyer.use(4, { occurredAt: at('13:40') });
  await buyer.use(5, { occurredAt: at('14:10') });
  await buyer.use(7);
  await world.pass(30, 2);
  expect(await world.expectConserved()).toEqual({ billed: { 'l-1': 12 }, records: { 'setApart beforeStart': 4 } });
});

it('whose purchase of before ended before he was entered goes on: that is older than the host’s word', async () => {
  await using world = await World.start({ ways: ['sns'], lists: [LEGACY_CODE] });
  world.mailbox.lose();
  const buyer = world.sign({ productCode: LEGACY_CODE });
  await world.pass(1);
  buyer.cancel();
  await world.pass(2);
  buyer.return();
  await world.pass(1);
  const { accountId: customerAwsAccountId, customerIdentifier } = buyer.agreement;
  const billedFrom = at('10:00');
  const names = { customerAwsAccountId, customerIdentifier: customerIdentifier! };
  await enterAs(world, { productCode: LEGACY_CODE, ...names, billedFrom });
  buyer.tenantId = 'acme';
  world.mailbox.calm();
  await world.mailbox.deliver(world.mailbox.sent().filter(({ type }) => type.startsWith('unsubscribe')));
  await world.turn();
  await buyer.use(5);
  await world.pass(30, 2);
  expect(world.story()).toEqual(['registered']);
  await world.expectUnits({ billed: { 'l-2': 5 } });
});
