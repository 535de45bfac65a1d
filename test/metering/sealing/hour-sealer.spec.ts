import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type MeteringIdentityName } from '../../../src/subscription/agreements/timeline.js';
import { at, FreezingLedger, type FrozenCustomer, type SpanGiven } from './freezing-ledger.js';

let ledger: FreezingLedger;
beforeEach(async () => {
  ledger = await FreezingLedger.open();
});
// Every test here ends by asserting conservation.
afterEach(async () => {
  await ledger.expectConserved();
  await ledger.close();
});

const RUNNING: SpanGiven = { agreement: '1', from: '2026-10-05T08:20:00Z' };
const legacy: MeteringIdentityName = { kind: 'customerIdentifier', customerIdentifier: 'C1' };
const account: MeteringIdentityName = { kind: 'account', customerAwsAccountId: '210987654321' };
const PLAIN = { factor: 1, block: 1, per: 'term', rollsOver: false } as const;
const only = (customer: FrozenCustomer): string => customer.subscriptions[0]?.subscriptionId ?? '';
const known = (customer: FrozenCustomer, ...spans: SpanGiven[]): Promise<void> =>
  ledger.timeline(customer, only(customer), ...spans);

describe('usage of a running agreement', () => {
  it('is sealed hour by hour, fractions carried, corrections subtracted', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(
      customer,
      { quantity: '1.5', at: '08:10' },
      { quantity: '1.75', at: '09:10' },
      { quantity: 7, at: '09:20', dimension: 'storage' },
    );
    await ledger.seal('10:15');
    await ledger.record(customer, { quantity: -3, at: '10:10' }, { quantity: '1.5', at: '10:20' });
    await ledger.seal('11:15');
    await ledger.record(customer, { quantity: 3, at: '11:10' });
    await ledger.seal('12:15');
    expect(await ledger.standing()).toEqual([
      'l-1 11 08h: 1, carry 0.5',
      'l-1 11 09h: 2, carry 0.25',
      'l-1 storage 11 09h: 7',
      'l-1 11 10h: 0, carry -1.25',
      'l-1 11 11h: 1, carry 0.75',
    ]);
  });

  it('that exceeds what AWS takes in a record goes with later hours, by carry alone', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: '4294967295', at: '10:10' });
    await ledger.seal('11:15');
    await ledger.seal('12:15');
    await ledger.seal('13:15');
    await ledger.seal('14:15');
    expect(await ledger.standing()).toEqual([
      'l-1 11 10h: 2147483647, carry 2147483648',
      'l-1 11 11h: 2147483647, carry 1',
      'l-1 11 12h: 1',
    ]);
  });

  it('that a contract includes is not billed [M23]', async () => {
    const customer = await ledger.tenant(RUNNING);
    const [product] = ledger.options.products;
    const includedUnits = [{ contractDimension: 'pack', covers: ['requests'], units: 1000, ...PLAIN }];
    const given = { products: [{ ...product!, contractDimensions: ['pack'], includedUnits }] };
    await ledger.record(customer, { quantity: '700.5', at: '09:10' });
    await ledger.seal('10:15', given);
    await ledger.record(customer, { quantity: '499.5', at: '10:10' });
    await ledger.seal('11:15', given);
    expect((await ledger.records()).map(({ quantity, included }) => [quantity, included])).toEqual([
      ['0', '700.5'],
      ['200', '299.5'],
    ]);
    expect(await ledger.balance.read()).toMatchObject([
      { recorded: '1200', included: '1000', byState: { pending: '200' }, carry: '0' },
    ]);
  });

  it('takes late events with a free hour, and says where they came from', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 5, at: '10:10' });
    await ledger.seal('11:15');
    await ledger.record(customer, { quantity: 2, at: '10:20' });
    await ledger.seal('11:20');
    expect(await ledger.waiting()).toEqual(['2 of 11 10h: nextHour']);
    await ledger.record(customer, { quantity: 1, at: '11:20' });
    await ledger.seal('12:15');
    const [, late] = await ledger.records();
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 5', 'l-1 11 11h: 3']);
    expect(late?.notes.late).toEqual([{ hour: '2026-11-11T10:00:00.000Z', quantity: '2', events: 1 }]);
  });

  it('is planned in its own month while AWS takes that [M22]', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 1, at: '2026-11-30T22:10:00Z' });
    await ledger.seal('2026-11-30T23:15:00Z');
    await ledger.record(customer, { quantity: 70, at: '2026-11-30T22:30:00Z' });
    await ledger.seal('2026-12-01T01:05:00Z');
    expect(await ledger.standing()).toEqual(['l-1 30 22h: 1', 'l-1 30 23h: 70']);
  });

  it('waits for a name, with an alert after a while', async () => {
    const customer = await ledger.tenant({ ...RUNNING, identity: null });
    await ledger.record(customer, { quantity: 5, at: '10:10' });
    await ledger.seal('11:15');
    expect([await ledger.waiting(), await ledger.openAlerts()]).toEqual([['5 of 11 10h: noIdentity'], []]);
    await ledger.seal('12:16');
    expect(await ledger.openAlerts()).toEqual(['usageWaiting noIdentity']);
    await known(customer, RUNNING);
    await ledger.seal('12:20');
    expect([await ledger.standing(), await ledger.openAlerts()]).toEqual([['l-1 11 10h: 5'], []]);
  });

  it('has zero records for idle hours, at the edge of the window, so that late usage finds its own hour free', async () => {
    const products = [
      { ...ledger.options.products[0]!, zeroRecords: 'atWindowEdge' as const, dimensions: ['requests'] },
    ];
    const customer = await ledger.tenant({ ...RUNNING, from: '2026-11-10T08:20:00Z' });
    await ledger.seal('2026-11-11T06:30:00Z', { products });
    expect(await ledger.standing()).toEqual(
      ['l-1 10 08h: 0', 'l-1 10 09h: 0'].slice(0, (await ledger.standing()).length),
    );
    await ledger.record(customer, { quantity: 4, at: '2026-11-10T10:30:00Z' });
    await ledger.seal('2026-11-11T07:30:00Z', { products });
    expect(await ledger.standing()).toEqual(['l-1 10 08h: 0', 'l-1 10 09h: 0', 'l-1 10 10h: 4']);
    expect((await ledger.records())[0]?.timestamp).toEqual(new Date('2026-11-10T08:20:01Z'));
  });
});

