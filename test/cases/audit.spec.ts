import { describe, expect, it, jest } from '@jest/globals';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import {
  audited,
  attemptsOf,
  auditOf,
  expectLedgerConserved,
  giveUp,
  lookups,
  loseTheAnswer,
  otherSystem,
  type RecordRow,
} from './audit-world.js';
import { at, withWorld } from './routes.js';

// K33, K34: CloudTrail as evidence, through the real SDK. Siblings: the same by kind in
// test/metering/settlement/logged-answer.spec.ts; other senders before and after us, with our units and with others.

jest.setTimeout(300_000);

describe('K33 a record whose answer was lost', () => {
  it('is found by the attempt in the user agent, and metered with what AWS wrote down', async () => {
    await withWorld(audited(), async (world) => {
      const { faults } = world.simulator;
      faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      const away = faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      await loseTheAnswer(world);
      // Past the cutoff, and the retries never arrived.
      await world.goTo('2026-11-12T12:30:00Z');
      away.remove();
      const [record] = await world.records<RecordRow>();
      const [line] = world.simulator.bill();
      expect(record).toMatchObject({
        state: 'metered',
        metering_record_id: line?.meteringRecordId,
        closed_by: 'audit',
      });
      const [call] = world.simulator.calls({ operation: 'BatchMeterUsage', fault: 'resetAfter' });
      const attempts = await attemptsOf(world, record!.id);
      expect(attempts[0]).toMatchObject({
        evidence: 'billed',
        decided_by: 'audit',
        metering_record_id: line?.meteringRecordId,
        detail: {
          cloudTrail: {
            ...{ eventId: call?.eventId, requestId: call?.requestId, matchedBy: 'attempt' },
            at: call?.at.toISOString(),
          },
        },
      });
      expect(attempts.slice(1).every(({ evidence }) => evidence === 'uncertain')).toBe(true);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
      // Nothing is open any more: nothing is looked up.
      const before = lookups(world).length;
      await world.pass(3, 1);
      expect(lookups(world)).toHaveLength(before);
      expect(await world.alerts('unknownOutcome')).toEqual([]);
    });
  });

  it('is looked for again, more and more rarely, until the log shows it; two replicas look once', async () => {
    const hours = 3_600_000;
    await withWorld(audited({ simulator: { switches: { cloudTrailDelayMs: 3 * hours } } }), async (world) => {
      const other = await world.addReplica();
      const { faults } = world.simulator;
      faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      await loseTheAnswer(world);
      await giveUp(world);
      const looks: number[] = [];
      const sent = world.simulator.calls({ operation: 'BatchMeterUsage' })[0]!.at.getTime();
      for (let minute = 5; minute <= 245; minute += 5) {
        world.clock.set(new Date(sent + minute * 60_000));
        const before = lookups(world).length;
        await Promise.all([world.runOn(world.app, 'audit'), world.runOn(other, 'audit')]);
        const pages = lookups(world).length - before;
        if (pages > 0) looks.push(minute);
        expect(pages).toBeLessThanOrEqual(1);
        await world.expectBalanced();
      }
      expect(looks).toEqual([15, 30, 60, 120, 180]);
      expect((await world.records<RecordRow>())[0]).toMatchObject({ state: 'metered', quantity: '5' });
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
    });
  });
});

