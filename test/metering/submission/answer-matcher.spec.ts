import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ReportResult, type UsageReport } from '../../../src/aws/metering-gateway.js';
import { answersOf, identityOf, matchKeyOf } from '../../../src/metering/submission/answer-matcher.js';
import { hour, LICENSE, record, report } from './sendable-record.js';

describe('which record an answer means', () => {
  const echo = (of: UsageReport, status: string): ReportResult => ({ ...of, status, meteringRecordId: null });
  const answered = (results: ReportResult[], unprocessed: UsageReport[] = []) =>
    ({ kind: 'answered', results, unprocessed, httpStatus: 200, requestId: null }) as const;

  it('is found by what AWS echoes, in any order, with any of them left out', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ license: fc.nat(3), dimension: fc.constantFrom('a', 'b'), hours: fc.nat(5) }), {
          minLength: 1,
          maxLength: 25,
          selector: (key: object) => JSON.stringify(key),
        }),
        fc.array(fc.constantFrom('Success', 'CustomerNotSubscribed', 'unprocessed', 'missing'), {
          minLength: 25,
          maxLength: 25,
        }),
        fc.array(fc.nat(), { minLength: 25, maxLength: 25 }),
        (keys, fates, order) => {
          const sent = keys.map((key) =>
            record({ licenseArn: `${LICENSE}${key.license}`, dimension: key.dimension, ...hour(key.hours) }),
          );
          const expected = fates.slice(0, sent.length);
          const shuffled = sent
            .map((one, index) => ({ one, fate: expected[index]!, rank: order[index]! }))
            .sort((a, b) => a.rank - b.rank);
          const results = shuffled
            .filter(({ fate }) => fate !== 'missing' && fate !== 'unprocessed')
            .map(({ one, fate }) => echo(one.report, fate));
          const unprocessed = shuffled.filter(({ fate }) => fate === 'unprocessed').map(({ one }) => one.report);
          const { answers, strangers } = answersOf(sent, answered(results, unprocessed));
          expect(answers.map((answer) => (answer.kind === 'status' ? answer.status : answer.kind))).toEqual(expected);
          expect(strangers).toBe(0);
        },
      ),
    );
  });

  it('may name more ids than were sent; what means no record is counted', () => {
    const account = record({ licenseArn: null });
    const { answers, strangers } = answersOf(
      [account],
      answered([
        echo(report({ licenseArn: null, customerIdentifier: 'c' }), 'Success'),
        echo(report({ dimension: 'other' }), 'Success'),
      ]),
    );
    expect(answers).toMatchObject([{ status: 'Success' }]);
    expect(strangers).toBe(1);
  });

  it('that contradicts itself says nothing, except that a Success stands', () => {
    const one = record();
    const said = (...statuses: string[]) =>
      answersOf([one], answered(statuses.map((status) => echo(one.report, status)))).answers[0];
    expect(said('CustomerNotSubscribed', 'DuplicateRecord')).toEqual({ kind: 'missing' });
    expect(said('DuplicateRecord', 'DuplicateRecord')).toMatchObject({ status: 'DuplicateRecord' });
    expect(said('CustomerNotSubscribed', 'CustomerNotSubscribed', 'DuplicateRecord')).toEqual({ kind: 'missing' });
    expect(answersOf([one], answered([], [one.report, one.report])).answers).toEqual([{ kind: 'unprocessed' }]);
    expect(said('CustomerNotSubscribed', 'Success')).toMatchObject({ status: 'Success' });
    expect(answersOf([one], answered([echo(one.report, 'DuplicateRecord')], [one.report])).answers).toEqual([
      { kind: 'missing' },
    ]);
  });

  it('names a legacy customer by CustomerIdentifier, where it has one, else by account', () => {
    const names = { licenseArn: null, customerAwsAccountId: '111122223333', customerIdentifier: 'c' };
    expect(identityOf(names)).toEqual(['customer', 'c']);
    expect(identityOf({ ...names, customerIdentifier: null })).toEqual(['account', '111122223333']);
    const customer = record({ licenseArn: null, customerAwsAccountId: null, customerIdentifier: 'c' });
    expect(answersOf([customer], answered([echo(report(names), 'Success')]))).toMatchObject({
      answers: [{ status: 'Success' }],
      strangers: 0,
    });
    // The same text as an account is another buyer.
    const account = report({ licenseArn: null, customerAwsAccountId: 'c', customerIdentifier: null });
    expect(answersOf([customer], answered([echo(account, 'Success')]))).toMatchObject({
      answers: [{ kind: 'missing' }],
      strangers: 1,
    });
  });

  it('means no record where it lacks the customer, the dimension or the time', () => {
    const nobody = { licenseArn: null, customerAwsAccountId: null, customerIdentifier: null };
    expect(identityOf(nobody)).toBeNull();
    expect(matchKeyOf(report(nobody))).toBeNull();
    const sent = [record(nobody), record()];
    const echoes = [nobody, { dimension: null }, { timestamp: null }].map((less) => ({
      ...echo(report({}), 'Success'),
      ...less,
    }));
    expect(answersOf(sent, answered(echoes))).toEqual({
      answers: [{ kind: 'missing' }, { kind: 'missing' }],
      strangers: 3,
    });
  });
});
