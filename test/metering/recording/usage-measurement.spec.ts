import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { measuredQuantity } from '../../../src/metering/recording/measured-quantity.js';
import { type UsageEvent } from '../../../src/metering/recording/usage-event.js';
import {
  measureDuration,
  measureStream,
  type RecordMeasured,
} from '../../../src/metering/recording/usage-measurement.js';

const recorder = (fails = false): { events: UsageEvent[]; record: RecordMeasured } => {
  const events: UsageEvent[] = [];
  const record: RecordMeasured = (event) => {
    events.push(event);
    if (fails) return Promise.reject(new Error('no database'));
    return Promise.resolve({ eventId: 'e', idempotencyKey: 'k', outcome: 'recorded', subscriptionId: null });
  };
  return { events, record };
};
const usage = { tenantId: 'acme', dimension: 'compute' };

describe('a measured quantity', () => {
  it.each<[bigint, Parameters<typeof measuredQuantity>[1], unknown, string]>([
    [1_500_000_000n, 'seconds', undefined, '1.5'],
    [1n, 'hours', undefined, '0'],
    [1_000_000_000n, 'hours', undefined, '0.000277777778'],
    [1_000_000_001n, 'seconds', 1, '2'],
    [1_000_000_000n, 'seconds', 1, '1'],
    [0n, 'seconds', 1, '0'],
    [61_000_000_000n, 'minutes', '0.5', '1.5'],
    [1n, 'TB', '0.001', '0.001'],
    [1_500_000_000n, 'GB', undefined, '1.5'],
    [1_610_612_736n, 'GiB', undefined, '1.5'],
    [5n, 'TB', undefined, '0.000000000005'],
  ])('%s in %s, up to %s, is %s', (amount, unit, roundUpTo, quantity) => {
    expect(measuredQuantity(amount, unit, roundUpTo)).toBe(quantity);
  });
});

describe('measure() of a function', () => {
  it('answers what the function does, with one event of what it took', async () => {
    const { events, record } = recorder();
    const answer = await measureDuration({ ...usage, unit: 'milliseconds' }, () => sleep(30, 'answer'), record);
    expect(answer).toBe('answer');
    expect(events).toEqual([{ ...usage, quantity: expect.any(String) }]);
    expect(Number(events[0]?.quantity)).toBeGreaterThan(25);
  });

  it.each([
    ['skip', 0],
    ['record', 1],
  ] as const)('that fails is usage by choice: %s', async (whenFailed, count) => {
    const { events, record } = recorder();
    const failing = measureDuration(
      { ...usage, unit: 'seconds', roundUpTo: 1, whenFailed },
      () => Promise.reject(new Error('its own')),
      record,
    );
    await expect(failing).rejects.toThrow('its own');
    expect(events.map(({ quantity }) => quantity)).toEqual(Array(count).fill('1'));
  });

  it('fails where it cannot be recorded, and with both errors where it failed as well', async () => {
    await expect(measureDuration({ ...usage, unit: 'seconds' }, () => 1, recorder(true).record)).rejects.toThrow(
      'no database',
    );
    const both = measureDuration(
      { ...usage, unit: 'seconds', whenFailed: 'record' },
      () => Promise.reject(new Error('its own')),
      recorder(true).record,
    );
    await expect(both).rejects.toMatchObject({ errors: [{ message: 'its own' }, { message: 'no database' }] });
  });

  it.each([
    [{ unit: 'bytes' }, /unit: a duration is in milliseconds/],
    [{ unit: 'seconds', roundUpTo: 0 }, /roundUpTo/],
    [{ unit: 'seconds', roundUpTo: 'all' }, /roundUpTo/],
  ] as const)('is refused before any work: %j', async (over, message) => {
    let worked = false;
    const refused = measureDuration({ ...usage, ...over }, () => (worked = true), recorder().record);
    await expect(refused).rejects.toThrow(message);
    expect(worked).toBe(false);
  });
});

describe('measure() of a stream', () => {
  it('ends once its length is recorded, and not a byte is changed', async () => {
    const { events, record } = recorder();
    const content = [Buffer.alloc(1500, 'a'), Buffer.from('zoë')];
    const measured = measureStream({ ...usage, unit: 'kB' }, Readable.from(content), record);
    expect(await buffer(measured)).toEqual(Buffer.concat(content));
    expect(events).toEqual([{ ...usage, quantity: '1.504' }]);
  });

  it.each([
    ['skip', []],
    ['record', ['1000']],
  ] as const)('that fails half-way is usage by choice: %s', async (whenFailed, expected) => {
    const { events, record } = recorder();
    async function* source(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.alloc(1000));
      throw new Error('its own');
    }
    const measured = measureStream({ ...usage, unit: 'bytes', whenFailed }, Readable.from(source()), record);
    await expect(pipeline(measured, new PassThrough().resume())).rejects.toThrow('its own');
    expect(events.map(({ quantity }) => quantity)).toEqual(expected);
  });

  it('fails where it cannot be recorded', async () => {
    const measured = measureStream(
      { ...usage, unit: 'bytes' },
      Readable.from([Buffer.alloc(3)]),
      recorder(true).record,
    );
    await expect(buffer(measured)).rejects.toThrow('no database');
  });
});
