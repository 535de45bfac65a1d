import { describe, expect, it, jest } from '@jest/globals';
import { STRANGE_ANSWERS } from '../support/strange-answers.js';
import { InstalledWorld } from '../support/installed-world.js';

// G6 of MeterUsage: one record a call, from a container in its buyer's account, and deadlines of six hours.

jest.setTimeout(300_000);

/** What AWS says of one request for a reason that may pass. */
const REFUSALS = [
  'InvalidTagException',
  'InvalidUsageAllocationsException',
  'TimestampOutOfBoundsException',
  'ValidationException',
];
const PASSING = [
  'an HTTP 400 that no model lists',
  'a proxy’s 413',
  'a proxy’s 407',
  'an HTML page with 200, after the effect',
  'an HTML page with 502',
  'an empty body with 200',
  'lists that are none',
];
const KINDS: typeof STRANGE_ANSWERS = [
  ...STRANGE_ANSWERS.filter(([answer]) => PASSING.includes(answer)),
  ...REFUSALS.map((name): (typeof STRANGE_ANSWERS)[number] => [
    `${name} without a fault of ours`,
    { kind: 'unknownError', name },
  ]),
];

describe('G6 an answer of MeterUsage that nobody has seen', () => {
  it.each(KINDS)('%s, for one run and two hours: told, and all is billed by itself', async (_, fault) => {
    expect(KINDS).toHaveLength(PASSING.length + REFUSALS.length);
    await using world = await InstalledWorld.start();
    const pod = await world.pod();
    await world.at('08:30', { works: false });
    await pod.record(3);
    const once = world.simulator.faults.add({ operation: 'MeterUsage', count: 1, ...fault });
    await world.at('09:10');
    await world.at('09:20');
    expect(once.hits).toBe(1);
    await pod.record(2);
    const strange = world.simulator.faults.add({ operation: 'MeterUsage', ...fault });
    for (const time of ['10:10', '10:40', '11:10', '11:40', '12:10']) await world.at(time);
    expect(strange.hits).toBeGreaterThan(0);
    expect((await world.alerts()).filter((kind) => ['unanswered', 'blocked', 'setupError'].includes(kind))).not.toEqual(
      [],
    );
    strange.remove();
    for (const time of ['12:20', '12:40', '13:10', '13:40']) await world.at(time);
    await world.expectAllBilled();
    expect(world.billed).toBe(5);
    expect(await world.alerts()).toEqual([]);
  });
});
