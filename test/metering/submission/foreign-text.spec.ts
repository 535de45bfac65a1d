import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Fault } from 'aws-marketplace-simulator';
import {
  FOREIGN_MESSAGE_MAX,
  FOREIGN_NAME_MAX,
  foreignId,
  foreignName,
  foreignText,
} from '../../../src/aws/foreign-text.js';
import { callFailureOf } from '../../../src/aws/aws-error.js';
import { SubmissionBench } from './submission-bench.js';

const ACCOUNT = '210987654321';
const LICENSE = 'l-0123456789abcdef0123456789abcdef';
const LONG = 5_000_000;

describe('G11 what AWS wrote, or something in its place', () => {
  it.each<[string, string, string]>([
    ['NUL', 'a\0b', 'a b'],
    ['half of a pair', 'a\ud83db', 'a\ufffdb'],
    ['lines, which would be lines of a log', 'refused\r\n[Nest] ERROR forged', 'refused [Nest] ERROR forged'],
    ['signs that move a terminal', 'a\x1b[2Jb\x9bc', 'a [2Jb c'],
    ['an account', `account ${ACCOUNT} is suspended`, 'account …4321 is suspended'],
    [
      'a role',
      `arn:aws:sts::${ACCOUNT}:assumed-role/app/i-0 may not`,
      'arn:aws:sts::…4321:assumed-role/app/i-0 may not',
    ],
    [
      'a license',
      `arn:aws:license-manager::${ACCOUNT}:license:${LICENSE}`,
      'arn:aws:license-manager::…4321:license:…cdef',
    ],
    ['whole pairs and accents', 'größer 🙂', 'größer 🙂'],
    ['nothing', '', ''],
  ])('is cleaned of %s', (_, text, cleaned) => {
    expect(foreignText(text, FOREIGN_MESSAGE_MAX)).toBe(cleaned);
  });

  it('is bounded, and what is cut through is not shown in part', () => {
    expect(foreignText('x y '.repeat(LONG / 4), FOREIGN_MESSAGE_MAX).length).toBeLessThanOrEqual(
      FOREIGN_MESSAGE_MAX + 1,
    );
    const cut = foreignText(`${'.'.repeat(FOREIGN_MESSAGE_MAX - 11)}${ACCOUNT}`, FOREIGN_MESSAGE_MAX);
    expect(cut).toBe(`${'.'.repeat(FOREIGN_MESSAGE_MAX - 11)}…`);
    const license = foreignText(`${'.'.repeat(FOREIGN_MESSAGE_MAX - 12)}${LICENSE}`, FOREIGN_MESSAGE_MAX);
    expect(license).toBe(`${'.'.repeat(FOREIGN_MESSAGE_MAX - 12)}…`);
    expect(foreignText('🙂'.repeat(LONG), 3)).toBe('🙂\ufffd…');
  });

  it('is no name where it is no text', () => {
    expect([undefined, null, 5, {}, ''].map(foreignName)).toEqual([null, null, null, null, null]);
    expect(foreignName('Success')).toBe('Success');
  });

  it('keeps the digits of an id, which tell it from others', () => {
    expect(foreignId('123456789012345')).toBe('123456789012345');
    expect(foreignId('a\0b')).toBe('a\ufffdb');
    expect(foreignId('x'.repeat(LONG))).toHaveLength(FOREIGN_NAME_MAX);
    expect(foreignId(7)).toBeNull();
  });

  it('never repeats the secret of a request, wherever it is cut', () => {
    const secret = `token-${ACCOUNT}-${'s'.repeat(4000)}`;
    const { message } = callFailureOf(new Error(`${'.'.repeat(900)} no such token: ${secret}`), 'left', secret);
    expect(message).toContain('(secret)');
    expect(message).not.toContain('token-');
  });
});

