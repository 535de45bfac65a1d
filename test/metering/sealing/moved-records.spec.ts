import { describe, expect, it } from '@jest/globals';
import { hasMoved } from '../../../src/metering/sealing/moved-records.js';
import { hourOf } from '../../../src/runtime/clock.js';
import { ruleOf, RUNNING } from './given-rule.js';
import { at } from './given-timeline.js';

const recordOf = (subject: number) => ({
  ...{ id: 'r', kind: 'hour' as const, hour: at('10:00'), identity: 'l-1' },
  rollups: [
    {
      ...{ subject, dimension: 'requests', isCorrection: false, refusal: null, hour: hourOf(at('10:10')) },
      ...{ firstAt: at('10:10'), lastAt: at('10:20') },
    },
  ],
});

describe('a record whose agreement the customer’s timeline knows no longer', () => {
  it('has moved where nothing was the tenant’s at that time: the link was undone', () => {
    expect(hasMoved(recordOf(1), null, ruleOf({ spans: [] }))).toBe(true);
  });

  it('has moved where another agreement covers its usage', () => {
    expect(hasMoved(recordOf(1), null, ruleOf({ spans: RUNNING }))).toBe(true);
  });

  it('stands where its subject is another customer’s now, who judges it', () => {
    expect(hasMoved(recordOf(2), null, ruleOf({ spans: [] }))).toBe(false);
  });
});
