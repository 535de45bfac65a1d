import { describe, expect, it } from '@jest/globals';
import { LinkCorrection } from '../../src/index.js';
import { PRODUCT_CODE, World } from '../support/world.js';

// A renewal under a new license is claimed by a second tenant before AWS has said whose renewal it is. Whatever comes
// late, and in whichever order: the alert stands until a person has decided, and nobody's usage is lost or billed twice.
describe('a second tenant claims a renewal', () => {
  it.each([
    ['agreements', true, /^Purchase Agreement (Created|Ended)/],
    ['agreements', false, /^Purchase Agreement (Created|Ended)/],
    ['its start', true, /^Purchase Agreement Created/],
    ['its start', false, /^Purchase Agreement Created/],
    ['licenses', true, /^License/],
    ['licenses', false, /^License/],
    ['everything', false, /./],
  ])('where AWS tells of %s late (asked about it: %s)', async (_, asksAws, late) => {
    await using world = await World.start({});
    const buyer = await world.join('acme');
    world.asksAws = asksAws;
    await buyer.use(2);
    await world.pass(1);
    world.mailbox.hold({ when: ({ type }) => late.test(type) });
    buyer.renew({ as: 'newLicense' });
    const claimed = await buyer.arrive();
    await buyer.signUp('globex');
    await world.hear();
    await world.mailbox.release();
    await world.hear();
    await world.record({ tenantId: 'acme', productCode: PRODUCT_CODE, quantity: 3 });
    await world.record({ tenantId: 'globex', productCode: PRODUCT_CODE, quantity: 5 });
    await world.pass(2);
    // Every reading of the chains comes to the same.
    world.simulator.amend(buyer.agreement, { autoRenew: true });
    await world.hear();
    const [conflict] = (await world.alerts()).filter(({ kind }) => kind === 'chainConflict');
    expect(conflict?.message).toContain(claimed);
    expect(await world.subscriptions.get(claimed)).toMatchObject({ id: claimed, tenantId: 'globex' });
    await world.expectConserved();

    await world.app.get(LinkCorrection).undo(claimed, { tenantId: 'globex', by: 'Ada', reason: 'one company' });
    world.asksAws = true;
    await world.hear();
    await world.pass(2);
    expect((await world.alerts()).filter(({ kind }) => kind === 'chainConflict')).toEqual([]);
    expect(await world.subscriptions.get(claimed)).toMatchObject({ tenantId: 'acme' });
    // What the second tenant used is billed where AWS named its agreement before the link was undone; else it waits.
    const where = await world.expectConserved();
    const isBilled = asksAws && !late.test('License Updated');
    expect(where.billed).toEqual({ 'l-1': 2, 'l-2': isBilled ? 8 : 3 });
    expect(where.waiting ?? {}).toEqual(isBilled ? {} : { noSubscription: 5 });
  });
});
