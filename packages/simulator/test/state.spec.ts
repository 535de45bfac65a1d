import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  BatchMeterUsageCommand,
  type MarketplaceMeteringClient,
  ResolveCustomerCommand,
} from '@aws-sdk/client-marketplace-metering';
import {
  type Agreement,
  MarketplaceSimulator,
  type ScenarioInput,
  type SimulatorOptions,
  VirtualClock,
} from '../src/index.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { noon } from './simulated-marketplace.js';

const folder = mkdtempSync(path.join(tmpdir(), 'simulator-state-'));
const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function start(
  options: SimulatorOptions = {},
): Promise<{ sim: MarketplaceSimulator; client: MarketplaceMeteringClient }> {
  const clock = new VirtualClock({ startAt: noon, rate: 0 });
  const sim = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...options });
  const client = meteringClient(sim.url);
  stops.push(async () => {
    client.destroy();
    await sim.stop();
  });
  return { sim, client };
}

function usage({ licenseArn, accountId }: Agreement, hour: number, Quantity: number): BatchMeterUsageCommand {
  const record = { Timestamp: new Date(Date.UTC(2026, 10, 18, hour)), Dimension: 'users', Quantity };
  return new BatchMeterUsageCommand({
    UsageRecords: [{ ...record, LicenseArn: licenseArn, CustomerAWSAccountId: accountId }],
  });
}

/** A story in two halves; what it meant to its clients is the same with or without a break between them. */
async function firstHalf(sim: MarketplaceSimulator, client: MarketplaceMeteringClient) {
  sim.createProduct({ productCode: 'maple', dimensions: ['users'] });
  sim.createProduct({ productCode: 'oak', dimensions: ['users'], identity: 'legacy' });
  const subscription = { startsAt: new Date('2026-11-01T00:00:00Z'), endsAt: new Date('2026-11-18T14:00:00Z') };
  const agreement = sim.subscribe({
    productCode: 'maple',
    ...subscription,
    entitlements: [{ dimension: 'users', value: 3, expiresAt: noon }],
  });
  const legacy = sim.subscribe({ productCode: 'oak' });
  const token = sim.registrationToken(agreement);
  sim.setSwitches({ identicalResend: 'duplicateRecord', resultOrder: 'shuffled' });
  await client.send(usage(agreement, 0, 3));
  sim.faults.add({ kind: 'throttle', probability: 0.4, when: { dimension: 'users' } });
  await errorNameOf(client.send(usage(agreement, 10, 5)));
  sim.faults.add({ kind: 'resetAfter', probability: 0.5 });
  const outcomes = [];
  for (let hour = 1; hour <= 6; hour += 1) outcomes.push(await errorNameOf(client.send(usage(agreement, hour, hour))));
  return { agreement, legacy, token, outcomes };
}

async function secondHalf(
  sim: MarketplaceSimulator,
  client: MarketplaceMeteringClient,
  { agreement, legacy, token }: Awaited<ReturnType<typeof firstHalf>>,
) {
  const outcomes = [];
  for (let hour = 3; hour <= 11; hour += 1) outcomes.push(await errorNameOf(client.send(usage(agreement, hour, hour))));
  sim.faults.clear();
  const again = await client.send(usage(agreement, 0, 3));
  const resolved = await client.send(new ResolveCustomerCommand({ RegistrationToken: token }));
  sim.clock.advance(3 * 3_600_000);
  const { customerIdentifier } = sim.subscribe({ productCode: 'oak', accountId: legacy.accountId });
  return {
    outcomes,
    again: again.Results?.map(({ Status }) => Status),
    resolved: resolved.LicenseArn,
    customerIdentifier,
    bill: sim.bill(),
    agreements: sim.agreements(),
    calls: sim.calls().map((call) => ({ ...call, wallAt: undefined })),
    messages: sim.notifications.messages(),
    hits: sim.faults.hits(),
    switches: { ...sim.switches },
    now: sim.clock.now(),
    newAgreement: sim.subscribe({ productCode: 'maple' }),
  };
}

