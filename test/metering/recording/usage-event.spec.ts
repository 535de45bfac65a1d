import { describe, expect, it } from '@jest/globals';
import {
  type CheckedUsage,
  type CodedProblem,
  differences,
  foldTwins,
  placeUsage,
  readUsage,
  refusalOf,
} from '../../../src/metering/recording/usage-event.js';

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

const at = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('an event is taken', () => {
  it.each<[string, object]>([
    ['with what it must have', {}],
    ['with a quantity as number', { quantity: 0.1 }],
    ['with a quantity as bigint', { quantity: 3n }],
    ['with twelve decimals', { quantity: '0.000000000001' }],
    ['with trailing zeros beyond twelve decimals', { quantity: '1.50000000000000' }],
    ['with a quantity of zero', { quantity: 0 }],
    ['with the largest quantity', { quantity: '999999999999999999.999999999999' }],
    ['with a negative quantity and a reason', { quantity: -1, reason: 'billed twice by mistake' }],
    ['at the edge of the skew', { occurredAt: at(300_000) }],
    ['at the edge of the horizon', { occurredAt: at(-WINDOW.idempotencyHorizonMs) }],
    ['with a key of 255 characters', { idempotencyKey: 'k'.repeat(255) }],
    ['with a key beyond ASCII', { idempotencyKey: 'Rechnung Ω 🧾' }],
    ['with five tags of all allowed characters', { tags: { a: '1', b: '2', c: '3', d: '4', 'aZ09+-=._:/@ ': 'aZ09+-=._:/@ ' } }],
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
    ['unknown field, a typo', { dimention: 'requests' }, 'dimention', /no such field; the fields are subscriptionId, dimension/],
    ['no subscription', { subscriptionId: undefined }, 'subscriptionId', /must be a string/],
    ['empty dimension', { dimension: '' }, 'dimension', /must not be empty/],
    ['NUL in the dimension', { dimension: 'a\0b' }, 'dimension', /NUL/],
    ['lone surrogate in the dimension', { dimension: '\ud800' }, 'dimension', /surrogate/],
    ['no quantity', { quantity: undefined }, 'quantity', /must be a string, number or bigint/],
    ['NaN', { quantity: Number.NaN }, 'quantity', /finite/],
    ['Infinity', { quantity: Number.POSITIVE_INFINITY }, 'quantity', /finite/],
    ['NaN as text', { quantity: 'NaN' }, 'quantity', /plain decimal/],
    ['thirteen decimals', { quantity: '0.0000000000001' }, 'quantity', /at most 12 decimals/],
    ['a float of too many digits', { quantity: 1e-13 }, 'quantity', /at most 12 decimals/],
    ['too large', { quantity: '1e18' }, 'quantity', /below 10\^18/],
    ['grouped digits', { quantity: '1,000' }, 'quantity', /plain decimal/],
    ['negative without reason', { quantity: -1 }, 'reason', /correction/],
    ['blank reason', { quantity: -1, reason: '  ' }, 'reason', /must not be empty/],
    ['long reason', { reason: 'r'.repeat(1001) }, 'reason', /at most 1000/],
    ['NUL in the reason', { reason: 'a\0' }, 'reason', /NUL/],
    ['date as text', { occurredAt: '2026-11-10' }, 'occurredAt', /valid Date/],
    ['date null', { occurredAt: null }, 'occurredAt', /valid Date/],
    ['invalid date', { occurredAt: new Date('soon') }, 'occurredAt', /valid Date/],
    ['beyond the skew', { occurredAt: at(300_001) }, 'occurredAt', /300000 ms in the future.*FUTURE_SKEW/],
    ['beyond the horizon', { occurredAt: at(-WINDOW.idempotencyHorizonMs - 1) }, 'occurredAt', /IDEMPOTENCY_HORIZON/],
    ['empty key', { idempotencyKey: '' }, 'idempotencyKey', /must not be empty/],
    ['key null', { idempotencyKey: null }, 'idempotencyKey', /must be a string/],
    ['long key', { idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey', /at most 255/],
    ['NUL in the key', { idempotencyKey: 'a\0' }, 'idempotencyKey', /NUL/],
    ['lone surrogate in the key', { idempotencyKey: 'a\udc00' }, 'idempotencyKey', /surrogate/],
    ['tags as text', { tags: 'a=b' }, 'tags', /object of strings/],
    ['tags as array', { tags: ['a'] }, 'tags', /object of strings/],
    ['six tags', { tags: { a: '1', b: '2', c: '3', d: '4', e: '5', f: '6' } }, 'tags', /at most 5 keys/],
    ['empty tag key', { tags: { '': 'x' } }, 'tags[]', /1 to 100/],
    ['long tag key', { tags: { [`k${'e'.repeat(100)}`]: 'x' } }, `tags[k${'e'.repeat(39)}]`, /1 to 100/],
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
    expect(read(event).problems).toMatchObject([{ field: 'event' }]);
  });

  it('with everything that is wrong with it at once', () => {
    const { problems } = read({
      subscriptionId: '',
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

describe('what stands in the ledger', () => {
  it('is the moment of recording where the caller gave none, under a minted key', () => {
    const usage = checked();
    expect(usage).toMatchObject({ occurredAt: NOW, recordedAt: NOW, idempotencyKey: usage.id, tags: null, reason: null });
    expect(usage.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
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
  const original = checked({ quantity: '1.50', occurredAt: at(-5000), tags: { a: '1' }, reason: 'why' });
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
  ])('%s', (_, over, fields) => {
    expect(differences(checked(over), original)).toEqual(fields);
  });
});

describe('events of one call', () => {
  it('that repeat a key fold into one', () => {
    const problems: CodedProblem[] = [];
    const [one, two, three] = [checked({ idempotencyKey: 'a' }), checked(), checked({ idempotencyKey: 'a' })];
    expect(foldTwins([one, two, three], problems)).toEqual({ unique: [one, two], standsAt: [0, 1, 0] });
    expect(problems).toEqual([]);
  });

  it('that repeat a key with other content are refused, naming both', () => {
    const problems: CodedProblem[] = [];
    foldTwins([checked({ idempotencyKey: 'a' }), { ...checked({ idempotencyKey: 'a', quantity: 9 }), index: 1 }], problems);
    expect(problems).toEqual([
      {
        code: 'IDEMPOTENCY_CONFLICT',
        index: 1,
        field: 'idempotencyKey',
        message: expect.stringMatching(/events\[0\] of this call.*quantity/),
      },
    ]);
  });

  it('may share a key between subscriptions', () => {
    const other = { ...checked({ idempotencyKey: 'a' }), subscriptionId: '0190a0a0-0000-7000-8000-000000000002' };
    expect(foldTwins([checked({ idempotencyKey: 'a' }), other], []).unique).toHaveLength(2);
  });
});

describe('the code of a refusal', () => {
  const problemsOf = (...events: [object, boolean][]): CodedProblem[] => {
    const problems: CodedProblem[] = [];
    for (const [over, isKnown] of events) {
      const usage = readUsage({ ...VALID, ...over }, 0, WINDOW, problems);
      if (usage) placeUsage(usage, isKnown ? { id: ID, productCode: 'widgets', dimensions: new Set(['requests']) } : null, problems);
    }
    return problems;
  };

  it.each<[string, [object, boolean][], string]>([
    ['SUBSCRIPTION_UNKNOWN alone', [[{}, false]], 'SUBSCRIPTION_UNKNOWN'],
    ['DIMENSION_UNDECLARED alone', [[{ dimension: 'x' }, true]], 'DIMENSION_UNDECLARED'],
    ['an invalid field alone', [[{ quantity: 'x' }, true]], 'USAGE_INVALID'],
    [
      'a mixture',
      [
        [{}, false],
        [{ dimension: 'x' }, true],
      ],
      'USAGE_INVALID',
    ],
  ])('%s', (_, events, code) => {
    expect(refusalOf(problemsOf(...events)).code).toBe(code);
  });

  it('comes with what is declared and where to add more', () => {
    expect(refusalOf(problemsOf([{ dimension: 'x' }, true])).message).toMatch(
      /"x" is not declared for product widgets; give one of "requests".*MARKETPLACE_PRODUCTS/,
    );
  });

  it('shows the first problems in the message and all in `problems`', () => {
    const refusal = refusalOf(problemsOf(...Array.from({ length: 30 }, (): [object, boolean] => [{ quantity: 'x' }, true])));
    expect(refusal.problems).toHaveLength(30);
    expect(refusal.message).toMatch(/and 10 more, see problems$/);
  });
});
