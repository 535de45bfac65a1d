import { describe, expect, it } from '@jest/globals';
import { readTrailEvent, type TrailCall } from '../../src/audit/trail-event.js';

const ATTEMPT = '01f3c1a0-0000-7000-8000-00000000000a';
const LICENSE = 'arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef';
const usageRecord = {
  timestamp: 'Nov 5, 2026 12:00:00 AM',
  dimension: 'requests',
  quantity: 5,
  customerAWSAccountID: '210987654321',
  licenseArn: LICENSE,
};
const success = { usageRecord, meteringRecordId: 'mr-1', status: 'Success' };

const EVENT = {
  eventVersion: '1.08',
  userIdentity: { type: 'IAMUser', accountId: '123456789012' },
  eventTime: '2026-11-05T01:12:13Z',
  eventSource: 'metering-marketplace.amazonaws.com',
  eventName: 'BatchMeterUsage',
  awsRegion: 'us-east-1',
  userAgent: `aws-sdk-js/3.1138.0 attempt/${ATTEMPT}`,
  requestParameters: { usageRecords: [usageRecord] } as object | null,
  responseElements: { results: [success], unprocessedRecords: [] } as object | null,
  requestID: 'request-1',
  eventID: 'event-1',
  recipientAccountId: '123456789012',
};
const textOf = (change: object = {}): string => JSON.stringify({ ...EVENT, ...change });

function call(change: object = {}): TrailCall {
  const reading = readTrailEvent(textOf(change));
  if (reading.kind !== 'call') throw new Error(`it is ${JSON.stringify(reading)}`);
  return reading.call;
}

const ENTRY = {
  names: {
    licenseId: 'l-0123456789abcdef0123456789abcdef',
    customerAwsAccountId: '210987654321',
    customerIdentifier: null,
    resource: null,
  },
  dimension: 'requests',
  hour: new Date('2026-11-05T00:00:00Z'),
  quantity: 5,
  answer: 'Success',
  meteringRecordId: 'mr-1',
};