describe('a snapshot', () => {
  it('is JSON, and the world goes on from it as if nothing had been between', async () => {
    const { sim, client } = await start();
    const middle = await firstHalf(sim, client);
    const snapshot = sim.snapshot();
    const text = JSON.stringify(snapshot);
    expect(JSON.parse(text)).toEqual(snapshot);
    const uninterrupted = await secondHalf(sim, client, middle);
    expect(uninterrupted.again).toEqual(['DuplicateRecord']);
    expect(uninterrupted.resolved).toBe(middle.agreement.licenseArn);
    expect(uninterrupted.outcomes).toContain('ThrottlingException');

    const other = await start({ seed: 2, clock: new VirtualClock() });
    other.sim.restore(JSON.parse(text) as typeof snapshot);
    expect(await secondHalf(other.sim, other.client, middle)).toEqual(uninterrupted);
  });

  it('shares nothing with the world it was taken of', async () => {
    const { sim, client } = await start();
    const { agreement, token } = await firstHalf(sim, client);
    const text = JSON.stringify(sim.snapshot());
    const snapshot = sim.snapshot();
    sim.restore(snapshot);
    sim.faults.clear();
    await client.send(new ResolveCustomerCommand({ RegistrationToken: token }));
    await client.send(usage(agreement, 9, 9));
    sim.suspend(agreement);
    expect(JSON.stringify(snapshot)).toBe(text);
  });

  it('is without faults whose predicates are functions', async () => {
    const { sim } = await start();
    sim.faults.add({ kind: 'throttle', when: () => true });
    sim.faults.add({ kind: 'unprocessed', subset: () => true });
    sim.faults.add({ kind: 'hang' });
    const other = await start();
    other.sim.restore(sim.snapshot());
    expect(other.sim.faults.list().map(({ fault }) => fault.kind)).toEqual(['hang']);
    expect(other.sim.faults.add({ kind: 'throttle' }).id).not.toBe(sim.faults.list()[2]?.id);
  });

  it('of the start is where reset leads', async () => {
    const { sim, client } = await start({ switches: { finalHour: 'refused' } });
    const empty = sim.snapshot();
    const story = await firstHalf(sim, client);
    sim.clock.advance(1);
    sim.reset();
    expect(sim.snapshot()).toEqual(empty);
    // The seed begins again, too.
    const again = await firstHalf(sim, client);
    expect(again.token).toBe(story.token);
    expect(again.outcomes).toEqual(story.outcomes);
  });
});

describe('a state file', () => {
  it('holds what every client was told', async () => {
    const stateFile = path.join(folder, 'told.json');
    const { sim, client } = await start({ stateFile });
    const middle = await firstHalf(sim, client);
    // The file as it lies there, without a last word from the first simulator.
    const other = await start({ stateFile: copied(stateFile) });
    expect(other.sim.bill()).toEqual(sim.bill());
    expect(other.sim.snapshot()).toEqual(sim.snapshot());
    other.sim.faults.clear();
    const resolved = await other.client.send(new ResolveCustomerCommand({ RegistrationToken: middle.token }));
    expect(resolved.LicenseArn).toBe(middle.agreement.licenseArn);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('holds what time brought about, too', async () => {
    const stateFile = path.join(folder, 'time.json');
    const { sim } = await start({ stateFile });
    sim.createProduct({ productCode: 'maple', dimensions: ['users'] });
    const agreement = sim.subscribe({ productCode: 'maple', endsAt: new Date(noon.getTime() + 60_000) });
    sim.clock.advance(60_000);
    for (const deadline = Date.now() + 10_000; !readFileSync(stateFile, 'utf8').includes('"EXPIRED"');) {
      if (Date.now() > deadline) throw new Error('the end of the agreement was never written');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await start({ stateFile: copied(stateFile) })).sim.agreement(agreement).status).toBe('EXPIRED');
  });

  it('is written by calls at once without one undoing the other', async () => {
    const stateFile = path.join(folder, 'crowd.json');
    const { sim, client } = await start({ stateFile });
    sim.createProduct({ productCode: 'maple', dimensions: ['users'] });
    const agreement = sim.subscribe({ productCode: 'maple', startsAt: new Date('2026-11-01T00:00:00Z') });
    await Promise.all(Array.from({ length: 12 }, (_, hour) => client.send(usage(agreement, hour, 1))));
    expect((await start({ stateFile: copied(stateFile) })).sim.bill()).toHaveLength(12);
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -10), 'cut off'],
    ['empty', () => '', 'cut off'],
    ['edited', (text: string) => text.replace('"quantity":5', '"quantity":6'), 'digest'],
    [
      'of another version',
      (text: string) => text.replace('"version":2', '"version":99'),
      'version 99, and this simulator reads version 2',
    ],
    ['something else', () => '{"name":"package"}', 'not a state of the marketplace simulator'],
  ])('that is %s is refused and left alone', async (_, damage, reason) => {
    const stateFile = path.join(folder, 'damaged.json');
    rmSync(stateFile, { force: true });
    const { sim, client } = await start({ stateFile });
    sim.createProduct({ productCode: 'maple', dimensions: ['users'] });
    await client.send(usage(sim.subscribe({ productCode: 'maple', startsAt: new Date('2026-11-01T00:00:00Z') }), 5, 5));
    await sim.stop();
    const damaged = damage(readFileSync(stateFile, 'utf8'));
    writeFileSync(stateFile, damaged);
    await expect(MarketplaceSimulator.start({ stateFile })).rejects.toThrow(reason);
    await expect(MarketplaceSimulator.start({ stateFile })).rejects.toThrow('Move it away');
    expect(readFileSync(stateFile, 'utf8')).toBe(damaged);
    rmSync(stateFile);
  });

  it('that cannot be written leaves the client without an answer', async () => {
    const where = mkdtempSync(path.join(folder, 'gone-'));
    const { sim, client } = await start({ stateFile: path.join(where, 'state.json') });
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    rmSync(where, { recursive: true });
    sim.createProduct({ productCode: 'maple', dimensions: ['users'] });
    const agreement = sim.subscribe({ productCode: 'maple', startsAt: new Date('2026-11-01T00:00:00Z') });
    await expect(client.send(usage(agreement, 5, 5))).rejects.toThrow();
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('could not be written'));
    stops.splice(0);
    client.destroy();
    await expect(sim.stop()).rejects.toThrow('ENOENT');
    warned.mockRestore();
  });
});

