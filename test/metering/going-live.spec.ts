import { expect, it } from '@jest/globals';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { PRODUCT_CODE, World } from '../support/world.js';

const LIVE_FROM = new Date('2026-11-12T15:00:00Z');

it.each(['dry-run', 'off'] as const)(
  '%s, and then live from a named hour: from there on every unit is billed once, nothing of before',
  async (mode) => {
    await using world = await World.start({ lists: [PRODUCT_CODE], product: { mode } });
    const buyer = await world.join('acme');
    await buyer.use('5.75');
    await world.pass(2);
    await world.pass(26, 6.5);
    const before = await world.expectConserved();
    expect(before).toEqual(
      mode === 'off' ? { waiting: { notLive: 5.75 } } : { records: { 'held dryRun': 5 }, carry: 0.75 },
    );

    await expect(world.addReplica({ products: [{ ...world.products()[0]!, mode: 'live' }] })).rejects.toMatchObject({
      code: 'PRODUCT_LIVE_FROM_REQUIRED',
    });
    await world.restart({ product: { mode: 'live', liveFrom: LIVE_FROM } });
    await buyer.use(3);
    world.clock.set(new Date('2026-11-12T15:20:00Z'));
    await buyer.use('4.5');
    world.clock.advance(HOUR_MS);
    // Usage of before that the application tells of after it.
    await buyer.use(2, { occurredAt: new Date('2026-11-12T13:30:00Z') });
    await world.turn();
    await world.pass(26, 6.5);
    expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-12T15': 4 });
    const { billed, ...rest } = await world.expectConserved();
    expect(billed).toEqual({ 'l-1': 4 });
    expect(rest).toEqual(
      mode === 'off' ? { waiting: { notLive: 10.75 }, carry: 0.5 } : { records: { 'held dryRun': 10 }, carry: 1.25 },
    );
  },
);

it('live, and then dry-run: what was sealed live is still sent, what comes after is not', async () => {
  await using world = await World.start({ lists: [PRODUCT_CODE] });
  const buyer = await world.join('acme');
  await buyer.use(5);
  world.clock.advance(2 * HOUR_MS);
  await world.run('seal');
  await world.restart({ product: { mode: 'dry-run' } });
  await buyer.use(3);
  world.clock.advance(2 * HOUR_MS);
  await world.turn();
  await world.pass(26, 6.5);
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T10': 5 });
  await world.expectUnits({ billed: { 'l-1': 5 }, records: { 'held dryRun': 3 } });
});
