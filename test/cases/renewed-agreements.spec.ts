import { describe, expect, it, jest } from '@jest/globals';
import { type MessageFilter } from '../support/market.js';
import { LEGACY_CODE } from '../support/world.js';
import { LICENSE_ROUTES, ROUTES, at, renewingAt, withWorld } from './routes.js';

// M1, M3, M4, M5, M11, M12: agreements that follow each other. Siblings: each way in which AWS's word comes
// (EventBridge, queues, SNS, raw, none at all), license and legacy, new license, kept license and kept agreement,
// announced at the signing or at the start, messages in either order, within one second, lost singly and all together;
// ends by expiry, cancellation, renewal and replacement; at an hour's first instant and in its middle.

jest.setTimeout(120_000);

describe('M1 a tenant whose agreement was renewed', () => {
  it.each(ROUTES)('has its 12 reports billed under the renewal ($name)', async ({ productCode, ways }) => {
    await withWorld({ ways }, async (world) => {
      const buyer = await world.join('acme', { productCode, ...renewingAt('2026-11-11T12:00:00Z') });
      await world.pass(2);
      await world.pass(0.1, 0.1);
      await buyer.useTimes(12, 'report');
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-2': 12 } });
    });
  });

  it.each(['sameLicense', 'sameAgreement'] as const)(
    'has them billed once where AWS keeps the %s',
    async (renewalLicense) => {
      await withWorld({ simulator: { switches: { renewalLicense } } }, async (world) => {
        const buyer = await world.join('acme', renewingAt('2026-11-11T12:00:00Z'));
        await world.pass(2);
        await buyer.useTimes(12, 'report');
        await world.pass(3);
        await world.expectUnits({ billed: { [renewalLicense === 'sameLicense' ? 'l-2' : 'l-1']: 12 } });
        expect(world.told('subscription.ended')).toEqual([]);
      });
    },
  );
});

describe('M3 a renewal that is signed a month early', () => {
  const signing = { futureCreated: 'signing', futureLicenseUpdated: 'signing' } as const;
  it.each([
    ['announced at the signing, Created first', ['eventBridge'], signing, 'sent'],
    ['announced at the signing, License Updated first', ['eventBridge'], signing, 'reversed'],
    ['announced at the signing through a queue', ['eventQueue'], signing, 'sent'],
    ['announced at its start', ['eventBridge'], {}, 'sent'],
    ['Created at the signing, the license at its start', ['eventBridge'], { futureCreated: 'signing' }, 'sent'],
    ['the license at the signing, Created at its start', ['eventBridge'], { futureLicenseUpdated: 'signing' }, 'sent'],
    ['without a way in', [], signing, 'sent'],
    ['called RENEWED from the signing on', ['eventBridge'], { ...signing, renewedFrom: 'signing' }, 'sent'],
    ['called so before anything else is told', ['eventBridge'], { ...signing, renewedFrom: 'signing' }, 'reversed'],
    ['called so, all else is told at its start', ['eventBridge'], { renewedFrom: 'signing' }, 'sent'],
    ['never called RENEWED', ['eventBridge'], { ...signing, renewedFrom: 'never' }, 'sent'],
  ] as const)('changes nothing before its day (%s)', async (_, ways, switches, order) => {
    await withWorld({ ways, simulator: { switches } }, async (world) => {
      const buyer = await world.join('acme', { endsAt: at('2026-12-11T00:00:00Z') });
      await buyer.use(10);
      world.mailbox.hold();
      buyer.renew({ startsAt: at('2026-12-11T00:00:00Z') });
      await world.mailbox.release(order);
      await world.pass(2);
      expect(await buyer.subscription()).toMatchObject({
        state: 'active',
        current: { agreementId: buyer.agreements[0]!.agreementId },
      });
      await world.goTo('2026-12-10T22:30:00Z');
      await buyer.use(10);
      expect(world.told('subscription.renewed')).toEqual([]);
      await world.pass(2);
      await buyer.use(10);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 20, 'l-2': 10 } });
      expect(await buyer.subscription()).toMatchObject({
        state: 'active',
        current: { agreementId: buyer.agreements[1]!.agreementId },
      });
      expect(world.told('subscription.renewed').map(({ occurredAt }) => occurredAt.toISOString())).toEqual([
        '2026-12-11T00:00:00.000Z',
      ]);
      expect(world.told('subscription.ended')).toEqual([]);
      expect(
        world.told('subscription.ending').filter(({ occurredAt }) => occurredAt < at('2026-12-10T22:30:00Z')),
      ).toEqual([]);
    });
  });
});

