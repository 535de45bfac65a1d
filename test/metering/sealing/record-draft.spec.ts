import { describe, expect, it } from '@jest/globals';
import { type IncludedBasis } from '../../../src/metering/balance/included-rule.js';
import { type PlannedClosing, type PlannedHour, type Rollup } from '../../../src/metering/sealing/customer-plan.js';
import { type Period } from '../../../src/metering/sealing/period.js';
import { type WaitingReason } from '../../../src/metering/sealing/waiting-reason.js';
import {
  type BalanceBefore,
  draftClosing,
  draftHour,
  draftSettingApart,
  type RecordFrame,
  sumOf,
} from '../../../src/metering/sealing/record-draft.js';
import { scaled } from '../../../src/runtime/decimal.js';
import { at, license, NOW } from './given-timeline.js';

const FRAME: RecordFrame = {
  customerId: 'customer',
  productCode: 'larkspur',
  operation: 'BatchMeterUsage',
  region: 'us-east-1',
  now: NOW,
};
const UUID_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let nextId = 0;
/** Events of one hour, ten minutes after its start and ten before its end. */
function rollup(hour: string, sum: string, over: Partial<Rollup> = {}): Rollup {
  const from = at(hour);
  return {
    ...{ id: String((nextId += 1)), subject: 1, dimension: 'requests', hour: from, isCorrection: false, refusal: null },
    firstAt: new Date(from.getTime() + 600_000),
    lastAt: new Date(from.getTime() + 3_000_000),
    ...{ sum: scaled(sum), count: 3, tags: null, waitingReason: null, waitingSince: null },
    ...over,
  };
}

const period = (over: Partial<Period> = {}): Period => ({
  key: '1/paid/live',
  subscription: { subscriptionId: 's1', spans: [], askedAt: null, mayNotAsk: false, nextChangeAt: null },
  ...{ agreementId: '1', price: 'paid', mode: 'live', spans: [] },
  ...over,
});

function plannedHour(rollups: Rollup[], over: Partial<Period> = {}): PlannedHour {
  return {
    period: period(over),
    dimension: 'requests',
    rollups,
    hour: {
      hour: at('10:00'),
      timestamp: at('10:00:01'),
      span: undefined as never,
      identity: license('1'),
      deadlines: { dueAt: at('2026-11-12T10:00:00Z'), cutoffAt: at('2026-11-12T11:00:00Z') },
      settlesAt: at('11:10'),
    },
  };
}

const closing = (rollups: Rollup[], reason: PlannedClosing['reason'] = 'noHour'): PlannedClosing => ({
  ...{ period: period(), dimension: 'requests', hour: at('09:00'), rollups, reason },
});

const NOTHING: BalanceBefore = { carry: 0n, included: 0n, share: null };
const BASIS: IncludedBasis = {
  ...{ contractDimension: 'pack', covers: ['requests'], said: null, asOf: null, terms: [], included: '7' },
  own: { used: '11', included: '7' },
};

