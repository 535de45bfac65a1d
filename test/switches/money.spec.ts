import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type PresetName, presets, type Switches, switchValues } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { buyerOf, grainOfLine } from '../support/market.js';
import { LEGACY_CODE, World } from '../support/world.js';

/** Seconds for all of it, on two cores that do nothing but this and lives.spec.ts. */
const BUDGET_S = 240;
/** The last evening of a month, between two hours. */
const EVENING = new Date('2026-11-30T19:20:00Z');
const operation = 'BatchMeterUsage';
const begun = performance.now();

/** Readings that reach no seller's meter, each with what it is about instead. */
const ELSEWHERE: Partial<Record<keyof Switches, string>> = {
  // AWS would take usage of a dimension that the product lacks, say Success and bill nothing: no answer tells. Only a
  // bill does.
  unknownDimension: 'a listing that lacks a dimension, which the API would hide',
  emptyEntitlementPages: 'GetEntitlements',
  entitlementsAfterMs: 'GetEntitlements',
  entitlementChangesAfterMs: 'GetEntitlements',
  entitlementsAwayAtRenewalMs: 'GetEntitlements',
  entitlementExpiration: 'GetEntitlements',
  emptyEntitlements: 'GetEntitlements',
  meterUsageWindowHours: 'MeterUsage',
  entitlementCheck: 'MeterUsage',
  meterUsageFrom: 'MeterUsage',
  dryRunAnswer: 'MeterUsage',
  dryRunRefusal: 'MeterUsage',
  dryRunChecks: 'MeterUsage',
  newClientToken: 'MeterUsage',
  agentCoreTags: 'MeterUsage',
  eksRegions: 'MeterUsage',
  unsupportedCredentials: 'MeterUsage and RegisterUsage',
  containerTimeFrom: 'RegisterUsage',
  signatureClaims: 'RegisterUsage',
  publicKeyVersionClaim: 'RegisterUsage',
  publicKeyBits: 'RegisterUsage',
  registerUsageErrors: 'RegisterUsage',
  cloudTrailEventSource: 'CloudTrail',
  cloudTrailDelayMs: 'CloudTrail',
  cloudTrailDelaySpreadMs: 'CloudTrail',
  cloudTrailAccountId: 'CloudTrail',
  cloudTrailLicenseArn: 'CloudTrail',
  cloudTrailTimestamps: 'CloudTrail',
  cloudTrailErrors: 'CloudTrail',
  cloudTrailOmittedAs: 'CloudTrail',
  cloudTrailUnknownMembers: 'CloudTrail',
  cloudTrailPageMax: 'CloudTrail',
  cloudTrailTokenLifetimeMs: 'CloudTrail',
  renewalLicense: 'lives.spec.ts',
  replacementLicense: 'lives.spec.ts',
  trialConversion: 'lives.spec.ts',
  futureCreated: 'agreements signed ahead',
  futureLicenseUpdated: 'agreements signed ahead',
  initialEventsOrder: 'lives.spec.ts',
  endedOfFollowed: 'lives.spec.ts',
  renewedFrom: 'lives.spec.ts',
  trialTerms: 'the Agreement API',
  convertedTrialTerm: 'the Agreement API',
  endedTerms: 'a cancelled trial',
  cancelledEndTime: 'undated-answers.spec.ts',
  endedUpdateTime: 'undated-answers.spec.ts',
  searchIndexDelayMs: 'the Agreement API',
  agreementTermsDelayMs: 'undated-answers.spec.ts',
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
    .map((reading): Reading => ({
      ...reading,
      name: `${reading.name}, aws.identicalResend = success`,
      identicalResend: 'success',
    }));
  return [...whole, ...told, ...single];
}

let world: World;

afterEach(() => world.stop());

const at = (text: string): Date => new Date(text);

async function until(moment: string, rounds = 8): Promise<void> {
  world.clock.set(at(moment));
  await world.hear();
  await world.run('reconcile');
  await world.work(rounds);
  await world.run('deadline');
  await world.expectBalanced();
}

/** Compares what stayed unknown with the bill, as an operator does with CloudTrail. */
async function audit(): Promise<void> {
  const grains = new Map(world.simulator.bill().map((line) => [grainOfLine(world.simulator, line), line]));
  const unknown = await world.database.query<{
    id: string;
    product_code: string;
    license_arn: string | null;
    account: string | null;
    customer: string | null;
    dimension: string;
    hour: Date;
  }>(
    `SELECT r.id, r.product_code, i.license_arn, i.customer_aws_account_id AS account, i.customer_identifier AS
      customer, r.dimension, r.hour
     FROM marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id
       WHERE r.state = 'unknown'`,
  );
  for (const record of unknown) {
    const {
      product_code: productCode,
      license_arn: licenseArn,
      account: accountId,
      customer: customerIdentifier,
    } = record;
    const buyer = buyerOf(world.simulator, { licenseArn, accountId, customerIdentifier });
    const line = grains.get(`${productCode} ${buyer} ${record.dimension} ${record.hour.toISOString()}`);
    const finding = line
      ? { found: { meteringRecordId: line.meteringRecordId } }
      : { absentWithFullCoverage: true as const };
    await world.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
  }
}

