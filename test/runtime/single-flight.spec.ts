import { describe, expect, it } from '@jest/globals';
import { SingleFlight } from '../../src/runtime/single-flight.js';

describe('whoever asks for the same at the same time', () => {
  it('shares one question, and asks anew once it is answered', async () => {
    const flights = new SingleFlight<number>();
    let asked = 0;
    const ask = (): Promise<number> => Promise.resolve((asked += 1));
    expect(await Promise.all([flights.share('a', ask), flights.share('a', ask)])).toEqual([1, 1]);
    expect(flights.has('a')).toBe(false);
    expect(await flights.share('a', ask)).toBe(2);
  });

  it('shares nothing with who asks for something else', async () => {
    const flights = new SingleFlight<string>();
    const both = Promise.all(['a', 'b'].map((key) => flights.share(key, () => Promise.resolve(key))));
    expect(flights.size).toBe(2);
    expect(await both).toEqual(['a', 'b']);
    expect(flights.size).toBe(0);
  });

  it('shares a failure, and asks anew after it', async () => {
    const flights = new SingleFlight<string>();
    const fail = (): Promise<string> => Promise.reject(new Error('no'));
    const both = await Promise.allSettled([flights.share('a', fail), flights.share('a', () => Promise.resolve('yes'))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flights.share('a', () => Promise.resolve('yes'))).toBe('yes');
  });
});
