import { describe, expect, it } from '@jest/globals';
import { FaultLog, spanOf } from '../../src/runtime/fault-log.js';

const MINUTE = 60_000;

function logOf(level: 'warn' | 'error' = 'error') {
  const told: string[] = [];
  // Of a process that has run for a day.
  const start = 1440 * MINUTE;
  let now = start;
  const take =
    (name: string) =>
    (...line: unknown[]): void => {
      told.push(
        [
          `${(now - start) / MINUTE} ${name}`,
          ...line.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))),
        ].join(' | '),
      );
    };
  const log = new FaultLog({ log: take('log'), warn: take('warn'), error: take('error') }, level, () => now);
  return {
    ...{ told, log },
    at: (minutes: number): void => {
      now = start + minutes * MINUTE;
    },
  };
}

describe('FaultLog', () => {
  it('tells an hour’s outage in half a dozen lines: whole at first, and once when it is over', () => {
    const { told, log, at } = logOf();
    for (let tick = 0; tick < 60; tick += 0.25) {
      at(tick);
      log.failed('seal', { line: 'job seal failed: away', stack: 'Error: away\n  at somewhere' });
    }
    at(60);
    log.works('seal', 'job seal works again');
    log.works('seal', 'job seal works again');
    expect(told).toEqual([
      '0 error | job seal failed: away | Error: away\n  at somewhere',
      '1 error | job seal failed: away (for 1 min, 5 times)',
      '3 error | job seal failed: away (for 3 min, 13 times)',
      '7 error | job seal failed: away (for 7 min, 29 times)',
      '15 error | job seal failed: away (for 15 min, 61 times)',
      '31 error | job seal failed: away (for 31 min, 125 times)',
      '60 log | job seal works again, after 1 h 0 min and 240 failures',
    ]);
  });

  it('goes on at an hour’s distance, and says what it is now', () => {
    const { told, log, at } = logOf();
    for (let tick = 0; tick <= 300; tick += 1) {
      at(tick);
      log.failed('seal', { line: tick < 100 ? 'away' : 'full' });
    }
    expect(told.map((line) => Number(line.split(' ')[0]))).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
    expect(told.at(-1)).toContain('full (for 4 h 3 min');
  });

  it('does not tell what fails and works by turns over and over', () => {
    const { told, log, at } = logOf();
    for (let tick = 0; tick < 60; tick += 0.5) {
      at(tick);
      log.failed('seal', { line: 'away' });
      log.works('seal', 'works again');
    }
    // Each line that says it fails has one that says it works.
    expect(told.filter((line) => line.includes('error'))).toHaveLength(6);
    expect(told.filter((line) => line.includes('log'))).toHaveLength(6);
  });

  it('tells whole what fails anew after a time of calm, and keeps subjects apart', () => {
    const { told, log, at } = logOf();
    log.failed('seal', { line: 'seal away', stack: 'S1' });
    log.failed('submit', { line: 'submit away', stack: 'S2' });
    at(1);
    log.works('seal', 'seal works');
    at(11);
    log.failed('seal', { line: 'seal away', stack: 'S3' });
    log.failed('submit', { line: 'submit away', stack: 'S4' });
    expect(told).toEqual([
      '0 error | seal away | S1',
      '0 error | submit away | S2',
      '1 log | seal works, after 1 min and 1 failure',
      '11 error | seal away | S3',
      '11 error | submit away (for 11 min, 2 times)',
    ]);
  });

  it('says nothing of what works', () => {
    const { told, log } = logOf();
    log.works('seal', 'works');
    expect(told).toEqual([]);
  });

  it('warns where it is no error, with what belongs to it', () => {
    const { told, log } = logOf('warn');
    log.failed('queue', { line: 'no answer', fields: { inARow: 1 } });
    log.failed('other', { line: 'nothing more' });
    expect(told).toEqual(['0 warn | no answer | {"inARow":1}', '0 warn | nothing more']);
    const errors = logOf();
    errors.log.failed('store', { line: 'full', fields: { queue: 'q' } });
    errors.log.failed('plain', { line: 'plain' });
    expect(errors.told).toEqual(['0 error | full | {"queue":"q"}', '0 error | plain']);
  });

  it('keeps a thousand subjects in mind and no more', () => {
    const { told, log } = logOf();
    for (let subject = 0; subject < 1000; subject += 1) log.failed(`s${subject}`, { line: 'away' });
    log.failed('s0', { line: 'away' });
    expect(told).toHaveLength(1000);
    log.failed('one more', { line: 'away' });
    log.failed('s0', { line: 'away' });
    expect(told).toHaveLength(1002);
  });

  it.each([
    [0, '0 s'],
    [45_400, '45 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h 0 min'],
    [11_100_000, '3 h 5 min'],
  ])('calls %d ms %s', (ms, said) => {
    expect(spanOf(ms)).toBe(said);
  });
});
