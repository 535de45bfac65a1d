import { describe, expect, it, jest } from '@jest/globals';
import { ProvisioningService } from '../../examples/quickstart/provisioning.service.js';
import { ReportsService } from '../../examples/quickstart/reports.service.js';
import { SignUpController } from '../../examples/quickstart/sign-up.controller.js';
import { cookieOf } from '../support/browser.js';
import { type Agreement, type SubscribeOptions } from '../support/market.js';
import { PRODUCT_CODE, World } from '../support/world.js';
import { at, renewingAt } from './routes.js';

// The README's sample, the very files of examples/quickstart, through the lives of agreements. Each stands for its
// case: first purchase, M14 (trial to paid), M3 (early renewal), T2 (late renewal), M5 (mid-hour replacement), T1
// (return), M2 (two concurrent agreements).

jest.setTimeout(120_000);

/** The buyer's browser goes the README's way: AWS's page, the landing page, the host's sign-up page. */
async function signUp(world: World, agreement: Agreement): Promise<{ tenantId: string; subscriptionId: string }> {
  const arrival = await world.post(world.simulator.registrationForm(agreement));
  expect(arrival.status).toBe(303);
  const registrationCode = new URL(arrival.headers.get('location') ?? '').searchParams.get('registrationCode') ?? '';
  const body = new URLSearchParams({ company: 'Acme', registrationCode });
  const headers = { cookie: cookieOf(arrival) };
  const answer = await fetch(`${await world.app.getUrl()}/sign-up`, { method: 'POST', body, headers });
  const signedUp = (await answer.json()) as { tenantId: string; subscriptionId: string };
  await world.hear();
  return signedUp;
}

async function play(
  options: Partial<SubscribeOptions>,
  story: (world: World, first: Agreement, report: (from: number, to: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const parts = { controllers: [SignUpController], providers: [ReportsService, ProvisioningService] };
  const world = await World.start({ lists: [PRODUCT_CODE], dimensions: ['reports'], parts });
  try {
    const first = world.purchase({ productCode: PRODUCT_CODE, ...options });
    await signUp(world, first);
    // Each report is told twice, as by a queue that delivers at least once.
    const report = async (from: number, to: number): Promise<void> => {
      for (let n = from; n <= to; n += 1) {
        await world.app.get(ReportsService).reportMade('acme', `r-${n}`);
        await world.app.get(ReportsService).reportMade('acme', `r-${n}`);
        world.count(1);
      }
    };
    await story(world, first, report);
  } finally {
    await world.stop();
  }
}

describe('the README’s sample', () => {
  it('bills a first purchase, each report once', async () => {
    await play({}, async (world, _first, report) => {
      await report(1, 12);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 12 } });
      expect(world.app.get(ProvisioningService).provisioned.size).toBe(1);
    });
  });

  it.each(['sameAgreement', 'newLicense'] as const)('goes from trial to paid (%s)', async (as) => {
    await play({ freeTrial: true }, async (world, first, report) => {
      await report(1, 5);
      await world.pass(2);
      world.simulator.convertTrial(first, { as });
      await world.hear();
      await report(6, 12);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1 trial': 5, [as === 'sameAgreement' ? 'l-1' : 'l-2']: 7 } });
    });
  });

  it('goes through a renewal that is signed early', async () => {
    await play({ endsAt: at('2026-11-11T14:00:00Z') }, async (world, first, report) => {
      world.simulator.setSwitches({ futureCreated: 'signing', futureLicenseUpdated: 'signing' });
      await report(1, 4);
      world.simulator.renew(first, { startsAt: at('2026-11-11T14:00:00Z') });
      await world.pass(3);
      await report(5, 9);
      await world.pass(1.5);
      await report(10, 12);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 9, 'l-2': 3 } });
      expect(world.app.get(ProvisioningService).provisioned.size).toBe(1);
    });
  });

  it('goes through a renewal that is told late', async () => {
    await play(renewingAt('2026-11-11T12:00:00Z'), async (world, first, report) => {
      world.mailbox.hold({ when: ({ agreementId }) => agreementId !== first.agreementId });
      await world.pass(2.5);
      await report(1, 12);
      await world.pass(2);
      await world.mailbox.release();
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-2': 12 } });
    });
  });

  it('goes through a replacement in the middle of an hour', async () => {
    await play({}, async (world, first, report) => {
      await world.goTo('2026-11-11T10:20:00Z');
      await report(1, 5);
      await world.goTo('2026-11-11T10:37:00Z');
      world.simulator.replace(first);
      await world.goTo('2026-11-11T10:50:00Z');
      await report(6, 12);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
    });
  });

  it('goes on when the buyer leaves and returns', async () => {
    await play({}, async (world, first, report) => {
      await report(1, 5);
      await world.pass(2);
      world.simulator.cancel(first);
      await world.pass(3);
      expect(world.app.get(ProvisioningService).provisioned.size).toBe(0);
      await signUp(world, world.simulator.subscribe({ productCode: PRODUCT_CODE, accountId: first.accountId }));
      await report(6, 12);
      await world.pass(2);
      await world.expectUnits({ billed: { 'l-1': 5, 'l-2': 7 } });
      expect(world.app.get(ProvisioningService).provisioned.size).toBe(1);
    });
  });

  it('loses nothing where two agreements run side by side: it waits for the host to choose', async () => {
    await play({}, async (world, first, report) => {
      const second = await signUp(
        world,
        world.simulator.subscribe({ productCode: PRODUCT_CODE, accountId: first.accountId }),
      );
      await report(1, 12);
      await world.pass(2);
      await world.expectUnits({ waiting: { ambiguous: 12 } });
      await world.subscriptions.choosePayer({
        ...{ tenantId: 'acme', productCode: PRODUCT_CODE, subscriptionId: second.subscriptionId },
        from: at('2026-11-11T10:00:00Z'),
      });
      await world.pass(1);
      await world.expectUnits({ billed: { 'l-2': 12 } });
    });
  });
});
