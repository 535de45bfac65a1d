import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findSealCandidates } from '../../../src/metering/sealing/sealing.sql.js';
import { HOUR_MS } from '../../../src/runtime/clock.js';
import { brief, NOW, SealingLedger } from './sealing-ledger.js';
import { PRODUCT } from './sealing-options.js';

let ledger: SealingLedger;

beforeEach(async () => {
  ledger = await SealingLedger.open();
});

afterEach(async () => {
  await ledger.expectConserved().finally(() => ledger.close());
});

const sealed = async (subscriptionId?: string): Promise<string[]> => (await ledger.records(subscriptionId)).map(brief);
const at = (clock: string): string => `2026-11-11T${clock}:00Z`;

describe('sealing', () => {
  it('writes one frozen record per dimension and hour, from exactly its events', async () => {
    const id = await ledger.subscribe();
    await ledger.record(
      id,
      { quantity: 1.5, at: at('09:00') },
      { quantity: '2.000000000001', at: at('09:59') },
      { quantity: 4, at: at('10:00') },
      { quantity: -1, at: at('10:30') },
      { quantity: 3, at: at('10:30'), dimension: 'storage' },
      { quantity: 8, at: at('11:00') },
    );
    await ledger.seal();
    const [first, ...others] = await ledger.records(id);
    expect([first, ...others].map((record) => record && brief(record))).toEqual([
      'requests 11-11 09h: 3 of 2 event(s), carry 0.500000000001, pending',
      'requests 11-11 10h: 3 of 2 event(s), carry 0.500000000001, pending',
      'storage 11-11 10h: 3 of 1 event(s), carry 0, pending',
    ]);
    expect(first).toMatchObject({
      kind: 'hour',
      mode: 'live',
      timestamp: new Date(at('09:00')),
      allocations: null,
      notes: {},
      license_arn: `arn:aws:license-manager::123456789012:license:l-${id}`,
      due_at: new Date('2026-11-12T09:00:00Z'),
      cutoff_at: new Date('2026-11-12T10:00:00Z'),
    });
    expect(await ledger.unassigned(id)).toBe(1);
    expect(await ledger.expectConserved()).toBe('17.500000000001');
  });

  it('seals nothing twice', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:10') });
    await ledger.seal();
    const before = await ledger.records();
    await ledger.seal();
    expect(await ledger.records()).toEqual(before);
  });

  it('bills late usage in the hour being sealed, and names where it came from', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('08:10') }, { quantity: 5, at: at('10:10') });
    await ledger.seal();
    await ledger.record(id, { quantity: 2, at: at('08:20') }, { quantity: 3, at: at('08:40') }, { quantity: 7, at: at('11:10') });
    await ledger.seal();
    expect(await ledger.unassigned(id)).toBe(3);
    await ledger.at(at('12:10')).seal();
    expect(await sealed(id)).toEqual([
      'requests 11-11 08h: 1 of 1 event(s), carry 0, pending',
      'requests 11-11 10h: 5 of 1 event(s), carry 0, pending',
      'requests 11-11 11h: 12 of 3 event(s), carry 0, pending',
    ]);
    expect((await ledger.records(id)).at(-1)?.notes).toEqual({
      late: [{ hour: at('08:00').replace('Z', '.000Z'), quantity: '5', events: 2 }],
    });
  });

  it('gives the first record the moment at which the subscription began', async () => {
    const startsAt = new Date('2026-11-11T09:20:30.500Z');
    const id = await ledger.subscribe({ startsAt });
    await ledger.record(id, { quantity: 1, at: at('09:10') }, { quantity: 1, at: at('09:40') }, { quantity: 1, at: at('10:40') });
    await ledger.seal();
    expect((await ledger.records(id)).map(({ hour, timestamp }) => [hour, timestamp])).toEqual([
      [new Date(at('09:00')), startsAt],
      [new Date(at('10:00')), new Date(at('10:00'))],
    ]);
  });

  it('splits a record over its tags, and says when AWS has no room for them', async () => {
    const id = await ledger.subscribe();
    await ledger.record(
      id,
      { quantity: 2, at: at('10:10'), tags: { team: 'red' } },
      { quantity: 1, at: at('10:20'), tags: { team: 'blue' } },
      { quantity: 1, at: at('10:30') },
      ...['k1', 'k2', 'k3', 'k4', 'k5'].map((key) => ({ quantity: 5, at: at('10:40'), tags: { [key]: 'x' } })),
    );
    await ledger.seal();
    const [record] = await ledger.records(id);
    expect(record?.allocations).toEqual([
      ...['k1', 'k2', 'k3', 'k4', 'k5'].map((Key) => ({ AllocatedUsageQuantity: 5, Tags: [{ Key, Value: 'x' }] })),
      { AllocatedUsageQuantity: 4 },
    ]);
    expect(record?.notes).toEqual({ untaggedForLimits: '3' });
    expect(await ledger.alerts()).toEqual([{ kind: 'allocationsTrimmed', subject: `${id}/requests`, open: true }]);
  });

  it('carries what AWS has no room for to the next hour', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: '5000000000', at: at('10:10') });
    await ledger.seal();
    await ledger.seal();
    await ledger.at(at('12:15')).seal();
    await ledger.at(at('13:15')).seal();
    expect(await sealed(id)).toEqual([
      'requests 11-11 10h: 2147483647 of 1 event(s), carry 2852516353, pending',
      'requests 11-11 11h: 2147483647 of 0 event(s), carry 705032706, pending',
      'requests 11-11 12h: 705032706 of 0 event(s), carry 0, pending',
    ]);
  });

  it('seals an hour in which more was corrected than used as zero, and takes the debt off the next', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 2, at: at('09:10') }, { quantity: -5, at: at('09:20') }, { quantity: 10, at: at('10:10') });
    await ledger.seal();
    expect(await sealed(id)).toEqual([
      'requests 11-11 09h: 0 of 2 event(s), carry -3, pending',
      'requests 11-11 10h: 7 of 1 event(s), carry 0, pending',
    ]);
  });

  it('writes zero records at the edge of their window, once', async () => {
    const id = await ledger.subscribe({ startsAt: new Date('2026-11-10T12:10:00Z') });
    await ledger.record(id, { quantity: 3, at: '2026-11-10T13:10:00Z' });
    const products = ledger.options.products.map((product) => ({
      ...product,
      dimensions: ['requests'],
      zeroRecords: 'atWindowEdge' as const,
    }));
    await ledger.seal({ products });
    const expected = [
      'requests 11-10 12h: 0 of 0 event(s), carry 0, pending',
      'requests 11-10 13h: 3 of 1 event(s), carry 0, pending',
      'requests 11-10 14h: 0 of 0 event(s), carry 0, pending',
    ];
    expect(await sealed(id)).toEqual(expected);
    await ledger.seal({ products });
    expect(await sealed(id)).toEqual(expected);
    await ledger.at(at('12:01')).seal({ products });
    expect(await sealed(id)).toEqual([...expected, 'requests 11-10 15h: 0 of 0 event(s), carry 0, pending']);
  });
});

