import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ResolvedProduct } from '../../../src/options/resolved-options.js';
import { differences, distinctUsage } from '../../../src/metering/recording/usage-comparison.js';
import { type CheckedUsage, readUsage } from '../../../src/metering/recording/usage-reading.js';
import {
  identify,
  isMisplaced,
  type Listing,
  type PlacedUsage,
  subjectNameOf,
  undeclaredDimension,
  unknownSubject,
} from '../../../src/metering/recording/usage-placement.js';
import { type CodedProblem, refusalOf } from '../../../src/metering/recording/usage-refusal.js';

const NOW = new Date('2026-11-10T10:30:00.000Z');
const WINDOW = { now: NOW, futureSkewMs: 300_000, idempotencyHorizonMs: 35 * 24 * 3_600_000 };
const ID = '0190a0a0-0000-7000-8000-000000000001';
const VALID = { subscriptionId: ID, dimension: 'requests', quantity: '1.5' };

function read(event: unknown): { usage: CheckedUsage | null; problems: CodedProblem[] } {
  const problems: CodedProblem[] = [];
  return { usage: readUsage(event, 0, WINDOW, problems), problems };
}

function checked(over: object = {}): CheckedUsage {
  return read({ ...VALID, ...over }).usage!;
}

function placed(over: object = {}): PlacedUsage {
  const usage = checked(over);
  return { ...usage, ...identify(usage, 'default'), subject: 1, dimensionId: 1 };
}

const at = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('an event is taken', () => {
  it.each<[string, object]>([
    ['with what it must have', {}],
    ['with a quantity as number', { quantity: 0.1 }],
    ['with a quantity as bigint', { quantity: 3n }],
    ['for a tenant', { tenantId: 'acme', subscriptionId: undefined }],
    ['for a tenant with product and payer', { tenantId: 'acme', productCode: 'widgets' }],
    ['with a number of too many digits, rounded', { quantity: 0.1 + 0.2 }],
    ['with a decimal object', { quantity: { toFixed: () => '12.5' } }],
    [
      'with a Temporal.Instant',
      { occurredAt: { epochMilliseconds: NOW.getTime(), [Symbol.toStringTag]: 'Temporal.Instant' } },
    ],
    ['with ISO 8601 text in UTC', { occurredAt: '2026-11-10T10:29:59.123456Z' }],
    ['with ISO 8601 text and an offset', { occurredAt: '2026-11-10T16:15:00+05:45' }],
    ['with an offset without colon, a comma, and no seconds', { occurredAt: '2026-11-10T05:30-0500' }],
    ['with twelve decimals', { quantity: '0.000000000001' }],
    ['with trailing zeros beyond twelve decimals', { quantity: '1.50000000000000' }],
    ['with a quantity of zero', { quantity: 0 }],
    ['with the largest quantity', { quantity: '999999999999999999.999999999999' }],
    ['with a negative quantity and a reason', { quantity: -1, reason: 'billed twice by mistake' }],
    ['at the edge of the skew', { occurredAt: at(300_000) }],
    ['at the edge of the horizon', { occurredAt: at(-WINDOW.idempotencyHorizonMs) }],
    ['with a key of 255 characters', { idempotencyKey: 'k'.repeat(255) }],
    ['with a key beyond ASCII', { idempotencyKey: 'Rechnung Ω 🧾' }],
    [
      'with five tags of all allowed characters',
      { tags: { a: '1', b: '2', c: '3', d: '4', 'aZ09+-=._:/@ ': 'aZ09+-=._:/@ ' } },
    ],
    ['with a tag key that only looks like AWS’s', { tags: { aws: '1', 'aws-team': '2', 'my:aws:team': '3' } }],
    ['with the longest tag', { tags: { [`k${'e'.repeat(99)}`]: 'v'.repeat(256) } }],
    ['with the longest reason', { reason: 'r'.repeat(1000) }],
    [
      'with undefined where a field may be left out',
      { occurredAt: undefined, idempotencyKey: undefined, tags: undefined, reason: undefined },
    ],
  ])('%s', (_, over) => {
    expect(read({ ...VALID, ...over }).problems).toEqual([]);
  });
});