describe.each(readings())('$name', ({ preset, switches, identicalResend }) => {
  beforeEach(async () => {
    world = await World.start({
      startAt: EVENING,
      simulator: { preset, switches },
      options: { aws: { identicalResend } },
    });
  });

  it('every unit is billed once, or stands in the ledger with the reason why it is not', async () => {
    const { simulator } = world;
    const steady = await world.join('steady');
    const leaving = await world.join('leaving');
    const gone = await world.join('gone');
    const legacy = await world.join('legacy', { productCode: LEGACY_CODE });
    const everybody = [steady, leaving, gone, legacy];

    // A first hour, its answer lost after AWS took it, and sent again exactly as it was.
    for (const buyer of everybody) await buyer.use('7.25');
    await steady.use('3', { dimension: 'storage' });
    simulator.faults.add({ kind: 'resetAfter', operation, count: 1 });
    await until('2026-11-30T20:15:00Z');

    // Usage of that hour that comes late, and a correction.
    await steady.use('2.5', { occurredAt: at('2026-11-30T19:40:00Z'), tags: { team: 'blue', 'cost center': '7' } });
    await legacy.use('1', { occurredAt: at('2026-11-30T19:50:00Z') });
    await steady.use('-1', { dimension: 'storage', reason: 'counted twice' });
    for (const buyer of everybody) await buyer.use('4', { dimension: 'storage' });
    simulator.faults.add({ kind: 'throttle', operation, count: 2 });
    simulator.faults.add({ kind: 'unprocessed', operation, count: 1, afterEffect: { dimension: 'storage' } });
    await until('2026-11-30T21:15:00Z');

    // One buyer leaves, and the word of it is late: in the next hour their record is the bad one among good ones.
    world.mailbox.hold();
    simulator.end(gone.agreement, { at: at('2026-11-30T21:10:00Z') });
    for (const buyer of everybody) await buyer.use('5');
    simulator.faults.add({ kind: 'error500After', operation, count: 1 });
    await until('2026-11-30T22:15:00Z');
    for (const buyer of everybody) await buyer.use('6', { dimension: 'storage' });
    simulator.faults.add({ kind: 'truncateResults', operation, count: 1, drop: 2 });
    await until('2026-11-30T23:15:00Z');

    // AWS is out over the end of the month, and back before its last call.
    for (const buyer of everybody) await buyer.use('11');
    const outage = simulator.faults.add({ kind: 'resetBefore', operation });
    for (const moment of ['2026-12-01T00:15:00Z', '2026-12-01T04:15:00Z']) await until(moment, 2);
    for (const buyer of everybody) await buyer.use('2');
    outage.remove();
    await until('2026-12-01T05:15:00Z');
    await until('2026-12-01T06:30:00Z');

    // Now we hear of the buyer who left.
    await world.mailbox.release();

    // A buyer cancels, and we know at once: the running hour goes at once.
    await leaving.use('13');
    leaving.cancel();
    await until('2026-12-01T06:31:00Z');
    simulator.suspend(steady.agreement);
    await steady.use('9');
    await until('2026-12-01T07:45:00Z');
    simulator.reinstate(steady.agreement);

    // All is well again: what is open goes out, ends at its deadline, or is settled by an audit.
    for (let day = 2; day <= 5; day += 1) {
      await world.work();
      await world.expireLeases();
      await world.run('recovery', 'reconcile');
      await until(`2026-12-0${day}T10:00:00Z`);
      await audit();
    }
    await world.turn();

    const { records = {}, waiting = {} } = await world.expectConserved();
    expect(Object.keys(records).filter((name) => !/^(held|owed|setApart)/.test(name))).toEqual([]);
    expect(waiting).toEqual({});
    expect(
      await world.database.query(`SELECT * FROM marketplace.alert WHERE kind IN ('conflict', 'overBilled')`),
    ).toEqual([]);
    const billed = new Set(simulator.bill().map(({ agreementId }) => agreementId));
    expect(
      everybody.filter(({ agreement }) => !billed.has(agreement.agreementId)).map(({ tenantId }) => tenantId),
    ).toEqual([]);
    // Whoever stays owes less than a unit to be billed later; what is held is held of those who left.
    const left = [leaving.subscriptionId, gone.subscriptionId];
    const held = await world.records<{ subscription_id: string | null }>(
      `state = 'closed' AND disposition <> 'annulled' AND quantity <> 0`,
    );
    expect(held.filter(({ subscription_id: id }) => id !== null && !left.includes(id))).toEqual([]);
    expect(await world.database.query(`SELECT * FROM marketplace.balance WHERE carry >= 1`)).toEqual([]);
  });
});

describe('the readings', () => {
  it('are those of every switch that touches metering', () => {
    for (const name of Object.keys(ELSEWHERE)) expect(switchValues).toHaveProperty([name]);
    expect(readings().length).toBeGreaterThan(30);
  });
});

afterAll(() => {
  process.stdout.write(
    `${readings().length} readings in ${Math.round((performance.now() - begun) / 1000)} s, of ${BUDGET_S} s\n`,
  );
});
