import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type EndTurn, FairTurns } from '../../src/runtime/fair-turns.js';

const LONG_MS = 60_000;
const turnsOf = (over: Partial<ConstructorParameters<typeof FairTurns>[0]> = {}): FairTurns =>
  new FairTurns({ atOnce: () => 1, atOncePerAsker: 1, waiting: 100, waitingPerAsker: 100, ...over });
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('FairTurns', () => {
  it('serves askers one after the other, however many of one of them wait', async () => {
    const turns = turnsOf();
    const order: string[] = [];
    const ask = async (asker: string): Promise<void> => {
      const end = await turns.take(asker, LONG_MS);
      order.push(asker);
      await soon();
      end?.();
    };
    await Promise.all([...Array.from({ length: 5 }, () => ask('many')), ask('one'), ask('two'), ask('one')]);
    expect(order).toEqual(['many', 'many', 'one', 'two', 'many', 'one', 'many', 'many']);
  });

  it('tells at once whom it has no place for, and after a while whose turn did not come', async () => {
    const turns = turnsOf({ waiting: 2, waitingPerAsker: 1 });
    const end = await turns.take('busy', LONG_MS);
    const waits = turns.take('a', LONG_MS);
    expect(await turns.take('a', LONG_MS)).toBeNull();
    expect(await turns.take('b', 1)).toBeNull();
    const last = turns.take('b', LONG_MS);
    expect(await turns.take('c', LONG_MS)).toBeNull();
    end?.();
    (await waits)?.();
    expect(await last).not.toBeNull();
  });

  it('never lets more be at it than allowed, and lets everybody', async () => {
    const asker = fc.constantFrom('a', 'b', 'c', 'd');
    const calls = fc.array(fc.tuple(asker, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        calls,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (asked, all, each) => {
          const turns = turnsOf({ atOnce: () => all, atOncePerAsker: each });
          const busy: string[] = [];
          const served = await Promise.all(
            asked.map(async ([name, ticks]) => {
              const end: EndTurn | null = await turns.take(name, LONG_MS);
              if (!end) return false;
              busy.push(name);
              expect(busy.length).toBeLessThanOrEqual(all);
              expect(busy.filter((one) => one === name).length).toBeLessThanOrEqual(each);
              for (let tick = 0; tick < ticks; tick += 1) await soon();
              busy.splice(busy.indexOf(name), 1);
              end();
              end();
              return true;
            }),
          );
          expect(served).toEqual(asked.map(() => true));
        },
      ),
      { numRuns: 60 },
    );
  });
});
