import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { LaunchInstant } from '../../src/container/launch-instant.js';
import { checkCredentials } from '../../src/container/credential-check.js';
import { DatabaseClock } from '../../src/options/clock.js';

const HOUR_MS = 3_600_000;
const TRUE_NOW = Date.parse('2026-11-11T10:17:30Z');

afterEach(() => {
  jest.restoreAllMocks();
});

describe('G5, K3: when a process began', () => {
  it.each([48, -48])('is right though its wall clock was %d hours off then, and was put right later', (hours) => {
    const begun = performance.now();
    let offMs = hours * HOUR_MS;
    const trueNow = (): number => TRUE_NOW + (performance.now() - begun);
    jest.spyOn(Date, 'now').mockImplementation(() => trueNow() + offMs);
    const clock = new DatabaseClock();
    const launch = new LaunchInstant(clock);
    clock.follow(offMs);
    const isNear = (at: Date): boolean => Math.abs(at.getTime() - TRUE_NOW) < 60_000;
    expect(isNear(launch.at)).toBe(true);
    offMs = 0;
    expect(isNear(launch.at)).toBe(true);
    // It stays what it was, also where this machine stands still for a while.
    expect(launch.at).toEqual(launch.at);
  });

  it('is what a clock of its own says', () => {
    const now = new Date('2026-11-11T10:00:00Z');
    expect(new LaunchInstant({ now: () => now }).at).toEqual(now);
  });
});

describe('K12: what STS says in place of credentials', () => {
  it('is told without the account', async () => {
    const outcome = await checkCredentials({
      ...{ platform: 'eks', region: 'eu-south-1', podUid: null, notes: [], says: 'IRSA (role)' },
      credentials: () => Promise.reject(new Error('STS is not activated in this region for account:123456789012.')),
    });
    expect(outcome).toEqual({
      kind: 'failed',
      why: 'no credentials of IRSA (role): STS is not activated in this region for account:…9012.',
    });
  });
});