const RESALE = { partnerAccountId: '999988887777' };
const SIGNED_END = { endsAt: at('2026-11-12T00:30:00Z') };
describe.each([
  ['a partner sold', { resale: RESALE, ...SIGNED_END }, ['signing', 'start']],
  ['of a legacy listing', { productCode: LEGACY_CODE, ...SIGNED_END }, ['signing', 'start']],
  ['without an end', {}, ['signing', 'start']],
  ['without an end, of a legacy listing', { productCode: LEGACY_CODE }, ['start']],
  // Before Created nobody could tell that this one goes on.
  ['without an end, a partner sold', { resale: RESALE }, ['signing']],
] as const)('M3 what AWS calls RENEWED at the signing of its renewal (%s)', (_, terms, times) => {
  it.each(times)('goes on until that starts (the rest is told at the %s)', async (told) => {
    const switches = { futureCreated: told, futureLicenseUpdated: told, renewedFrom: 'signing' } as const;
    await withWorld({ ways: ['eventBridge', 'sns'], simulator: { switches } }, async (world) => {
      const buyer = await world.join('acme', terms);
      await world.pass(1);
      buyer.renew({ startsAt: at('2026-11-12T00:30:00Z'), as: 'sameLicense' });
      await world.pass(0.2, 0.1);
      await buyer.use(5);
      await world.pass(2);
      await buyer.use(7);
      await world.goTo('2026-11-12T00:10:00Z');
      await buyer.use(9);
      await world.goTo('2026-11-12T00:50:00Z');
      await buyer.use(11);
      await world.pass(10);
      expect(world.story().filter((type) => type === 'ending' || type === 'ended' || type === 'renewed')).toEqual([
        'renewed',
      ]);
      await world.expectUnits({ billed: { 'l-1': 21, 'l-2': 11 } });
    });
  });
});

describe('M4 what is dated ahead', () => {
  it.each(['sent', 'reversed'] as const)(
    'by an announced replacement is in force from its start, not before (%s)',
    async (order) => {
      const switches = { futureCreated: 'signing', futureLicenseUpdated: 'signing' } as const;
      await withWorld({ simulator: { switches } }, async (world) => {
        const buyer = await world.join('acme');
        world.mailbox.hold();
        buyer.replace({ startsAt: at('2026-11-11T16:00:00Z') });
        await world.mailbox.release(order);
        await buyer.use(6);
        await world.pass(3);
        expect((await buyer.subscription()).current?.agreementId).toBe(buyer.agreements[0]!.agreementId);
        await world.pass(3.5);
        await buyer.use(4);
        await world.pass(2);
        await world.expectUnits({ billed: { 'l-1': 6, 'l-2': 4 } });
        expect(world.told('subscription.renewed')).toHaveLength(1);
      });
    },
  );

  it.each([
    ['announced at the signing', { futureCreated: 'signing', futureLicenseUpdated: 'signing' }],
    ['announced at its start', {}],
  ] as const)('by a new buyer is upcoming until its start (%s)', async (_, switches) => {
    await withWorld({ simulator: { switches } }, async (world) => {
      const buyer = world.sign({ startsAt: at('2026-11-11T14:00:00Z') });
      await world.hear();
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(2);
      expect(['upcoming', 'registered']).toContain(await buyer.state());
      expect(world.told('subscription.activated')).toEqual([]);
      await world.pass(2);
      expect(await buyer.state()).toBe('active');
      expect(world.told('subscription.activated')).toHaveLength(1);
      await buyer.use(6);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 6 } });
    });
  });
});