describe('what cannot be sealed', () => {
  it('waits until the identity is known, and says so', async () => {
    const id = await ledger.subscribe({ withoutIdentity: true });
    await ledger.record(id, { quantity: 1, at: at('10:10') });
    await ledger.seal();
    expect(await sealed(id)).toEqual([]);
    expect(await ledger.alerts()).toEqual([{ kind: 'identityMissing', subject: id, open: true }]);
    await ledger.database.query(
      `UPDATE marketplace.subscription SET license_arn = 'arn:aws:license-manager::1:license:l-1' WHERE id = $1`,
      [id],
    );
    await ledger.seal();
    expect(await sealed(id)).toEqual(['requests 11-11 10h: 1 of 1 event(s), carry 0, pending']);
    expect(await ledger.alerts()).toEqual([{ kind: 'identityMissing', subject: id, open: false }]);
  });

  it('never takes the form of an ARN that only events have', async () => {
    const id = await ledger.subscribe();
    await ledger.database.query(`UPDATE marketplace.subscription SET license_arn = 'aws:license-manager:us-east-1:1:l-1' WHERE id = $1`, [
      id,
    ]);
    await ledger.record(id, { quantity: 1, at: at('10:10') });
    await ledger.seal();
    expect(await ledger.alerts()).toEqual([{ kind: 'identityMissing', subject: id, open: true }]);
  });

  it('is one bad subscription: its neighbours are sealed, it is skipped, named, and taken up again when mended', async () => {
    const ids = await ledger.subscribeMany(120);
    for (const id of ids) await ledger.record(id, { quantity: 2, at: at('10:10') });
    const bad = ids[61] ?? '';
    // Whatever makes one subscription fail: here a constraint that its record breaks.
    await ledger.database.query(
      `ALTER TABLE marketplace.metering_record ADD CONSTRAINT poison CHECK (subscription_id <> '${bad}' OR quantity > 2) NOT VALID`,
    );
    await ledger.seal();
    const records = await ledger.records();
    expect(new Set(records.map((record) => record.subscription_id))).toEqual(new Set(ids.filter((id) => id !== bad)));
    expect(records).toHaveLength(119);
    expect(await ledger.unassigned()).toBe(1);
    expect(await ledger.alerts()).toEqual([{ kind: 'sealSkipped', subject: bad, open: true }]);

    await ledger.record(bad, { quantity: 1, at: at('10:20') });
    await ledger.seal();
    expect(await sealed(bad)).toEqual(['requests 11-11 10h: 3 of 2 event(s), carry 0, pending']);
    expect(await ledger.alerts()).toEqual([{ kind: 'sealSkipped', subject: bad, open: false }]);
  });

  it('includes a balance that does not agree with itself', async () => {
    const [bad = '', good = ''] = await ledger.subscribeMany(2);
    await ledger.record(bad, { quantity: 1, at: at('09:10') });
    await ledger.seal();
    await ledger.record(bad, { quantity: 1, at: at('10:10') });
    await ledger.record(good, { quantity: 1, at: at('10:10') });
    // More decimals than any quantity of ours can have: somebody's UPDATE.
    await ledger.database.query(`UPDATE marketplace.balance SET assigned = assigned + 0.00000000000001`);
    await ledger.seal();
    expect(await sealed()).toHaveLength(2);
    expect(await ledger.alerts()).toEqual([{ kind: 'sealSkipped', subject: bad, open: true }]);
    await ledger.database.query(
      `UPDATE marketplace.balance SET assigned = trim_scale(assigned - 0.00000000000001) WHERE subscription_id = $1`,
      [bad],
    );
    await ledger.seal();
    expect(await sealed(bad)).toHaveLength(2);
  });

  it('includes everything, where the clock of the machine cannot be trusted', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:10') });
    const realNow = Date.now;
    try {
      Date.now = () => realNow() + 11 * 60_000;
      await ledger.seal();
      expect(await sealed()).toEqual([]);
      Date.now = () => realNow() - 5 * 60_000;
      await ledger.seal();
      expect(await sealed()).toHaveLength(1);
      expect(await ledger.alerts()).toMatchObject([{ kind: 'clockSkew', open: true }]);
    } finally {
      Date.now = realNow;
    }
    await ledger.seal();
    expect(await ledger.alerts()).toMatchObject([{ kind: 'clockSkew', open: false }]);
  });
});

