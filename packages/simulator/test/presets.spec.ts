import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ResolveCustomerCommand } from '@aws-sdk/client-marketplace-metering';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defaultSwitches, presets, type Switches, switchValues } from '../src/index.js';
import { errorNameOf } from './marketplace-client.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const names = Object.keys(defaultSwitches) as (keyof Switches)[];

describe('switchValues', () => {
  it('lists several values of every switch, the default first, none twice', () => {
    for (const name of names) {
      const values: readonly unknown[] = switchValues[name];
      expect([name, values[0], values.length > 1, new Set(values).size]).toEqual([
        name,
        defaultSwitches[name],
        true,
        values.length,
      ]);
    }
  });

  it('holds no switch without a test that sets it', () => {
    const specs = readdirSync(import.meta.dirname).filter(
      (file) => file.endsWith('.spec.ts') && file !== 'presets.spec.ts',
    );
    const text = specs.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')).join('\n');
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });
});

describe('presets', () => {
  it('are whole sets of listed readings, strict being the defaults', () => {
    expect(presets.strict).toEqual(defaultSwitches);
    for (const preset of Object.values(presets)) {
      for (const name of names) expect(switchValues[name] as readonly unknown[]).toContain(preset[name]);
    }
  });

  it('are played from the start, under the switches given besides', async () => {
    const { sim } = await startMarketplace({ preset: 'chaos', switches: { resultOrder: 'reversed' } });
    expect(sim.switches).toEqual({ ...presets.chaos, resultOrder: 'reversed' });
    expect((await startMarketplace()).sim.switches).toEqual(presets.strict);
    sim.setSwitches(presets.lenient);
    expect(sim.switches).toEqual(presets.lenient);
  });

  it.each([
    ['strict', 'InvalidLicenseException', 'Success', 'TimestampOutOfBoundsException', 'no error'],
    ['lenient', 'Success CustomerNotSubscribed', 'Success', 'Success', 'no error'],
    ['chaos', 'InvalidLicenseException', 'DuplicateRecord', 'TimestampOutOfBoundsException', 'ExpiredTokenException'],
  ] as const)('%s', async (preset, badLicense, resend, late, token) => {
    const { sim, client, agreement, record, outcome } = await startMetering({ preset });
    const unknown = { LicenseArn: 'arn:aws:license-manager::111122223333:license:l-unknown' };
    expect(await outcome(record(), record(unknown))).toBe(badLicense);
    await outcome(record());
    expect(await outcome(record())).toBe(resend);
    expect(await outcome(record({ Timestamp: new Date(noon.getTime() - 24.25 * hourMs) }))).toBe(late);
    const RegistrationToken = sim.registrationToken(agreement);
    await client.send(new ResolveCustomerCommand({ RegistrationToken }));
    expect(await errorNameOf(client.send(new ResolveCustomerCommand({ RegistrationToken })))).toBe(token);
  });
});
