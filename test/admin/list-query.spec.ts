import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { LISTS, readListQuery } from '../../src/admin/list-query.js';
import { isMarketplaceMeteringError } from '../../src/errors/marketplace-metering-error.js';

const ID = '019a7f00-0000-7000-8000-0000000000ab';

const refusalOf = (list: keyof typeof LISTS, query: string): string => {
  try {
    readListQuery<object, readonly string[]>(LISTS[list], `/x?${query}`);
  } catch (error) {
    if (isMarketplaceMeteringError(error) && error.code === 'FILTER_INVALID') return error.message;
    throw error;
  }
  return 'accepted';
};

const cursorWith = (...keys: string[]): string => Buffer.from(JSON.stringify(['x', ...keys])).toString('base64url');

describe('a list query', () => {
  it.each<[keyof typeof LISTS, string, RegExp]>([
    ['records', 'limit=0', /^limit: give a whole number from 1 to 200$/],
    ['records', 'limit=201', /^limit: give/],
    ['records', 'limit=-1', /^limit: give/],
    ['records', 'limit=ten', /^limit: give/],
    ['records', 'limit=', /^limit: give/],
    ['records', 'limit=1e2', /^limit: give/],
    ['records', 'subscriptionId=abc', /^subscriptionId: give a UUID/],
    ['records', `subscriptionId=${ID}%27--`, /^subscriptionId: give a UUID/],
    ['records', 'state=done', /^state: give one of pending, sending, metered, blocked, unknown, closed$/],
    ['records', 'state=', /^state: give one of/],
    ['records', 'disposition=lost', /^disposition: give one of annulled, held, owed, void$/],
    ['records', 'mode=test', /^mode: give one of live, dry-run, off$/],
    ['records', 'productCode=', /^productCode: give a value/],
    ['records', `productCode=${'x'.repeat(256)}`, /^productCode: give at most 255/],
    ['records', 'dimension=a%00b', /^dimension: give a value without control characters$/],
    ['records', 'reason=%0a', /^reason: give a value without control/],
    ['records', 'hourFrom=yesterday', /^hourFrom: give an ISO instant such as/],
    ['records', 'hourFrom=2026-13-01T00:00:00Z', /^hourFrom: give an ISO instant/],
    ['records', 'hourFrom=2026-12-01T00:00:00+01:00', /^hourFrom: .*%2B/],
    ['records', 'hourFrom=0000-01-01T00:00:00Z', /^hourFrom: give an instant from 1970 to 9999$/],
    ['records', 'hourTo=9999-12-31T23:00:00-01:00', /^hourTo: give an instant from 1970 to 9999$/],
    ['records', 'hourTo=9999-12-31T23:59:59-12:00', /^hourTo: give an instant from 1970 to 9999$/],
    [
      'records',
      'hourFrom=2026-12-02T00:00:00Z&hourTo=2026-12-01T00:00:00Z',
      /^hourTo: give an instant after hourFrom$/,
    ],
    ['records', 'state=pending&state=closed', /^state: give it once$/],
    ['records', 'limit=1&limit=2', /^limit: give it once$/],
    [
      'records',
      'customerId=x',
      /^customerId: there is no such parameter; give any of subscriptionId, tenantId, .*limit, cursor$/,
    ],
    ['records', 'kind=day', /^kind: give one of hour, closing, setApart$/],
    ['records', 'tenantId=', /^tenantId: give a value/],
    ['records', 'state[]=pending', /^state\[\]: there is no such parameter/],
    ['records', '__proto__=x', /^__proto__: there is no such parameter/],
    ['records', `${'x'.repeat(40)}=1`, /^x{40}: there is no such parameter/],
    ['records', `${'x'.repeat(41)}=1`, /^x{40}…: there is no such parameter/],
    ['records', `${'x'.repeat(500)}=1`, /^x{40}…: there is no such parameter/],
    ['records', 'limit=0&state=done&foo=1', /^limit: .*; state: .*; foo: /],
    ['events', 'unsealed=yes', /^unsealed: give one of true, false$/],
    ['events', 'recordId=7', /^recordId: give a UUID/],
    ['events', 'occurredFrom=1', /^occurredFrom: give an ISO instant/],
    [
      'events',
      `subscriptionId=${ID}&occurredFrom=2026-12-02T00:00:00Z&occurredTo=2026-12-02T00:00:00Z`,
      /^occurredTo: give an instant after/,
    ],
    ['events', 'idempotencyKey=k', /^idempotencyKey: give tenantId, subscriptionId, recordId or unsealed=true with it/],
    ['events', '', /^tenantId: give tenantId, subscriptionId, recordId or unsealed=true: events/],
    ['events', 'dimension=requests', /^dimension: give tenantId, subscriptionId, recordId or unsealed=true with it/],
    [
      'events',
      'dimension=requests&unsealed=false',
      /^dimension: give tenantId, subscriptionId, recordId or unsealed=true with it.*; unsealed: give tenantId, subscriptionId, recordId or unsealed=true with it/,
    ],
    [
      'events',
      'occurredFrom=2026-12-02T00:00:00Z',
      /^occurredFrom: give tenantId, subscriptionId, recordId or unsealed=true with it/,
    ],
    ['events', `unsealed=true&cursor=${cursorWith('-1', ID)}`, /^cursor: give the nextCursor/],
    ['events', `unsealed=true&cursor=${cursorWith('1', ID)}`, /^cursor: it belongs to other filters/],
    ['waiting', 'subscriptionId=x', /^subscriptionId: give a UUID/],
    [
      'waiting',
      'dimension=x',
      /^dimension: there is no such parameter; give any of tenantId, subscriptionId, reason, limit, cursor$/,
    ],
    ['waiting', `cursor=${cursorWith(ID)}`, /^cursor: give the nextCursor/],
    [
      'subscriptions',
      'state=done',
      /^state: give one of registered, upcoming, trial, active, suspended, ending, ended, failed$/,
    ],
    ['subscriptions', 'tenantId=', /^tenantId: give a value/],
    ['balance', 'conserved=1', /^conserved: give one of true, false$/],
    [
      'balance',
      'state=pending',
      /^state: there is no such parameter; give any of customerId, tenantId, dimension, conserved, limit, cursor$/,
    ],
    ['messages', 'state=lost', /^state: give one of pending, waiting, applied, ignored, deadLettered$/],
    [
      'messages',
      'origin=email',
      /^origin: give one of eventBridge, sns, sqs, http, host, registration, reconciliation$/,
    ],
    ['messages', 'type=', /^type: give a value/],
    ['messages', 'subscriptionId=1', /^subscriptionId: give a UUID/],
    ['messages', `cursor=${cursorWith('now', 'sns', 'm')}`, /^cursor: give the nextCursor/],
    [
      'messages',
      `cursor=${cursorWith('2026-12-01T00:00:00.000000Z', 'sns', 'm\u0000')}`,
      /^cursor: give the nextCursor/,
    ],
    [
      'messages',
      `cursor=${cursorWith('2026-12-01T00:00:00.000000Z', 'sns', 'm\n')}`,
      /^cursor: it belongs to other filters/,
    ],
    ['deliveries', 'state=applied', /^state: give one of pending, delivering, delivered, deadLettered, skipped$/],
    ['deliveries', 'handlerId=', /^handlerId: give a value/],
    ['deliveries', `cursor=${cursorWith('-1', 'handler')}`, /^cursor: give the nextCursor/],
    ['deliveries', `cursor=${cursorWith('9'.repeat(19), 'handler')}`, /^cursor: give the nextCursor/],
    ['deliveries', `cursor=${cursorWith('1', 'handler')}`, /^cursor: it belongs to other filters/],
    ['alerts', 'severity=fatal', /^severity: give one of warning, critical$/],
    ['alerts', 'open=1', /^open: give one of true, false$/],
    ...(['s\n', 's\u0000'] as const).map((subject): [keyof typeof LISTS, string, RegExp] => [
      'alerts',
      `cursor=${cursorWith('true', '2026-12-01T00:00:00.000000Z', 'setupError', subject)}`,
      subject === 's\n' ? /^cursor: it belongs to other filters/ : /^cursor: give the nextCursor/,
    ]),
    ['records', 'cursor=', /^cursor: give the nextCursor/],
    ['records', 'cursor=%%%', /^cursor: give the nextCursor/],
    ['records', `cursor=${Buffer.from('{}').toString('base64url')}`, /^cursor: give the nextCursor/],
    ['records', `cursor=${Buffer.from('["x","not-a-uuid"]').toString('base64url')}`, /^cursor: give the nextCursor/],
    ['records', `cursor=${Buffer.from(`["x","${ID}","${ID}"]`).toString('base64url')}`, /^cursor: give the nextCursor/],
    ['records', `cursor=${Buffer.from(`["x","${ID}"]`).toString('base64url')}`, /^cursor: it belongs to other filters/],
  ])('of %s with %s is refused, naming the parameter and the fix', (list, query, message) => {
    expect(refusalOf(list, query)).toMatch(message);
  });

  it.each<[keyof typeof LISTS, string]>([
    ['records', 'limit=1'],
    ['records', 'hourFrom=1970-01-01T00:00:00Z'],
    ['records', 'hourFrom=9999-12-31T23:59:59Z'],
    ['records', 'hourTo=2026-12-01T00:00:00Z'],
    ['records', 'hourFrom=2026-12-01T00:00:00Z&hourTo=2026-12-01T00:00:01Z'],
    ['events', 'tenantId=t'],
    ['events', `subscriptionId=${ID}`],
    ['events', `recordId=${ID}`],
    ['events', 'unsealed=true'],
    ['events', `recordId=${ID}&unsealed=false&dimension=requests`],
  ])('of %s with %s is accepted', (list, query) => {
    expect(refusalOf(list, query)).toBe('accepted');
  });

  it('begins at the first question mark, wherever that stands', () => {
    expect(readListQuery(LISTS.records, '?limit=7').limit).toBe(7);
    expect(readListQuery(LISTS.records, '/records?tenantId=a?b').filter).toEqual({ tenantId: 'a?b' });
  });

  it('takes back the position of a row, of up to 18 digits', () => {
    for (const position of ['7', '12', '9'.repeat(18)]) {
      const cursor = readListQuery(LISTS.waiting, '/waiting').cursorAfter([position]);
      expect(readListQuery(LISTS.waiting, `/waiting?cursor=${cursor}`).after).toEqual([position]);
    }
  });

  it('reads filters, the limit and nothing else', () => {
    expect(readListQuery(LISTS.records, '/records')).toMatchObject({ filter: {}, limit: 50, after: null });
    const query = `hourFrom=2026-12-01T01:00:00%2B01:00&subscriptionId=${ID.toUpperCase()}&limit=200`;
    expect(readListQuery(LISTS.records, `/records?${query}`)).toMatchObject({
      filter: { hourFrom: '2026-12-01T00:00:00.000Z', subscriptionId: ID },
      limit: 200,
    });
  });

  it('takes a cursor back with the same filters, in any order and with any limit, and with no others', () => {
    const first = readListQuery(LISTS.records, '/records?state=pending&mode=live');
    const cursor = first.cursorAfter([ID]);
    expect(readListQuery(LISTS.records, `/records?mode=live&state=pending&limit=7&cursor=${cursor}`).after).toEqual([
      ID,
    ]);
    expect(refusalOf('records', `state=pending&cursor=${cursor}`)).toMatch(/^cursor: it belongs to other filters/);
    expect(refusalOf('subscriptions', `cursor=${readListQuery(LISTS.records, '/records').cursorAfter([ID])}`)).toMatch(
      /^cursor: it belongs to other filters/,
    );
  });

  it.each(Object.values(LISTS))('of $name has its filters in docs/admin.md, and no others', ({ name, filter }) => {
    const row = readFileSync('docs/admin.md', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`| \`/${name}\` |`));
    const documented = [...(row?.split('|')[3] ?? '').matchAll(/`(\w+)`/g)].map(([, parameter]) => parameter);
    expect(documented).toEqual(Object.keys(filter.shape));
  });
});