describe('two subscriptions that are one', () => {
  const merge = (loser: string, winner: string): Promise<unknown> =>
    ledger.database.query(`UPDATE marketplace.subscription SET merged_into = $2 WHERE id = $1`, [loser, winner]);

  it('are sealed as the one that goes on, in whatever order they are found', async () => {
    const [first = '', second = '', third = ''] = await ledger.subscribeMany(3);
    for (const id of [first, second, third]) await ledger.record(id, { quantity: 1, at: at('10:10') });
    await merge(first, second);
    await merge(second, third);
    await ledger.seal();
    await ledger.seal();
    await ledger.seal();
    await ledger.at(at('12:15')).seal();
    expect(await ledger.unassigned()).toBe(0);
    const records = await ledger.records();
    expect(records.every((record) => record.subscription_id === third)).toBe(true);
    expect(records.reduce((sum, record) => sum + Number(record.quantity), 0)).toBe(3);
    expect(await ledger.alerts()).toEqual([]);
  });

  it('bill what was recorded under the same key on both once, and name the rest', async () => {
    const [loser = '', winner = ''] = await ledger.subscribeMany(2);
    await ledger.record(loser, { quantity: 3, at: at('10:10'), key: 'order 1' }, { quantity: 5, at: at('10:10'), key: 'order 2' });
    await ledger.record(winner, { quantity: 3, at: at('10:10'), key: 'order 1' });
    await merge(loser, winner);
    await ledger.seal();
    expect(await sealed()).toEqual(['requests 11-11 10h: 8 of 2 event(s), carry 0, pending']);
    expect(await ledger.unassigned(loser)).toBe(1);
    expect(await ledger.alerts()).toEqual([{ kind: 'sealSkipped', subject: loser, open: true }]);
  });

  it('leave no zero records behind, and nothing to look at again', async () => {
    const [loser = '', winner = ''] = await ledger.subscribeMany(2);
    await merge(loser, winner);
    await ledger.end(loser, at('09:00'));
    const products = ledger.options.products.map((product) => ({ ...product, zeroRecords: 'atSeal' as const }));
    await ledger.seal({ products });
    expect(new Set((await ledger.records()).map((record) => record.subscription_id))).toEqual(new Set([winner]));
    const { sellerAccount } = ledger.options;
    const zeroEdges = [{ productCode: PRODUCT, hour: new Date(at('10:00')) }];
    const until = { settledUntil: new Date(at('11:00')), edgeUntil: new Date(at('11:00')), now: NOW };
    const states = { waitingStates: [], zeroStates: ['registered' as const] };
    expect(await findSealCandidates(ledger.database, { sellerAccount, zeroEdges, ...until, ...states })).toEqual([]);
  });
});

