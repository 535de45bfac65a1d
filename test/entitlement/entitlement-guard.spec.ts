import { describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Req } from '@nestjs/common';
import { EntitlementService, type EntitlementCheck, RequireEntitlement } from '../../src/index.js';
import { PRODUCT_CODE, World } from '../support/world.js';

jest.setTimeout(120_000);

@Controller()
@RequireEntitlement('seats')
class SeatsController {
  @Get('seats')
  seats(@Req() { marketplaceEntitlement }: { marketplaceEntitlement: EntitlementCheck }): EntitlementCheck {
    return marketplaceEntitlement;
  }

  @RequireEntitlement('seats', { atLeast: 10 })
  @Get('bulk')
  bulk(): string {
    return 'bulk';
  }
}

describe('@RequireEntitlement', () => {
  it.each(['express', 'fastify'] as const)(
    'K28 K29 lets in who holds it, keeps nobody out at a renewal, and closes where nothing is known, on %s',
    async (platform) => {
      const world = await World.start({
        lists: [PRODUCT_CODE],
        parts: { controllers: [SeatsController], platform },
        options: {
          entitlementStaleForMs: 2 * 3_600_000,
          entitlementOwner: (request) => {
            const { headers } = request as { headers: Record<string, string | undefined> };
            const { 'x-tenant': tenantId, 'x-nobody': nobody } = headers;
            // As `request.user && { … }` says it.
            if (nobody !== undefined) return undefined as never;
            return tenantId === undefined ? null : { tenantId };
          },
        },
        simulator: { switches: { entitlementsAwayAtRenewalMs: 180_000, emptyEntitlements: 'absent' } },
      });
      try {
        const ask = async (
          path: string,
          tenant?: string,
        ): Promise<{ status: number; body: Record<string, unknown> }> => {
          const headers: Record<string, string> = tenant === undefined ? {} : { 'x-tenant': tenant };
          const response = await fetch(`${await world.app.getUrl()}/${path}`, { headers });
          const text = await response.text();
          return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as never) : { text } };
        };
        const endsAt = new Date(world.now().getTime() + 4 * 3_600_000);
        const buyer = await world.join('acme', { endsAt, entitlements: [{ dimension: 'seats', value: 5 }] });
        await world.pass(0.5);
        expect(await ask('seats', 'acme')).toMatchObject({
          status: 200,
          body: { isEntitled: true, value: 5, stale: false },
        });
        expect(await ask('bulk', 'acme')).toMatchObject({
          status: 403,
          body: { errorCode: 'ENTITLEMENT_REQUIRED', message: expect.stringMatching(/at least 10.*too little/) },
        });
        expect(await ask('seats')).toMatchObject({ status: 403 });
        const nobodys = await fetch(`${await world.app.getUrl()}/seats`, { headers: { 'x-nobody': 'yes' } });
        expect(nobodys.status).toBe(403);
        expect(await ask('seats', 'nobody')).toMatchObject({
          status: 403,
          body: { message: expect.stringMatching(/no subscription/) },
        });

        // The same agreement renews: for three minutes AWS lists nothing.
        buyer.renew({
          as: 'sameAgreement',
          startsAt: endsAt,
          endsAt: new Date(endsAt.getTime() + 30 * 24 * 3_600_000),
        });
        await world.goTo(new Date(endsAt.getTime() + 60_000));
        expect(await ask('seats', 'acme')).toMatchObject({ status: 200, body: { isEntitled: true, stale: true } });
        await world.goTo(new Date(endsAt.getTime() + 15 * 60_000));
        await new Promise((resolve) => setTimeout(resolve, 5100));
        expect(await ask('seats', 'acme')).toMatchObject({ status: 200, body: { isEntitled: true, stale: false } });

        // AWS is away: the last answer counts for two hours, marked.
        world.simulator.faults.add({ kind: 'error500Before', operation: 'GetEntitlements' });
        world.clock.advance(1.5 * 3_600_000);
        expect(await ask('seats', 'acme')).toMatchObject({ status: 200, body: { isEntitled: true, stale: true } });
        world.clock.advance(1 * 3_600_000);
        expect(await ask('seats', 'acme')).toMatchObject({
          status: 403,
          body: { message: expect.stringMatching(/too old/) },
        });
        const other = await world.join('beta', { entitlements: [{ dimension: 'seats', value: 5 }] });
        expect(await world.app.get(EntitlementService).check(other.subscriptionId, 'seats')).toMatchObject({
          ...{ isEntitled: false, reason: 'unknown', ageMs: null },
        });
      } finally {
        await world.stop();
      }
    },
  );

  it('says whose requests it must be told', async () => {
    const service = new EntitlementService({ products: [] } as never, {} as never, {} as never, {} as never);
    await expect(service.ownerOf({})).rejects.toMatchObject({ code: 'ENTITLEMENT_OWNER_MISSING' });
  });

  it('K32 is not available for AMI and container products, and says why at start', async () => {
    const product = { productCode: 'boxed', type: 'container' };
    const service = new EntitlementService({ products: [product] } as never, {} as never, {} as never, {} as never);
    const warnings: string[] = [];
    (service as unknown as { logger: { warn: (text: string) => void } }).logger.warn = (text) => warnings.push(text);
    service.onModuleInit();
    expect(warnings).toEqual([
      expect.stringMatching(/boxed \(type container\).*seller’s credentials.*License Manager/),
    ]);
    for (const answer of [
      service.get({ tenantId: 'acme', productCode: 'boxed' }),
      service.check({ tenantId: 'acme', productCode: 'boxed' }, 'seats'),
    ])
      await expect(answer).rejects.toMatchObject({ code: 'ENTITLEMENTS_UNAVAILABLE' });
  });
});
