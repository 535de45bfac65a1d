import { describe, expect, it } from '@jest/globals';
import { readTrailEvent, type TrailCall } from '../../src/audit/trail-event.js';

const EVENT = {
  eventTime: '2026-11-05T01:12:13Z',
  eventSource: 'metering-marketplace.amazonaws.com',
  eventName: 'BatchMeterUsage',
  awsRegion: 'us-east-1',
  requestParameters: { usageRecords: [] },
  responseElements: { results: [] },
  eventID: 'event-1',
};

function call(change: object): TrailCall {
  const reading = readTrailEvent(JSON.stringify({ ...EVENT, ...change }));
  if (reading.kind !== 'call') throw new Error(`it is ${JSON.stringify(reading)}`);
  return reading.call;
}

describe('the account of a call', () => {
  const userIdentity = { accountId: '210987654321' };
  it.each<[string, object, string | null]>([
    ['the one whose trail it is', { recipientAccountId: '123456789012', userIdentity }, '123456789012'],
    ['that of who signed where no trail is named', { userIdentity }, '210987654321'],
    ['unknown where who signed has none', { userIdentity: { type: 'AWSService' } }, null],
    ['unknown where nobody is named', {}, null],
  ])('is %s', (_, change, accountId) => {
    expect(call(change).accountId).toBe(accountId);
  });
});

describe('MeterUsage', () => {
  const single = {
    eventName: 'MeterUsage',
    userIdentity: {
      type: 'AssumedRole',
      principalId: 'AROAEXAMPLE:i-0123456789abcdef0',
      arn: 'arn:aws:sts::210987654321:assumed-role/app-role/i-0123456789abcdef0',
    },
    requestParameters: {
      productCode: 'larkspur',
      timestamp: 'Nov 5, 2026 12:10:00 AM',
      usageDimension: 'requests',
      usageQuantity: 9,
      clientToken: 'token',
    },
    responseElements: { meteringRecordId: 'mr-2' },
  };
  const entry = {
    names: {
      licenseId: null,
      customerAwsAccountId: null,
      customerIdentifier: null,
      resource: 'i-0123456789abcdef0',
    },
    dimension: 'requests',
    hour: new Date('2026-11-05T00:00:00Z'),
    quantity: 9,
    answer: 'Success',
    meteringRecordId: 'mr-2',
  };

  it('names its resource by the session of its role', () => {
    expect(call(single)).toMatchObject({ operation: 'MeterUsage', productCode: 'larkspur', entries: [entry] });
  });

  it('is refused by an error, and uncertain where the answer is left out', () => {
    expect(call({ ...single, errorCode: 'DuplicateRequestException', responseElements: null })).toMatchObject({
      content: 'read',
      entries: [{ ...entry, answer: 'error', meteringRecordId: null }],
    });
    expect(call({ ...single, responseElements: null })).toMatchObject({
      content: 'omitted',
      entries: [{ ...entry, answer: 'omitted', meteringRecordId: null }],
    });
    const omitted = { omitted: true, originalSize: 111_754, reason: 'requestParameters too large' };
    for (const requestParameters of [null, omitted])
      expect(call({ ...single, requestParameters })).toMatchObject({ content: 'omitted', entries: [] });
  });

  it.each<[string, object | undefined, string | null]>([
    ['by the role alone', { arn: 'arn:aws:sts::210987654321:assumed-role/app-role/task-1' }, 'task-1'],
    [
      'by the role before the principal',
      { arn: 'arn:aws:sts::210987654321:assumed-role/app-role/task-1', principalId: 'AROAEXAMPLE:task-2' },
      'task-1',
    ],
    [
      'by the principal where there is no role',
      { principalId: 'AROAEXAMPLE:task-1', arn: 'arn:aws:iam::210987654321:user/x' },
      'task-1',
    ],
    ['by nothing of a user', { principalId: 'AIDAEXAMPLE', arn: 'arn:aws:iam::210987654321:user/x' }, null],
    ['by nothing where nobody is named', { type: 'AWSAccount' }, null],
    ['by nothing where no identity is printed', undefined, null],
  ])('names its resource %s', (_, userIdentity, resource) => {
    expect(call({ ...single, userIdentity }).entries[0]?.names.resource).toBe(resource);
  });
});