describe('an event of CloudTrail', () => {
  it('is read whole', () => {
    expect(call()).toEqual({
      eventId: 'event-1',
      operation: 'BatchMeterUsage',
      at: new Date('2026-11-05T01:12:13Z'),
      region: 'us-east-1',
      accountId: '123456789012',
      requestId: 'request-1',
      attemptId: ATTEMPT,
      productCode: null,
      errorCode: null,
      content: 'read',
      entries: [ENTRY],
    });
  });

  describe('K38: in any spelling', () => {
    const respelt = (change: object): object => {
      const { timestamp, dimension, quantity } = usageRecord;
      const record = { timestamp, dimension, quantity, ...change };
      return { responseElements: { results: [{ ...success, usageRecord: record }] } };
    };
    it.each<[string, object]>([
      ['account as …ID', { customerAWSAccountID: '210987654321', licenseArn: LICENSE }],
      ['account as …Id', { customerAWSAccountId: '210987654321', licenseArn: LICENSE }],
      ['license with a capital', { customerAWSAccountID: '210987654321', LicenseArn: LICENSE }],
      ['all in capitals', { CUSTOMERAWSACCOUNTID: '210987654321', LICENSEARN: LICENSE }],
      ['account as a number', { customerAWSAccountID: 210987654321, licenseArn: LICENSE }],
      [
        'the form that events print',
        {
          customerAWSAccountId: '210987654321',
          licenseArn: 'aws:license-manager:us-east-1:123456789012:l-0123456789abcdef0123456789abcdef',
        },
      ],
      [
        'an empty spelling beside',
        { customerAWSAccountId: null, customerAWSAccountID: '210987654321', licenseArn: LICENSE },
      ],
      [
        'members nobody knows',
        { customerAWSAccountID: '210987654321', licenseArn: LICENSE, shape: { of: ['things'] } },
      ],
    ])('%s', (_, change) => {
      expect(call(respelt(change)).entries).toEqual([ENTRY]);
    });

    it('without an account', () => {
      expect(call(respelt({ licenseArn: LICENSE })).entries).toEqual([
        { ...ENTRY, names: { ...ENTRY.names, customerAwsAccountId: null } },
      ]);
    });

    it('with the names of a legacy product', () => {
      const change = respelt({ customerIdentifier: 'cust-1', customerAWSAccountID: '210987654321' });
      const requestParameters = { productCode: 'larkspur', usageRecords: [] };
      const legacy = call({ ...change, requestParameters });
      expect(legacy.productCode).toBe('larkspur');
      expect(legacy.entries[0]?.names).toEqual({
        ...ENTRY.names,
        licenseId: null,
        customerIdentifier: 'cust-1',
      });
    });

    it.each(['metering-marketplace.amazonaws.com', 'marketplacemetering.amazonaws.com'])('from %s', (eventSource) => {
      expect(call({ eventSource }).entries).toEqual([ENTRY]);
    });

    it.each<[unknown, number]>([
      [5, 5],
      ['5', 5],
      [undefined, 0],
      [null, 0],
      [0, 0],
    ])('quantity %p is %p', (quantity, expected) => {
      expect(call(respelt({ quantity, licenseArn: LICENSE })).entries[0]?.quantity).toBe(expected);
    });

    it('in capitals throughout', () => {
      const capitals = (value: unknown): unknown => {
        if (Array.isArray(value)) return value.map(capitals);
        if (typeof value !== 'object' || value === null) return value;
        return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.toUpperCase(), capitals(inner)]));
      };
      const reading = readTrailEvent(JSON.stringify(capitals(EVENT)));
      expect(reading).toEqual({ kind: 'call', call: call() });
    });
  });

  describe('K35: what it says of each record', () => {
    const answers = (change: object): [string | null, string, string[]] => {
      const { errorCode, content, entries } = call(change);
      return [errorCode, content, entries.map(({ answer }) => answer)];
    };
    const resultOf = (dimension: string, status?: string) => ({
      usageRecord: { ...usageRecord, dimension },
      ...(status === undefined ? {} : { status }),
    });

    it.each<[string, object, [string | null, string, string[]]]>([
      [
        'an error beside the answer',
        { errorCode: 'ThrottlingException', responseElements: null },
        ['ThrottlingException', 'read', ['error']],
      ],
      [
        'an error inside of it',
        { responseElements: { errorCode: 'InvalidTagException', errorMessage: 'no' } },
        ['InvalidTagException', 'read', ['error']],
      ],
      [
        'an error with a namespace',
        { responseElements: { __type: 'com.amazonaws.marketplacemetering#InvalidLicenseException', message: 'no' } },
        ['InvalidLicenseException', 'read', ['error']],
      ],
      [
        'an error as an object',
        { responseElements: { error: { code: 'ThrottlingException' } } },
        ['ThrottlingException', 'read', ['error']],
      ],
      [
        'an error as text',
        { responseElements: { error: 'ThrottlingException' } },
        ['ThrottlingException', 'read', ['error']],
      ],
      [
        'an error as its code alone',
        { responseElements: { code: 'ThrottlingException' } },
        ['ThrottlingException', 'read', ['error']],
      ],
      [
        'results, whatever stands beside them',
        { responseElements: { results: [success], code: 'OK' } },
        [null, 'read', ['Success']],
      ],
      [
        'an error of a call whose content is left out',
        { errorCode: 'ThrottlingException', requestParameters: null, responseElements: null },
        ['ThrottlingException', 'omitted', []],
      ],
      [
        'every status as AWS wrote it',
        {
          responseElements: {
            results: [
              resultOf('a', 'Success'),
              resultOf('b', 'DuplicateRecord'),
              resultOf('c', 'CustomerNotSubscribed'),
            ],
            unprocessedRecords: [{ ...usageRecord, dimension: 'd' }],
          },
          requestParameters: {
            usageRecords: ['a', 'b', 'c', 'd', 'e'].map((dimension) => ({ ...usageRecord, dimension })),
          },
        },
        [null, 'read', ['Success', 'DuplicateRecord', 'CustomerNotSubscribed', 'unprocessed', 'missing']],
      ],
      [
        'a status nobody knows',
        { responseElements: { results: [resultOf('requests', 'Perhaps')] } },
        [null, 'read', ['Perhaps']],
      ],
      [
        'a result without a status',
        { responseElements: { results: [resultOf('requests')] } },
        [null, 'read', ['missing']],
      ],
      [
        'an empty call',
        { requestParameters: { usageRecords: [] }, responseElements: { results: [] } },
        [null, 'read', []],
      ],
    ])('%s', (_, change, expected) => {
      expect(answers(change)).toEqual(expected);
    });
  });

  describe('K36: content that CloudTrail left out', () => {
    const omitted = { omitted: true, originalSize: 111_754, reason: 'requestParameters too large' };
    it.each<[string, object]>([
      ['both as null', { requestParameters: null, responseElements: null }],
      ['both with a reason', { requestParameters: omitted, responseElements: omitted }],
      ['as no member at all', { requestParameters: undefined, responseElements: undefined }],
      ['as text', { requestParameters: 'omitted', responseElements: 'omitted' }],
    ])('%s: a call took place, and nothing is known of its records', (_, change) => {
      expect(call(change)).toMatchObject({
        content: 'omitted',
        entries: [],
        requestId: 'request-1',
        attemptId: ATTEMPT,
        errorCode: null,
      });
    });

    it('the answer alone: which records it had is known, not what became of them', () => {
      expect(call({ responseElements: omitted })).toMatchObject({
        content: 'omitted',
        entries: [{ ...ENTRY, answer: 'omitted', meteringRecordId: null }],
      });
    });

    it('the request alone: the answer says all', () => {
      expect(call({ requestParameters: omitted })).toMatchObject({ content: 'read', entries: [ENTRY] });
    });
  });

  it.each<[string, object]>([
    ['another service', { eventSource: 'sqs.amazonaws.com' }],
    ['another operation', { eventName: 'ResolveCustomer' }],
    ['RegisterUsage', { eventName: 'RegisterUsage' }],
    ['a dry run', { eventName: 'MeterUsage', requestParameters: { dryRun: true, usageDimension: 'a' } }],
  ])('%s has no usage in it', (_, change) => {
    expect(readTrailEvent(textOf(change))).toEqual({ kind: 'other' });
  });
});
