import { describe, expect, it } from '@jest/globals';
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

const on = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);

describe.each([
  ['inside an hour', '10:30', 'atSeal'],
  ['at the start of an hour', '11:00', 'off'],
  ['a minute before the end of an hour', '10:59', 'atWindowEdge'],
] as const)('live, dry-run and live again: left %s', (_, left, zeroRecords) => {
  const after = (minutes: number): Date => new Date(on(left).getTime() + minutes * 60_000);
  const before = (minutes: number): Date => after(-minutes);

  it(`the bill has exactly the units of live time, late ones and corrections too (zeros: ${zeroRecords})`, async () => {
    await using world = await World.start({ lists: [PRODUCT_CODE], product: { zeroRecords } });
    const buyer = await world.join('acme');
    await buyer.use('5.5');
    world.clock.set(before(1));
    await buyer.use(3);
    world.clock.set(on(left));
    await world.restart({ product: { mode: 'dry-run' } });
    await buyer.use(100);
    world.clock.set(after(2));
    await buyer.use(200);
    // Told of before its hour has settled.
    await buyer.use('2.5', { occurredAt: before(2) });
    await world.goTo(on('12:20'));
    const sealed = await world.expectConserved();
    expect({ billed: sealed.billed, records: sealed.records }).toEqual({
      billed: { 'l-1': 11 },
      records: { 'held dryRun': 300 },
    });

    // Live time has no free hour left: it waits, with its reason, and is told to nobody as billed.
    await buyer.use(7, { occurredAt: before(5) });
    await buyer.use(-1, { occurredAt: before(20), reason: 'counted twice' });
    await buyer.use(400, { occurredAt: after(1) });
    await world.goTo(on('13:20'));
    expect(await world.expectConserved()).toMatchObject({
      billed: { 'l-1': 11 },
      records: { 'held dryRun': 700 },
      waiting: { noHour: 6 },
    });

    await world.restart({ product: { mode: 'live', liveFrom: on('14:00') } });
    await buyer.use(800);
    await world.goTo(on('14:10'));
    await buyer.use(20);
    await world.goTo(on('15:20'));
    await buyer.use(40, { occurredAt: before(3) });
    await buyer.use(1600, { occurredAt: after(3) });
    await buyer.use(80, { occurredAt: on('14:30') });
    await world.pass(3);
    // What dry-run time has no hour for is closed with its period.
    buyer.cancel();
    await world.pass(30, 3);
    await world.expectUnits({
      billed: { 'l-1': 11 + 6 + 20 + 40 + 80 },
      records: { 'held dryRun': 300 + 400 + 800 + 1600 },
    });
    const hours = Object.keys(world.billByHour(buyer.agreement));
    expect(hours.filter((hour) => hour > '2026-11-11T10' && hour < '2026-11-11T14')).toEqual([]);
  });
});

it('left inside an hour: late usage of live time goes with an idle hour that was live', async () => {
  await using world = await World.start({ lists: [PRODUCT_CODE] });
  const buyer = await world.join('acme');
  await world.goTo(on('12:10'));
  await buyer.use(3);
  world.clock.set(on('12:30'));
  await world.restart({ product: { mode: 'dry-run' } });
  await buyer.use(5);
  await world.goTo(on('13:20'));
  await buyer.use(7, { occurredAt: on('12:20') });
  await world.pass(2);
  expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T11': 7, '2026-11-11T12': 3 });
  await world.expectUnits({ billed: { 'l-1': 10 }, records: { 'held dryRun': 5 } });
});