describe('agreements that follow each other', () => {
  const REPLACED: SpanGiven[] = [
    { ...RUNNING, to: '10:37' },
    { agreement: '2', from: '10:37' },
  ];

  it('share an hour: two records, each with its own usage [M5, T10]', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(
      customer,
      { quantity: 4, at: '10:20' },
      { quantity: 6, at: '10:50' },
      { quantity: 12, at: '10:33' },
    );
    await known(customer, ...REPLACED);
    await ledger.seal('11:15');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 16', 'l-2 11 10h: 6']);
    const [first, second] = await ledger.records();
    expect([first?.timestamp, second?.timestamp]).toEqual([at('10:00'), at('10:37:01')]);
  });

  it('wait for a successor that was announced, and are billed in their own hours [T2, T3]', async () => {
    const ended = { ...RUNNING, to: '10:37', end: { awaitsSuccessor: true } };
    const customer = await ledger.tenant(ended);
    await ledger.record(
      customer,
      { quantity: 5, at: '10:50' },
      { quantity: 7, at: '11:20' },
      { quantity: 8, at: '12:10' },
    );
    await ledger.seal('12:45');
    expect(await ledger.standing()).toEqual([]);
    expect(await ledger.waiting()).toEqual(['5 of 11 10h: awaitingSuccessor', '7 of 11 11h: awaitingSuccessor']);
    await known(customer, ...REPLACED);
    await ledger.seal('13:12');
    expect(await ledger.standing()).toEqual(['l-2 11 10h: 5', 'l-2 11 11h: 7', 'l-2 11 12h: 8']);
  });

  it('never bill what the other left: an expired hour of the first is held [T5]', async () => {
    const customer = await ledger.tenant({ ...RUNNING, to: '10:00' }, { agreement: '2', from: '10:00' });
    await ledger.record(customer, { quantity: 500, at: '09:10' });
    await ledger.seal('10:15');
    const [record] = await ledger.records();
    await ledger.answer(record?.id ?? '', 'refused');
    // The deadline watch, at its cutoff.
    ledger.at('11:01');
    const { annulRecords } = await import('../../../src/metering/settlement/record-annulment.sql.js');
    const annulled = await ledger.database.transaction((tx) =>
      annulRecords(tx, 'seller', [record?.id ?? ''], 'expired', ledger.now),
    );
    expect(annulled).toEqual([record?.id]);
    await ledger.seal('11:05');
    expect([await ledger.standing(), await ledger.waiting()]).toEqual([[], ['500 of 11 09h: noHour']]);
    await ledger.asked(customer, '11:06');
    await ledger.seal('12:30');
    expect(await ledger.standing()).toEqual(['closing 11 09h: 500, held noHour']);
    expect(await ledger.openAlerts()).toEqual(['usageHeld noHour']);
  });

  it('are sealed anew where a replacement is heard late and AWS refused what was sealed [T6]', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(
      customer,
      { quantity: 5, at: '10:10' },
      { quantity: 7, at: '10:50' },
      { quantity: 9, at: '11:10' },
    );
    await ledger.seal('12:15');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 12', 'l-1 11 11h: 9']);
    for (const { id } of await ledger.records()) await ledger.answer(id, 'refused');
    // AWS still takes hour 10 of the first: its end was only told now.
    await known(
      customer,
      { ...RUNNING, to: '10:37', end: { lastHeardAt: at('12:20'), firstSignAt: at('12:20'), lastSignAt: at('12:20') } },
      { agreement: '2', from: '10:37' },
    );
    await ledger.seal('12:20');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 5', 'l-2 11 10h: 7', 'l-2 11 11h: 9']);
    expect((await ledger.records(`disposition = 'annulled'`)).map(({ reason }) => reason)).toEqual(['moved', 'moved']);
  });

  it('leave what AWS has billed, or may have, where it is', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 9, at: '10:50' }, { quantity: 3, at: '11:10' });
    await ledger.seal('12:15');
    const [first, second] = await ledger.records();
    await ledger.answer(first?.id ?? '', 'billed');
    await ledger.answer(second?.id ?? '', 'conflict');
    await known(customer, ...REPLACED);
    await ledger.seal('12:20');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 9', 'l-1 11 11h: 3']);
    expect(await ledger.openAlerts()).toEqual(['billedElsewhere']);
    expect((await ledger.records()).map(({ notes }) => Object.keys(notes))).toEqual([['movedSince'], ['movedSince']]);
    await ledger.seal('12:25');
    expect(await ledger.standing()).toHaveLength(2);
  });

  it('do not wake what only seems to wait: an end without a successor moves nothing', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 9, at: '11:10' });
    await ledger.seal('12:15');
    await known(customer, { ...RUNNING, to: '10:37' });
    await ledger.seal('12:20');
    expect(await ledger.standing()).toEqual(['l-1 11 11h: 9']);
  });

  it('under one name give the boundary hour to the earlier side; the fraction of a trial never becomes a paid unit [T4, M19]', async () => {
    const customer = await ledger.tenant(
      { ...RUNNING, to: '14:20', price: 'trial', end: null },
      { agreement: '1', from: '14:20', price: 'paid' },
    );
    await ledger.record(customer, { quantity: '6.9', at: '14:05' }, { quantity: '9.2', at: '14:40' });
    await ledger.seal('15:15');
    await ledger.seal('16:15');
    expect(await ledger.standing()).toEqual(['l-1 trial 11 14h: 6, carry 0.9', 'l-1 11 15h: 9, carry 0.2']);
    // Late usage of the trial goes into a free hour of it.
    await ledger.record(customer, { quantity: 40, at: '12:00' }, { quantity: 2, at: '14:10' });
    await ledger.seal('16:20');
    expect((await ledger.standing()).slice(2)).toEqual([
      'l-1 trial 11 12h: 40, carry 0.9',
      'l-1 trial 11 13h: 2, carry 0.9',
    ]);
    // When AWS takes no hour of it any more, its fraction is held with its period.
    await ledger.seal('2026-11-12T17:00:00Z');
    await ledger.billAll();
    await ledger.seal('2026-11-12T18:30:00Z');
    expect((await ledger.standing()).slice(4)).toEqual(['closing 11 14h: 0.9, held noHour']);
  });

  it('of one buyer by several names never meet in a grain [T8]', async () => {
    const names = { identity: legacy, alsoKnownAs: [account] };
    const customer = await ledger.tenant(
      { ...RUNNING, ...names, to: '08:00', end: null },
      { agreement: '2', from: '08:00', ...names },
    );
    const second = await ledger.tenant({ agreement: '3', from: '08:00', identity: account, alsoKnownAs: [legacy] });
    for (const hour of ['08:10', '09:10', '10:10']) {
      await ledger.record(customer, { quantity: 1, at: hour });
      await ledger.record(second, { quantity: 1, at: hour });
    }
    await ledger.seal('11:15');
    await ledger.seal('12:15');
    await ledger.seal('13:15');
    const records = await ledger.records();
    expect(new Set(records.map(({ hour }) => hour.getTime())).size).toBe(records.length);
    expect(records.reduce((sum, { quantity }) => sum + Number(quantity), 0)).toBe(6);
  });

  it('keep their hour where the name goes on [T14]', async () => {
    const renewed = { identity: legacy };
    const customer = await ledger.tenant(
      { ...RUNNING, ...renewed, to: '2026-11-12T00:00:00Z' },
      { agreement: '2', from: '2026-11-12T00:00:00Z', ...renewed },
    );
    await ledger.record(customer, { quantity: 500, at: '23:30' });
    await ledger.seal('2026-11-12T02:00:00Z');
    const [record] = await ledger.records();
    expect(record).toMatchObject({ quantity: '500', hour: at('23:00'), due_at: new Date('2026-11-12T23:00:00Z') });
  });

  it('that turned out to be one have one balance', async () => {
    const customer = await ledger.tenant({ agreement: 'x', from: '2026-10-05T08:20:00Z', identity: legacy });
    await ledger.record(customer, { quantity: '1.6', at: '09:10' });
    await ledger.seal('10:15');
    await known(customer, { ...RUNNING, identity: legacy, aliases: ['x'] });
    await ledger.record(customer, { quantity: '1.6', at: '10:10' });
    await ledger.seal('11:15');
    expect(await ledger.standing()).toEqual(['C1 11 09h: 1, carry 0.6', 'C1 11 10h: 2, carry 0.2']);
    expect(await ledger.records(`disposition = 'annulled'`)).toEqual([]);
  });
});