describe('M4 a license that comes at the signing, and alone, while AWS’s lists are minutes behind', () => {
  it.each([
    ['purchase', 5_000],
    ['purchase', 540_000],
    ['renewal', 5_000],
    ['renewal', 540_000],
  ] as const)('starts no %s by an answer that cannot list it yet (%d ms behind)', async (kind, searchIndexDelayMs) => {
    const switches = { futureLicenseUpdated: 'signing', searchIndexDelayMs } as const;
    await withWorld({ ways: ['eventBridge'], simulator: { switches } }, async (world) => {
      const startsAt = at('2026-11-11T14:00:00Z');
      // What is renewed has no end of its own: nothing but AWS's word says that it is not renewed yet.
      const buyer = kind === 'renewal' ? await world.join('acme') : null;
      await world.pass(0.5);
      if (buyer === null) {
        const other = world.sign({ startsAt });
        await world.hear();
        await other.arrive();
        await other.signUp('larch');
      } else buyer.renew({ startsAt, as: 'sameLicense' });
      await world.turn();
      await buyer?.use(3);
      await world.pass(0.5, 1 / 60);
      await world.pass(2);
      const told = () => [...world.told('subscription.activated'), ...world.told('subscription.renewed')];
      const before = kind === 'renewal' ? 1 : 0;
      expect(told()).toHaveLength(before);
      await world.goTo('2026-11-11T14:01:00Z');
      await world.pass(3, 0.25);
      expect(
        told()
          .slice(before)
          .map(({ occurredAt }) => occurredAt >= startsAt),
      ).toEqual([true]);
      await world.expectUnits(kind === 'renewal' ? { billed: { 'l-1': 3 } } : {});
    });
  });
});

describe('M4 a license that comes at the signing of a resold renewal, minutes before Created', () => {
  it.each([3, 45])(
    'starts nothing by entitlements, which are those of the agreement before (%d minutes)',
    async (minutes) => {
      const signing = { futureCreated: 'signing', futureLicenseUpdated: 'signing' } as const;
      await withWorld({ ways: ['eventBridge'], simulator: { switches: signing } }, async (world) => {
        const startsAt = at('2026-11-11T14:00:00Z');
        const resale = { partnerAccountId: '999988887777' };
        const buyer = await world.join('acme', { resale, entitlements: [{ dimension: 'seats', value: 3 }] });
        await world.pass(0.5);
        world.simulator.notifications.disturb({
          kind: 'delay',
          ms: minutes * 60_000,
          type: 'Purchase Agreement Created',
        });
        buyer.renew({ startsAt, as: 'sameLicense' });
        await world.turn();
        await world.pass(1, 1 / 60);
        expect(world.told('subscription.renewed')).toEqual([]);
        await world.goTo('2026-11-11T14:01:00Z');
        await world.pass(1);
        expect(world.told('subscription.renewed').map(({ occurredAt }) => occurredAt >= startsAt)).toEqual([true]);
        await world.expectConserved();
      });
    },
  );
});

describe('M4 a license that comes at the signing, and alone, while AWS cannot answer', () => {
  it.each(['purchase', 'renewal'] as const)(
    'starts nothing before AWS says when: nobody provisions a %s that lies ahead',
    async (kind) => {
      const simulator = { switches: { futureLicenseUpdated: 'signing' } } as const;
      await withWorld({ ways: ['eventBridge'], simulator }, async (world) => {
        const startsAt = at('2026-11-11T20:00:00Z');
        const buyer = kind === 'renewal' ? await world.join('acme', { endsAt: startsAt }) : null;
        await world.pass(0.5);
        const before = world.told('subscription.activated').length;
        for (const operation of ['SearchAgreements', 'DescribeAgreement', 'GetEntitlements'] as const)
          world.simulator.faults.add({ kind: 'error500Before', operation });
        if (buyer === null) {
          const other = world.sign({ startsAt });
          await world.hear();
          await other.arrive();
          await other.signUp('larch');
        } else buyer.renew({ startsAt });
        await world.pass(0.5, 1 / 60);
        await world.pass(4);
        expect(world.told('subscription.activated')).toHaveLength(before);
        world.simulator.faults.clear();
        await world.goTo('2026-11-11T20:02:00Z');
        await world.pass(1);
        const told = [...world.told('subscription.activated'), ...world.told('subscription.renewed')];
        expect(told.slice(before).map(({ occurredAt }) => occurredAt >= startsAt)).toEqual([true]);
        await world.expectConserved();
      });
    },
  );
});

