import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { modeAt, type ModeFrom, type ModePlan, planModes } from '../../src/subscription/product-mode.js';

const at = (text: string): Date => new Date(`2026-11-${text}:00Z`);
/** Inside an hour: what lies before it in the running hour is past, too. */
const NOW = at('10T10:40');
const HOUR = at('10T10:00');

const live: ModeFrom[] = [{ from: null, mode: 'live' }];
const dry: ModeFrom[] = [{ from: null, mode: 'dry-run' }];

describe('the mode of an instant', () => {
  const modes: ModeFrom[] = [
    ...live,
    { from: at('10T00:00'), mode: 'dry-run' },
    { from: at('11T00:00'), mode: 'live' },
  ];

  // T22: live since January, dry run on the 10th, live again from the 11th.
  it.each([
    ['long before', '01T00:00', 'live'],
    ['before the dry run', '09T23:50', 'live'],
    ['at its first instant', '10T00:00', 'dry-run'],
    ['within', '10T23:59', 'dry-run'],
    ['after', '11T00:00', 'live'],
  ])('%s', (_, instant, mode) => {
    expect(modeAt(modes, at(instant))).toBe(mode);
  });

  it('is none before the first row', () => {
    expect(modeAt([{ from: NOW, mode: 'live' }], at('10T10:39'))).toBeNull();
  });
});

describe('modes follow the options', () => {
  it.each<[string, ModeFrom[], Parameters<typeof planModes>[1], ModePlan]>([
    ['first listed as live', [], { mode: 'live' }, { rows: live }],
    ['first listed as dry run', [], { mode: 'dry-run' }, { rows: dry }],
    [
      'first listed as live from an hour on',
      [],
      { mode: 'live', liveFrom: at('11T00:00') },
      { rows: [...dry, { from: at('11T00:00'), mode: 'live' }] },
    ],
    [
      'first listed as dry run: the hour from which it would be live says nothing',
      [],
      { mode: 'dry-run', liveFrom: at('11T00:00') },
      { rows: dry },
    ],
    ['listed as before', live, { mode: 'live' }, { rows: [] }],
    ['live already: liveFrom changes nothing', live, { mode: 'live', liveFrom: at('12T00:00') }, { rows: [] }],
    [
      'a dry run begins now: the running hour was live until then',
      live,
      { mode: 'dry-run' },
      { rows: [{ from: NOW, mode: 'dry-run' }] },
    ],
    ['off likewise', dry, { mode: 'off' }, { rows: [{ from: NOW, mode: 'off' }] }],
    ['going live names its hour', dry, { mode: 'live' }, { refused: 'liveFromMissing' }],
    [
      'M27: an hour that is over is refused',
      dry,
      { mode: 'live', liveFrom: at('10T09:00') },
      { refused: 'liveFromPast', mode: 'dry-run' },
    ],
    ['the running hour is taken', dry, { mode: 'live', liveFrom: HOUR }, { rows: [{ from: HOUR, mode: 'live' }] }],
    [
      'left inside the running hour, and taken up again with the whole of it',
      [...live, { from: at('10T10:30'), mode: 'dry-run' }],
      { mode: 'live', liveFrom: HOUR },
      {
        rows: [
          { from: HOUR, mode: 'live' },
          { from: at('10T10:30'), mode: 'live' },
        ],
      },
    ],
    [
      'left inside the running hour, and taken up again with the next',
      [...live, { from: at('10T10:30'), mode: 'dry-run' }],
      { mode: 'live', liveFrom: at('10T11:00') },
      { rows: [{ from: at('10T11:00'), mode: 'live' }] },
    ],
    [
      'left, and started again',
      [...live, { from: at('10T10:30'), mode: 'dry-run' }],
      { mode: 'dry-run' },
      { rows: [] },
    ],
    [
      'a later hour',
      dry,
      { mode: 'live', liveFrom: at('11T00:00') },
      { rows: [{ from: at('11T00:00'), mode: 'live' }] },
    ],
    [
      'announced already',
      [...dry, { from: at('11T00:00'), mode: 'live' }],
      { mode: 'live', liveFrom: at('11T00:00') },
      { rows: [] },
    ],
    [
      'reached, with liveFrom still in the options',
      [...dry, { from: at('09T00:00'), mode: 'live' }],
      { mode: 'live', liveFrom: at('09T00:00') },
      { rows: [] },
    ],
    [
      'announced for another hour: the earlier one is taken back',
      [...dry, { from: at('11T00:00'), mode: 'live' }],
      { mode: 'live', liveFrom: at('12T00:00') },
      {
        rows: [
          { from: at('11T00:00'), mode: 'dry-run' },
          { from: at('12T00:00'), mode: 'live' },
        ],
      },
    ],
    [
      'announced, and given up',
      [...dry, { from: at('11T00:00'), mode: 'live' }],
      { mode: 'dry-run' },
      { rows: [{ from: at('11T00:00'), mode: 'dry-run' }] },
    ],
  ])('%s', (_, stored, decision, plan) => {
    expect(planModes(stored, decision, NOW)).toEqual(plan);
  });

  it('whatever was decided before: the past stays, from now on it is as the options say, and a second start adds nothing', () => {
    const hour = fc.integer({ min: -50, max: 50 }).map((hours) => new Date(HOUR.getTime() + hours * 3_600_000));
    const instant = fc.integer({ min: -600, max: 600 }).map((steps) => new Date(HOUR.getTime() + steps * 300_000));
    const mode = fc.constantFrom('live' as const, 'dry-run' as const, 'off' as const);
    const after = (stored: readonly ModeFrom[], rows: readonly ModeFrom[]): ModeFrom[] => {
      const merged = new Map([...stored, ...rows].map((row) => [row.from?.getTime() ?? -Infinity, row]));
      return [...merged.entries()].sort(([a], [b]) => a - b).map(([, row]) => row);
    };
    fc.assert(
      fc.property(
        fc.array(fc.record({ from: instant, mode })),
        mode,
        mode,
        fc.option(hour, { nil: undefined }),
        (rows, first, wanted, liveFrom) => {
          const stored = after([{ from: null, mode: first }], rows);
          const plan = planModes(stored, { mode: wanted, liveFrom }, NOW);
          if ('refused' in plan) {
            expect(wanted).toBe('live');
            expect(modeAt(stored, NOW)).not.toBe('live');
            return;
          }
          const now = after(stored, plan.rows);
          const before = modeAt(stored, NOW);
          const goesLive = wanted === 'live' && before !== 'live' && liveFrom !== undefined;
          const decidedFrom = goesLive && liveFrom < NOW ? liveFrom : NOW;
          const instants = Array.from({ length: 1441 }, (_, step) => new Date(HOUR.getTime() + (step - 720) * 300_000));
          const expected = instants.map((then) =>
            then < decidedFrom ? modeAt(stored, then) : goesLive && then < liveFrom ? before : wanted,
          );
          expect(instants.map((then) => modeAt(now, then))).toEqual(expected);
          expect(planModes(now, { mode: wanted, liveFrom }, NOW)).toEqual({ rows: [] });
        },
      ),
    );
  });
});