describe('the end of a subscription', () => {
  it('seals the running hour at once, moves the deadlines of what waits, then closes with what remains', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: '1.25', at: at('10:10') }, { quantity: 1, at: at('11:10') });
    await ledger.seal();
    await ledger.end(id, at('11:14'));
    await ledger.seal();
    expect((await ledger.records(id)).map(({ hour, due_at, cutoff_at }) => [hour, due_at, cutoff_at])).toEqual([
      [new Date(at('10:00')), new Date(at('12:14')), new Date(at('12:14'))],
      [new Date(at('11:00')), new Date(at('12:14')), new Date(at('12:14'))],
    ]);
    // A later sign: trying goes on longer, what is due stays due.
    await ledger.at(at('11:40')).end(id, at('11:14'), at('11:40'));
    await ledger.seal();
    const waiting = await ledger.records(id);
    expect(waiting.map(({ due_at, cutoff_at }) => [due_at, cutoff_at])).toEqual([
      [new Date(at('12:14')), new Date(at('12:40'))],
      [new Date(at('12:14')), new Date(at('12:40'))],
    ]);
    await ledger.record(id, { quantity: 2, at: at('11:13') });
    await ledger.at(at('11:45')).seal();
    await ledger.at(at('12:40')).seal();
    expect(await sealed(id)).toEqual([
      'requests 11-11 10h: 1 of 1 event(s), carry 0.25, pending',
      'requests 11-11 11h: 1 of 1 event(s), carry 0.25, pending',
      'requests 11-11 09h: 2 of 1 event(s), carry 0.25, pending',
      'closing requests 11-11 11h: 0.25 of 0 event(s), carry 0, closed',
    ]);
    expect((await ledger.records(id)).at(-1)).toMatchObject({ reason: 'ended', disposition: 'held', mode: 'off' });
    const [subscription] = await ledger.database.query(`SELECT state FROM marketplace.subscription WHERE id = $1`, [id]);
    expect(subscription).toEqual({ state: 'ended' });
    const outbox = await ledger.database.query(`SELECT type FROM marketplace.outbox_event ORDER BY position`);
    expect(outbox).toEqual([{ type: 'alert.raised' }, { type: 'metering.closed' }, { type: 'subscription.ended' }]);
    expect(await ledger.alerts()).toEqual([{ kind: 'ended', subject: `${id}/requests`, open: true }]);

    // Usage that comes after that is set apart too, and nothing is closed again without usage.
    await ledger.record(id, { quantity: 4, at: at('11:13') });
    await ledger.at(at('12:50')).seal();
    await ledger.at(at('13:50')).seal();
    expect((await sealed(id)).slice(4)).toEqual(['closing requests 11-11 11h: 4 of 1 event(s), carry 0, closed']);
  });

  it('is owed where more was corrected than billed', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 5, at: at('10:10') });
    await ledger.seal();
    await ledger.record(id, { quantity: -7, at: at('11:10') });
    await ledger.end(id, at('11:14'));
    await ledger.seal();
    await ledger.at(at('12:14')).seal();
    const [, , closing] = await ledger.records(id);
    expect(closing).toMatchObject({ quantity: '-7', disposition: 'owed', reason: 'ended' });
    expect(await ledger.alerts()).toEqual([{ kind: 'owed', subject: `${id}/requests`, open: true }]);
    // What was refunded is settled by a person.
    await ledger.database.query(
      `UPDATE marketplace.metering_record SET disposition = 'void', closed_by = 'operator' WHERE kind = 'closing'`,
    );
  });

  it('closes usage of a subscription whose identity never came', async () => {
    const id = await ledger.subscribe({ withoutIdentity: true });
    await ledger.record(id, { quantity: 5, at: at('10:10') });
    await ledger.end(id, at('11:14'));
    await ledger.seal();
    expect(await sealed(id)).toEqual([]);
    await ledger.at(at('12:14')).seal();
    expect(await sealed(id)).toEqual(['closing requests 11-11 11h: 5 of 1 event(s), carry 0, closed']);
  });

  it('does not wait for a host that holds the subscription in an open transaction', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 5, at: at('10:10') });
    await ledger.end(id, at('09:00'));
    const runner = ledger.database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`UPDATE marketplace.subscription SET tenant_id = 'acme' WHERE id = $1`, [id]);
    const other = await ledger.subscribe();
    await ledger.record(other, { quantity: 1, at: at('10:10') });
    await ledger.seal();
    expect(await sealed()).toEqual(['requests 11-11 10h: 1 of 1 event(s), carry 0, pending']);
    // It closes when nobody writes about it: what that transaction says could be that it goes on.
    await runner.commitTransaction();
    await runner.release();
    await ledger.seal();
    expect(await sealed(id)).toEqual(['closing requests 11-11 09h: 5 of 1 event(s), carry 0, closed']);
    expect(await ledger.database.query(`SELECT state FROM marketplace.subscription WHERE id = $1`, [id])).toEqual([{ state: 'ended' }]);
  });

  it('does not wait for a record that is being answered; its deadlines move on the next pass', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 5, at: at('10:10') });
    await ledger.seal();
    await ledger.end(id, at('11:14'));
    const runner = ledger.database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`SELECT 1 FROM marketplace.metering_record FOR UPDATE`);
    await ledger.seal();
    await runner.rollbackTransaction();
    await runner.release();
    await ledger.seal();
    expect((await ledger.records(id)).map(({ cutoff_at }) => cutoff_at)).toEqual([new Date(at('12:14'))]);
  });
});

