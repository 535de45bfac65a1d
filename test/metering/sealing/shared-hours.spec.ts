import { describe, expect, it } from '@jest/globals';
import { type Period } from '../../../src/metering/sealing/period.js';
import { type PlannedCustomer } from '../../../src/metering/sealing/planned-customer.js';
import { leaveShared, shareHours, withSharedSubjects } from '../../../src/metering/sealing/shared-hours.js';
import { type CustomerTimeline } from '../../../src/subscription/agreements/timeline.js';

type Placed = [period: string, dimension: string, hour: number, ...rollups: string[]];

const periodOf = (key: string): Period => ({ key, subscription: { subscriptionId: 's-1' } }) as unknown as Period;
const rollupsOf = (ids: string[]) => ids.map((id) => ({ id }));

function customerOf(tenantId: string | null, turns: (string | null)[]): CustomerTimeline {
  const tenancies = turns.map((tenant) => ({
    subscriptionId: tenant === null ? 's-2' : 's-1',
    tenantId: tenant ?? 'x',
  }));
  const subjects = [{ id: `subject of ${tenantId}` }];
  return { customerId: `customer ${tenantId}`, productCode: 'larkspur', tenantId, tenancies, subjects } as never;
}

const plannedOf = (
  customer: CustomerTimeline,
  { hours = [], closings = [] }: { hours?: Placed[]; closings?: Placed[] },
): PlannedCustomer =>
  ({
    customer,
    plan: {
      waits: ['kept'],
      hours: hours.map(([period, dimension, hour, ...rollups]) => ({
        ...{
          period: periodOf(period),
          dimension,
          hour: { hour: new Date(hour), timestamp: new Date(hour) },
          rollups: rollupsOf(rollups),
        },
      })),
      closings: closings.map(([period, dimension, , rollup, reason]) => ({
        ...{ period: periodOf(period), dimension, rollups: rollupsOf([rollup!]), reason },
      })),
    },
  }) as unknown as PlannedCustomer;

const shown = (planned: readonly PlannedCustomer[]): unknown =>
  planned.map(({ plan }) => [
    ...plan.hours.map(({ period, dimension, hour, rollups }) => [
      `${period.key} ${dimension} ${hour.hour.getTime()}`,
      ...rollups.map(({ id }) => id),
    ]),
    ...plan.closings.map(({ period, dimension, rollups, reason }) => [
      `${period.key} ${dimension} ${reason}`,
      ...rollups.map(({ id }) => id),
    ]),
  ]);

