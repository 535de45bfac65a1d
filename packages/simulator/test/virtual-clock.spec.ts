import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../src/index.js';

const start = new Date('2026-11-18T12:00:00Z');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('VirtualClock', () => {
  it('follows wall time by default', () => {
    const clock = new VirtualClock();
    // Between two looks at the wall: a busy machine may take its time over either.
    const before = Date.now();
    const now = clock.now().getTime();
    expect(now).toBeGreaterThanOrEqual(before - 1);
    expect(now).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('stands still at rate 0 and moves only by hand', async () => {
    const clock = new VirtualClock({ startAt: start, rate: 0 });
    await pause(5);
    expect(clock.now()).toEqual(start);
    clock.advance(1500);
    expect(clock.now().getTime() - start.getTime()).toBe(1500);
    clock.set(new Date(0));
    expect(clock.now().getTime()).toBe(0);
  });

  it('runs at a rate from where it stands', async () => {
    const clock = new VirtualClock({ startAt: start, rate: 0 });
    clock.run({ rate: 3600 });
    await pause(20);
    clock.run({ rate: 0 });
    const passed = clock.now().getTime() - start.getTime();
    expect(passed).toBeGreaterThanOrEqual(18 * 3600);
    expect(passed).toBeLessThan(5000 * 3600);
  });

  it('refuses times and rates that make no sense', () => {
    const clock = new VirtualClock();
    expect(() => {
      clock.advance(-1);
    }).toThrow('use set()');
    expect(() => {
      clock.set(new Date(NaN));
    }).toThrow('invalid Date');
    expect(() => {
      clock.run({ rate: -1 });
    }).toThrow('>= 0');
    expect(() => new VirtualClock({ rate: Infinity })).toThrow('finite');
  });

  describe('alarms', () => {
    /** What rang, with the minutes after the start at which the clock stood then. */
    const listen = (clock: VirtualClock, rung: [string, number][]) => (name: string, minute: number) =>
      clock.alarm(new Date(start.getTime() + minute * 60_000), () => {
        rung.push([name, (clock.now().getTime() - start.getTime()) / 60_000]);
      });

    it('ring in order of time, each with the clock at its moment, when the clock is moved past them', () => {
      const clock = new VirtualClock({ startAt: start, rate: 0 });
      const rung: [string, number][] = [];
      const alarm = listen(clock, rung);
      alarm('second', 20);
      alarm('first', 10);
      alarm('also second', 20);
      alarm('later', 31);
      alarm('taken away', 15)();
      clock.advance(30 * 60_000);
      expect(rung).toEqual([
        ['first', 10],
        ['second', 20],
        ['also second', 20],
      ]);
      expect(clock.now().getTime() - start.getTime()).toBe(30 * 60_000);
      clock.set(new Date(start.getTime() + 31 * 60_000));
      clock.set(start);
      clock.advance(60 * 60_000);
      expect(rung.slice(3)).toEqual([['later', 31]]);
    });

    it('that are overdue ring with the next move, and time does not go back for them', () => {
      const clock = new VirtualClock({ startAt: start, rate: 0 });
      const rung: [string, number][] = [];
      listen(clock, rung)('overdue', -5);
      clock.set(start);
      expect(rung).toEqual([['overdue', 0]]);
    });

    it('ring by themselves while the clock runs', async () => {
      const clock = new VirtualClock({ startAt: start, rate: 0 });
      const rung = new Promise<number>((resolve) => {
        clock.alarm(new Date(start.getTime() + 3_600_000), () => {
          resolve(clock.now().getTime() - start.getTime());
        });
      });
      clock.run({ rate: 360_000 });
      expect(await rung).toBeGreaterThanOrEqual(3_600_000);
    });
  });

  it('goes on after a restore as if it had never stopped', async () => {
    const clock = new VirtualClock({ startAt: start, rate: 3600 });
    const snapshot = clock.snapshot();
    await pause(5);
    const other = new VirtualClock({ rate: 0 });
    other.restore(snapshot);
    expect(other.rate).toBe(3600);
    // Within two milliseconds of the wall, between two looks at the first.
    const before = clock.now().getTime();
    const now = other.now().getTime();
    expect(now).toBeGreaterThanOrEqual(before - 3600 * 2);
    expect(now).toBeLessThanOrEqual(clock.now().getTime() + 3600 * 2);
    other.run({ rate: 0 });
    expect(other.now().getTime() - start.getTime()).toBeGreaterThanOrEqual(4 * 3600);
  });
});
