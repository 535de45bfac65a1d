import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { JobScheduler } from '../../src/index.js';
import { eventually } from '../support/processes.js';
import { isEveryCallLogged } from '../support/logged-calls.js';
import { LEGACY_CODE, PRODUCT_CODE } from '../support/world.js';
import {
  auditOf,
  audited,
  attemptsOf,
  expectLedgerConserved,
  giveUp,
  lookups,
  loseTheAnswer,
  otherSystem,
  type RecordRow,
} from './audit-world.js';
import { at, withWorld } from './routes.js';

// K35 to K40: what the log may look like, where it has gaps, and the files of a trail, through the real SDK. Siblings:
// every spelling alone is a row in test/audit/trail-event.spec.ts; coverage and absence are tables there, too.

jest.setTimeout(300_000);

const ACCOUNT = '123456789012';
const HOURS = { from: at('2026-11-11T09:00:00Z'), to: at('2026-11-11T13:00:00Z') };

describe('K35 what AWS refused, and what it answered otherwise', () => {
  it('only Success counts, once per grain; an error refuses its one attempt', async () => {
    await withWorld(audited(), async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      const { faults } = world.simulator;
      // The first call is throttled and nobody hears of it; the next brings a status that is no Success.
      faults.add({ kind: 'throttle', operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'unprocessed', operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'error500Before', operation: 'BatchMeterUsage', count: 1 });
      await world.goTo('2026-11-11T11:12:00Z');
      await world.settle(20);
      expect((await world.records<RecordRow>())[0]).toMatchObject({ state: 'metered' });
      const license = { ...buyer.agreement, hour: '2026-11-11T10:00:00Z' };
      await otherSystem(world, { ...license, quantity: 5 });
      world.clock.advance(3_600_000);
      const report = await auditOf(world).compare(HOURS);
      expect(report.totals).toEqual([
        {
          productCode: PRODUCT_CODE,
          dimension: 'requests',
          awsUnits: '5',
          awsRecords: 1,
          ledgerUnits: '5',
          ledgerRecords: 1,
        },
      ]);
      expect(report.incidents).toEqual([]);
      const answers = await world.database.query<{ answer: string; errors: number }>(
        `SELECT n.answer, count(e.error_code)::int AS errors FROM marketplace.trail_entry n
         JOIN marketplace.trail_event e ON e.id = n.event_id GROUP BY 1 ORDER BY 1`,
      );
      expect(answers).toEqual([
        { answer: 'Success', errors: 0 },
        { answer: 'error', errors: 2 },
        { answer: 'unprocessed', errors: 0 },
      ]);
      await world.expectConserved();
    });
  });

  it('an attempt whose refusal got lost is refused, and the record planned anew', async () => {
    const options = { submission: { requestTimeoutMs: 3000, leaseMs: 9000 } };
    await withWorld(audited({ options, simulator: { switches: { cloudTrailErrors: 'inside' } } }), async (world) => {
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      const { faults } = world.simulator;
      // AWS refuses the first call, later than anybody waits for; the others it refuses in time.
      faults.add({ kind: 'latency', ms: 4500, operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'throttle', operation: 'BatchMeterUsage', count: 1 });
      const denied = faults.add({ kind: 'accessDenied', operation: 'BatchMeterUsage' });
      await world.goTo('2026-11-11T11:12:00Z');
      await eventually('AWS has refused it', () => isEveryCallLogged(world.simulator, 'BatchMeterUsage'));
      const [record] = await world.records<RecordRow>();
      expect((await attemptsOf(world, record!.id)).map(({ evidence }) => evidence)).toContain('uncertain');
      await giveUp(world);
      denied.remove();
      await world.goTo('2026-11-11T11:32:00Z');
      const [first, ...others] = await attemptsOf(world, record!.id);
      expect(first).toMatchObject({ evidence: 'refused', decided_by: 'audit' });
      expect(others.every(({ evidence }) => evidence === 'refused')).toBe(true);
      expect((await world.records<RecordRow>(`id = '${record!.id}'`))[0]).toMatchObject({ disposition: 'annulled' });
      await world.pass(3);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
    });
  });
});

