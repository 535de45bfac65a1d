import { describe, expect, it } from '@jest/globals';
import { jsonOf } from '../../src/runtime/json.js';
import { isStorable, storableJson, storableStart, storableText } from '../../src/runtime/storable-text.js';

const HALF = '\ud83d';

describe('JSON text', () => {
  it.each([
    ['{"a":[1]}', { a: [1] }],
    ['null', null],
    ['', undefined],
    ['{', undefined],
  ])('%s is %p', (text, value) => {
    expect(jsonOf(text)).toEqual(value);
  });
});

describe('text that Postgres does not take', () => {
  it.each([
    ['NUL', 'a\0b'],
    ['half of a pair', `a${HALF}b`],
  ])('is known and replaced: %s', (_, text) => {
    expect(isStorable(text)).toBe(false);
    expect(storableText(text)).toBe('a\uFFFDb');
    expect(storableJson({ deep: [{ text }] })).toBe('{"deep":[{"text":"a\uFFFDb"}]}');
  });

  it.each(['plain', 'a pair \u{1f600}', 'a backslash and \\u0000', 'tab\tand line\n'])('is not: %j', (text) => {
    expect(isStorable(text)).toBe(true);
    expect(storableText(text)).toBe(text);
    expect(JSON.parse(storableJson({ text }))).toEqual({ text });
  });

  it('comes of a cut through a pair', () => {
    expect(storableStart('ab\u{1f600}', 3)).toBe('ab\uFFFD');
    expect(storableStart('ab\u{1f600}', 4)).toBe('ab\u{1f600}');
  });
});
