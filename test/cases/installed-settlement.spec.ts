import { describe, expect, it, jest } from '@jest/globals';
import { CONTAINER, InstalledWorld } from '../support/installed-world.js';

// What a person decides about records of MeterUsage, beside settleUnknown (buyers-trail.spec.ts) and settleConflict
// (contested-units.spec.ts): what was tried stays with its resource, and units are billed once.

jest.setTimeout(120_000);

const SIGNED = { by: 'ada', reason: 'resolved' };
const refuse = (world: InstalledWorld) =>
  world.simulator.faults.add({
    kind: 'unknownError',
    name: 'InvalidUsageDimensionException',
    operation: 'MeterUsage',
  });

describe('requeueAll of an installation', () => {
  it('sends again what its resource can, once; what the resource is gone of goes with another hour of the next', async () => {
    await using world = await InstalledWorld.start();
    const first = await world.pod();
    await world.at('08:30', { works: false });
    await first.record(5);
    const fault = refuse(world);
    await world.at('09:10');
    expect(await world.records(`state = 'blocked'`)).toHaveLength(1);
    fault.remove();
    const again = () => first.resolution.requeueAll({ productCode: CONTAINER }, SIGNED);
    expect(await Promise.all([again(), again()].map(async (one) => (await one).records))).toEqual(
      expect.arrayContaining([0, 1]),
    );
    await world.turn();
    expect(world.billByHour()).toEqual({ '08': 5 });

    await world.at('09:30', { works: false });
    await first.record(3);
    const later = refuse(world);
    await world.at('10:10');
    later.remove();
    first.kill();
    const second = await world.pod();
    await world.expireLeases();
    await world.at('10:20');
    // Nothing of it was billed, and what its resource had tried no other may: it is sealed anew, for who is there.
    expect(await world.records(`state = 'blocked'`)).toEqual([]);
    expect(await second.resolution.requeueAll({ productCode: CONTAINER }, SIGNED)).toEqual({
      ...{ records: 0, units: '0', left: [] },
    });
    await world.at('11:10');
    expect(world.billByHour()).toEqual({ '08': 5, 10: 3 });
    await world.expectAllBilled();
  });
});

describe('rebill of an installation', () => {
  it('bills what was held past its deadline in an hour of now, once, from whichever resource sends then', async () => {
    await using world = await InstalledWorld.start({ options: { onExpired: 'hold' } });
    const first = await world.pod();
    await world.at('08:30', { works: false });
    await first.record(5);
    const fault = world.simulator.faults.add({ kind: 'throttle', operation: 'MeterUsage' });
    for (const time of ['09:10', '12:10', '15:20', '16:20']) await world.at(time);
    fault.remove();
    const [held] = await world.records<{ id: string }>(`disposition = 'held'`);
    first.kill();
    const second = await world.pod();
    await world.expireLeases();
    await world.at('16:30');
    await second.resolution.rebill(held!.id, SIGNED);
    // The units of the record that is void are recorded anew.
    world.count(5);
    await expect(second.resolution.rebill(held!.id, SIGNED)).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    await world.at('17:10');
    expect(world.billByHour()).toEqual({ 16: 5 });
    const { records } = await world.expectConserved();
    expect(records).toEqual({ 'void rebilled': 5 });
  });
});