describe('K36 content that CloudTrail left out', () => {
  it.each(['null'] as const)(
    'as %s: the call is told with time and request, which records it had by its attempt; never absent',
    async (cloudTrailOmittedAs) => {
      const options = { audit: { lookupEvents: 'saas', onAbsent: 'settle' } } as const;
      await withWorld(audited({ options, simulator: { switches: { cloudTrailOmittedAs } } }), async (world) => {
        const { faults } = world.simulator;
        const buyer = await world.join('acme');
        await world.goTo('2026-11-11T10:20:00Z');
        // One record with so many tags that nothing keeps its call below the limit.
        await world.recordAll(
          Array.from({ length: 900 }, (_, index) => ({
            ...{ tenantId: 'acme', productCode: PRODUCT_CODE, quantity: 1 },
            tags: { team: `team-${index}-${'x'.repeat(60)}` },
          })),
        );
        expect(buyer.agreements).toHaveLength(1);
        faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
        faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
        await world.goTo('2026-11-11T11:12:00Z');
        expect(world.simulator.bill()).toHaveLength(1);
        await giveUp(world);
        await world.goTo('2026-11-13T12:00:00Z');
        await world.pass(2);
        const [record] = await world.records<RecordRow>(`quantity = 900`);
        expect(record).toMatchObject({ state: 'unknown' });
        const [call] = world.simulator.calls({ operation: 'BatchMeterUsage', fault: 'resetAfter' });
        const report = await auditOf(world).report(HOURS);
        expect(report.unclear).toMatchObject([
          { kind: 'omitted', eventId: call?.eventId, requestId: call?.requestId, at: '2026-11-11T11:12:00.000Z' },
        ]);
        expect(report.unclear[0]?.attemptId).not.toBeNull();
        const open = report.open.find(({ recordId }) => recordId === record?.id);
        expect(open?.isAbsent).toBe(false);
        expect(open?.obstacles.join()).toContain('content unknown');
        await expect(auditOf(world).settleAbsent(record!.id, { by: 'ada' })).rejects.toMatchObject({
          code: 'TRANSITION_REFUSED',
          message: expect.stringContaining(call?.eventId ?? 'none'),
        });
        await expectLedgerConserved(world);
      });
    },
  );
});

describe('K36 many events without content', () => {
  it('however many others name their attempts beside it: one that names nobody, and may be the call, stands against absent', async () => {
    const options = { audit: { lookupEvents: 'saas', onAbsent: 'settle' } } as const;
    await withWorld(audited({ options }), async (world) => {
      const { faults } = world.simulator;
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      const away = faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage' });
      await world.goTo('2026-11-11T11:12:00Z');
      await giveUp(world);
      away.remove();
      const [record] = await world.records<RecordRow>();
      const [claimed] = await world.database.query<{ last: Date }>(
        `SELECT max(a.claimed_at) AS last FROM marketplace.attempt a
         JOIN marketplace.attempt_record e ON e.attempt_id = a.id WHERE e.record_id = $1`,
        [record!.id],
      );
      const called = claimed!.last.getTime();
      const entered = (id: string, afterMs: number, count: number, attemptId: string | null): Promise<unknown> =>
        world.database.query(
          `INSERT INTO marketplace.trail_event (seller_account, id, operation, region, at, attempt_id, content, seen_at)
           SELECT seller_account, $1 || n, 'BatchMeterUsage', 'us-east-1', $2, $3, 'omitted', $2
           FROM marketplace.metering_record, generate_series(1, $5::int) AS n WHERE id = $4`,
          [id, new Date(called + afterMs).toISOString(), attemptId, record!.id, count],
        );
      // Big calls that name attempts which are not the record's, and one that names nobody, in the same minute.
      await entered('other-', 1000, 120, '019a0000-0000-7000-8000-000000000001');
      await entered('nameless-', 2000, 1, null);
      const { open } = await auditOf(world).report(HOURS);
      const mine = open.find(({ recordId }) => recordId === record?.id);
      expect(mine?.obstacles.filter((text) => text.includes('content unknown'))).toEqual([
        expect.stringContaining('event nameless-1 '),
      ]);
      await expectLedgerConserved(world);
    });
  });
});

