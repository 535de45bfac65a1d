import { describe, expect, it, jest } from '@jest/globals';
import { type Fault } from 'aws-marketplace-simulator';
import { LEGACY_CODE, PRODUCT_CODE, type World } from '../support/world.js';
import { withWorld } from './routes.js';

// G6: answers that nobody has seen, for one run, an hour or a day, for one product or for all. Siblings: a proxy's
// answers, answers that say nothing, a broken constraint that AWS sees for a while where there is none.

jest.setTimeout(600_000);

const BATCH = { operation: 'BatchMeterUsage' } as const;
const HTML = { 'Content-Type': 'text/html' };

/** What AWS, or something before it, answers; and what tells a person of it, where it lasts. */
const KINDS: [string, Fault, string][] = [
  ['an HTTP 400 that no model lists', { kind: 'unknownError', name: 'NeverHeardOfException' }, 'blocked'],
  ['a constraint that nobody breaks', { kind: 'unknownError', name: 'ValidationException' }, 'blocked'],
  ['a proxy’s 413', { kind: 'rawAnswer', statusCode: 413, headers: HTML, body: '<h1>413</h1>' }, 'blocked'],
  ['a proxy’s 407', { kind: 'rawAnswer', statusCode: 407, headers: HTML, body: '<h1>407</h1>' }, 'setupError'],
  ['a status that nobody knows, of one record', { kind: 'unknownStatus', status: 'Deferred', subset: 1 }, 'blocked'],
  ['a status that nobody knows, of all records', { kind: 'unknownStatus', status: 'Deferred' }, 'blocked'],
  ['a page of HTML with 200', { kind: 'proxyPage', statusCode: 200 }, 'unanswered'],
  ['an empty 200', { kind: 'rawAnswer' }, 'unanswered'],
  ['an empty object with 200', { kind: 'rawAnswer', body: '{}' }, 'unanswered'],
  ['a 502', { kind: 'proxyPage' }, 'unanswered'],
  ['all records unprocessed', { kind: 'unprocessed' }, 'unanswered'],
];
const SPELLS: [string, number, 'one product' | 'all products'][] = [
  ['one run', 0, 'all products'],
  ['an hour', 1, 'one product'],
  ['an hour', 1, 'all products'],
  ['a day', 24, 'one product'],
  ['a day', 24, 'all products'],
];

const alertsOf = async (world: World): Promise<string[]> => (await world.alerts()).map(({ kind }) => kind);

describe('G6 an answer that nobody has seen', () => {
  it.each(KINDS)('%s, for one run, an hour and a day, of one product and of all', async (_answer, fault, alert) => {
    await withWorld({}, async (world) => {
      const buyers = [
        await world.join('acme', { productCode: PRODUCT_CODE }),
        await world.join('bolt', { productCode: PRODUCT_CODE }),
        await world.join('crux', { productCode: LEGACY_CODE }),
      ];
      for (const [spell, hours, scope] of SPELLS) {
        const began = world.now();
        for (const buyer of buyers) await buyer.use(3);
        // So that the hour is sealed and sent while it lasts.
        await world.pass(0.5);
        const strange = world.simulator.faults.add({
          ...BATCH,
          ...fault,
          ...(scope === 'one product' && { when: { productCode: PRODUCT_CODE } }),
          ...(hours === 0 && { count: 1 }),
        });
        for (let hour = 0; hour < hours; hour += 6) {
          if (hour > 0) for (const buyer of buyers) await buyer.use(2);
          await world.pass(Math.min(6, hours - hour), hours === 1 ? 0.5 : 6);
        }
        if (hours > 1) {
          expect([spell, scope, await alertsOf(world)]).toEqual([spell, scope, expect.arrayContaining([alert])]);
          const [first] = await world.database.query<{ kind: string }>(
            `SELECT kind FROM marketplace.alert WHERE kind IN ($1, 'deadlineNear') AND first_raised_at >= $2
             ORDER BY first_raised_at, kind <> $1`,
            [alert, began.toISOString()],
          );
          expect([spell, scope, first?.kind]).toEqual([spell, scope, alert]);
        }
        if (hours > 0) strange.remove();
        // The next runs are normal. What was recorded first is due by now: half an hour more, and it would be too late.
        for (let run = 0; run < 2; run += 1) await world.turn();
        await world.pass(2);
        expect(strange.hits).toBeGreaterThan(0);
        await world.expectAllBilled();
        const billed = world.simulator.bill().reduce((sum, { quantity }) => sum + quantity, 0);
        expect([spell, scope, billed]).toEqual([spell, scope, world.recorded]);
        expect([spell, scope, await alertsOf(world)]).toEqual([spell, scope, []]);
      }
    });
  });
});