describe('M11 a renewal of which its license alone is told, minutes after the end, while AWS’s lists are minutes behind', () => {
  it('is told when AWS lists it: hosts hear of no end before', async () => {
    const switches = { searchIndexDelayMs: 540_000 };
    await withWorld({ ways: ['eventBridge'], simulator: { switches } }, async (world) => {
      const buyer = await world.join('acme', { endsAt: at('2026-11-11T12:00:00Z') });
      await world.pass(1);
      for (const type of ['Purchase Agreement Ended', 'License Deprovisioned', 'Purchase Agreement Created'])
        world.simulator.notifications.disturb({ kind: 'drop', type });
      await world.goTo('2026-11-11T12:04:00Z');
      buyer.renew({ as: 'sameLicense', endsAt: at('2026-12-11T12:00:00Z') });
      await world.turn();
      await buyer.use(3);
      // AWS, asked ten minutes after the end, knows of that, and not of the renewal yet.
      await world.pass(0.25, 1 / 60);
      await world.pass(3);
      const types = [
        'subscription.activated',
        'subscription.ending',
        'subscription.renewed',
        'subscription.ended',
      ] as const;
      expect(types.map((type) => world.told(type).length)).toEqual([1, 0, 1, 0]);
      await world.expectUnits({ billed: { 'l-2': 3 } });
    });
  });
});

describe('M12 Created lost, while AWS cannot answer', () => {
  it('is told as soon as AWS answers, and all its usage is billed', async () => {
    await withWorld({ ways: ['eventBridge'] }, async (world) => {
      world.simulator.notifications.disturb({ kind: 'drop', type: 'Purchase Agreement Created' });
      for (const operation of ['SearchAgreements', 'DescribeAgreement', 'GetEntitlements'] as const)
        world.simulator.faults.add({ kind: 'error500Before', operation });
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.pass(4);
      world.simulator.faults.clear();
      await world.expireQuestions();
      await world.pass(0.5);
      expect(world.told('subscription.activated')).toHaveLength(1);
      await world.pass(3);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });

  it('is billed before it would be lost, where AWS goes on not to answer', async () => {
    await withWorld({ ways: ['eventBridge'] }, async (world) => {
      world.simulator.notifications.disturb({ kind: 'drop', type: 'Purchase Agreement Created' });
      for (const operation of ['SearchAgreements', 'DescribeAgreement', 'GetEntitlements'] as const)
        world.simulator.faults.add({ kind: 'error500Before', operation });
      const buyer = await world.join('acme');
      await buyer.use(5);
      await world.pass(26);
      await world.expectUnits({ billed: { 'l-1': 5 } });
    });
  });
});

describe('M5 a replacement at 10:37', () => {
  it.each([
    ['in order', 'sent', {}],
    ['in the other order', 'reversed', {}],
    ['shuffled', 'shuffled', {}],
    ['which names the agreement before', 'sent', { previousAgreementInEvents: 'renewalsAndReplacements' }],
  ] as const)('gives two records for 10:00, each with its own usage (%s)', async (_, order, switches) => {
    await withWorld({ simulator: { switches } }, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      await world.goTo('2026-11-11T10:37:00Z');
      world.mailbox.hold();
      const [before, after] = [buyer.agreement, buyer.replace()];
      await world.mailbox.release(order);
      await world.goTo('2026-11-11T10:50:00Z');
      await buyer.use(7);
      await world.goTo('2026-11-11T11:00:00Z');
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
      expect(world.billByHour(before)).toEqual({ '2026-11-11T10': 5 });
      expect(world.billByHour(after)).toEqual({ '2026-11-11T10': 7 });
      const records = await world.database.query<{ quantity: string; timestamp: Date }>(
        `SELECT quantity::text, "timestamp" FROM marketplace.metering_record WHERE state = 'metered'
          ORDER BY "timestamp"`,
      );
      expect(
        records.map(({ quantity, timestamp }) => [Number(quantity), timestamp < at('2026-11-11T10:37:00Z')]),
      ).toEqual([
        [5, true],
        [7, false],
      ]);
    });
  });

  it('that keeps the license leaves the hour to the earlier agreement, and begins with the next', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      await world.goTo('2026-11-11T10:37:00Z');
      buyer.replace({ as: 'sameLicense' });
      await world.goTo('2026-11-11T10:50:00Z');
      await buyer.use(7);
      await world.goTo('2026-11-11T11:00:00Z');
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
    });
  });

  it('by a cancellation and a new purchase in one instant, which nothing links, likewise', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      await world.goTo('2026-11-11T10:37:00Z');
      buyer.cancel();
      buyer.return();
      await buyer.comeBack();
      await world.goTo('2026-11-11T10:50:00Z');
      await buyer.use(7);
      await world.goTo('2026-11-11T11:00:00Z');
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
    });
  });
});