describe('K37 a log that is not read whole', () => {
  it('goes on where it stopped: throttled, tokens expired, small pages, events between two pages', async () => {
    const simulator = { switches: { cloudTrailPageMax: 2, cloudTrailDelayMs: 900_000 } } as const;
    await withWorld(audited({ simulator }), async (world) => {
      const { agreement } = await loseTheAnswer(world);
      const { faults, trail } = world.simulator;
      // Others call as well, within the window of the record.
      for (let call = 0; call < 9; call += 1) {
        world.clock.advance(10_000);
        await otherSystem(world, {
          ...agreement,
          hour: '2026-11-11T11:00:00Z',
          quantity: 1,
          dimension: 'storage',
        });
      }
      world.clock.advance(30 * 60_000);
      const before = lookups(world).length;
      faults.add({ kind: 'throttle', operation: 'LookupEvents', skip: 2, count: 1 });
      faults.add({
        kind: 'unknownError',
        name: 'InternalFailure',
        statusCode: 500,
        operation: 'LookupEvents',
        skip: 4,
        count: 1,
      });
      const comparison = { from: at('2026-11-11T11:00:00Z'), to: at('2026-11-11T12:00:00Z') };
      const first = await auditOf(world).compare(comparison);
      const interrupted = first.coverage[0]!;
      expect(interrupted.gaps).toHaveLength(1);
      expect(interrupted.early).toHaveLength(1);
      // What is left is read, and nothing twice but the second at which it stopped.
      trail.expireTokens();
      const stopped = lookups(world).length;
      const second = await auditOf(world).compare(comparison);
      expect(second.coverage[0]).toMatchObject({ gaps: [], isDenied: false });
      expect(stopped - before).toBeLessThanOrEqual(6);
      expect(lookups(world).length - stopped).toBeLessThanOrEqual(5);
      await expectLedgerConserved(world);
    });
  });

  it('absent is said only where all of it was read, a day later; a person or the option closes', async () => {
    await withWorld(audited(), async (world) => {
      const { faults, trail } = world.simulator;
      const buyer = await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await buyer.use(5);
      faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', until: at('2026-11-12T12:00:00Z') });
      await world.goTo('2026-11-11T11:12:00Z');
      await giveUp(world);
      const [record] = await world.records<RecordRow>();
      const audit = auditOf(world);
      const refused = (word: RegExp) =>
        expect(audit.settleAbsent(record!.id, { by: 'ada' })).rejects.toMatchObject({
          ...{ code: 'TRANSITION_REFUSED', message: expect.stringMatching(word) },
        });
      await refused(/not read yet/);
      await world.goTo('2026-11-11T11:30:00Z');
      await refused(/may come late/);
      // Another region, which this ledger has called once, may not be read.
      await world.database.query(
        `INSERT INTO marketplace.call_budget (seller_account, region, operation, calls_per_second)
         SELECT seller_account, 'eu-west-1', operation, 1 FROM marketplace.call_budget WHERE operation = 'BatchMeterUsage'`,
      );
      const denied = faults.add({ kind: 'accessDenied', operation: 'LookupEvents', when: { region: 'eu-west-1' } });
      await world.goTo('2026-11-12T12:30:00Z');
      await world.pass(2, 1);
      await refused(/eu-west-1.*not read yet/);
      expect((await audit.report(HOURS)).coverage).toMatchObject([
        { region: 'eu-west-1', isDenied: true, settled: [] },
        { region: 'us-east-1', isDenied: false },
      ]);
      denied.remove();
      await world.database.query(`UPDATE marketplace.call_budget SET denied_at = denied_at - interval '1 hour'`);
      await world.pass(2, 1);
      const open = (await audit.report(HOURS)).open.find(({ recordId }) => recordId === record?.id);
      expect(open).toMatchObject({ isAbsent: true, obstacles: [] });
      expect((await world.records<RecordRow>(`id = '${record!.id}'`))[0]).toMatchObject({ state: 'unknown' });
      // By its option the job closes it, where a person has not.
      const bold = await world.addReplica({ audit: { lookupEvents: 'saas', onAbsent: 'settle' } });
      const second = await world.join('second');
      await second.use(3);
      const again = faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage' });
      world.clock.advance(2 * 3_600_000);
      await world.work(1);
      await giveUp(world);
      again.remove();
      await audit.settleAbsent(record!.id, { by: 'ada' });
      expect((await world.records<RecordRow>(`id = '${record!.id}'`))[0]).toMatchObject({
        disposition: 'annulled',
        closed_by: 'ada',
      });
      for (let hour = 0; hour < 26; hour += 13) {
        world.clock.advance(13 * 3_600_000);
        await world.runOn(bold, 'audit');
      }
      const [closed] = await world.records<RecordRow>(`subscription_id = '${second.subscriptionId}'`);
      expect(closed).toMatchObject({ disposition: 'annulled', closed_by: 'audit' });
      await world.pass(3);
      expect(trail.events().length).toBeGreaterThan(0);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5, 'l-2': 3 });
    });
  });

  it('an event that comes in behind what was read is found later, and proves', async () => {
    const options = { audit: { lookupEvents: 'saas', onAbsent: 'settle' } } as const;
    await withWorld(audited({ options }), async (world) => {
      world.simulator.trail.delay({}, 20 * 3_600_000);
      const { faults } = world.simulator;
      faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      await loseTheAnswer(world);
      await giveUp(world);
      for (const hour of [1, 5, 12, 19]) {
        await world.goTo(new Date(at('2026-11-11T11:12:00Z').getTime() + hour * 3_600_000));
        expect((await world.records<RecordRow>(`quantity = 5`))[0]).toMatchObject({ state: 'unknown' });
      }
      await world.goTo('2026-11-12T09:00:00Z');
      expect((await world.records<RecordRow>(`quantity = 5`))[0]).toMatchObject({ state: 'metered' });
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
    });
  });
});