describe('the last hour', () => {
  it('is sealed a settle delay after the end, its usage taken early', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 3, at: '11:01' });
    await known(customer, { ...RUNNING, to: '11:02' });
    await ledger.seal('11:05');
    expect(await ledger.standing()).toEqual([]);
    await ledger.seal('11:12');
    expect(await ledger.standing()).toEqual(['l-1 11 11h: 3']);
    const [cursor] = await ledger.database.query<{ look_at: Date }>(`SELECT look_at FROM marketplace.seal_cursor`);
    expect(cursor).toBeDefined();
  });

  it('is sealed ten minutes before its deadline at the latest', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 3, at: '11:01' });
    await known(customer, { ...RUNNING, to: '11:02' });
    const patient = { settleDelayMs: 2 * 3_600_000 };
    await ledger.seal('11:51', patient);
    expect(await ledger.standing()).toEqual([]);
    await ledger.seal('11:52', patient);
    expect(await ledger.standing()).toEqual(['l-1 11 11h: 3']);
  });
});

describe('usage that no agreement covers', () => {
  it('waits, then is set apart with its reason; the alert names what runs [M20, M21, T18, T21]', async () => {
    const customer = await ledger.tenant({ ...RUNNING, to: '10:05' });
    const old = only(customer);
    await ledger.record(customer, { quantity: 20, at: '10:01' });
    await ledger.seal('10:20');
    await ledger.billAll();
    await ledger.record(customer, { quantity: -50, at: '10:02' }, { quantity: 50, at: '10:45' });
    await ledger.seal('11:15');
    expect(await ledger.waiting()).toEqual(['50 of 11 10h: afterEnd', '-50 of 11 10h: noHour']);
    const running = await ledger.subscribe(customer, { agreement: '2', from: '11:30' });
    await ledger.asked(customer, '12:00');
    await ledger.seal('12:10');
    // What the period is owed and what was never covered do not meet.
    expect((await ledger.standing()).slice(1)).toEqual(['closing 11 10h: -50, owed remainder']);
    await ledger.seal('2026-11-12T12:00:00Z');
    expect((await ledger.standing()).slice(2)).toEqual(['setApart 11 10h: 50, held afterEnd']);
    const alerts = await ledger.database.query<{ kind: string; message: string }>(
      `SELECT kind, message FROM marketplace.alert WHERE resolved_at IS NULL AND kind IN ('owed', 'usageHeld')
        ORDER BY kind`,
    );
    expect(alerts.map(({ kind }) => kind)).toEqual(['owed', 'usageHeld']);
    expect(alerts[1]?.message).toContain(running);
    expect(alerts[1]?.message).not.toContain(old);
  });

  it('is billed after all when its agreement becomes known', async () => {
    const customer = await ledger.tenant({ agreement: '1', from: '2026-11-11T10:05:00Z' });
    await ledger.record(customer, { quantity: 10, at: '2026-11-09T09:10:00Z' });
    await ledger.seal('11:15');
    expect(await ledger.standing()).toEqual(['setApart 09 09h: 10, held beforeStart']);
    await known(customer, { agreement: '1', from: '2026-10-05T08:20:00Z' });
    await ledger.seal('11:20');
    expect(await ledger.standing()).toEqual(['l-1 11 10h: 10']);
    expect(await ledger.openAlerts()).toEqual([]);
  });

  it('that several could pay waits with an alert until one is chosen [M2]', async () => {
    const customer = await ledger.tenant(RUNNING);
    const second = await ledger.subscribe(customer, { agreement: '2', from: '2026-10-06T00:00:00Z' });
    await ledger.record(customer, { quantity: 12, at: '10:10' });
    await ledger.seal('11:15');
    expect([await ledger.standing(), await ledger.waiting(), await ledger.openAlerts()]).toEqual([
      [],
      ['12 of 11 10h: ambiguous'],
      ['usageWaiting ambiguous'],
    ]);
    customer.payerChoices.push({ subscriptionId: second, from: at('10:00') });
    await ledger.changed(customer);
    await ledger.seal('13:15');
    expect([await ledger.standing(), await ledger.openAlerts()]).toEqual([['l-2 11 10h: 12'], []]);
  });

  it('and was written for nobody is told of', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 4, at: '10:10', subject: 4711 });
    await ledger.seal('11:15');
    expect(await ledger.openAlerts()).toEqual(['usageWaiting unknownSubject']);
  });
});

