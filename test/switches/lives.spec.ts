import { expect, it, jest } from '@jest/globals';
import { type Switches, switchValues } from 'aws-marketplace-simulator';
import { type Buyer } from '../support/buyer.js';
import { DIMENSIONS, LEGACY_CODE, World } from '../support/world.js';

// Whole lives under every reading of what AWS's messages look like and of what a renewal, a replacement and a
// conversion bring: whatever the reading, all that was used is billed once. The readings of the API itself are in
// money.spec.ts.

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
  ...([
    'finalHourOpenedBy',
    'deprovisionedAfterMs',
    'initialEventsOrder',
    'endedOfFollowed',
    'renewedFrom',
    'previousAgreementInEvents',
  ] as const),
];
const CASES = READINGS.flatMap((name) =>
  switchValues[name].slice(1).map((value) => [`${name} = ${String(value)}`, { [name]: value }] as const),
);

jest.setTimeout(60_000);

it.each([['the defaults', {}] as const, ...CASES])('%s: what was used in a life is billed once', async (_, reading) => {
  const world = await World.start({ simulator: { switches: reading } });
  try {
    const trial = await world.join('trial', { freeTrial: true });
    const renewing = await world.join('renewing');
    const replaced = await world.join('replaced');
    const legacy = await world.join('legacy', { productCode: LEGACY_CODE });
    const buyers = [trial, renewing, replaced, legacy];
    const use = async (...users: Buyer[]): Promise<void> => {
      for (const buyer of users)
        for (const dimension of DIMENSIONS) await buyer.use(3, { dimension, occurredAt: world.now() });
    };
    await use(...buyers);
    await world.pass(1);
    await use(...buyers);
    trial.convertTrial();
    renewing.renew();
    replaced.replace();
    await world.pass(1);
    await use(...buyers);
    await world.pass(2.5);
    for (const buyer of buyers) buyer.cancel();
    await world.pass(3);
    const { billed = {}, ...elsewhere } = await world.expectConserved();
    expect(elsewhere).toEqual({});
    expect(Object.values(billed).reduce((sum, units) => sum + units, 0)).toBe(world.recorded);
    expect(world.told('subscription.converted')).toHaveLength(1);
  } finally {
    await world.stop();
  }
});
