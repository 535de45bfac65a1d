import { describe, expect, it, jest } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { MarketplaceJobs, SubmissionHold } from '../../src/index.js';
import { PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// G6, G9: what a person does about records that AWS did not take, over HTTP; and a hold under jobs that run once.

jest.setTimeout(300_000);

const TOKEN = 'operators-only-0123456789abcdef';

async function act(
  app: INestApplication,
  action: string,
  body: unknown,
  headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${await app.getUrl()}/marketplace/admin/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const billOf = (world: World): number => world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);

describe('an operator, over HTTP', () => {
  it('requeues all of a cause and acknowledges its alert; strangers and odd bodies change nothing (G6)', async () => {
    await withWorld({ lists: [PRODUCT_CODE], options: { adminToken: TOKEN } }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(4);
      const strange = world.simulator.faults.add({ kind: 'unknownError', name: 'InvalidUsageDimensionException' });
      await world.pass(1.5);
      expect(await world.records(`state = 'blocked'`)).toHaveLength(1);
      strange.remove();
      const selection = { productCode: PRODUCT_CODE, reason: 'invalidDimension' };
      const signed = { by: 'ada', note: 'the listing is mended' };
      const requeue = 'records/requeue';
      const acknowledge = 'alerts/acknowledge';
      const [alert] = await world.alerts('blocked');
      const named = { kind: 'blocked', subject: alert?.subject };

      const refused: [string, unknown, Record<string, string> | undefined, number][] = [
        [requeue, { ...selection, ...signed }, {}, 401],
        [requeue, { ...selection, ...signed }, { authorization: 'Bearer wrong' }, 401],
        [requeue, signed, undefined, 409],
        [requeue, selection, undefined, 400],
        [requeue, { ...selection, ...signed, everything: true }, undefined, 400],
        [requeue, { reason: { $ne: '' }, ...signed }, undefined, 400],
        [requeue, '{"reason":', undefined, 400],
        [requeue, { ...selection, ...signed }, { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' }, 400],
        [acknowledge, { ...named, ...signed }, {}, 401],
        [acknowledge, { ...named, by: 'ada' }, undefined, 400],
        [acknowledge, { kind: 'blocked', subject: 'another', ...signed }, undefined, 404],
      ];
      for (const [action, body, headers, status] of refused) {
        const answer = await act(world.app, action, body, headers);
        expect([action, body, answer.status]).toEqual([action, body, status]);
        expect(answer.body.errorCode).toEqual(expect.any(String));
      }
      expect(await world.records(`state = 'blocked'`)).toHaveLength(1);

      expect((await act(world.app, acknowledge, { ...named, ...signed })).status).toBe(200);
      const [known] = await world.database.query<{ acknowledged_by: string }>(
        `SELECT acknowledged_by FROM marketplace.alert WHERE kind = 'blocked' AND resolved_at IS NULL`,
      );
      expect(known).toMatchObject({ acknowledged_by: 'ada' });
      expect(await act(world.app, requeue, { ...selection, ...signed })).toEqual({
        status: 200,
        body: { records: 1, units: '4', left: [] },
      });
      await world.pass(0.5);
      await world.expectAllBilled();
      expect(await world.alerts()).toEqual([]);
    });
  });
});

describe('G9 a hold under jobs that run once', () => {
  it('seals and hears, sends nothing and says so; after the release the next run sends all', async () => {
    await withWorld({ lists: [PRODUCT_CODE] }, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(4);
      await world.app.get(SubmissionHold).hold('ada', 'an audit first');
      world.clock.advance(1.5 * 3_600_000);
      const jobs = world.app.get(MarketplaceJobs);
      const held = await jobs.runOnce({ withinMs: 120_000 });
      expect(held).toMatchObject({ isHeld: true, metered: 0, failures: [], waiting: { records: 1, plans: 0 } });
      expect(held.left).toMatchObject([{ productCode: PRODUCT_CODE, units: '4' }]);
      expect(world.simulator.calls({ operation: 'BatchMeterUsage' })).toEqual([]);
      await world.app.get(SubmissionHold).release('ada');
      expect(await jobs.runOnce({ withinMs: 120_000 })).toMatchObject({
        isHeld: false,
        metered: 1,
        exitCode: 0,
        left: [],
      });
      expect(billOf(world)).toBe(4);
      await world.expectAllBilled();
    });
  });
});