describe('an event is refused', () => {
  it.each<[string, object, string, RegExp]>([
    [
      'unknown field, a typo',
      { dimention: 'requests' },
      'dimention',
      /no such field; the fields are tenantId, productCode, subscriptionId, dimension/,
    ],
    ['neither tenant nor subscription', { subscriptionId: undefined }, 'tenantId', /give tenantId, or subscriptionId/],
    ['an empty tenant', { tenantId: ' ' }, 'tenantId', /must not be empty/],
    ['a tenant that is no text', { tenantId: 7 }, 'tenantId', /must be a string/],
    ['a tenant of null', { tenantId: null }, 'tenantId', /must be a string/],
    ['NUL in the tenant', { tenantId: 'a\0b' }, 'tenantId', /NUL/],
    ['a long tenant', { tenantId: 't'.repeat(256) }, 'tenantId', /at most 255/],
    ['a product that is no text', { productCode: 7 }, 'productCode', /must be a string/],
    ['empty dimension', { dimension: '' }, 'dimension', /must not be empty/],
    ['no dimension', { dimension: undefined }, 'dimension', /^must be a string$/],
    ['NUL in the dimension', { dimension: 'a\0b' }, 'dimension', /NUL/],
    ['lone surrogate in the dimension', { dimension: '\ud800' }, 'dimension', /surrogate/],
    ['no quantity', { quantity: undefined }, 'quantity', /must be a string, number, bigint or decimal object/],
    ['a number beyond 2^53', { quantity: 2 ** 53 }, 'quantity', /2\^53/],
    ['NaN', { quantity: Number.NaN }, 'quantity', /finite number, not NaN; .*computed/],
    ['Infinity', { quantity: Number.POSITIVE_INFINITY }, 'quantity', /finite number, not Infinity; .*computed/],
    ['NaN as text', { quantity: 'NaN' }, 'quantity', /plain decimal/],
    ['thirteen decimals', { quantity: '0.0000000000001' }, 'quantity', /at most 12 decimals/],
    [
      'a decimal object of thirteen decimals',
      { quantity: { toFixed: () => '0.0000000000001' } },
      'quantity',
      /at most 12 decimals/,
    ],
    ['too large', { quantity: '1e18' }, 'quantity', /below 10\^18/],
    ['five million digits (G20)', { quantity: '9'.repeat(5_000_000) }, 'quantity', /^.{0,80}at most 100 characters/],
    ['five million digits behind a point (G20)', { quantity: `0.${'1'.repeat(5_000_000)}` }, 'quantity', /at most 100/],
    ['a bigint of five million digits (G20)', { quantity: 1n << 16_000_000n }, 'quantity', /below 10\^18/],
    [
      'a decimal object of five million digits (G20)',
      { quantity: { toFixed: () => '9'.repeat(5_000_000) } },
      'quantity',
      /at most 100/,
    ],
    ['grouped digits', { quantity: '1,000' }, 'quantity', /plain decimal/],
    ['negative without reason', { quantity: -1 }, 'reason', /correction/],
    ['blank reason', { quantity: -1, reason: '  ' }, 'reason', /must not be empty/],
    ['long reason', { reason: 'r'.repeat(1001) }, 'reason', /at most 1000/],
    ['NUL in the reason', { reason: 'a\0' }, 'reason', /NUL/],
    ['a day', { occurredAt: '2026-11-10' }, 'occurredAt', /valid Date.*with a zone/],
    ['text without a zone', { occurredAt: '2026-11-10T10:00:00' }, 'occurredAt', /with a zone/],
    ['a day that is not', { occurredAt: '2026-11-31T10:00:00Z' }, 'occurredAt', /valid Date/],
    ['an hour that is not', { occurredAt: '2026-11-10T25:00:00Z' }, 'occurredAt', /valid Date/],
    ['text of another kind', { occurredAt: 'Tue, 10 Nov 2026 10:00:00 GMT' }, 'occurredAt', /ISO 8601/],
    ['a number of milliseconds', { occurredAt: 1_794_306_600_000 }, 'occurredAt', /valid Date/],
    [
      'something that only looks like an instant',
      { occurredAt: { epochMilliseconds: 0 } },
      'occurredAt',
      /Temporal.Instant/,
    ],
    ['date null', { occurredAt: null }, 'occurredAt', /valid Date.*"2026-11-10T10:30:00Z"$/],
    ['nothing of a date', { occurredAt: 'soon' }, 'occurredAt', /"2026-11-10T10:30:00Z"$/],
    ['an object without a way to a date', { occurredAt: {} }, 'occurredAt', /"2026-11-10T10:30:00Z"$/],
    [
      'a number of seconds',
      { occurredAt: 1_794_306_600 },
      'occurredAt',
      /; a number may be .* new Date\(milliseconds\)$/,
    ],
    ['a bigint', { occurredAt: 1_794_306_600n }, 'occurredAt', /; a number may be .* new Date\(milliseconds\)$/],
    ['a date of dayjs or moment', { occurredAt: { toDate: () => NOW } }, 'occurredAt', /; give its toDate\(\)$/],
    ['a date of luxon', { occurredAt: { toJSDate: () => NOW } }, 'occurredAt', /; give its toJSDate\(\)$/],
    ['a Temporal.ZonedDateTime', { occurredAt: { toInstant: () => NOW } }, 'occurredAt', /; give its toInstant\(\)$/],
    ['text before an instant', { occurredAt: ' 2026-11-10T10:00:00Z' }, 'occurredAt', /valid Date/],
    ['text behind an instant', { occurredAt: '2026-11-10T10:00:00Z (noon)' }, 'occurredAt', /valid Date/],
    ['invalid date', { occurredAt: new Date('soon') }, 'occurredAt', /valid Date/],
    ['beyond the skew', { occurredAt: at(300_001) }, 'occurredAt', /300000 ms in the future.*FUTURE_SKEW/],
    [
      'beyond the horizon',
      { occurredAt: at(-WINDOW.idempotencyHorizonMs - 1) },
      'occurredAt',
      /^lies more than 3024000000 ms back, .*IDEMPOTENCY_HORIZON.*; record what is still owed as usage of today$/,
    ],
    ['empty key', { idempotencyKey: '' }, 'idempotencyKey', /must not be empty/],
    ['key null', { idempotencyKey: null }, 'idempotencyKey', /must be a string/],
    ['long key', { idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey', /at most 255/],
    ['NUL in the key', { idempotencyKey: 'a\0' }, 'idempotencyKey', /NUL/],
    ['lone surrogate in the key', { idempotencyKey: 'a\udc00' }, 'idempotencyKey', /surrogate/],
    ['tags as text', { tags: 'a=b' }, 'tags', /object of strings/],
    ['tags null', { tags: null }, 'tags', /object of strings/],
    ['tags as array', { tags: ['a'] }, 'tags', /object of strings/],
    ['six tags', { tags: { a: '1', b: '2', c: '3', d: '4', e: '5', f: '6' } }, 'tags', /at most 5 keys/],
    ['empty tag key', { tags: { '': 'x' } }, 'tags[]', /1 to 100/],
    ['long tag key', { tags: { [`k${'e'.repeat(100)}`]: 'x' } }, `tags[k${'e'.repeat(39)}]`, /1 to 100/],
    ['a tag key of AWS’s own', { tags: { 'aws:team': 'x' } }, 'tags[aws:team]', /aws:/],
    ['a tag key of spaces', { tags: { ' ': 'x' } }, 'tags[ ]', /key must not be blank/],
    ['a tag value of spaces', { tags: { team: '  ' } }, 'tags[team]', /value must not be blank/],
    ['a tag key of AWS’s own, in capitals', { tags: { 'AWS:team': 'x' } }, 'tags[AWS:team]', /aws:/],
    ['empty tag value', { tags: { a: '' } }, 'tags[a]', /1 to 256/],
    ['long tag value', { tags: { a: 'v'.repeat(257) } }, 'tags[a]', /1 to 256/],
    ['number as tag value', { tags: { a: 1 } }, 'tags[a]', /1 to 256/],
    // AWS's own pattern admits these through a character range; its prose does not (facts A.11).
    ['comma in a tag', { tags: { a: 'b,c' } }, 'tags[a]', /letters, digits/],
    ['umlaut in a tag', { tags: { a: 'Müller' } }, 'tags[a]', /letters, digits/],
    ['line feed in a tag', { tags: { a: 'b\n' } }, 'tags[a]', /letters, digits/],
  ])('%s', (_, over, field, message) => {
    const { usage, problems } = read({ ...VALID, ...over });
    expect(usage).toBeNull();
    expect(problems).toEqual([{ code: 'USAGE_INVALID', index: 0, field, message: expect.stringMatching(message) }]);
  });

  it.each([[null], ['event'], [[VALID]], [undefined]])('what is no object: %j', (event) => {
    expect(read(event).problems).toMatchObject([
      { field: 'event', message: 'must be an object with tenantId or subscriptionId, dimension and quantity' },
    ]);
  });

  it('with everything that is wrong with it at once', () => {
    const { problems } = read({
      subscriptionId: '',
      productCode: 1,
      dimension: 3,
      quantity: 'many',
      occurredAt: 1,
      idempotencyKey: '',
      tags: 1,
      reason: 1,
      x: 1,
    });
    expect(problems.map((problem) => problem.field)).toEqual([
      'x',
      'productCode',
      'subscriptionId',
      'dimension',
      'quantity',
      'occurredAt',
      'idempotencyKey',
      'reason',
      'tags',
    ]);
  });
});

describe('an event of an installation', () => {
  const problemsOf = (over: object): CodedProblem[] => {
    const problems: CodedProblem[] = [];
    const event = { ...VALID, subscriptionId: undefined, ...over };
    readUsage(event, 0, { ...WINDOW, isInstallation: true }, problems);
    return problems;
  };

  it('names no customer: it has one', () => {
    expect(problemsOf({})).toEqual([]);
  });

  it.each([
    [{ tenantId: 'acme' }, ['tenantId']],
    [{ subscriptionId: ID }, ['subscriptionId']],
    [{ tenantId: 'acme', subscriptionId: ID }, ['tenantId', 'subscriptionId']],
  ])('is refused where it names one: %j', (over, fields) => {
    const problems = problemsOf(over);
    expect(problems.map(({ field }) => field)).toEqual(fields);
    for (const { message } of problems) expect(message).toMatch(/one customer, the installation; leave it out/);
  });
});

describe('an instant as text', () => {
  it.each([
    ['2026-11-10T10:29:59,5Z', '2026-11-10T10:29:59.500Z'],
    ['2026-11-10T10:29:59.123456789Z', '2026-11-10T10:29:59.123Z'],
    ['2026-11-10T16:15:00+05:45', '2026-11-10T10:30:00.000Z'],
    ['2026-11-10T16:15:00+0545', '2026-11-10T10:30:00.000Z'],
    ['2026-11-10T05:15-05', '2026-11-10T10:15:00.000Z'],
    ['2026-10-31T23:00Z', '2026-10-31T23:00:00.000Z'],
  ])('%s is %s', (occurredAt, is) => {
    expect(checked({ occurredAt }).occurredAt.toISOString()).toBe(is);
  });
});

describe('what stands in the ledger', () => {
  it('is the moment of recording where the caller gave none, under a minted key', () => {
    const usage = placed();
    expect(usage).toMatchObject({ occurredAt: NOW, key: null, isMinted: true, tags: null, reason: null });
    expect(usage.idempotencyKey).toBe(`evt_${usage.id}`);
    expect(usage.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('is the same instant, however it was written', () => {
    const instants = [
      '2026-11-10T10:15:00Z',
      '2026-11-10T15:15:00+05:00',
      '2026-11-10T05:15-05',
      new Date('2026-11-10T10:15:00Z'),
    ];
    expect(new Set(instants.map((occurredAt) => checked({ occurredAt }).occurredAt.getTime())).size).toBe(1);
  });

  it('does not change with the Date that the caller gave', () => {
    const occurredAt = at(-1000);
    const usage = checked({ occurredAt });
    occurredAt.setTime(0);
    expect(usage.occurredAt).toEqual(at(-1000));
  });

  it('has tags in one order, and none for an empty set', () => {
    expect(checked({ tags: { b: '2', a: '1' } }).tags).toBe(checked({ tags: { a: '1', b: '2' } }).tags);
    expect(checked({ tags: {} }).tags).toBeNull();
  });
});

describe('a repetition is compared by what the caller gave', () => {
  const original = placed({ quantity: '1.50', occurredAt: at(-5000), tags: { a: '1' }, reason: 'why' });
  it.each<[string, object, string[]]>([
    ['nothing optional given', {}, []],
    ['the same number, written otherwise', { quantity: 1.5 }, []],
    ['the same in full', { occurredAt: at(-5000), tags: { a: '1' }, reason: 'why' }, []],
    ['another quantity', { quantity: 2 }, ['quantity']],
    ['another dimension', { dimension: 'storage' }, ['dimension']],
    ['another instant', { occurredAt: at(-4999) }, ['occurredAt']],
    ['other tags', { tags: { a: '2' } }, ['tags']],
    ['no tags, said so', { tags: {} }, ['tags']],
    ['another reason', { reason: 'because' }, ['reason']],
    ['another subscription', { subscriptionId: '0190a0a0-0000-7000-8000-000000000002' }, ['subscriptionId']],
    ['a tenant instead', { tenantId: 'acme' }, ['tenantId']],
  ])('%s', (_, over, fields) => {
    expect(differences(placed(over), original)).toEqual(fields);
  });
});

describe('a repetition for a tenant is compared', () => {
  const original = placed({ tenantId: 'acme', productCode: 'widgets' });
  it.each<[string, object, string[]]>([
    ['not by its product', { tenantId: 'acme', productCode: 'gadgets' }, []],
    ['not by its payer', { tenantId: 'acme', subscriptionId: '0190a0a0-0000-7000-8000-000000000002' }, []],
    ['not by a payer that is left out', { tenantId: 'acme', subscriptionId: undefined }, []],
    ['by the tenant', { tenantId: 'other' }, ['tenantId']],
  ])('%s', (_, over, fields) => {
    expect(differences(placed(over), original)).toEqual(fields);
  });
});

describe('events of one call', () => {
  it('that repeat a key are one', () => {
    const problems: CodedProblem[] = [];
    const [one, two, three] = [placed({ idempotencyKey: 'a' }), placed(), placed({ idempotencyKey: 'a' })];
    expect(distinctUsage([one, two, three], problems)).toEqual({ unique: [one, two], standsAt: [0, 1, 0] });
    expect(problems).toEqual([]);
  });

  it('that repeat a key with other content are refused, naming both', () => {
    const problems: CodedProblem[] = [];
    distinctUsage(
      [placed({ idempotencyKey: 'a' }), { ...placed({ idempotencyKey: 'a', quantity: 9 }), index: 1 }],
      problems,
    );
    expect(problems).toEqual([
      {
        code: 'IDEMPOTENCY_CONFLICT',
        index: 1,
        field: 'idempotencyKey',
        message: expect.stringMatching(/events\[0\] of this call.*quantity/),
      },
    ]);
  });

  it('may share a key between subscriptions, and between tenants', () => {
    const others = [{ subscriptionId: '0190a0a0-0000-7000-8000-000000000002' }, { tenantId: 'a' }, { tenantId: 'b' }];
    const usages = [{}, ...others].map((over) => placed({ ...over, idempotencyKey: 'a' }));
    expect(distinctUsage(usages, []).unique).toHaveLength(4);
  });

  it('share it within a tenant, whatever product or payer they name', () => {
    const usages = [{}, { productCode: 'widgets' }, { subscriptionId: undefined }].map((over) =>
      placed({ tenantId: 'a', idempotencyKey: 'k', ...over }),
    );
    expect(distinctUsage(usages, []).unique).toHaveLength(1);
  });
});

const product = (productCode: string, ...dimensions: string[]): ResolvedProduct =>
  ({ productCode, dimensions }) as unknown as ResolvedProduct;
const PRODUCTS = [product('widgets', 'requests', 'storage'), product('gadgets', 'storage')];
const LISTING: Listing = {
  get: (code) => PRODUCTS.find(({ productCode }) => productCode === code),
  withDimension: (name) => PRODUCTS.filter(({ dimensions }) => dimensions.includes(name)),
  installationOf: () => null,
};

describe('the name under which usage is recorded', () => {
  it.each<[string, object, object]>([
    [
      'a tenant at the only product with the dimension',
      { tenantId: 'a', subscriptionId: undefined },
      { productCode: 'widgets', tenantId: 'a', subscriptionId: null },
    ],
    [
      'a tenant at the product that is given',
      { tenantId: 'a', subscriptionId: undefined, dimension: 'storage', productCode: 'gadgets' },
      { productCode: 'gadgets', tenantId: 'a', subscriptionId: null },
    ],
    [
      'a tenant with its payer, whose product is the payer’s',
      { tenantId: 'a' },
      { productCode: null, tenantId: 'a', subscriptionId: ID },
    ],
    [
      'a subscription, in lower case',
      { subscriptionId: ID.toUpperCase() },
      { productCode: null, tenantId: null, subscriptionId: ID },
    ],
  ])('is %s', (_, over, name) => {
    expect(subjectNameOf(checked(over), LISTING)).toEqual(name);
  });

  it.each<[string, object, string, RegExp]>([
    [
      'two products declare the dimension',
      { tenantId: 'a', subscriptionId: undefined, dimension: 'storage' },
      'PRODUCT_AMBIGUOUS',
      /"widgets" and "gadgets".*productCode/,
    ],
    [
      'no product declares it',
      { tenantId: 'a', subscriptionId: undefined, dimension: 'cpu' },
      'DIMENSION_UNDECLARED',
      /declared for no listed product.*MARKETPLACE_PRODUCTS/,
    ],
    [
      'the product is not listed',
      { tenantId: 'a', productCode: 'sprockets' },
      'PRODUCT_UNKNOWN',
      /product "sprockets" is not listed \(any more\).*mode "off"/,
    ],
    [
      'the subscription’s id is none',
      { subscriptionId: 'sub-1' },
      'SUBSCRIPTION_UNKNOWN',
      /"sub-1" is no subscription/,
    ],
    [
      'the payer’s id is none',
      { tenantId: 'a', subscriptionId: 'sub-1' },
      'SUBSCRIPTION_UNKNOWN',
      /never claimed by tenant "a"/,
    ],
  ])('is none where %s', (_, over, code, message) => {
    const answer = subjectNameOf(checked(over), LISTING);
    expect(isMisplaced(answer) && answer.problem).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('the code of a refusal', () => {
  const invalid = (): CodedProblem => read({ ...VALID, quantity: 'x' }).problems[0]!;
  const unknown = (): CodedProblem => unknownSubject(checked()).problem;
  const undeclared = (): CodedProblem =>
    undeclaredDimension(checked({ dimension: 'x' }), 'widgets', PRODUCTS[0]).problem;

  it.each<[string, CodedProblem[], string]>([
    ['an unknown subscription alone', [unknown()], 'SUBSCRIPTION_UNKNOWN'],
    [
      'an unknown tenant alone',
      [unknownSubject(checked({ tenantId: 'a', subscriptionId: undefined })).problem],
      'TENANT_UNKNOWN',
    ],
    ['an undeclared dimension alone', [undeclared()], 'DIMENSION_UNDECLARED'],
    ['an invalid field alone', [invalid()], 'USAGE_INVALID'],
    ['a mixture', [unknown(), undeclared()], 'USAGE_INVALID'],
  ])('%s', (_, problems, code) => {
    expect(refusalOf(problems).code).toBe(code);
  });

  it('comes with what is declared and where to add more', () => {
    expect(refusalOf([undeclared()]).message).toMatch(
      /"x" is not declared for product widgets; give one of "requests", "storage".*MARKETPLACE_PRODUCTS/,
    );
  });

  it('shows the first problems in the message and all in `problems`', () => {
    const refusal = refusalOf(Array.from({ length: 30 }, invalid));
    expect(refusal.problems).toHaveLength(30);
    expect(refusal.message).toMatch(/and 10 more, see problems$/);
  });
});

describe('reading', () => {
  it('any value never throws: it is taken, or every problem names a field and says what to do', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({ ...Object.fromEntries(Object.keys(VALID).map((field) => [field, fc.anything()])) }),
        ),
        (event) => {
          const { usage, problems } = read(event);
          expect(usage === null).toBe(problems.length > 0);
          for (const { field, message } of problems) expect(field !== '' || message !== '').toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('any valid event keeps what was given, to the last decimal', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((name) => name.trim() !== '' && !name.includes('\0'));
    fc.assert(
      fc.property(
        fc.record({
          tenantId: text,
          dimension: text,
          quantity: fc
            .tuple(fc.nat(), fc.nat({ max: 999_999_999_999 }))
            .map(([units, part]) => `${units}.${String(part).padStart(12, '0')}`),
          idempotencyKey: text,
        }),
        (event) => {
          const usage = read(event).usage;
          expect(usage).toMatchObject({
            tenantId: event.tenantId,
            dimension: event.dimension,
            key: event.idempotencyKey,
          });
          expect(usage!.quantity).toBe(BigInt(event.quantity.replace('.', '')));
        },
      ),
    );
  });
});