describe('G11 through Postgres and the real SDK', () => {
  let bench: SubmissionBench;
  beforeEach(async () => {
    bench = await SubmissionBench.start({ options: { submission: { concurrency: 1 } } });
  });
  afterEach(() => bench.stop());

  const odd = (length: number): string =>
    `\0\ud83d \r\n${ACCOUNT} arn:aws:license-manager::${ACCOUNT}:license:${LICENSE} ${'x'.repeat(length)}`;
  const raw = (body: object, headers: Record<string, string> = {}): Fault => ({
    kind: 'rawAnswer',
    headers: { 'Content-Type': 'application/x-amz-json-1.1', ...headers },
    body: JSON.stringify(body),
  });

  it.each<[string, Fault]>([
    ['in the message of an error', { kind: 'unknownError', name: 'Odd', message: odd(0) }],
    ['megabytes of it', { kind: 'unknownError', name: 'Odd', message: odd(LONG) }],
    ['in the message of a refusal', { kind: 'unknownError', name: 'AccessDeniedException', message: odd(0) }],
    ['in the message of a 500', { kind: 'unknownError', name: 'Odd', statusCode: 500, message: odd(LONG) }],
    ['in the name of an error', { ...raw({ __type: odd(0), message: 'odd' }), statusCode: 400 } as Fault],
    ['megabytes of a name', { ...raw({ __type: odd(LONG), message: 'odd' }), statusCode: 400 } as Fault],
    ['in a status', { kind: 'unknownStatus', status: odd(0) }],
    ['megabytes of a status', { kind: 'unknownStatus', status: odd(LONG) }],
    ['in the id of a request', raw({ Results: [], UnprocessedRecords: [] }, { 'x-amzn-requestid': 'x'.repeat(8000) })],
  ])('%s is kept with its attempt, cleaned, and holds up nothing', async (_, fault) => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription, { quantity: 3 });
    const strange = bench.simulator.faults.add({ operation: 'BatchMeterUsage', ...fault });
    await bench.first.submit();
    strange.remove();
    const [attempt] = await bench.database.query<{ kept: string; answered: boolean }>(
      `SELECT a.answered_at IS NOT NULL AS answered, concat_ws(' ', a.error_code, a.error_message, a.aws_request_id, x.answer,
         x.detail, r.reason_message, (SELECT string_agg(concat(message, details), ' ') FROM marketplace.alert)) AS kept
       FROM marketplace.attempt a JOIN marketplace.attempt_record x ON x.attempt_id = a.id
       JOIN marketplace.metering_record r ON r.id = x.record_id ORDER BY a.claimed_at LIMIT 1`,
    );
    expect(attempt?.answered).toBe(true);
    expect(attempt?.kept.length).toBeLessThan(10_000);
    expect(attempt?.kept).not.toContain(ACCOUNT);
    expect(attempt?.kept).not.toContain(LICENSE);
    expect(attempt?.kept).not.toMatch(/[\0\r\n]/);
    await bench.settle();
    expect((await bench.record(id)).state).toBe('metered');
    await bench.expectConserved();
  });

  it('in the id of a record that is billed is kept too: it is billed once', async () => {
    const subscription = await bench.subscribe();
    const id = await bench.seal(subscription, { quantity: 3 });
    const { licenseArn, accountId } = subscription.agreement;
    const { hour } = await bench.record(id);
    const echo = {
      LicenseArn: licenseArn,
      CustomerAWSAccountId: accountId,
      Dimension: 'requests',
      Timestamp: hour.getTime() / 1000,
      Quantity: 3,
    };
    const answer = raw({
      Results: [{ UsageRecord: echo, Status: 'Success', MeteringRecordId: odd(LONG) }],
      UnprocessedRecords: [],
    });
    bench.simulator.faults.add({ operation: 'BatchMeterUsage', count: 1, ...answer, afterEffect: true } as Fault);
    await bench.settle();
    const record = await bench.record(id);
    expect(record).toMatchObject({ state: 'metered', attempt_count: 1 });
    expect(record.metering_record_id?.length).toBeLessThanOrEqual(FOREIGN_NAME_MAX);
    await bench.expectConserved();
  });
});
