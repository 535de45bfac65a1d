import { describe, expect, it } from '@jest/globals';
import { answerWaitOf, type KnownAnswer, knowsHour } from '../../../src/metering/sealing/answer-wait.js';

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
const answered = (asOf: string | null, isFinal = false): KnownAnswer => ({
  asOf: asOf === null ? null : at(asOf),
  isFinal,
});

interface Given {
  known: KnownAnswer | null;
  now: string;
  /** Of the usage, and of its record. */
  hour?: string;
  planned?: string;
  endsAt?: string;
  dueAt?: string;
  waitingSince?: string;
}

function waitOf({ known, now, hour = '10:00', planned = hour, endsAt, dueAt = '18:00', waitingSince }: Given) {
  const usage = { hour: at(hour), waitingSince: waitingSince === undefined ? null : at(waitingSince) };
  const span = { to: endsAt === undefined ? null : at(endsAt) };
  const wait = answerWaitOf(known, usage, { hour: at(planned), span, deadlines: { dueAt: at(dueAt) } }, at(now));
  return wait && [wait.until?.toISOString().slice(11, 16) ?? 'answered', wait.asks];
}

describe('K26 an hour waits for an answer that knows how many units it included', () => {
  it.each<[string, Given, [string, boolean] | null]>([
    ['of ten minutes after it', { known: answered('11:10'), now: '11:10' }, null],
    ['which is asked for then', { known: answered('11:09'), now: '11:10' }, ['15:00', true]],
    ['and not before', { known: answered('10:55'), now: '11:05' }, ['11:10', false]],
    ['nor again and again', { known: answered('11:04'), now: '11:05' }, ['11:10', false]],
    ['of ten minutes after the end inside it', { known: answered('10:30'), now: '10:30', endsAt: '10:20' }, null],
    ['not of ten minutes after a later end', { known: answered('11:10'), now: '11:10', endsAt: '11:20' }, null],
    ['that is sooner than that', { known: answered('10:29'), now: '10:31', endsAt: '10:20' }, ['15:00', true]],
    ['since the end AWS lists nothing', { known: answered('10:21', true), now: '10:22', endsAt: '10:20' }, null],
    ['that the options give', { known: answered(null), now: '11:00' }, null],
    ['for as long as it takes, where AWS has never answered', { known: null, now: '23:00' }, ['answered', true]],
    ['though it is not asked for', { known: null, now: '10:20', endsAt: '10:20' }, ['answered', false]],
    ['and is, to the end', { known: null, now: '10:19', endsAt: '10:20' }, ['answered', true]],
    ['five hours from its start', { known: answered('10:55'), now: '14:59', waitingSince: '11:10' }, ['15:00', true]],
    ['and no longer', { known: answered('10:55'), now: '15:00', waitingSince: '11:10' }, null],
    [
      'ten minutes before it is due at the latest',
      { known: answered('10:55'), now: '12:00', dueAt: '13:00' },
      ['12:50', true],
    ],
    ['of which one is too late for a few tries', { known: answered('10:55'), now: '15:30' }, ['15:40', true]],
    ['of which one has been tried', { known: answered('10:55'), now: '15:30', waitingSince: '15:20' }, null],
    ['of its record’s hour, too', { known: answered('12:00'), now: '13:10', planned: '12:00' }, ['15:00', true]],
    [
      'of its own hour, where its record is of an earlier one',
      { known: answered('11:10'), now: '12:10', hour: '11:00', planned: '10:00' },
      ['16:00', true],
    ],
    [
      'of its end, where there is no time for more',
      { known: answered('10:59'), now: '11:01', dueAt: '11:19' },
      ['11:09', true],
    ],
    ['of its end, which was given', { known: answered('11:00'), now: '11:01', dueAt: '11:19' }, ['11:09', false]],
    ['where there is just the time', { known: answered('10:59'), now: '11:01', dueAt: '11:20' }, ['11:10', false]],
  ])('%s', (_, given, expected) => {
    expect(waitOf(given)).toEqual(expected);
  });

  it.each<[string, KnownAnswer, string | null, boolean]>([
    ['of ten minutes after it', answered('11:10'), null, true],
    ['not of less', answered('11:09'), null, false],
    ['of ten minutes after its end', answered('10:30'), '10:20', true],
    ['not of less than that', answered('10:29'), '10:20', false],
    ['after which nothing comes', answered('10:21', true), '10:20', true],
    ['of the options', answered(null), null, true],
  ])('knows it: an answer %s', (_, known, endsAt, expected) => {
    expect(knowsHour(known, at('10:00'), { span: { to: endsAt === null ? null : at(endsAt) } })).toBe(expected);
  });
});