describe('what was found is forgotten after 120 days', () => {
  it('and is covered no more: what stood against absent goes with the word that it was read', async () => {
    const options = { audit: { lookupEvents: 'saas', onAbsent: 'settle' } } as const;
    await withWorld(audited({ options }), async (world) => {
      // AWS has it; of a call that large its log does not say what it held.
      await world.join('acme');
      await world.goTo('2026-11-11T10:20:00Z');
      await world.recordAll(
        Array.from({ length: 900 }, (_, index) => ({
          ...{ tenantId: 'acme', productCode: PRODUCT_CODE, quantity: 1 },
          tags: { team: `team-${index}-${'x'.repeat(60)}` },
        })),
      );
      world.simulator.faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      world.simulator.faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      await world.goTo('2026-11-11T11:12:00Z');
      await giveUp(world);
      const isUnknown = async (): Promise<void> => {
        const [record] = await world.records<RecordRow>();
        expect(record).toMatchObject({ state: 'unknown' });
        expect((await auditOf(world).report(HOURS)).open).toMatchObject([{ recordId: record?.id, isAbsent: false }]);
      };
      await world.goTo('2026-11-12T12:30:00Z');
      await world.pass(12, 4);
      await isUnknown();
      // As often as the job looks.
      for (let minute = 0; minute < 60; minute += 5) {
        world.clock.set(new Date(at('2027-03-11T11:00:00Z').getTime() + minute * 60_000));
        await world.run('audit');
        await isUnknown();
      }
      expect(await world.database.query(`SELECT FROM marketplace.trail_event`)).toEqual([]);
      expect((await auditOf(world).report(HOURS)).coverage).toMatchObject([{ settled: [], early: [] }]);
    });
  });
});