describe('modes', () => {
  it('freeze on each record; going live sets apart what is left of before, and nothing that a person hands back', async () => {
    const id = await ledger.subscribe();
    await ledger.setMode('dry-run');
    await ledger.record(id, { quantity: '3.5', at: at('09:10') });
    await ledger.at(at('10:15')).seal();
    await ledger.setMode('live', at('11:00'), 'dry-run');
    await ledger.record(id, { quantity: 2, at: at('10:10') });
    await ledger.at(at('11:15')).seal();
    // 10:00 is before the hour from which the product is live: a dry run still.
    await ledger.record(id, { quantity: '0.25', at: at('10:20') }, { quantity: '6.75', at: at('11:20') });
    await ledger.at(at('12:15')).seal();
    const records = await ledger.records(id);
    expect(records.map((record) => `${record.mode} ${brief(record)}`)).toEqual([
      'dry-run requests 11-11 09h: 3 of 1 event(s), carry 0.5, pending',
      'dry-run requests 11-11 10h: 2 of 1 event(s), carry 0.5, pending',
      'dry-run closing requests 11-11 10h: 0.75 of 1 event(s), carry 0, closed',
      'live requests 11-11 11h: 6 of 1 event(s), carry 0.75, pending',
    ]);
    expect(records[2]).toMatchObject({ reason: 'dryRun', disposition: 'held' });
    expect(await ledger.alerts()).toEqual([{ kind: 'beforeLive', subject: `${id}/requests`, open: true }]);
  });

  it('do not undo the decision to bill units of a dry run', async () => {
    const id = await ledger.subscribe();
    await ledger.setMode('dry-run');
    await ledger.record(id, { quantity: '3.5', at: at('09:10') });
    await ledger.at(at('10:15')).seal();
    await ledger.database.query(
      `UPDATE marketplace.metering_record SET state = 'closed', reason = 'dryRun', disposition = 'held', closed_at = sealed_at`,
    );
    await ledger.setMode('live', at('10:00'), 'dry-run');
    await ledger.database.query(`UPDATE marketplace.metering_record SET disposition = 'carried', closed_by = 'operator'`);
    await ledger.at(at('11:15')).seal();
    await ledger.at(at('12:15')).seal();
    expect((await ledger.records(id)).map((record) => `${record.mode} ${brief(record)}`)).toEqual([
      'dry-run requests 11-11 09h: 3 of 1 event(s), carry 0.5, closed',
      'dry-run closing requests 11-11 09h: 0.5 of 0 event(s), carry 3, closed',
      'live requests 11-11 10h: 3 of 0 event(s), carry 0, pending',
    ]);
  });

  it('hold what was recorded while the product was off', async () => {
    const id = await ledger.subscribe();
    await ledger.setMode('off');
    await ledger.record(id, { quantity: 3, at: at('09:10') });
    await ledger.setMode('live', at('10:00'), 'off');
    await ledger.seal();
    expect(await ledger.records(id)).toMatchObject([{ kind: 'closing', mode: 'off', reason: 'off', disposition: 'held', quantity: '3' }]);
  });
});

describe('units handed back', () => {
  it('are sealed again, in the newest hour', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: '5.5', at: at('10:10') });
    await ledger.seal();
    await ledger.database.query(
      `UPDATE marketplace.metering_record SET state = 'closed', reason = 'expired', disposition = 'carried', closed_at = sealed_at`,
    );
    await ledger.at(new Date(NOW.getTime() + 26 * HOUR_MS)).seal();
    expect((await ledger.records(id)).map(({ kind, quantity, carry_in, carry_out }) => [kind, quantity, carry_in, carry_out])).toEqual([
      ['hour', '5', '0', '0.5'],
      ['hour', '5', '5.5', '0.5'],
    ]);
  });
});

describe('several sellers in one database', () => {
  it('do not see each other', async () => {
    const id = await ledger.subscribe();
    await ledger.record(id, { quantity: 1, at: at('10:10') });
    await ledger.seal({ sellerAccount: 'another' });
    expect(await sealed()).toEqual([]);
    await ledger.seal();
    expect(await sealed()).toHaveLength(1);
  });
});
