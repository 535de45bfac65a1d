import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readTrailEvent } from '../../src/audit/trail-event.js';

const EVENT_AT = new Date('2026-11-05T01:12:13Z');
const usageRecord = { timestamp: 'Nov 5, 2026 12:00:00 AM', dimension: 'requests', quantity: 5 };
const success = { usageRecord, meteringRecordId: 'mr-1', status: 'Success' };
const textOf = (change: object = {}): string =>
  JSON.stringify({
    eventTime: EVENT_AT.toISOString(),
    eventSource: 'metering-marketplace.amazonaws.com',
    eventName: 'BatchMeterUsage',
    awsRegion: 'us-east-1',
    requestParameters: { usageRecords: [usageRecord] },
    responseElements: { results: [success], unprocessedRecords: [] },
    eventID: 'event-1',
    ...change,
  });
/** What is found before the time is read, or in its place. */
const WITHOUT_TIME = ['it is no JSON', 'it is no JSON object', 'eventTime is no instant'];

describe('an event of CloudTrail', () => {
  describe('that cannot be read is named', () => {
    const broken = { ...usageRecord, timestamp: 'yesterday' };
    const withQuantity = (quantity: unknown): string =>
      textOf({ responseElements: { results: [{ ...success, usageRecord: { ...usageRecord, quantity } }] } });
    it.each<[string, string, string | null, string]>([
      ['no JSON', '{"eventID":', null, 'it is no JSON'],
      ['no object', '[]', null, 'it is no JSON object'],
      ['null', 'null', null, 'it is no JSON object'],
      ['no name', textOf({ eventName: undefined }), 'event-1', 'eventName or eventSource is missing'],
      ['no source', textOf({ eventSource: undefined }), 'event-1', 'eventName or eventSource is missing'],
      ['no id', textOf({ eventID: undefined }), null, 'eventID is missing'],
      ['no time', textOf({ eventTime: 'soon' }), 'event-1', 'eventTime is no instant'],
      ['no region', textOf({ awsRegion: undefined }), 'event-1', 'awsRegion is missing'],
      [
        'a time of a record that is none',
        textOf({ responseElements: { results: [{ ...success, usageRecord: broken }] } }),
        'event-1',
        'the timestamp of a record is no instant',
      ],
      [
        'a record without dimension',
        textOf({ responseElements: { results: [{ ...success, usageRecord: { ...usageRecord, dimension: null } }] } }),
        'event-1',
        'a record has no dimension',
      ],
      ...[0.5, -1, '-1', '', ' ', 'five', true, 2 ** 53].map((quantity): [string, string, string, string] => [
        `${JSON.stringify(quantity)} units`,
        ...([withQuantity(quantity), 'event-1', 'the quantity of a record is no whole number'] as const),
      ]),
      [
        'a result of nothing',
        textOf({ responseElements: { results: [{ status: 'Success' }] } }),
        'event-1',
        'a result has no usageRecord',
      ],
    ])('%s', (_, text, eventId, why) => {
      expect(readTrailEvent(text)).toEqual({
        kind: 'unreadable',
        eventId,
        at: WITHOUT_TIME.includes(why) ? null : EVENT_AT,
        why,
      });
    });

    it('takes id and region of where it was found', () => {
      expect(readTrailEvent('{"eventID":', { eventId: 'event-2' })).toMatchObject({ eventId: 'event-2' });
      const text = textOf({ awsRegion: undefined, eventID: undefined });
      expect(readTrailEvent(text, { eventId: 'event-2', region: 'eu-west-1' })).toMatchObject({
        call: { eventId: 'event-2', region: 'eu-west-1' },
      });
    });
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (requestParameters, responseElements, any) => {
        for (const eventName of ['BatchMeterUsage', 'MeterUsage', any])
          readTrailEvent(textOf({ requestParameters, responseElements, eventName, userIdentity: any, userAgent: any }));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readTrailEvent(text).kind).toBe('unreadable');
      }),
    );
  });
});