describe('a scenario', () => {
  const scenario = {
    clock: { startAt: '2026-11-18T12:00:00Z', rate: 0 },
    preset: 'lenient' as const,
    switches: { identicalResend: 'duplicateRecord' as const },
    products: [{ productCode: 'maple', dimensions: ['users'] }],
    agreements: [
      {
        name: 'acme',
        productCode: 'maple',
        accountId: '012345678901',
        freeTrial: true,
        startsAt: '2026-11-01T00:00:00Z',
      },
    ],
    faults: [{ kind: 'throttle' as const, count: 1 }],
    steps: [
      { at: '+PT1H', do: 'convertTrial' as const, agreement: 'acme' },
      { at: '+PT2H', do: 'suspend' as const, agreement: 'acme' },
      { at: '2026-11-18T15:00:00Z', do: 'reinstate' as const, agreement: 'acme' },
      {
        at: '+PT4H',
        do: 'setEntitlements' as const,
        agreement: 'acme',
        entitlements: [{ dimension: 'users', value: 7 }],
      },
      { at: '+PT5H', do: 'renew' as const, agreement: 'acme' },
      { at: '+PT6H', do: 'amend' as const, agreement: 'acme', change: { endsAt: '2026-12-24T00:00:00Z' } },
      { at: '+PT7H', do: 'subscribe' as const, subscription: { name: 'birch', productCode: 'maple', accountId: '1' } },
      { at: '+PT8H', do: 'replace' as const, agreement: 'birch' },
      { at: '+PT9H', do: 'cancel' as const, agreement: 'birch' },
      { at: '+PT10H', do: 'cancel' as const, agreement: 'birch' },
      { at: '+PT11H', do: 'end' as const, agreement: 'acme', endsAt: '2026-11-19T00:00:00Z' },
      { at: '+PT11H', do: 'setPreset' as const, preset: 'chaos' as const },
      { at: '+PT12H', do: 'setSwitches' as const, switches: { finalHour: 'accepted' as const } },
      { at: '+PT12H', do: 'addFault' as const, fault: { kind: 'hang' as const } },
      { at: '+PT13H', do: 'clearFaults' as const },
      { at: '+PT14H', do: 'setRate' as const, rate: 7 },
    ],
  };
  const hours = (sim: MarketplaceSimulator, count: number) => {
    sim.clock.advance(count * 3_600_000);
  };

  it('begins at its moment to the millisecond where the clock ran before', async () => {
    class SlowlySet extends VirtualClock {
      override set(date: Date): void {
        super.set(date);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
      }
    }
    const { sim } = await start({ clock: new SlowlySet(), scenario });
    expect(sim.clock.now()).toEqual(new Date('2026-11-18T12:00:00Z'));
    hours(sim, 2);
    expect(sim.agreements()).toMatchObject([{ suspended: true, updatedAt: new Date('2026-11-18T14:00:00Z') }]);
  });

  it('sets the scene, and each step comes at its moment; one that is refused is told, and the others come', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { sim } = await start({ scenario });
    const acme = () =>
      sim
        .agreements()
        .filter(({ accountId }) => accountId === '012345678901')
        .at(-1);
    const birch = () =>
      sim
        .agreements()
        .filter(({ accountId }) => accountId === '1')
        .map(({ status }) => status);
    expect(sim.clock.now()).toEqual(new Date('2026-11-18T12:00:00Z'));
    expect(sim.switches).toMatchObject({ identicalResend: 'duplicateRecord', badLicense: 'perRecord' });
    expect(sim.faults.list()).toMatchObject([{ fault: { kind: 'throttle', count: 1 } }]);
    expect(acme()).toMatchObject({ freeTrial: true });
    hours(sim, 1.5);
    expect(acme()).toMatchObject({ freeTrial: false, suspended: false });
    hours(sim, 1);
    expect(acme()).toMatchObject({ suspended: true, updatedAt: new Date('2026-11-18T14:00:00Z') });
    hours(sim, 2);
    expect(acme()).toMatchObject({
      suspended: false,
      entitlements: [{ value: 7 }],
      updatedAt: new Date('2026-11-18T16:00:00Z'),
    });
    hours(sim, 2);
    expect(acme()).toMatchObject({ intent: 'RENEW', endsAt: new Date('2026-12-24T00:00:00Z') });
    hours(sim, 1);
    expect(birch()).toEqual(['ACTIVE']);
    hours(sim, 1);
    expect(birch()).toEqual(['REPLACED', 'ACTIVE']);
    hours(sim, 3);
    expect(birch()).toEqual(['REPLACED', 'CANCELLED']);
    expect(acme()).toMatchObject({ endsAt: new Date('2026-11-19T00:00:00Z') });
    expect(sim.switches).toMatchObject({ finalHour: 'refused', errorType: 'namespaced' });
    hours(sim, 1);
    expect(sim.switches.finalHour).toBe('accepted');
    expect(sim.faults.list()).toHaveLength(2);
    hours(sim, 1);
    expect([sim.faults.list(), sim.clock.rate]).toEqual([[], 0]);
    hours(sim, 1);
    expect(sim.clock.rate).toBe(7);
    warned.mockRestore();
    expect(() => JSON.stringify(sim.snapshot())).not.toThrow();
  });

  it('goes on from a state file where it was, and not from the beginning', async () => {
    const stateFile = path.join(folder, 'scenario.json');
    const first = await start({ scenario, stateFile });
    hours(first.sim, 2.5);
    await first.sim.stop();
    const second = await start({ scenario, stateFile });
    expect(second.sim.agreements()).toMatchObject([{ suspended: true }]);
    hours(second.sim, 1);
    expect(second.sim.agreements()).toMatchObject([{ suspended: false }]);
    await second.sim.stop();
    const other = { ...scenario, description: 'another one' };
    await expect(start({ scenario: other, stateFile })).rejects.toThrow('another scenario');
  });

  it('begins anew after a reset', async () => {
    const { sim } = await start({ scenario });
    const [first] = sim.agreements();
    hours(sim, 2);
    sim.reset();
    expect(sim.agreements()).toEqual([first]);
    hours(sim, 2);
    expect(sim.agreements()).toMatchObject([{ agreementId: first?.agreementId, suspended: true }]);
  });

  it('of the docs plays to its end', async () => {
    const page = readFileSync(new URL('../docs/command.md', import.meta.url), 'utf8');
    const [, json = ''] = /### Scenario\n[^]*?```json\n([^]*?)```/.exec(page) ?? [];
    const { sim } = await start({ scenario: JSON.parse(json) as ScenarioInput });
    sim.clock.advance(12 * 3_600_000);
    expect(sim.agreements()).toMatchObject([{ status: 'CANCELLED', endsAt: new Date('2026-12-01T05:00:00Z') }]);
    expect(sim.faults.list()).toHaveLength(2);
  });

  it('that does not fit is refused with every field', async () => {
    const wrong = {
      products: [{ productCode: 'maple', dimensions: [] }],
      agreements: [{ name: 'acme', productCode: 'oak', accountId: 12 }],
      steps: [
        { at: 'tomorrow', do: 'cancel', agreement: 'acme' },
        { at: '+PT1H', do: 'explode' },
      ],
    };
    const refusal = start({ scenario: wrong as never });
    for (const place of ['products[0].dimensions', 'agreements[0].accountId', 'steps[0].at', 'steps[1].do'])
      await expect(refusal).rejects.toThrow(place);
    const strangers = {
      products: [{ productCode: 'maple', dimensions: ['users'] }],
      agreements: [{ name: 'acme', productCode: 'oak' }],
      steps: [{ at: '+PT1H', do: 'cancel' as const, agreement: 'birch' }],
    };
    await expect(start({ scenario: strangers })).rejects.toThrow(
      'agreements[0].productCode: expected the productCode of one of "products", not "oak"',
    );
    await expect(start({ scenario: strangers })).rejects.toThrow(
      'steps[0].agreement: expected the name of an agreement before it (acme), not "birch"',
    );
  });
});

function copied(file: string): string {
  const copy = `${file}.copy.json`;
  writeFileSync(copy, readFileSync(file));
  return copy;
}