describe('modes', () => {
  it('are periods of their own: a correction of live time reduces live time [M24, T22]', async () => {
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: -4, at: '2026-11-10T08:10:00Z' });
    await ledger.seal('2026-11-10T09:15:00Z');
    await ledger.mode('2026-11-10T10:00:00Z', 'dry-run');
    await ledger.mode('2026-11-11T00:00:00Z', 'live');
    await ledger.record(customer, { quantity: 9, at: '2026-11-10T12:10:00Z' });
    await ledger.seal('2026-11-10T13:15:00Z');
    await ledger.record(
      customer,
      { quantity: 10, at: '2026-11-11T01:10:00Z' },
      { quantity: 1, at: '2026-11-10T09:50:00Z' },
    );
    await ledger.seal('2026-11-11T02:15:00Z');
    const rows = await ledger.records();
    expect(
      rows.map(({ mode, hour, quantity, carry_out: carry }) => [
        mode,
        hour.toISOString().slice(8, 13),
        quantity,
        carry,
      ]),
    ).toEqual([
      ['live', '10T08', '0', '-4'],
      ['dry-run', '10T12', '9', '0'],
      ['live', '10T09', '0', '-3'],
      ['live', '11T01', '7', '0'],
    ]);
  });

  it('off: usage waits', async () => {
    await ledger.mode('2026-11-01T00:00:00Z', 'off');
    const customer = await ledger.tenant(RUNNING);
    await ledger.record(customer, { quantity: 4, at: '10:10' });
    await ledger.seal('11:15');
    expect([await ledger.waiting(), await ledger.openAlerts()]).toEqual([['4 of 11 10h: notLive'], []]);
  });
});