it('left inside the last hour of an agreement: its live part is sent in time, the rest is held', async () => {
  await using world = await World.start({ lists: [PRODUCT_CODE] });
  const buyer = await world.join('acme');
  await world.goTo(on('12:10'));
  await buyer.use(3);
  world.clock.set(on('12:20'));
  await world.restart({ product: { mode: 'dry-run' } });
  await buyer.use(5);
  world.clock.set(on('12:25'));
  buyer.cancel();
  await world.pass(1, 0.1);
  await buyer.use(7, { occurredAt: on('12:15') });
  await world.pass(30, 1.5);
  expect(world.billByHour(buyer.agreement)).toMatchObject({ '2026-11-11T12': 3 });
  const { billed, records } = await world.expectConserved();
  expect(billed).toEqual({ 'l-1': 3 });
  expect(records).toEqual({ 'held dryRun': 5, 'held noHour': 7 });
});

it.each([
  ['ahead', on('12:00'), { '2026-11-11T12': 4 }, 8],
  ['behind', on('08:00'), { '2026-11-11T10': 8, '2026-11-11T12': 4 }, 0],
])('first listed as live from an hour that lies %s', async (_, liveFrom, bill, held) => {
  await using world = await World.start({ lists: [PRODUCT_CODE], product: { liveFrom } });
  const buyer = await world.join('acme');
  world.clock.set(on('10:20'));
  await buyer.use(8);
  await world.goTo(on('12:10'));
  await buyer.use(4);
  await world.pass(3);
  expect(world.billByHour(buyer.agreement)).toEqual(bill);
  const { records = {} } = await world.expectConserved();
  expect(records).toEqual(held === 0 ? {} : { 'held dryRun': held });
});

describe('G7 a replica that restarts with settings of before', () => {
  it.each([
    ['dry run', { mode: 'dry-run' }],
    ['off', { mode: 'off' }],
    ['live from an hour that was announced and taken back', { mode: 'live', liveFrom: on('13:00') }],
  ] as const)('%s: live stays from its hour on, the replica waits and tells', async (_, before) => {
    await using world = await World.start({ lists: [PRODUCT_CODE], product: { mode: 'dry-run' } });
    if (before.mode !== 'dry-run') await world.restart({ product: { ...before } });
    await world.restart({ product: { mode: 'live', liveFrom: on('12:00') } });
    const modes = await world.database.query(
      `SELECT from_at::text AS from_at, mode FROM marketplace.product_mode ORDER BY id`,
    );
    const buyer = await world.join('acme');

    await world.goTo(on('12:10'));
    const old = await world.addReplica({ products: [{ ...world.products()[0]!, liveFrom: undefined, ...before }] });
    await buyer.use(5);
    await world.record({ tenantId: 'acme', quantity: 3 }, {}, old);
    world.clock.set(on('13:20'));
    await world.runOn(old, 'seal', 'submit', 'recovery', 'deadline', 'submit');
    expect(await world.records('true')).toEqual([]);
    expect(
      await world.database.query(`SELECT from_at::text AS from_at, mode FROM marketplace.product_mode ORDER BY id`),
    ).toEqual(modes);
    const [alert] = (await world.alerts()).filter(({ kind }) => kind === 'settingsDiffer');
    expect(alert!.message).toMatch(/products\[\]\.(mode|liveFrom): here .*, in force /);

    await world.pass(3);
    expect(world.billByHour(buyer.agreement)).toEqual({ '2026-11-11T12': 8 });
    await world.expectUnits({ billed: { 'l-1': 8 } });
    await world.restart();
    await world.turn();
    expect(await world.alerts()).toEqual([]);
  });

  it('by a person who raises the revision: then they come into force again', async () => {
    await using world = await World.start({ lists: [PRODUCT_CODE], product: { mode: 'dry-run' } });
    await world.restart({ product: { mode: 'live', liveFrom: on('10:00') } });
    const buyer = await world.join('acme');
    await buyer.use(5);
    world.clock.set(on('11:00'));
    await world.restart({ product: { mode: 'dry-run', liveFrom: undefined }, options: { settingsRevision: 1 } });
    await buyer.use(3);
    await world.pass(3);
    await world.expectUnits({ billed: { 'l-1': 5 }, records: { 'held dryRun': 3 } });
    expect(await world.alerts()).toEqual([]);
  });
});
