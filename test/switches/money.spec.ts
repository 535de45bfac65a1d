import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Agreement, type PresetName, presets, type Switches, switchValues } from 'aws-marketplace-simulator';
import { RecordResolution, type UsageEvent } from '../../src/index.js';
import { DIMENSIONS, LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { RecordedUsage } from '../support/recorded-usage.js';

/** Seconds for all of it, on two cores that do nothing but this and lives.spec.ts. */
const BUDGET_S = 240;
const LEGACY = 'larkspur-legacy';
/** The last evening of a month, between two hours. */
const EVENING = new Date('2026-11-30T19:20:00Z');
const operation = 'BatchMeterUsage';
const begun = performance.now();

/** Readings that reach no seller's meter, each with what it is about instead. */
const ELSEWHERE: Partial<Record<keyof Switches, string>> = {
  // AWS would take usage of a dimension that the product lacks, say Success and bill nothing: no answer tells. Only a bill does.
  unknownDimension: 'a listing that lacks a dimension, which the API would hide',
  emptyEntitlementPages: 'GetEntitlements',
  entitlementsAfterMs: 'GetEntitlements',
  meterUsageWindowHours: 'MeterUsage',
  entitlementCheck: 'MeterUsage',
  unsupportedCredentials: 'MeterUsage and RegisterUsage',
  containerTimeFrom: 'RegisterUsage',
  cloudTrailEventSource: 'CloudTrail',
  cloudTrailDelayMs: 'CloudTrail',
  renewalLicense: 'lives.spec.ts',
  replacementLicense: 'lives.spec.ts',
  trialConversion: 'lives.spec.ts',
  futureCreated: 'agreements signed ahead',
  futureLicenseUpdated: 'agreements signed ahead',
  initialEventsOrder: 'lives.spec.ts',
  endedOfFollowed: 'lives.spec.ts',
  trialTerms: 'the Agreement API',
  convertedTrialTerm: 'the Agreement API',
  searchIndexDelayMs: 'the Agreement API',
  licenseArnFilter: 'the Agreement API',
  resoldAgreement: 'the Agreement API',
  getAgreementTermsPerSecond: 'the Agreement API',
  previousAgreementInEvents: 'lives.spec.ts',
  usageLicenseUpdated: 'lives.spec.ts',
  eventLicenseArn: 'lives.spec.ts',
  licenseEventOfferId: 'lives.spec.ts',
  endedEventOffer: 'lives.spec.ts',
  openEndInEvents: 'lives.spec.ts',
  directResaleAuthorization: 'lives.spec.ts',
  eventRequestId: 'lives.spec.ts',
  unknownEventFields: 'lives.spec.ts',
  snsSignatureVersion: 'lives.spec.ts',
};

interface Reading {
  name: string;
  preset: PresetName;
  switches: Partial<Switches>;
  /** What the seller has told the module of AWS's answer to an identical resend. */
  identicalResend: 'unknown' | 'success';
}

function readings(): Reading[] {
  const names = (Object.keys(switchValues) as (keyof Switches)[]).filter((name) => !(name in ELSEWHERE));
  const single = names.flatMap((name) =>
    switchValues[name].slice(1).map((value): Reading => ({
      name: `${name} = ${String(value)}`,
      ...{ preset: 'strict', switches: { [name]: value }, identicalResend: 'unknown' },
    })),
  );
  const whole = (Object.keys(presets) as PresetName[]).map((preset): Reading => ({
    name: `preset ${preset}`,
    ...{ preset, switches: {}, identicalResend: 'unknown' },
  }));
  // Where AWS does answer Success, a seller may say so.
  const told = whole
    .filter(({ preset }) => presets[preset].identicalResend === 'success')
    .map((reading): Reading => ({ ...reading, name: `${reading.name}, aws.identicalResend = success`, identicalResend: 'success' }));
  return [...whole, ...told, ...single];
}

interface Buyer {
  id: string;
  agreement: Agreement;
}

let harness: LedgerHarness;
let usage: RecordedUsage;
let events = 0;

afterEach(() => harness.stop());

const at = (text: string): Date => new Date(text);

async function use(buyer: Buyer, dimension: string, quantity: string, details: Partial<UsageEvent> = {}): Promise<void> {
  events += 1;
  const event = { subscriptionId: buyer.id, dimension, quantity, occurredAt: harness.clock.now(), idempotencyKey: `event-${events}` };
  await usage.record({ ...event, ...details });
}

async function until(moment: string, rounds = 8): Promise<void> {
  harness.clock.set(at(moment));
  await harness.settle(rounds);
  await harness.run('deadline');
  await harness.expectBalanced();
}

/** Compares what stayed unknown with the bill, as an operator does with CloudTrail. */
async function audit(): Promise<void> {
  const bill = harness.simulator.bill();
  interface Unknown {
    id: string;
    license_arn: string | null;
    customer_identifier: string | null;
    dimension: string;
    hour: Date;
  }
  for (const record of await harness.records<Unknown>("state = 'unknown'")) {
    const line = bill.find(
      (one) =>
        (one.identity === 'license' ? one.licenseArn === record.license_arn : one.customerIdentifier === record.customer_identifier) &&
        one.dimension === record.dimension &&
        one.hour === record.hour.toISOString(),
    );
    const finding = line ? { found: { meteringRecordId: line.meteringRecordId } } : { absentWithFullCoverage: true as const };
    await harness.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
  }
}

describe.each(readings())('$name', ({ preset, switches, identicalResend }) => {
  beforeEach(async () => {
    const products = [
      { productCode: PRODUCT_CODE, dimensions: DIMENSIONS, zeroRecords: 'off' as const },
      { productCode: LEGACY, dimensions: DIMENSIONS, zeroRecords: 'off' as const, identity: 'legacy' as const },
    ];
    harness = await LedgerHarness.start({
      startAt: EVENING,
      simulator: { preset, switches },
      options: { products, aws: { identicalResend } },
    });
    harness.simulator.createProduct({ productCode: LEGACY, dimensions: DIMENSIONS, identity: 'legacy' });
    usage = new RecordedUsage(harness);
  });

  it('every unit is billed once, or stands in the ledger with the reason why it is not', async () => {
    const { simulator } = harness;
    const steady = await harness.subscribe();
    const leaving = await harness.subscribe();
    const gone = await harness.subscribe();
    const legacy = await harness.subscribe(LEGACY);
    const everybody = [steady, leaving, gone, legacy];

    // A first hour, its answer lost after AWS took it, and sent again exactly as it was.
    for (const buyer of everybody) await use(buyer, 'requests', '7.25');
    await use(steady, 'storage', '3');
    simulator.faults.add({ kind: 'resetAfter', operation, count: 1 });
    await until('2026-11-30T20:15:00Z');

    // Usage of that hour that comes late, and a correction.
    await use(steady, 'requests', '2.5', { occurredAt: at('2026-11-30T19:40:00Z'), tags: { team: 'blue', 'cost center': '7' } });
    await use(legacy, 'requests', '1', { occurredAt: at('2026-11-30T19:50:00Z') });
    await use(steady, 'storage', '-1', { reason: 'counted twice' });
    for (const buyer of everybody) await use(buyer, 'storage', '4');
    simulator.faults.add({ kind: 'throttle', operation, count: 2 });
    simulator.faults.add({ kind: 'unprocessed', operation, count: 1, afterEffect: { dimension: 'storage' } });
    await until('2026-11-30T21:15:00Z');

    // One buyer leaves without a word to us: in the next hour their record is the bad one among good ones.
    simulator.end(gone.agreement, { at: at('2026-11-30T21:10:00Z') });
    for (const buyer of everybody) await use(buyer, 'requests', '5');
    simulator.faults.add({ kind: 'error500After', operation, count: 1 });
    await until('2026-11-30T22:15:00Z');
    for (const buyer of everybody) await use(buyer, 'storage', '6');
    simulator.faults.add({ kind: 'truncateResults', operation, count: 1, drop: 2 });
    await until('2026-11-30T23:15:00Z');

    // AWS is out over the end of the month, and back before its last call.
    for (const buyer of everybody) await use(buyer, 'requests', '11');
    const outage = simulator.faults.add({ kind: 'resetBefore', operation });
    for (const moment of ['2026-12-01T00:15:00Z', '2026-12-01T04:15:00Z']) await until(moment, 2);
    for (const buyer of everybody) await use(buyer, 'requests', '2');
    outage.remove();
    await until('2026-12-01T05:15:00Z');
    await until('2026-12-01T06:30:00Z');

    // A buyer cancels, and we know: the running hour goes at once.
    await use(leaving, 'requests', '13');
    simulator.cancel(leaving.agreement);
    await harness.subscriptions.end(leaving.id, harness.clock.now());
    await until('2026-12-01T06:31:00Z');
    simulator.suspend(steady.agreement);
    await use(steady, 'requests', '9');
    await until('2026-12-01T07:45:00Z');
    simulator.reinstate(steady.agreement);

    // Now we hear of the buyer who left without a word.
    await harness.subscriptions.end(gone.id, at('2026-11-30T21:10:00Z'));

    // All is well again: what is open goes out, ends at its deadline, or is settled by an audit.
    for (let day = 2; day <= 5; day += 1) {
      await harness.settle();
      await harness.expireLeases();
      await harness.run('recovery');
      await until(`2026-12-0${day}T10:00:00Z`);
      await audit();
    }
    await harness.settle();

    const byState = await usage.expectAllAccounted();
    expect(Object.keys(byState).filter((state) => !['metered', 'held', 'owed'].includes(state) && byState[state] !== 0)).toEqual([]);
    expect(await harness.database.query(`SELECT * FROM marketplace.alert WHERE kind IN ('conflict', 'overBilled')`)).toEqual([]);
    const billed = new Set(simulator.bill().map(({ agreementId }) => agreementId));
    expect(everybody.filter(({ agreement }) => !billed.has(agreement.agreementId))).toEqual([]);
    // Whoever stays owes less than a unit to be billed later; what is held is held of those who left.
    for (const balance of await harness.metering.balance()) {
      if (balance.subscriptionId === leaving.id || balance.subscriptionId === gone.id) continue;
      expect(balance).toMatchObject({ unassigned: '0' });
      expect([balance.subscriptionId, Number(balance.byState.held ?? 0)]).toEqual([balance.subscriptionId, 0]);
      expect(Number(balance.carry)).toBeLessThan(1);
    }
  });
});

describe('the readings', () => {
  it('are those of every switch that touches metering', () => {
    for (const name of Object.keys(ELSEWHERE)) expect(switchValues).toHaveProperty([name]);
    expect(readings().length).toBeGreaterThan(30);
  });
});

afterAll(() => {
  process.stdout.write(`${readings().length} readings in ${Math.round((performance.now() - begun) / 1000)} s, of ${BUDGET_S} s\n`);
});