describe('K38 any spelling', () => {
  it.each([
    ['narrowSpace', 'customerAWSAccountID', 'LicenseArn', 'marketplacemetering.amazonaws.com', 'added'],
    ['iso', 'absent', 'licenseArn', 'marketplacemetering.amazonaws.com', 'added'],
  ] as const)(
    'timestamps %s, account %s, license %s, source %s, members %s: the record is found by its content alone',
    async (cloudTrailTimestamps, cloudTrailAccountId, cloudTrailLicenseArn, cloudTrailEventSource, more) => {
      const switches = {
        ...{ cloudTrailTimestamps, cloudTrailAccountId, cloudTrailLicenseArn, cloudTrailEventSource },
        cloudTrailUnknownMembers: more,
      };
      await withWorld(audited({ simulator: { switches } }), async (world) => {
        const buyer = await world.join('acme');
        // The hour that begins at noon, and the one at midnight.
        await world.goTo('2026-11-11T12:20:00Z');
        await buyer.use(5);
        const away = world.simulator.faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage' });
        await world.goTo('2026-11-11T13:12:00Z');
        await giveUp(world);
        away.remove();
        await otherSystem(world, { ...buyer.agreement, hour: '2026-11-11T12:00:00Z', quantity: 5 });
        world.simulator.trail.insert({ record: '{"eventName":"BatchMeterUsage", broken', at: world.now() });
        const record = {
          ...{ eventName: 'BatchMeterUsage', eventSource: cloudTrailEventSource, eventTime: world.now().toISOString() },
          ...{ eventID: 'unreadable-1', awsRegion: 'us-east-1', requestParameters: { usageRecords: [] } },
          responseElements: {
            results: [{ usageRecord: { timestamp: 'yesterday', dimension: 'requests' }, status: 'Success' }],
          },
        };
        world.simulator.trail.insert({ record });
        await world.goTo('2026-11-11T13:35:00Z');
        expect((await world.records<RecordRow>())[0]).toMatchObject({ state: 'metered', closed_by: 'audit' });
        const { unclear } = await auditOf(world).report({ ...HOURS, to: at('2026-11-11T14:00:00Z') });
        expect(unclear).toMatchObject([
          { kind: 'unreadable', eventId: 'unreadable-1', why: expect.stringContaining('timestamp') },
        ]);
        expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
      });
    },
  );

  it('sets other products of the account apart', async () => {
    await withWorld(audited(), async (world) => {
      await world.join('acme');
      const other = world.sign({ productCode: LEGACY_CODE });
      await world.goTo('2026-11-11T10:20:00Z');
      await otherSystem(
        world,
        { ...other.agreement, licenseArn: undefined, hour: '2026-11-11T10:00:00Z', quantity: 3 },
        'us-east-1',
        LEGACY_CODE,
      );
      await world.goTo('2026-11-11T12:00:00Z');
      const report = await auditOf(world).compare(HOURS);
      expect(report).toMatchObject({ elsewhere: 1, incidents: [], totals: [] });
      await expectLedgerConserved(world);
    });
  });
});