describe('M11 the license of a renewal is never told', () => {
  it.each([
    ['renewal', 12, 28],
    ['replacement', 7, 19],
  ] as const)('of a %s, of which only Created came: found, and billed from its start', async (kind, before, after) => {
    await withWorld({}, async (world) => {
      const ahead = kind === 'renewal' ? renewingAt('2026-11-11T12:00:00Z') : {};
      const buyer = await world.join('acme', ahead);
      await buyer.use(before);
      world.mailbox.lose({ type: 'License Updated' });
      await world.goTo('2026-11-11T12:00:00Z');
      if (kind === 'replacement') buyer.replace();
      await world.hear();
      await world.goTo('2026-11-11T12:05:00Z');
      await buyer.use(after);
      await world.pass(4);
      await world.expectUnits({ billed: { 'l-1': before, 'l-2': after } });
    });
  });
});

describe('M12, D26: messages that are lost', () => {
  const LOST: Record<string, MessageFilter> = { 'the end': { type: 'Purchase Agreement Ended' }, all: {} };
  it.each([
    ['cancelled', 'all', []],
    ['cancelled', 'all', ['eventBridge']],
    ['expired', 'all', []],
    ['expired', 'all', ['eventBridge']],
    ['cancelled', 'the end', ['eventBridge']],
  ] as const)('an agreement is %s, %s lost: it ends at its own instant (ways in: %j)', async (end, lost, ways) => {
    await withWorld({ ways }, async (world) => {
      const buyer = await world.join('acme', end === 'expired' ? { endsAt: at('2026-11-11T11:20:00Z') } : {});
      await world.pass(1);
      await buyer.use(8, { occurredAt: at('2026-11-11T10:40:00Z') });
      world.mailbox.lose(LOST[lost]);
      await world.goTo('2026-11-11T11:20:00Z');
      if (end === 'cancelled') buyer.cancel();
      await world.pass(4);
      expect(await buyer.state()).toBe('ended');
      const { agreements } = await buyer.subscription();
      expect(agreements.map(({ endsAt }) => endsAt?.toISOString())).toEqual(['2026-11-11T11:20:00.000Z']);
      await world.expectUnits({ billed: { 'l-1': 8 } });
    });
  });

  it.each(LICENSE_ROUTES)(
    'a renewal of which nothing is heard is found and priced from its start ($name)',
    async ({ ways }) => {
      await withWorld({ ways }, async (world) => {
        const buyer = await world.join('acme', renewingAt('2026-11-11T12:00:00Z'));
        await buyer.use(9);
        world.mailbox.lose();
        await world.pass(2.5);
        await buyer.use(6, { occurredAt: at('2026-11-11T12:20:00Z') });
        await world.pass(4);
        await world.expectUnits({ billed: { 'l-1': 9, 'l-2': 6 } });
        expect(await buyer.state()).toBe('active');
        expect(world.told('subscription.renewed')).toHaveLength(1);
      });
    },
  );
});

describe('a renewal of which License Deprovisioned of the agreement before is heard first', () => {
  it('is told as one: what has ended is not told to be in force again while its successor is awaited', async () => {
    await withWorld({}, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(3);
      await world.pass(2);
      world.asksAws = false;
      world.mailbox.lose();
      buyer.renew();
      await buyer.use(4);
      world.clock.advance(5 * 60_000);
      world.mailbox.calm();
      const sent = world.mailbox.sent();
      const told: string[][] = [];
      for (const type of ['License Deprovisioned', 'Purchase Agreement Ended', 'Purchase Agreement Created']) {
        // What starts is told when AWS has told its terms.
        world.asksAws = type === 'Purchase Agreement Created';
        await world.mailbox.deliver(sent.filter((message) => message.type === type).slice(-1));
        await world.hear();
        told.push(world.story().slice(-1));
      }
      expect(told).toEqual([['ending'], ['ending'], ['renewed']]);
      await world.pass(2);
      expect(world.told('subscription.activated')).toHaveLength(1);
      await world.expectUnits({ billed: { 'l-1': 3, 'l-2': 4 } });
    });
  });
});