describe('hours that several tenants of one subscription used', () => {
  const turns = ['before', 'after'];
  const [before, after] = [customerOf('before', turns), customerOf('after', turns)];

  it('are one record of who has it', () => {
    const planned = shareHours([
      plannedOf(before, {
        hours: [
          ['p', 'calls', 10, 'a'],
          ['p', 'calls', 11, 'b'],
        ],
      }),
      plannedOf(after, {
        hours: [
          ['p', 'calls', 10, 'c', 'd'],
          ['p', 'lookups', 10, 'e'],
          ['q', 'calls', 11, 'f'],
        ],
      }),
    ]);
    expect(shown(planned)).toEqual([
      [['p calls 11', 'b']],
      [
        ['p calls 10', 'a', 'c', 'd'],
        ['p lookups 10', 'e'],
        ['q calls 11', 'f'],
      ],
    ]);
    expect(planned.map(({ plan }) => plan.waits)).toEqual([['kept'], ['kept']]);
  });

  it('are of who had it last, whoever is planned first, and of one who never had it least', () => {
    const hours: Placed[] = [['p', 'calls', 10, 'x']];
    const again = ['after', 'before', 'other', 'before'];
    const found = (...customers: CustomerTimeline[]): unknown =>
      shown(shareHours(customers.map((customer) => plannedOf(customer, { hours }))));
    const one = [['p calls 10', 'x', 'x']];
    expect(found(customerOf('after', turns), customerOf('before', turns))).toEqual([one, []]);
    expect(found(customerOf('after', again), customerOf('before', again))).toEqual([[], one]);
    expect(found(customerOf(null, [null]), customerOf('after', turns))).toEqual([[], one]);
    expect(found(customerOf(null, [null]), customerOf('first', ['first']))).toEqual([[], one]);
    expect(found(customerOf('before', [null, ...turns]), customerOf('after', turns))).toEqual([[], one]);
    expect(found(customerOf('other', [null, null, 'other']), customerOf('after', turns))).toEqual([[], one]);
    expect(found(customerOf(null, [null]), customerOf(null, [null]))).toEqual([one, []]);
  });

  it('stay in the order of hours', () => {
    const planned = shareHours([
      plannedOf(before, {
        hours: [
          ['p', 'calls', 10, 'a'],
          ['p', 'calls', 11, 'b'],
        ],
      }),
      plannedOf(after, {
        hours: [
          ['p', 'calls', 9, 'c'],
          ['p', 'calls', 10, 'd'],
        ],
      }),
    ]);
    expect(shown(planned)).toEqual([
      [['p calls 11', 'b']],
      [
        ['p calls 9', 'c'],
        ['p calls 10', 'a', 'd'],
      ],
    ]);
  });

  it('are closed as one, as refused where any of them was', () => {
    const planned = shareHours([
      plannedOf(before, {
        closings: [
          ['p', 'calls', 0, 'a', 'refused'],
          ['p', 'lookups', 0, 'b', 'noHour'],
        ],
      }),
      plannedOf(after, {
        closings: [
          ['p', 'calls', 0, 'c', 'noHour'],
          ['p', 'lookups', 0, 'd', 'dryRun'],
        ],
      }),
    ]);
    expect(shown(planned)).toEqual([
      [],
      [
        ['p calls refused', 'a', 'c'],
        ['p lookups dryRun', 'b', 'd'],
      ],
    ]);
  });
});

describe('a subscription of which somebody who had it is not planned', () => {
  const now = new Date(7);
  const of = (subscriptionId: string, key = 'p') => ({ key, subscription: { subscriptionId } }) as unknown as Period;
  const given = (plan: object): PlannedCustomer =>
    ({ customer: 'kept', plan: { hours: [], closings: [], closed: [], lookAt: null, ...plan } }) as never;

  it('has its hours and closings left to a pass that comes at once', () => {
    const period = of('s-1');
    const hours = [{ period }, { period: of('s-2') }];
    const closings = [{ period }, { period: of('s-2') }];
    const one = given({ hours, closings, closed: [period, of('s-2')], waits: ['kept'] });
    expect(leaveShared([one], new Set(['s-1']), now)).toEqual([
      {
        customer: 'kept',
        plan: {
          ...{ hours: hours.slice(1), closings: closings.slice(1), closed: [of('s-2')] },
          ...{ lookAt: now, waits: ['kept'] },
        },
      },
    ]);
    for (const plan of [{ hours }, { closings }])
      expect(leaveShared([given(plan)], new Set(['s-1']), now)[0]?.plan.lookAt).toBe(now);
  });

  it('keeps nobody who has no record of it', () => {
    const one = given({ hours: [{ period: of('s-2') }], closings: [{ period: of('s-2') }] });
    expect(leaveShared([one], new Set(['s-1']), now)[0]).toBe(one);
  });
});

describe('subjects of a customer', () => {
  it('are those of other tenants of its subscriptions, too, who are there, of its product', () => {
    const turns = ['before', 'after', 'gone'];
    const elsewhere = { ...customerOf('before', turns), customerId: 'elsewhere', productCode: 'other' };
    const all = [customerOf('before', turns), customerOf('after', turns), customerOf('alone', ['alone']), elsewhere];
    const nobody = customerOf(null, ['alone']);
    const subjects = withSharedSubjects([...all, nobody]).map((one) => one.subjects.map(({ id }) => id));
    expect(subjects).toEqual([
      ['subject of before', 'subject of after'],
      ['subject of after', 'subject of before'],
      ['subject of alone'],
      ['subject of before'],
      ['subject of null', 'subject of alone'],
    ]);
    expect(withSharedSubjects(all)[2]).toBe(all[2]);
  });
});