describe('K39 the files of a trail', () => {
  it('tell the same: two trails of an organisation, digests and insights beside, one file cut off', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'trail-'));
    try {
      // The job reads nothing here: what is found is found in the files.
      const options = { audit: { lookupEvents: 'off' } } as const;
      await withWorld(audited({ options }), async (world) => {
        const { faults, trail } = world.simulator;
        faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
        faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
        await loseTheAnswer(world);
        await giveUp(world);
        const [call] = trail.events();
        trail.insert({
          accountId: '999999999999',
          record: {
            ...(JSON.parse(call!.record()) as object),
            eventID: 'foreign',
            recipientAccountId: '999999999999',
          },
        });
        await world.goTo('2026-11-11T12:12:00Z');
        const paths = await trail.deliver(folder, {
          ...{
            organizationId: 'o-example',
            trails: 2,
            digests: true,
            insights: true,
            foreignEventsPerFile: 3,
            eventsPerFile: 1,
          },
        });
        expect(paths.length).toBeGreaterThan(6);
        const audit = auditOf(world);
        const result = await audit.readTrail({ folder });
        expect(result).toMatchObject({ brokenFileCount: 0, foreignFiles: 2, settledRecords: 1, unreadableEvents: 0 });
        expect(result.skippedFiles).toBeGreaterThanOrEqual(2);
        const stored = await world.database.query(`SELECT id FROM marketplace.trail_event`);
        expect(stored).toHaveLength(result.events / 2);
        expect((await world.records<RecordRow>())[0]).toMatchObject({ state: 'metered', closed_by: 'audit' });
        // Read again, and with a file cut off: nothing is doubled, and the gap is named.
        await trail.deliver(folder, { eventsPerFile: 1, cutOff: 1, prefix: 'again' });
        const again = await audit.readTrail({ folder });
        expect(again).toMatchObject({ brokenFileCount: 1, settledRecords: 0 });
        expect(again.brokenFiles[0]?.file).toMatch(/^again\/AWSLogs.*\.json\.gz$/);
        expect(await world.database.query(`SELECT id FROM marketplace.trail_event`)).toHaveLength(stored.length);
        expect((await world.expectConserved()).billed).toEqual({ 'l-1': 5 });
        expect(lookups(world)).toEqual([]);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('count as read only where they were: a reading that is ended, and an event of which nobody knows when it was', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'trail-'));
    const fileAt = (time: string, records: string): Promise<void> =>
      writeFile(path.join(folder, `${ACCOUNT}_CloudTrail_us-east-1_20261111T${time}Z_unique.json`), records);
    try {
      const options = { audit: { lookupEvents: 'off' } } as const;
      await withWorld(audited({ options }), async (world) => {
        for (const time of ['1000', '1030', '1100', '1130', '1200']) await fileAt(time, '{"Records":[]}');
        await world.goTo('2026-11-13T10:00:00Z');
        const audit = auditOf(world);
        const covered = async (): Promise<string[]> =>
          (await audit.report(HOURS)).coverage.flatMap(({ operation, settled }) =>
            operation === 'BatchMeterUsage'
              ? settled.map(({ from, to }) => `${from.slice(11, 16)}-${to.slice(11, 16)}`)
              : [],
          );
        // Ended before its first file, and after it: what was not opened is not read.
        const ended = await audit.readTrail({ folder, accountId: ACCOUNT, signal: AbortSignal.abort() });
        expect(ended).toMatchObject({ files: 0, unreadFiles: 5 });
        expect(await covered()).toEqual([]);
        // An event without a time lies somewhere in its file.
        await fileAt('1100', '{"Records":[{"eventName":"BatchMeterUsage","eventTime":"when?"}]}');
        const timeless = await audit.readTrail({ folder, accountId: ACCOUNT });
        expect(timeless).toMatchObject({ files: 5, unreadFiles: 0, brokenFileCount: 0, unreadableEvents: 1 });
        expect(await covered()).toEqual(['11:00-11:45']);
        await fileAt('1100', '{"Records":[]}');
        await audit.readTrail({ folder, accountId: ACCOUNT });
        expect(await covered()).toEqual(['10:00-11:45']);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are refused where nobody says whose they are, or where they are', async () => {
    await withWorld(audited(), async (world) => {
      const audit = auditOf(world);
      await expect(audit.readTrail({ folder: '/nowhere/at/all' })).rejects.toMatchObject({ code: 'TRAIL_INVALID' });
      await expect(audit.readTrail({ folder: tmpdir(), accountId: 'mine' })).rejects.toMatchObject({
        ...{ code: 'TRAIL_INVALID', message: expect.stringContaining('accountId') },
      });
    });
  });
});

describe('K37 the pace', () => {
  it('lookupEvents is its pace: so many calls a second at most, one by default', async () => {
    const options = { aws: { callsPerSecond: { lookupEvents: 20 } } };
    await withWorld(audited({ options, simulator: { switches: { cloudTrailPageMax: 1 } } }), async (world) => {
      const { agreement } = await loseTheAnswer(world);
      for (let call = 0; call < 12; call += 1)
        await otherSystem(world, { ...agreement, hour: '2026-11-11T11:00:00Z', quantity: 1, dimension: 'storage' });
      world.clock.advance(3_600_000);
      // The first call may come late, and those after it on time: they are counted from before it.
      const begunAt = Date.now();
      await auditOf(world).compare(HOURS);
      const times = lookups(world).map(({ wallAt }) => wallAt.getTime());
      expect(times.length).toBeGreaterThan(12);
      expect(times.at(-1)! - begunAt).toBeGreaterThan((times.length - 1) * (1000 / 20 - 2));
      await expectLedgerConserved(world);
    });
  });
});

describe('K40 no permission to look events up', () => {
  it('is said once; records stay unknown, and no call is made more often than once an hour', async () => {
    await withWorld(audited(), async (world) => {
      const { faults } = world.simulator;
      faults.add({ kind: 'resetAfter', operation: 'BatchMeterUsage', count: 1 });
      faults.add({ kind: 'resetBefore', operation: 'BatchMeterUsage', skip: 1 });
      faults.add({ kind: 'accessDenied', operation: 'LookupEvents' });
      await loseTheAnswer(world);
      await giveUp(world);
      for (let tick = 0; tick < 20; tick += 1) {
        world.clock.advance(600_000);
        await world.app.get(JobScheduler).runOnce('audit');
      }
      expect(lookups(world)).toHaveLength(1);
      expect((await world.records<RecordRow>())[0]).toMatchObject({ state: 'unknown' });
      const alerts = await world.alerts();
      expect(alerts.filter(({ kind }) => kind !== 'unknownOutcome')).toEqual([]);
      expect((await auditOf(world).report(HOURS)).coverage).toMatchObject([{ isDenied: true, settled: [], early: [] }]);
      await expectLedgerConserved(world);
    });
  });
});