describe('what AWS refuses for a cause', () => {
  it('is sealed once per rollup and cause: late usage waits until it is resolved [T17]', async () => {
    const customer = await ledger.tenant(RUNNING);
    const other = await ledger.tenant({ agreement: '2', from: '2026-10-05T08:20:00Z' });
    await ledger.database.query(
      `INSERT INTO marketplace.quarantined_cause (seller_account, product_code, scope, key, reason, next_probe_at)
       VALUES ('seller', 'larkspur', 'dimension', 'requests', 'invalidDimension', clock_timestamp())`,
    );
    const { annulRecords } = await import('../../../src/metering/settlement/record-annulment.sql.js');
    for (let day = 0; day < 3; day += 1) {
      const hour = new Date(at('2026-11-11T08:10:00Z').getTime() + day * 86_400_000);
      await ledger.record(customer, { quantity: 5, at: hour });
      await ledger.record(other, { quantity: 1, at: hour, dimension: 'storage' });
      await ledger.seal(new Date(hour.getTime() + 2 * 3_600_000));
      // AWS refuses it until its deadline.
      const [record] = await ledger.records(`state = 'pending' AND dimension = 'requests'`);
      await ledger.answer(record?.id ?? '', 'refused');
      ledger.at(new Date(hour.getTime() + 26 * 3_600_000));
      await ledger.database.transaction((tx) => annulRecords(tx, 'seller', [record?.id ?? ''], 'expired', ledger.now));
      for (let pass = 0; pass < 3; pass += 1) await ledger.seal(new Date(ledger.now.getTime() + 60_000));
    }
    expect(await ledger.waiting()).toEqual(['5 of 11 08h: refused', '5 of 12 08h: refused', '5 of 13 08h: refused']);
    expect(await ledger.records(`dimension = 'requests'`)).toHaveLength(3);
    expect(await ledger.standing()).toHaveLength(3);
    await ledger.database.query(`DELETE FROM marketplace.quarantined_cause`);
    await ledger.changed(customer);
    await ledger.seal(new Date(ledger.now.getTime() + 3_600_000));
    expect(await ledger.waiting()).toEqual([]);
  });
});

