import { type Fault } from 'aws-marketplace-simulator';

const JSON_BODY = { 'Content-Type': 'application/x-amz-json-1.1' } as const;
const raw = (body: string, statusCode = 200, headers: Record<string, string> = JSON_BODY): Fault => ({
  ...{ kind: 'rawAnswer', statusCode, headers, body },
});
const stranger = {
  Results: [
    {
      UsageRecord: {
        ...{ CustomerAWSAccountId: '999999999999', LicenseArn: 'arn:aws:license-manager::999999999999:license:l-9' },
        ...{ Dimension: 'requests', Timestamp: 1_700_000_000, Quantity: 1 },
      },
      ...{ Status: 'Success', MeteringRecordId: 'of-somebody-else' },
    },
  ],
  UnprocessedRecords: [],
};

/** What may come in place of AWS's answer to any operation, from AWS or from what stands before it. */
export const STRANGE_ANSWERS: readonly [string, Fault][] = [
  ['an HTTP 400 that no model lists', { kind: 'unknownError', name: 'NeverHeardOfException' }],
  ['an HTTP 418 that no model lists', { kind: 'unknownError', name: 'NeverHeardOfException', statusCode: 418 }],
  ['a proxy’s 413', { kind: 'proxyPage', statusCode: 413 }],
  ['a proxy’s 407', { kind: 'proxyPage', statusCode: 407 }],
  ['a proxy’s 302', raw('', 302, { Location: 'https://login.example.com/' })],
  ['an HTML page with 200', { kind: 'proxyPage', statusCode: 200 }],
  ['an HTML page with 200, after the effect', { kind: 'proxyPage', statusCode: 200, afterEffect: true }],
  ['an HTML page with 502', { kind: 'proxyPage' }],
  ['an HTML page with 502, after the effect', { kind: 'proxyPage', afterEffect: true }],
  ['a 500', { kind: 'error500Before' }],
  ['a 503 that no model lists', { kind: 'unknownError', name: 'OnHoliday', statusCode: 503 }],
  ['an empty body with 200', raw('')],
  ['a 204', raw('', 204)],
  ['JSON that stops half-way', raw('{"Results":[{"Status":"Succ')],
  ['an answer that is cut off after the effect', { kind: 'cutAnswer' }],
  ['JSON that is no object', raw('"Success"')],
  ['a list in place of an object', raw('[{"Status":"Success"}]')],
  ['lists that are none', raw('{"Results":"all","UnprocessedRecords":7,"MeteringRecordId":{}}')],
  ['results without anything', raw('{"Results":[null,{},7,{"UsageRecord":null}],"UnprocessedRecords":[null]}')],
  ['values of other types', raw('{"Results":[{"Status":5,"UsageRecord":{"Timestamp":"soon"}}]}')],
  ['an answer about a record of somebody else', raw(JSON.stringify(stranger))],
];

/** What only an answer about several records can be. */
export const STRANGE_RESULTS: readonly [string, Fault][] = [
  ['a status that nobody knows, of one record', { kind: 'unknownStatus', status: 'Deferred', subset: 1 }],
  ['a status that nobody knows, of all', { kind: 'unknownStatus', status: 'Deferred' }],
  ['fewer records than asked', { kind: 'truncateResults', drop: 1 }],
  ['fewer records than asked, and no effect', { kind: 'truncateResults', drop: 1, afterEffect: false }],
  ['all of it unprocessed, though it is billed', { kind: 'unprocessed', afterEffect: true }],
];