describe('the record of an hour', () => {
  it('says who used how much of what, under which name, and when it must be with AWS', () => {
    const rollups = [rollup('10:00', '2.5'), rollup('10:00', '1.25', { count: 4 })];
    const draft = draftHour(FRAME, plannedHour(rollups), 'period', {
      ...{ carry: scaled('0.5'), included: scaled('7') },
      share: { included: scaled('1'), basis: BASIS },
    });
    expect(draft).toEqual({
      identity: license('1'),
      rollups,
      included: scaled('1'),
      carryOut: scaled('0.25'),
      trimmedUnits: 0n,
      row: {
        id: expect.stringMatching(UUID_7),
        kind: 'hour',
        customer_id: 'customer',
        subscription_id: 's1',
        period_id: 'period',
        subject: null,
        identity_id: null,
        product_code: 'larkspur',
        dimension: 'requests',
        hour: '2026-11-11T10:00:00.000Z',
        timestamp: '2026-11-11T10:00:01.000Z',
        first_used_at: '2026-11-11T10:10:00.000Z',
        last_used_at: '2026-11-11T10:50:00.000Z',
        quantity: '3',
        block: '1',
        included: '1',
        included_total: '8',
        included_by: BASIS,
        event_sum: '3.75',
        event_count: 7,
        carry_in: '0.5',
        carry_out: '0.25',
        allocations: null,
        notes: {},
        operation: 'BatchMeterUsage',
        region: 'us-east-1',
        mode: 'live',
        sealed_at: NOW.toISOString(),
        state: 'pending',
        reason: null,
        reason_message: null,
        disposition: null,
        due_at: '2026-11-12T10:00:00.000Z',
        cutoff_at: '2026-11-12T11:00:00.000Z',
        closed_at: null,
      },
    });
  });

  it('sells whole blocks of what a contract does not include', () => {
    const { row, carryOut } = draftHour(
      FRAME,
      plannedHour([rollup('10:00', '3400')]),
      'period',
      { ...NOTHING, share: { included: scaled('1000'), basis: BASIS } },
      1000n,
    );
    expect(row).toMatchObject({ quantity: '2', block: '1000', included: '1000', included_total: '1000' });
    expect(carryOut).toBe(scaled('400'));
  });

  it('of an idle hour has zero units and no time of use', () => {
    const { row } = draftHour(FRAME, plannedHour([], { mode: 'dry-run' }), 'period', NOTHING);
    expect(row).toMatchObject({
      ...{ quantity: '0', event_sum: '0', event_count: 0, first_used_at: null, last_used_at: null, notes: {} },
      mode: 'dry-run',
    });
  });

  it('splits its units over the tags of its events', () => {
    const rollups = [rollup('10:00', '2', { tags: { team: 'red' } }), rollup('10:00', '3')];
    expect(
      draftHour(FRAME, plannedHour(rollups), 'period', { ...NOTHING, carry: scaled('1') }).row.allocations,
    ).toEqual([{ AllocatedUsageQuantity: 2, Tags: [{ Key: 'team', Value: 'red' }] }, { AllocatedUsageQuantity: 4 }]);
  });

  it('notes how many units lost their tags to the limits of AWS', () => {
    const rollups = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => rollup('10:00', '2', { tags: { [key]: 'x' } }));
    const draft = draftHour(FRAME, plannedHour(rollups), 'period', NOTHING);
    expect(draft.trimmedUnits).toBe(2n);
    expect(draft.row.notes).toEqual({ untaggedForLimits: '2' });
  });

  it('notes from which other hours its usage comes, in their order, each once', () => {
    const rollups = [
      rollup('10:00', '1'),
      rollup('09:00', '0.5'),
      rollup('08:00', '4', { count: 1 }),
      // A part of a rollup that was cut names the instant of its cut.
      rollup('09:00', '-0.25', { hour: at('09:37') }),
      rollup('10:00', '1', { hour: at('10:20') }),
    ];
    expect(draftHour(FRAME, plannedHour(rollups), 'period', NOTHING).row.notes).toEqual({
      late: [
        { hour: '2026-11-11T08:00:00.000Z', quantity: '4', events: 1 },
        { hour: '2026-11-11T09:00:00.000Z', quantity: '0.25', events: 6 },
      ],
    });
  });

  it('spans the times of all its rollups, whatever their order', () => {
    const { row } = draftHour(
      FRAME,
      plannedHour([rollup('09:00', '1'), rollup('10:00', '1'), rollup('08:00', '1')]),
      ...(['period', NOTHING] as const),
    );
    expect([row.first_used_at, row.last_used_at]).toEqual(['2026-11-11T08:10:00.000Z', '2026-11-11T10:50:00.000Z']);
  });
});