describe('what a period leaves without an hour is closed with it', () => {
  it.each<[reason: string, prepare: () => Promise<unknown>, isNamed: boolean]>([
    ['notLive', () => ledger.mode('2026-11-01T00:00:00Z', 'off'), true],
    ['dryRun', () => ledger.mode('2026-11-01T00:00:00Z', 'dry-run'), true],
    ['noIdentity', () => Promise.resolve(), false],
    [
      'refused',
      () =>
        ledger.database.query(
          `INSERT INTO marketplace.quarantined_cause (seller_account, product_code, scope, key, reason, next_probe_at)
           VALUES ('seller', 'larkspur', 'dimension', 'requests', 'invalidDimension', clock_timestamp())`,
        ),
      true,
    ],
    ['noHour', () => Promise.resolve(), true],
  ])('held: %s', async (reason, prepare, isNamed) => {
    await prepare();
    const customer = await ledger.tenant({ ...RUNNING, to: '10:00', ...(isNamed ? {} : { identity: null }) });
    await ledger.asked(customer, '11:06');
    ledger.at('11:30');
    await ledger.record(customer, { quantity: 5, at: '09:10' });
    for (const pass of ['12:15', '12:45', '2026-11-12T12:15:00Z']) await ledger.seal(pass);
    expect(await ledger.waiting()).toEqual([]);
    expect(await ledger.records()).toMatchObject([
      { kind: 'closing', state: 'closed', disposition: 'held', reason, quantity: '5' },
    ]);
  });
});

