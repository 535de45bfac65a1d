import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../src/simulator/index.js';

const start = new Date('2026-11-18T12:00:00Z');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('VirtualClock', () => {
  it('follows wall time by default', () => {
    expect(Math.abs(new VirtualClock().now().getTime() - Date.now())).toBeLessThan(50);
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
});
