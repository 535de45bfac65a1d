import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArrivalLimiter } from '../../src/registration/arrival-limiter.js';

/** Counts each arrival that the limiter lets on. */
class Door extends ArrivalLimiter {
  admit(client: string, nowMs: number): number | null {
    const wait = this.waitOf(client, nowMs);
    if (wait === null) this.count(client, nowMs);
    return wait;
  }
}
const limiterOf = (perMinute: number): Door => new Door(perMinute);

describe('ArrivalLimiter', () => {
  it('admits as many as allowed, then says when to come again, and then admits', () => {
    const limiter = limiterOf(2);
    expect(limiter.admit('192.0.2.1', 0)).toBeNull();
    expect(limiter.admit('192.0.2.1', 1000)).toBeNull();
    const wait = limiter.admit('192.0.2.1', 2000)!;
    expect(wait).toBe(88);
    expect(limiter.admit('192.0.2.1', 2000 + wait * 1000 - 1000)).not.toBeNull();
    expect(limiter.admit('192.0.2.1', 2000 + wait * 1000)).toBeNull();
  });

  it('admits again at once where the minute before left room', () => {
    const limiter = limiterOf(3);
    limiter.admit('192.0.2.1', 0);
    limiter.admit('192.0.2.1', 0);
    expect(limiter.waitOf('192.0.2.1', 60_000)).toBeNull();
    limiter.count('192.0.2.1', 60_000);
    // One of the two before must have faded, and does half a window later.
    expect(limiter.waitOf('192.0.2.1', 60_000)).toBe(30);
    expect(limiter.waitOf('192.0.2.1', 90_000)).toBeNull();
  });

  it('counts each client alone', () => {
    const limiter = limiterOf(1);
    expect(limiter.admit('192.0.2.1', 0)).toBeNull();
    expect(limiter.admit('192.0.2.2', 0)).toBeNull();
    expect(limiter.admit('192.0.2.1', 0)).not.toBeNull();
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:0db8:1:2:3:4:5:6', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['2001:db8::1', '2001:db8:0:0:9::1', true],
    ['::1', '::2', true],
    // Some write zeros out, some in capitals, some the last groups as IPv4.
    ['2001:db8:0:a0::1', '2001:0DB8:0000:00A0:0000:0000:0000:0001', true],
    ['2001:db8:0:a0::1', '2001:db8:0:a::1', false],
    ['2001:db8:1000::1', '2001:db8:1::1', false],
    ['1:23:0:1::1', '12:3:0:1::1', false],
    ['1::4:5:6:7:8', '1:0:0:4::', true],
    ['1::4:5:6:7:8', '1:0:0:5::', false],
    ['::5:6:7:8:9:a', '0:0:5:6::', true],
    ['1:2::', '1:2:0:0:9:9:9:9', true],
    ['1::4:5:6:192.0.2.1', '1:0:0:4::', true],
    ['fe80::1%eth0', 'fe80::2%eth1', true],
    ['fe80::1%a:b:c:d:e:f:g:h:i', 'fe80::1', true],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['::ffff:192.0.2.1', '::FFFF:192.0.2.1', true],
    ['::FFFF:192.0.2.1', '::FFFF:192.0.2.2', false],
  ])('takes %s and %s for one client: %s', (first, second, isOne) => {
    const limiter = limiterOf(1);
    limiter.admit(first, 0);
    expect(limiter.admit(second, 0) !== null).toBe(isOne);
  });

  it('never admits more than twice the limit in any minute, and after the wait that it names it always admits', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), gaps, (limit, steps) => {
        const limiter = limiterOf(limit);
        const admitted: number[] = [];
        let now = 0;
        for (const step of steps) {
          now += step;
          const wait = limiter.admit('192.0.2.1', now);
          if (wait !== null) {
            expect(limiter.admit('192.0.2.1', (now += wait * 1000))).toBeNull();
          }
          admitted.push(now);
          expect(admitted.filter((at) => at > now - 60_000).length).toBeLessThanOrEqual(2 * limit);
        }
      }),
    );
  });

  it('forgets the client not heard of for longest when there are too many', () => {
    const limiter = limiterOf(1);
    limiter.admit('first', 0);
    for (let n = 0; n < 9_999; n += 1) limiter.admit(`client-${n}`, 0);
    expect(limiter.admit('first', 0)).not.toBeNull();
    for (let n = 0; n < 10_000; n += 1) limiter.admit(`other-${n}`, 0);
    expect(limiter.admit('first', 0)).toBeNull();
  });
});