describe('K34 what AWS has in the place of a record', () => {
  // The log shows a Success for both calls, under one id.
  it('two equal records under two names of one buyer, which AWS has taken for one: no second bill is seen in them', async () => {
    const ways = ['eventBridge', 'sns'] as const;
    await withWorld(audited({ ways, lists: [PRODUCT_CODE, LEGACY_CODE] }), async (world) => {
      const buyer = world.sign({ productCode: LEGACY_CODE });
      await world.hear();
      const ids = [...new Set(world.told('subscription.activated').map(({ subscriptionId }) => subscriptionId!))];
      for (const id of ids) await world.record({ subscriptionId: id, quantity: 15 });
      await world.pass(3, 0.25);
      const before = await world.expectConserved();
      expect(before).toMatchObject({ billed: { 'l-1': 15 }, records: { 'blocked conflict': 15 } });
      expect(lookups(world).length).toBeGreaterThan(0);
      await buyer.arrive();
      await buyer.signUp('acme');
      await world.pass(5, 0.25);
      const { billed, ...elsewhere } = await world.expectConserved();
      expect({ billed, elsewhere }).toEqual({ billed: { 'l-1': 30 }, elsewhere: {} });
      for (const kind of ['overBilled', 'auditDoubleBill', 'auditUnknownUsage'] as const)
        expect(await world.alerts(kind)).toEqual([]);
    });
  });

  it('(a) our units from another sender: metered, marked; (b) five where we hold nine: settled at five, four go on', async () => {
    // AWS answers the same units with DuplicateRecord, too.
    const switches = { identicalResend: 'duplicateRecord' } as const;
    await withWorld(audited({ simulator: { switches } }), async (world) => {
      const same = await world.join('same');
      const fewer = await world.join('fewer');
      await world.goTo('2026-11-11T10:20:00Z');
      await same.use(9);
      await fewer.use(9);
      await world.goTo('2026-11-11T11:02:00Z');
      const nine = await otherSystem(world, { ...same.agreement, hour: '2026-11-11T10:00:00Z', quantity: 9 });
      const five = await otherSystem(world, { ...fewer.agreement, hour: '2026-11-11T10:00:00Z', quantity: 5 });
      await world.goTo('2026-11-11T11:15:00Z');
      const states = await world.records<RecordRow>(`quantity = 9`);
      expect(states.map(({ state, reason }) => [state, reason])).toEqual([
        ['blocked', 'conflict'],
        ['blocked', 'conflict'],
      ]);
      expect(await world.alerts('conflict')).toHaveLength(2);
      await world.pass(2);
      const [marked, settled] = await Promise.all(
        [same, fewer].map(async ({ subscriptionId }) => {
          const [record] = await world.records<RecordRow>(`subscription_id = '${subscriptionId}' AND quantity = 9`);
          return record;
        }),
      );
      expect(marked).toMatchObject({
        ...{ state: 'metered', settled_quantity: '9', metering_record_id: nine, closed_by: 'audit' },
      });
      expect(settled).toMatchObject({
        ...{ state: 'metered', settled_quantity: '5', metering_record_id: five, closed_by: 'audit' },
      });
      expect((await attemptsOf(world, settled!.id))[0]).toMatchObject({
        ...{ evidence: 'conflict', decided_by: 'audit', detail: { cloudTrail: { matchedBy: 'content' } } },
      });
      expect(await world.alerts('conflict')).toEqual([]);
      await world.pass(2);
      expect(world.billByHour(fewer.agreement)).toEqual({ '2026-11-11T10': 5, '2026-11-11T11': 4 });
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 9, 'l-2': 9 });
    });
  });

  it('(c) usage that we know nothing of, (d) two identities, (e) two regions: told with both sides, nothing corrected', async () => {
    const switches = { productCodeWithLicenseArn: 'doubleBilled' } as const;
    await withWorld(audited({ simulator: { switches } }), async (world) => {
      const buyer = await world.join('acme');
      const hour = '2026-11-11T10:00:00Z';
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(4);
      await world.goTo('2026-11-11T11:15:00Z');
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 4 });
      const unknown = await otherSystem(world, { ...buyer.agreement, hour, quantity: 7, dimension: 'storage' });
      const abroad = await otherSystem(world, { ...buyer.agreement, hour, quantity: 3 }, 'eu-west-1');
      await otherSystem(
        world,
        { ...buyer.agreement, hour: '2026-11-11T11:00:00Z', quantity: 2 },
        'us-east-1',
        PRODUCT_CODE,
      );
      await world.goTo('2026-11-11T12:15:00Z');
      const before = await world.records<RecordRow>();
      const range = { from: at('2026-11-11T09:00:00Z'), to: at('2026-11-11T13:00:00Z') };
      const report = await auditOf(world).compare({ ...range, regions: ['eu-west-1'] });
      expect(
        report.incidents.map(({ kind, dimension, hour: of }) => [kind, dimension, of.slice(11, 13)]).sort(),
      ).toEqual([
        ['twoIdentities', 'requests', '11'],
        ['twoRegions', 'requests', '10'],
        ['unknownUsage', 'requests', '10'],
        ['unknownUsage', 'requests', '11'],
        ['unknownUsage', 'storage', '10'],
      ]);
      const regions = report.incidents.find(({ kind }) => kind === 'twoRegions');
      expect(
        regions?.taken.map(({ region, units, meteringRecordId }) => [region, units, meteringRecordId]).sort(),
      ).toEqual([
        ['eu-west-1', '3', abroad],
        ['us-east-1', '4', before[0]?.metering_record_id],
      ]);
      expect(report.incidents.find(({ dimension }) => dimension === 'storage')?.taken).toMatchObject([
        { units: '7', meteringRecordId: unknown },
      ]);
      expect(report.totals).toEqual([
        {
          productCode: PRODUCT_CODE,
          dimension: 'requests',
          awsUnits: '9',
          awsRecords: 3,
          ledgerUnits: '4',
          ledgerRecords: 1,
        },
        {
          productCode: PRODUCT_CODE,
          dimension: 'storage',
          awsUnits: '7',
          awsRecords: 1,
          ledgerUnits: '0',
          ledgerRecords: 0,
        },
      ]);
      const kinds = (await world.alerts()).map(({ kind, subject }) => `${kind} ${subject}`);
      expect(kinds.filter((kind) => kind.startsWith('audit'))).toEqual([
        `auditDoubleBill ${PRODUCT_CODE}/requests`,
        `auditUnknownUsage ${PRODUCT_CODE}/requests`,
        `auditUnknownUsage ${PRODUCT_CODE}/storage`,
      ]);
      // The same for operators, as JSON and as a table.
      const ask = async (query: string) =>
        fetch(`${await world.app.getUrl()}/marketplace/admin/audit?${query}`, {
          headers: { authorization: 'Bearer operators-only-0123456789abcdef' },
        });
      const hours = `from=${range.from.toISOString()}&to=${range.to.toISOString()}`;
      const shown = (await (await ask(hours)).json()) as typeof report;
      expect({ ...shown, madeAt: '' }).toEqual({ ...(await auditOf(world).report(range)), madeAt: '' });
      const table = await ask(`${hours}&format=csv`);
      expect(table.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      const lines = (await table.text()).split('\r\n');
      expect(lines[0]).toMatch(/^section,kind,productCode/);
      expect(lines.filter((line) => line.startsWith('incident,'))).toHaveLength(6);
      expect(JSON.stringify(shown) + lines.join()).not.toContain(buyer.accountId);
      for (const wrong of [
        '',
        `${hours}&format=xml`,
        `${hours}&x=1`,
        `${hours}&to=2026-11-11T00:00:00Z`,
        'from=now&to=then',
      ]) {
        const refusal = await ask(wrong);
        expect(await refusal.json()).toMatchObject({ statusCode: 400, errorCode: 'FILTER_INVALID' });
      }
      // Told once, also when it is read again; and not a record is another.
      const told = world.told('alert.raised').length;
      world.clock.advance(2 * 3_600_000);
      await auditOf(world).compare({ ...range, regions: ['eu-west-1'] });
      await world.run('deliver');
      expect(world.told('alert.raised').length - told).toBeLessThanOrEqual(3);
      await auditOf(world).compare({ ...range, regions: ['eu-west-1'] });
      await world.run('deliver');
      expect(
        world.told('alert.raised').filter(({ payload }) => 'kind' in payload && payload.kind.startsWith('audit')),
      ).toHaveLength(3);
      expect((await world.records<RecordRow>()).filter(({ state }) => state === 'metered')).toHaveLength(1);
      await expectLedgerConserved(world);
    });
  });
});
