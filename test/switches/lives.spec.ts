import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { type Agreement, defaultSwitches, type Switches, switchValues } from 'aws-marketplace-simulator';
import { DIMENSIONS, PRODUCT_CODE } from '../support/ledger-harness.js';
import { LEGACY_CODE, LifeWorld } from '../support/life-world.js';

// Whole lives under every reading of what AWS's messages look like and of what a renewal, a replacement and a conversion bring: whatever the reading, all that
// was used is billed once. The readings of the API itself are in money.spec.ts.

const READINGS: readonly (keyof Switches)[] = [
  ...([
    'renewalLicense',
    'replacementLicense',
    'trialConversion',
    'usageLicenseUpdated',
    'eventLicenseArn',
    'licenseEventOfferId',
  ] as const),
  ...([
    'endedEventOffer',
    'openEndInEvents',
    'directResaleAuthorization',
    'eventRequestId',
    'unknownEventFields',
    'snsSignatureVersion',
  ] as const),
  ...(['finalHourOpenedBy', 'deprovisionedAfterMs', 'initialEventsOrder', 'endedOfFollowed', 'previousAgreementInEvents'] as const),
];
const CASES = READINGS.flatMap((name) =>
  switchValues[name].slice(1).map((value) => [`${name} = ${String(value)}`, { [name]: value }] as const),
);

jest.setTimeout(60_000);

let world: LifeWorld;
beforeAll(async () => {
  world = await LifeWorld.start();
});
afterAll(() => world.stop());

it.each([['the defaults', {}] as const, ...CASES])('%s: what was used in a life is billed once', async (_, reading) => {
  const { harness } = world;
  const { simulator } = harness;
  simulator.setSwitches({ ...defaultSwitches, ...reading });
  const before = (await world.accounts()).metered ?? 0;
  const recordedBefore = world.recorded;
  const arrive = async (agreement: Agreement) => ({ agreement, id: await harness.register(agreement) });
  const use = async (...ids: string[]): Promise<void> => {
    for (const subscriptionId of ids) {
      for (const dimension of DIMENSIONS) await world.record({ subscriptionId, dimension, quantity: 3, occurredAt: harness.clock.now() });
    }
  };

  const trial = await arrive(simulator.subscribe({ productCode: PRODUCT_CODE, freeTrial: true }));
  const renewing = await arrive(simulator.subscribe({ productCode: PRODUCT_CODE }));
  const replaced = await arrive(simulator.subscribe({ productCode: PRODUCT_CODE }));
  const legacy = await arrive(simulator.subscribe({ productCode: LEGACY_CODE }));
  await use(trial.id, renewing.id, replaced.id, legacy.id);
  await world.pass(1);
  await use(trial.id, renewing.id, replaced.id, legacy.id);
  const next = [simulator.convertTrial(trial.agreement), simulator.renew(renewing.agreement), simulator.replace(replaced.agreement)];
  await world.pass(0.5);
  const living = await Promise.all(next.map(arrive));
  await world.pass(0.5);
  await use(...living.map(({ id }) => id), legacy.id);
  // What an old license could not take reaches its successor when nothing is taken any more by any reading.
  await world.pass('finalHourOpenedBy' in reading ? 2.5 : 1);
  for (const { agreement } of [...living, legacy]) simulator.cancel(agreement);
  await use(legacy.id);
  await world.pass(3);

  const accounted = await world.accounts();
  expect((accounted.metered ?? 0) - before).toBe(world.recorded - recordedBefore);
});