describe('a pass', () => {
  it('looks at no past subscription, and at nobody who has nothing to do [T19]', async () => {
    const customers: FrozenCustomer[] = [];
    for (let index = 0; index < 5; index += 1) {
      const customer = await ledger.tenant({
        agreement: `old${index}`,
        from: '2026-08-05T08:20:00Z',
        to: '2026-09-05T08:20:00Z',
      });
      await ledger.subscribe(customer, { agreement: `new${index}`, from: '2026-10-05T08:20:00Z' });
      await ledger.record(customer, { quantity: 5, at: '10:10' });
      customers.push(customer);
    }
    await ledger.seal('11:15');
    await ledger.billAll();
    await ledger.seal('11:16');
    const { findDueCustomers } = await import('../../../src/metering/sealing/due-customers.sql.js');
    expect(await findDueCustomers(ledger.database, 'seller', new Date('2027-11-11T11:15:00Z'))).toEqual([]);
    await ledger.record(customers[3]!, { quantity: 1, at: '11:10' });
    await ledger.seal('12:15');
    expect(await ledger.records()).toHaveLength(6);
    expect(await ledger.openAlerts()).toEqual([]);
  });

  it('skips the one bad customer with an alert, and nobody else', async () => {
    const customers: FrozenCustomer[] = [];
    for (let index = 0; index < 9; index += 1)
      customers.push(await ledger.tenant({ agreement: `a${index}`, from: '2026-10-05T08:20:00Z' }));
    for (const customer of customers) await ledger.record(customer, { quantity: 1, at: '10:10' });
    const bad = customers[4]!;
    await ledger.database.query(
      `ALTER TABLE marketplace.metering_record ADD CONSTRAINT poison CHECK (customer_id <> '${bad.id}') NOT VALID`,
    );
    await ledger.seal('11:15');
    expect(await ledger.records()).toHaveLength(8);
    expect(await ledger.openAlerts()).toEqual(['sealSkipped']);
    await ledger.database.query(`ALTER TABLE marketplace.metering_record DROP CONSTRAINT poison`);
    await ledger.seal('11:16');
    expect([(await ledger.records()).length, await ledger.openAlerts()]).toEqual([9, []]);
  });

  it('is shared by two sealers: each event once, each grain once', async () => {
    const customers: FrozenCustomer[] = [];
    for (let index = 0; index < 30; index += 1) {
      // Neighbours have one name at AWS: they meet in the grains.
      customers.push(
        await ledger.tenant({
          agreement: `a${index}`,
          from: '2026-10-05T08:20:00Z',
          identity: { kind: 'customerIdentifier', customerIdentifier: `C${Math.floor(index / 2)}` },
        }),
      );
    }
    const sealers = [await ledger.replica(), await ledger.replica()];
    for (let round = 0; round < 4; round += 1) {
      ledger.at(new Date(at('11:15').getTime() + round * 3_600_000));
      for (const customer of customers) {
        await ledger.record(
          customer,
          { quantity: 1, at: new Date(ledger.now.getTime() - 4_000_000) },
          { quantity: 2, at: new Date(ledger.now.getTime() - 9_000_000) },
        );
      }
      await Promise.all(sealers.map((sealer) => sealer.run()));
      await ledger.expectConserved();
    }
    for (let hour = 15; hour < 24; hour += 1) {
      ledger.at(at(`${hour}:15`));
      await Promise.all(sealers.map((sealer) => sealer.run()));
    }
    const [sum] = await ledger.database.query<{ sum: string }>(
      `SELECT sum(quantity) AS sum FROM marketplace.metering_record`,
    );
    expect(Number(sum?.sum)).toBe(30 * 4 * 3);
    expect(await ledger.waiting()).toEqual([]);
    expect(await ledger.openAlerts()).toEqual([]);
  });
});