describe('the closing of a period', () => {
  it('holds what is left for a person, and is never sent', () => {
    const rollups = [rollup('08:00', '2.5')];
    expect(draftClosing(FRAME, closing(rollups), 'period', { ...NOTHING, carry: scaled('0.75') })).toEqual({
      identity: null,
      rollups,
      included: 0n,
      carryOut: 0n,
      trimmedUnits: 0n,
      row: {
        id: expect.stringMatching(UUID_7),
        kind: 'closing',
        customer_id: 'customer',
        subscription_id: 's1',
        period_id: 'period',
        subject: null,
        identity_id: null,
        product_code: 'larkspur',
        dimension: 'requests',
        hour: '2026-11-11T09:00:00.000Z',
        timestamp: null,
        first_used_at: '2026-11-11T08:10:00.000Z',
        last_used_at: '2026-11-11T08:50:00.000Z',
        quantity: '3.25',
        block: '1',
        included: '0',
        included_total: '0',
        included_by: null,
        event_sum: '2.5',
        event_count: 3,
        carry_in: '0.75',
        carry_out: '0',
        allocations: null,
        notes: {},
        operation: 'BatchMeterUsage',
        region: 'us-east-1',
        mode: 'live',
        sealed_at: NOW.toISOString(),
        state: 'closed',
        reason: 'noHour',
        reason_message: 'its agreement is over and AWS takes no hour of it any more',
        disposition: 'held',
        due_at: NOW.toISOString(),
        cutoff_at: NOW.toISOString(),
        closed_at: NOW.toISOString(),
      },
    });
  });

  it('K25 owes the buyer what a contract includes after it was billed', () => {
    const share = { included: scaled('200'), basis: BASIS };
    const { row } = draftClosing(FRAME, closing([]), 'period', { carry: 0n, included: scaled('800'), share });
    expect(row).toMatchObject({ quantity: '-200', included: '200', included_total: '1000', disposition: 'owed' });
  });

  it.each([
    ['is owed to the buyer where more was corrected than is left', '-0.5', 'owed', 'remainder'],
    ['is held where nothing is left', '0.5', 'held', 'noHour'],
  ])('%s', (_, sum, disposition, reason) => {
    const { row } = draftClosing(FRAME, closing([rollup('08:00', sum)]), 'period', {
      ...NOTHING,
      carry: scaled('-0.5'),
    });
    expect(row).toMatchObject({ disposition, reason, state: 'closed' });
    if (disposition === 'owed')
      expect(row).toMatchObject({
        quantity: '-1',
        reason_message: 'corrections exceed what was billed: the buyer is owed a refund',
      });
  });

  it.each([
    ['dryRun', 'the product was in dry-run when this usage occurred; billing it needs a decision'],
    ['notLive', 'the product was off when this usage occurred; billing it needs a decision'],
    ['noHour', 'its agreement is over and AWS takes no hour of it any more'],
    [
      'noIdentity',
      'its agreement is over, and no name of it is known that AWS meters by: AWS told none, or it was erased',
    ],
    ['awaitingEntitlement', 'its agreement is over, and AWS never said how many units the contract includes'],
    ['refused', 'its agreement is over, and AWS refused what it would have been sent under'],
    ['nextHour', null],
  ] as const)('because of %s says why', (reason, message) => {
    const { row } = draftClosing(FRAME, closing([rollup('08:00', '1')], reason), 'period', NOTHING);
    expect([row.reason, row.reason_message]).toEqual([reason, message]);
  });
});

describe('usage that is set apart', () => {
  const setApart = (rollups: Rollup[], reason: WaitingReason = 'afterEnd') =>
    draftSettingApart(FRAME, { subject: 7, dimension: 'requests', reason, rollups });

  it('belongs to its subject alone: no period, no balance, the hour of its first event', () => {
    const rollups = [rollup('09:00', '1'), rollup('08:00', '1.5'), rollup('10:00', '1')];
    expect(setApart(rollups)).toEqual({
      identity: null,
      rollups,
      included: 0n,
      carryOut: 0n,
      trimmedUnits: 0n,
      row: {
        id: expect.stringMatching(UUID_7),
        kind: 'setApart',
        customer_id: 'customer',
        subscription_id: null,
        period_id: null,
        subject: 7,
        identity_id: null,
        product_code: 'larkspur',
        dimension: 'requests',
        hour: '2026-11-11T08:00:00.000Z',
        timestamp: null,
        first_used_at: '2026-11-11T08:10:00.000Z',
        last_used_at: '2026-11-11T10:50:00.000Z',
        quantity: '3.5',
        block: '1',
        included: '0',
        included_total: '0',
        included_by: null,
        event_sum: '3.5',
        event_count: 9,
        carry_in: '0',
        carry_out: '0',
        allocations: null,
        notes: {},
        operation: 'BatchMeterUsage',
        region: 'us-east-1',
        mode: 'live',
        sealed_at: NOW.toISOString(),
        state: 'closed',
        reason: 'afterEnd',
        reason_message: 'it occurred after the end of the agreement',
        disposition: 'held',
        due_at: NOW.toISOString(),
        cutoff_at: NOW.toISOString(),
        closed_at: NOW.toISOString(),
      },
    });
  });

  it.each([
    ['afterEnd', 'it occurred after the end of the agreement'],
    ['awaitingSuccessor', 'it occurred after the end of the agreement, and AWS knows no successor'],
    ['beforeStart', 'it occurred before the start of the agreement'],
    ['noSubscription', 'no subscription was the tenant’s at that time'],
  ] as const)('because of %s says why', (reason, message) => {
    const { row } = setApart([rollup('08:00', '1')], reason);
    expect([row.reason, row.reason_message]).toEqual([reason, message]);
  });
});

describe('the sum of rollups', () => {
  it('adds what they have, corrections included', () => {
    expect(sumOf([rollup('08:00', '1.5'), rollup('09:00', '-0.25')])).toBe(scaled('1.25'));
    expect(sumOf([])).toBe(0n);
  });
});
